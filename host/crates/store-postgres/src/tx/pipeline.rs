//! Sends statements one after the other without waiting for answers in between.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use futures::future::BoxFuture;
use tokio_postgres::SimpleQueryMessage;

use crate::columns::Value;
use crate::error::{Fault, Pg};
use crate::link::Link;
use crate::sql::{Question, Row, query, references};

/// Two that wait for each other find out sooner than PostgreSQL would tell them, and no row is worth
/// a longer wait.
///
/// All that a transaction of ours looks for in a large table is found by an index, which what is
/// known of a table that grows fast does not always tell. Where there is none, after all, that looks
/// so dear that a plan would be worth compiling, which it never is. The last two hold for our sessions,
/// but a pooler knows of none.
const BEGIN: &str = "BEGIN; SET LOCAL lock_timeout = '200ms'; SET LOCAL enable_seqscan = off; \
     SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; \
     SET LOCAL enable_bitmapscan = off; SET LOCAL jit = off; SELECT pg_current_xact_id()";

/// What a transaction sends.
pub(super) struct Sending {
    /// Whether this is the first that it sends.
    pub begins: bool,
    pub statements: Vec<(String, Vec<Value>)>,
}

/// What came of it.
#[derive(Default)]
pub(super) struct Answers {
    /// The number of the transaction that has begun with this.
    pub transaction: Option<i64>,
    /// Of each question.
    pub rows: Vec<Vec<Row>>,
}

/// An answer to one of the things that were sent.
enum Answer {
    Begun(Option<i64>),
    Done,
    Rows(Vec<Row>),
}

type Sent<'s> = BoxFuture<'s, Pg<Answer>>;

/// Sends statements, questions after them, and a command at the end. The first of them that fails is
/// told.
pub(super) async fn send(
    conn: &Link,
    sending: Sending,
    questions: Vec<Question<'_>>,
    command: Option<&str>,
) -> Pg<Answers> {
    // Prepared before anything is sent: what is sent must be in order.
    for (sql, _) in &sending.statements {
        conn.prepare(sql).await?;
    }
    for (sql, _) in &questions {
        conn.prepare(sql).await?;
    }
    let mut sent: Vec<Sent<'_>> = Vec::with_capacity(sending.statements.len() + 4);
    if sending.begins {
        sent.push(Box::pin(begin(conn)));
    }
    for (sql, params) in sending.statements {
        sent.push(Box::pin(async move {
            let statement = conn.prepare(&sql).await?;
            let object = conn.object()?;
            object.execute(&statement, &references(&params)).await?;
            Ok(Answer::Done)
        }));
    }
    for (sql, params) in questions {
        sent.push(Box::pin(async move {
            query(conn, sql, &params).await.map(Answer::Rows)
        }));
    }
    if let Some(command) = command {
        sent.push(Box::pin(async move {
            conn.object()?.batch_execute(command).await?;
            Ok(Answer::Done)
        }));
    }
    let mut answers = Answers::default();
    for answer in conn.answered(in_order(sent)).await? {
        match answer {
            Answer::Begun(transaction) => answers.transaction = transaction,
            Answer::Done => {}
            Answer::Rows(rows) => answers.rows.push(rows),
        }
    }
    Ok(answers)
}

async fn begin(conn: &Link) -> Pg<Answer> {
    let messages = conn.object()?.simple_query(BEGIN).await?;
    let number = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0)?.parse().ok(),
        _ => None,
    });
    Ok(Answer::Begun(number))
}

/// Waits for all of them, each of which is begun before the next. The first failure counts: those
/// after it fail because of it.
async fn in_order(mut sent: Vec<Sent<'_>>) -> Pg<Vec<Answer>> {
    let mut answers: Vec<Option<Pg<Answer>>> = sent.iter().map(|_| None).collect();
    poll_fn(|context| {
        let mut is_pending = false;
        for (future, answer) in sent.iter_mut().zip(&mut answers) {
            if answer.is_some() {
                continue;
            }
            match Pin::new(future).poll(context) {
                Poll::Ready(done) => *answer = Some(done),
                Poll::Pending => is_pending = true,
            }
        }
        if is_pending {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    })
    .await;
    answers.into_iter().flatten().collect::<Result<_, Fault>>()
}

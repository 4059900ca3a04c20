//! Sends statements one after the other without waiting for answers in between.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use futures::future::BoxFuture;

use crate::columns::Value;
use crate::error::{Fault, Pg};
use crate::link::Link;
use crate::sql::{Row, query, references};

/// Two that wait for each other find out sooner than PostgreSQL would tell them, and no row is worth
/// a longer wait.
const BEGIN: &str = "BEGIN; SET LOCAL lock_timeout = '200ms'";

/// What a transaction sends.
pub(super) struct Sending {
    /// Whether this is the first that it sends.
    pub begins: bool,
    pub statements: Vec<(String, Vec<Value>)>,
}

/// Sends statements, and a question after them. The first of them that fails is told.
pub(super) async fn send(
    conn: &Link,
    sending: Sending,
    question: Option<(&str, Vec<Value>)>,
) -> Pg<Vec<Row>> {
    // Prepared before anything is sent: what is sent must be in order.
    if let Some((sql, _)) = &question {
        conn.prepare(sql).await?;
    }
    let mut sent = begun(conn, sending).await?;
    if let Some((sql, params)) = question {
        sent.push(Box::pin(async move { query(conn, sql, &params).await }));
    }
    conn.answered(in_order(sent)).await
}

/// Sends statements, and a command after them.
pub(super) async fn command(conn: &Link, sending: Sending, command: &str) -> Pg<()> {
    let mut sent = begun(conn, sending).await?;
    sent.push(simple(conn, command));
    conn.answered(in_order(sent)).await.map(|_| ())
}

async fn begun(conn: &Link, sending: Sending) -> Pg<Vec<BoxFuture<'_, Pg<Vec<Row>>>>> {
    for (sql, _) in &sending.statements {
        conn.prepare(sql).await?;
    }
    let mut sent = Vec::with_capacity(sending.statements.len() + 2);
    if sending.begins {
        sent.push(simple(conn, BEGIN));
    }
    for (sql, params) in sending.statements {
        sent.push(Box::pin(async move {
            let statement = conn.prepare(&sql).await?;
            let object = conn.object()?;
            object.execute(&statement, &references(&params)).await?;
            Ok(Vec::new())
        }) as BoxFuture<'_, Pg<Vec<Row>>>);
    }
    Ok(sent)
}

fn simple<'c>(conn: &'c Link, command: &'c str) -> BoxFuture<'c, Pg<Vec<Row>>> {
    Box::pin(async move {
        conn.object()?.batch_execute(command).await?;
        Ok(Vec::new())
    })
}

/// Waits for all of them, each of which is begun before the next. What the last one came to, or
/// the first failure: those after it fail because of it.
async fn in_order(mut futures: Vec<BoxFuture<'_, Pg<Vec<Row>>>>) -> Pg<Vec<Row>> {
    let mut results: Vec<Option<Pg<Vec<Row>>>> = futures.iter().map(|_| None).collect();
    poll_fn(|context| {
        let mut is_pending = false;
        for (future, result) in futures.iter_mut().zip(&mut results) {
            if result.is_some() {
                continue;
            }
            match Pin::new(future).poll(context) {
                Poll::Ready(done) => *result = Some(done),
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
    let mut last = Vec::new();
    for result in results.into_iter().flatten() {
        last = result?;
    }
    Ok::<_, Fault>(last)
}

//! Sends statements one after the other without waiting for answers in between.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use deadpool_postgres::Object;
use futures::future::BoxFuture;

use crate::columns::Value;
use crate::error::{Fault, Pg};
use crate::sql::{Row, query, references};

/// Sends statements, and a question after them. The first of them that fails is told.
pub(super) async fn send(
    conn: &Object,
    statements: Vec<(String, Vec<Value>)>,
    question: Option<(&str, Vec<Value>)>,
) -> Pg<Vec<Row>> {
    // Prepared before anything is sent: what is sent must be in order.
    for (sql, _) in &statements {
        conn.prepare_cached(sql).await?;
    }
    if let Some((sql, _)) = &question {
        conn.prepare_cached(sql).await?;
    }
    let run = |(sql, params): (String, Vec<Value>)| -> BoxFuture<'_, Pg<Vec<Row>>> {
        Box::pin(async move {
            let statement = conn.prepare_cached(&sql).await?;
            conn.execute(&statement, &references(&params)).await?;
            Ok(Vec::new())
        })
    };
    let mut sent: Vec<BoxFuture<'_, Pg<Vec<Row>>>> = statements.into_iter().map(run).collect();
    if let Some((sql, params)) = question {
        sent.push(Box::pin(async move { query(conn, sql, &params).await }));
    }
    in_order(sent).await
}

/// Waits for all of them, each of which is begun before the next. What the last one came to, or
/// the first failure: those after it fail because of it.
pub(crate) async fn in_order(mut futures: Vec<BoxFuture<'_, Pg<Vec<Row>>>>) -> Pg<Vec<Row>> {
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

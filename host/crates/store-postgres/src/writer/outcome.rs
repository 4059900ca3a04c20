//! What became of a transaction whose connection was lost while it was committed.
//!
//! Its number alone does not tell. A server that crashes forgets transactions that it had not written
//! down, and a standby that is promoted never knew of some: both give their numbers to others, and
//! then say that the number was committed. So each transaction leaves something behind that is its
//! own: its row of `events`, which has the tag of its process, or else a mark in `commits`.
//!
//! ```text
//! what it left is there           -> committed
//! it goes on                      -> not known yet
//! neither                         -> not committed
//! ```

use std::time::Duration;

use crate::error::Pg;
use crate::sql::{Conn, params};
use crate::tx::Tx;
use model::Timestamp;

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Committed,
    NotCommitted,
    /// Its process has not noticed yet that the connection is gone.
    GoesOn,
}

/// How long marks are kept of processes that are gone.
const KEPT: Duration = Duration::from_hours(24);

/// Leaves a mark of this transaction, which has no row of `events`, in place of the `last` one of
/// the same tag.
pub(super) fn mark(tx: &Tx, transaction: i64, tag: i64, now: Timestamp, last: Option<i64>) {
    tx.run(
        "INSERT INTO commits (no, tag, at) VALUES ($1, $2, $3)",
        params![transaction, tag, now],
    );
    match last {
        Some(last) => tx.run(
            "DELETE FROM commits WHERE no = $1 AND tag = $2",
            params![last, tag],
        ),
        None => tx.run(
            "DELETE FROM commits WHERE at < $1",
            params![now.before(KEPT)],
        ),
    }
}

/// Asks what became of a transaction of this tag.
pub(super) async fn of(conn: &impl Conn, transaction: i64, tag: i64) -> Pg<Outcome> {
    // Asked first: what it leaves can be seen before it lets go of this.
    let goes_on = conn
        .any(
            "SELECT 1 FROM pg_locks WHERE locktype = 'transactionid' AND mode = 'ExclusiveLock'
             AND transactionid::text::bigint = $1 & 4294967295",
            params![transaction],
        )
        .await?;
    if goes_on {
        return Ok(Outcome::GoesOn);
    }
    let has_left = conn
        .any(
            "SELECT 1 FROM events WHERE no = $1 AND tag = $2
             UNION ALL SELECT 1 FROM commits WHERE no = $1 AND tag = $2",
            params![transaction, tag],
        )
        .await?;
    Ok(if has_left {
        Outcome::Committed
    } else {
        Outcome::NotCommitted
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PostgresStore;
    use crate::connect::Connector;

    const TAG: i64 = 7;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_number_tells_nothing_without_what_the_transaction_has_left() {
        let Some(database) = test_support::database() else {
            return;
        };
        let url = database.url();
        drop(PostgresStore::open(url.parse().unwrap()).unwrap());
        let reader = Connector::new(url.parse().unwrap()).first().await.unwrap();
        let plain = tokio_postgres::NoTls;
        let (client, connection) = tokio_postgres::connect(&url, plain).await.unwrap();
        tokio::spawn(connection);
        let begin = async |mark: &str| -> i64 {
            client.batch_execute("BEGIN").await.unwrap();
            let number = "SELECT pg_current_xact_id()::text::bigint";
            let number = client.query_one(number, &[]).await.unwrap().get(0);
            if !mark.is_empty() {
                client.execute(mark, &[&number]).await.unwrap();
            }
            number
        };
        let check = async |number: i64, expect: Outcome| {
            assert_eq!(of(&reader, number, TAG).await.unwrap(), expect);
        };

        let marks = [
            "INSERT INTO orch_host.commits (no, tag, at) VALUES ($1, 7, 0)",
            "INSERT INTO orch_host.events (no, tag, at, bytes, changes) VALUES ($1, 7, 0, 0, '{}')",
        ];
        for mark in marks {
            let number = begin(mark).await;
            check(number, Outcome::GoesOn).await;
            client.batch_execute("ROLLBACK").await.unwrap();
            check(number, Outcome::NotCommitted).await;

            let number = begin(mark).await;
            client.batch_execute("COMMIT").await.unwrap();
            check(number, Outcome::Committed).await;
        }
        // The number of one that a crash has undone, and that another has got and committed.
        let number = begin("").await;
        client.batch_execute("COMMIT").await.unwrap();
        check(number, Outcome::NotCommitted).await;
        // And of one that nobody has got yet.
        check(number + 1_000_000, Outcome::NotCommitted).await;
    }
}

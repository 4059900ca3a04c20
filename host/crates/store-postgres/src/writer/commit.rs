//! Does a batch in one transaction, as often as it takes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::outcome::{self, Outcome};
use super::request::{Batch, Write};
use crate::columns::List;
use crate::connect::Shared;
use crate::error::{Fault, Pg};
use crate::load::{self, Ahead};
use crate::noted::KnownOrigins;
use crate::sql::{Reader, params};
use crate::totals;
use crate::tx::Tx;
use orchestrator::lifecycle::News;
use rand::RngExt as _;
use store::batching::Attempt;
use store::{Clock, StoreError, StoreResult};

/// How often a batch is done again because others were in the way.
const TRIES_MAX: u32 = 50;

/// How long a batch waits for a database that is away, before its writes are told so.
const PATIENCE: Duration = Duration::from_secs(5);

/// How much of the stream of events is kept, in bytes.
const EVENTS_BYTES_MAX: i64 = 256 << 20;

/// How much is added between two looks at what can be given up.
const LOOK_BYTES: i64 = 8 << 20;

/// Does batches over one connection.
pub(super) struct Committer {
    connector: Shared,
    clock: Arc<dyn Clock>,
    origins: Arc<KnownOrigins>,
    /// The name of this process among those that listen.
    sender: String,
    /// Tells rows of this opening from those of others.
    tag: i64,
    /// The last transaction that left its mark.
    marked: Option<i64>,
    /// Where this process counts runs that end.
    shard: i64,
    added: i64,
    /// Up to this minute hours are summed, as far as this process knows.
    summed_to: i64,
}

/// What came of trying a batch.
enum Tried {
    Committed(News),
    /// A write failed and left something behind.
    Torn,
}

/// Why a batch was not committed, as far as it is known.
enum Failed {
    Fault(Fault),
    /// The connection was lost while this transaction was committed.
    Unknown(i64, News),
}

impl From<Fault> for Failed {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Committer {
    pub(super) fn new(connector: Shared, clock: Arc<dyn Clock>, sender: String) -> Self {
        let mut rng = rand::rng();
        Self {
            connector,
            clock,
            origins: Arc::default(),
            sender,
            tag: rng.random(),
            marked: None,
            shard: rng.random_range(0..16),
            added: 0,
            summed_to: 0,
        }
    }

    /// None: others are in the way, and its writes are better done each in a transaction of its own,
    /// which holds no rows but those that it needs.
    pub(super) async fn commit(&mut self, batch: &mut Batch) -> Option<StoreResult<News>> {
        let begun = Instant::now();
        let mut apart = false;
        let mut tries = 0;
        loop {
            tries += 1;
            let failed = match self.once(batch, apart).await {
                Ok(Tried::Committed(news)) => return Some(Ok(news)),
                Ok(Tried::Torn) => {
                    apart = true;
                    continue;
                }
                Err(Failed::Unknown(transaction, news)) => {
                    match self.is_committed(transaction, begun).await {
                        Ok(true) => return Some(Ok(news)),
                        Ok(false) => continue,
                        Err(fault) => return Some(Err(unknown(&fault.told()))),
                    }
                }
                Err(Failed::Fault(fault)) => fault,
            };
            match failed {
                Fault::Again(_) if batch.writes.len() > 1 => return None,
                Fault::Again(reason) if tries < TRIES_MAX => {
                    tracing::debug!(reason, tries, "a transaction met another");
                    pause(tries, Duration::from_millis(20)).await;
                }
                // One of them is at fault, and the others shall not suffer.
                Fault::Broken(_) if !apart => apart = true,
                Fault::Lost(reason) if begun.elapsed() < PATIENCE => {
                    tracing::debug!(reason, tries, "the connection was lost");
                    pause(tries, Duration::from_millis(500)).await;
                }
                fault => {
                    return Some(Err(match fault.told() {
                        error @ StoreError::Unavailable(_) => error,
                        other => StoreError::Unavailable(other.to_string()),
                    }));
                }
            }
        }
    }

    /// Asks what became of a transaction whose connection was lost.
    async fn is_committed(&self, transaction: i64, begun: Instant) -> Pg<bool> {
        let mut tries = 0;
        loop {
            tries += 1;
            let asked = async {
                let conn = self.connector.writer().await?;
                outcome::of(&conn, transaction, self.tag).await
            };
            match asked.await {
                Ok(Outcome::Committed) => return Ok(true),
                Ok(Outcome::NotCommitted) => return Ok(false),
                Ok(_) | Err(Fault::Lost(_)) if begun.elapsed() < 4 * PATIENCE => {
                    pause(tries, Duration::from_millis(500)).await;
                }
                Ok(_) => return Err(Fault::Lost("it is still under way".to_owned())),
                Err(fault) => return Err(fault),
            }
        }
    }

    async fn once(&mut self, batch: &mut Batch, apart: bool) -> Result<Tried, Failed> {
        batch.tried.clear();
        let Reader(conn) = self.connector.writer().await?;
        let tx = Tx::new(conn, Arc::clone(&self.origins));
        let done = self.within(&tx, batch, apart).await;
        if !matches!(done, Ok(Tried::Committed(_))) {
            self.origins.undone();
            let _ = tx.roll_back().await;
        }
        done
    }

    async fn within(&mut self, tx: &Tx, batch: &mut Batch, apart: bool) -> Result<Tried, Failed> {
        let ahead: Vec<Ahead> = batch.writes.iter().filter_map(|it| it.ahead()).collect();
        if !ahead.is_empty() {
            load::learn(tx, &ahead).await?;
        }
        let Some(mut tried) = all(tx, &mut batch.writes, apart).await? else {
            return Ok(Tried::Torn);
        };
        if batch.look || tx.news().ready {
            let Some(waiting) = all(tx, &mut batch.waiting, apart).await? else {
                return Ok(Tried::Torn);
            };
            tried.extend(&waiting);
            batch.tried = waiting;
        }
        let (rows, ends) = tx.notes();
        // A claim that finds nothing may have told runs to wait, which is noted.
        if rows.is_empty() && !tried.iter().any(|it| matches!(it, Attempt::Done { .. })) {
            // Nothing was changed, so there is nothing to lose with the connection, either.
            let _ = tx.roll_back().await;
            return Ok(Tried::Committed(News::default()));
        }
        totals::add(tx, &ends, self.clock.now(), self.shard);
        let mut summed_to = self.summed_to;
        if !ends.is_empty() {
            summed_to = totals::sum_hours(tx, summed_to, self.clock.now()).await?;
        }
        let mut news = tx.news();
        let bytes = rows.iter().map(|row| row.len() as i64 + 32).sum::<i64>();
        if !rows.is_empty() {
            news = news.and(News::CHANGE);
            tx.run(
                "INSERT INTO events (no, tag, at, bytes, changes)
                 VALUES (pg_current_xact_id()::text::bigint, $1, $2, $3, $4)",
                params![self.tag, self.clock.now(), bytes, List(&rows)],
            );
            self.added += bytes;
            if self.added >= LOOK_BYTES {
                self.added = 0;
                give_up_oldest(tx);
            }
        }
        if news.ready || news.change {
            let what = if news.ready { 'r' } else { 'c' };
            tx.run(
                "SELECT pg_notify('orch_host', $1)",
                params![format!("{what}{}", self.sender)],
            );
        }
        let transaction = tx.number().await?;
        let marked = (bytes == 0).then_some(transaction);
        if let Some(transaction) = marked {
            outcome::mark(tx, transaction, self.tag, self.clock.now(), self.marked);
        }
        let Err(fault) = tx.command("COMMIT").await else {
            self.marked = marked.or(self.marked);
            self.origins.committed();
            self.summed_to = summed_to;
            return Ok(Tried::Committed(news));
        };
        match fault {
            Fault::Lost(_) => Err(Failed::Unknown(transaction, news)),
            fault => Err(fault.into()),
        }
    }
}

/// Gives up the oldest rows of the stream, while there is too much. The newest always stays.
fn give_up_oldest(tx: &Tx) {
    tx.run(
        "DELETE FROM events WHERE no IN (
             SELECT no FROM (
                 SELECT no, sum(bytes) OVER (ORDER BY no DESC) AS later FROM events
             ) e WHERE later > $1 AND no < (SELECT max(no) FROM events)
         )",
        params![EVENTS_BYTES_MAX],
    );
}

/// What is said to whoever waits for a transaction that nobody can tell the end of.
fn unknown(reason: &StoreError) -> StoreError {
    StoreError::Unavailable(format!(
        "whether a transaction was committed cannot be found out: {reason}"
    ))
}

/// Longer each time, and never the same for two processes.
async fn pause(tries: u32, most: Duration) {
    let least = Duration::from_millis(1) * 2_u32.saturating_pow(tries.min(10));
    let part: f64 = rand::rng().random_range(0.5..1.0);
    tokio::time::sleep(least.min(most).mul_f64(part)).await;
}

/// Tries each. None: one that failed has left something behind.
async fn all(tx: &Tx, writes: &mut [Box<dyn Write>], apart: bool) -> Pg<Option<Vec<Attempt>>> {
    if apart {
        return each_alone(tx, writes).await.map(Some);
    }
    let mut attempts = Vec::with_capacity(writes.len());
    for write in writes {
        let mark = tx.mark();
        let attempt = write.attempt(tx.clone()).await?;
        if attempt == Attempt::Failed && !tx.back_to(mark) {
            return Ok(None);
        }
        attempts.push(attempt);
    }
    Ok(Some(attempts))
}

async fn alone(tx: &Tx, write: &mut dyn Write) -> Pg<Attempt> {
    let attempt = write.attempt(tx.clone()).await?;
    if attempt != Attempt::Failed {
        tx.flush().await?;
    }
    Ok(attempt)
}

/// Each with a savepoint of its own.
async fn each_alone(tx: &Tx, writes: &mut [Box<dyn Write>]) -> Pg<Vec<Attempt>> {
    let mut attempts = Vec::with_capacity(writes.len());
    for write in writes {
        tx.command("SAVEPOINT one").await?;
        let mark = tx.mark();
        let attempt = match alone(tx, write.as_mut()).await {
            Err(Fault::Broken(error)) => {
                write.fail(error);
                Attempt::Failed
            }
            other => other?,
        };
        if attempt != Attempt::Failed {
            tx.command("RELEASE one").await?;
        } else {
            tx.back_to(mark);
            tx.conn().command("ROLLBACK TO one; RELEASE one").await?;
        }
        attempts.push(attempt);
    }
    Ok(attempts)
}

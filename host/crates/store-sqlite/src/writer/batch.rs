//! Commits writes together.

use rusqlite::Connection;

use super::request::Write;
use super::tx::Tx;
use crate::events::EventWriter;
use crate::sql::Sql;
use crate::totals::Totals;
use orchestrator::lifecycle::News;
use store::batching::{self, Attempt};
use store::{StoreError, StoreResult};

pub(super) type Batch = batching::Batch<dyn Write>;

/// What a batch notes in memory while its writes are done, and adds before it is committed.
pub(super) struct Notes {
    pub events: EventWriter,
    pub totals: Totals,
}

impl Notes {
    fn mark(&self) -> (usize, usize) {
        (self.events.changes.mark(), self.totals.mark())
    }

    /// Forgets what a write has noted that failed.
    fn back_to(&self, (changes, totals): (usize, usize)) {
        self.events.changes.back_to(changes);
        self.totals.back_to(totals);
    }

    fn clear(&self) {
        self.events.changes.clear();
        self.totals.undone();
    }
}

/// Does all of the writes in one transaction, with what they note.
pub(super) fn commit(conn: &Connection, batch: &mut Batch, notes: &mut Notes) -> StoreResult<News> {
    notes.clear();
    let result = begin(conn).and_then(|()| {
        let mut news = match together(conn, &mut batch.writes, notes)? {
            Together::Done(news) => news,
            Together::Torn => {
                conn.run("ROLLBACK", [])?;
                notes.clear();
                begin(conn)?;
                apart(conn, &mut batch.writes, notes)?.0
            }
        };
        if batch.look || news.ready {
            let (more, tried) = apart(conn, &mut batch.waiting, notes)?;
            news = news.and(more);
            batch.tried = tried;
        }
        notes.totals.add(conn)?;
        if notes.events.add(conn)? {
            news = news.and(News::CHANGE);
        }
        conn.run("COMMIT", [])?;
        notes.totals.committed();
        Ok(news)
    });
    if result.is_err() && !conn.is_autocommit() {
        // Fails only if SQLite has rolled back on its own.
        let _ = conn.run("ROLLBACK", []);
    }
    result.map_err(|error| match error {
        StoreError::Unavailable(_) => error,
        other => StoreError::Unavailable(other.to_string()),
    })
}

fn begin(conn: &Connection) -> StoreResult<()> {
    conn.run("BEGIN IMMEDIATE", []).map(|_| ())
}

enum Together {
    Done(News),
    /// A write failed and left something behind.
    Torn,
}

fn together(
    conn: &Connection,
    batch: &mut [Box<dyn Write>],
    notes: &Notes,
) -> StoreResult<Together> {
    let mut news = News::default();
    for write in batch {
        let changes = conn.total_changes();
        match attempt(conn, write.as_mut(), &mut news, notes) {
            Attempt::Done { .. } | Attempt::Nothing => {}
            Attempt::Failed if conn.is_autocommit() => return Err(lost()),
            Attempt::Failed if conn.total_changes() == changes => {}
            Attempt::Failed => return Ok(Together::Torn),
        }
    }
    Ok(Together::Done(news))
}

/// Each with a savepoint of its own.
fn apart(
    conn: &Connection,
    writes: &mut [Box<dyn Write>],
    notes: &Notes,
) -> StoreResult<(News, Vec<Attempt>)> {
    let mut news = News::default();
    let mut attempts = Vec::with_capacity(writes.len());
    for write in writes {
        conn.run("SAVEPOINT one", [])?;
        let attempt = attempt(conn, write.as_mut(), &mut news, notes);
        if attempt == Attempt::Failed {
            if conn.is_autocommit() {
                return Err(lost());
            }
            conn.run("ROLLBACK TO one", [])?;
        }
        conn.run("RELEASE one", [])?;
        attempts.push(attempt);
    }
    Ok((news, attempts))
}

/// What a write that failed has noted is forgotten; what it has changed is for the caller to
/// undo. One that found nothing may have changed something on its way: a claim tells runs to wait.
fn attempt(conn: &Connection, write: &mut dyn Write, news: &mut News, notes: &Notes) -> Attempt {
    let tx = Tx::new(conn, &notes.events.changes, &notes.totals);
    let mark = notes.mark();
    let attempt = write.attempt(&tx);
    if attempt == Attempt::Failed {
        notes.back_to(mark);
    } else {
        *news = news.and(tx.news());
    }
    attempt
}

/// Some errors (disk full, I/O) make SQLite roll the whole transaction back.
fn lost() -> StoreError {
    StoreError::Unavailable("the transaction was rolled back".to_owned())
}

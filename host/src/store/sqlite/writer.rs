//! The one thread that writes.
//!
//! ```text
//! callers --queue--> take all that waits --> BEGIN, each write, COMMIT --> answer each
//!                           ^                        (one fsync)              |
//!                           +--------------------- next batch ----------------+
//! ```
//!
//! Nobody is answered, and nothing is announced, before the commit. Batches form by
//! themselves: what arrives during one commit is the next batch.
//!
//! A write that fails fails alone. Most failures (a stale lease, something missing) come
//! before the write has changed anything, and then there is nothing to undo. One that
//! fails halfway undoes the batch, which is then done again with a savepoint around each
//! write; savepoints in every batch would cost all of them for the sake of the rare one.
//! Therefore a write is a function that can be called again.
//!
//! A claim needs no fsync of its own: what the claimed run then does is recorded by a commit
//! that has one, and the log is one file, so that covers the claim. A power failure in
//! between takes the claim, and with it the only process that knew of it.
//!
//! Invariant: when the commit itself fails (disk full, I/O error), every write of the batch
//! is told so, and the thread goes on.

use std::cell::Cell;
use std::ops::Deref;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::sql::Sql;
use crate::store::{StoreError, StoreResult};

/// Writes in one commit. Bounds how long the first of them waits for the others.
const BATCH_MAX: usize = 512;

/// What a batch has changed that somebody may wait for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct News {
    pub ready: bool,
    pub change: bool,
}

/// A transaction as a write sees it.
pub(super) struct Tx<'c> {
    conn: &'c Connection,
    news: Cell<News>,
}

impl Tx<'_> {
    /// Something is there for those who execute; which is also a change.
    pub(super) fn tell_ready(&self) {
        self.news.set(News {
            ready: true,
            change: true,
        });
    }

    /// Something is there for those who watch.
    pub(super) fn tell_change(&self) {
        let news = self.news.get();
        self.news.set(News {
            change: true,
            ..news
        });
    }
}

impl Deref for Tx<'_> {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        self.conn
    }
}

/// When a write has to survive a power failure. Every write survives the end of its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Durable {
    /// Together with the next write that has to.
    Later,
    /// Before it is answered.
    AtOnce,
}

impl Durable {
    /// What the connection is set to for a batch of such writes.
    fn pragma(self) -> &'static str {
        match self {
            Self::Later => "PRAGMA synchronous = NORMAL",
            Self::AtOnce => "PRAGMA synchronous = FULL",
        }
    }
}

trait Write: Send {
    fn durable(&self) -> Durable;
    /// Whether it succeeded; what it has to say is kept for [`Write::answer`].
    fn attempt(&mut self, tx: &Tx<'_>) -> bool;
    fn answer(self: Box<Self>, committed: StoreResult<()>);
}

struct Request<T, F> {
    write: F,
    durable: Durable,
    result: Option<StoreResult<T>>,
    reply: oneshot::Sender<StoreResult<T>>,
}

impl<T, F> Write for Request<T, F>
where
    T: Send,
    F: FnMut(&Tx<'_>) -> StoreResult<T> + Send,
{
    fn durable(&self) -> Durable {
        self.durable
    }

    fn attempt(&mut self, tx: &Tx<'_>) -> bool {
        let result = (self.write)(tx);
        let succeeded = result.is_ok();
        self.result = Some(result);
        succeeded
    }

    fn answer(self: Box<Self>, committed: StoreResult<()>) {
        let result = match (self.result, committed) {
            (Some(Err(error)), _) | (_, Err(error)) => Err(error),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (None, Ok(())) => Err(stopped()),
        };
        // The caller may have lost interest; the write stands.
        let _ = self.reply.send(result);
    }
}

fn stopped() -> StoreError {
    StoreError::Unavailable("the writer has stopped".to_owned())
}

/// The way to the thread. Dropping it lets the thread finish what is queued and waits for
/// that.
pub(super) struct Writer {
    // Unbounded, yet never longer than there are callers waiting for an answer.
    queue: Option<Sender<Box<dyn Write>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// `announce` is called after each commit that brought news.
    pub(super) fn start(
        conn: Connection,
        announce: impl FnMut(News) + Send + 'static,
    ) -> StoreResult<Self> {
        let (queue, requests) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || serve(&conn, &requests, announce))
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
        })
    }

    /// Does the write in the next batch. Returns once it is durable.
    pub(super) fn write<T, F>(
        &self,
        write: F,
    ) -> impl Future<Output = StoreResult<T>> + Send + use<T, F>
    where
        T: Send + 'static,
        F: FnMut(&Tx<'_>) -> StoreResult<T> + Send + 'static,
    {
        self.enqueue(write, Durable::AtOnce)
    }

    /// Does the write in the next batch, for one that is worth nothing without later ones.
    /// Returns once it is committed.
    pub(super) fn write_ahead<T, F>(
        &self,
        write: F,
    ) -> impl Future<Output = StoreResult<T>> + Send + use<T, F>
    where
        T: Send + 'static,
        F: FnMut(&Tx<'_>) -> StoreResult<T> + Send + 'static,
    {
        self.enqueue(write, Durable::Later)
    }

    fn enqueue<T, F>(
        &self,
        write: F,
        durable: Durable,
    ) -> impl Future<Output = StoreResult<T>> + Send + use<T, F>
    where
        T: Send + 'static,
        F: FnMut(&Tx<'_>) -> StoreResult<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let request = Box::new(Request {
            write,
            durable,
            result: None,
            reply,
        });
        let queued = match &self.queue {
            Some(queue) => queue.send(request).is_ok(),
            None => false,
        };
        async move {
            if !queued {
                return Err(stopped());
            }
            answer.await.unwrap_or_else(|_| Err(stopped()))
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // It panics only by a mistake of ours, which was reported then.
            let _ = thread.join();
        }
    }
}

fn serve(conn: &Connection, requests: &Receiver<Box<dyn Write>>, mut announce: impl FnMut(News)) {
    let mut batch = Vec::new();
    // What the connection is set to; it was opened to the safe one.
    let mut durable = Durable::AtOnce;
    while let Ok(first) = requests.recv() {
        batch.push(first);
        batch.extend(requests.try_iter().take(BATCH_MAX - 1));
        let committed = set(conn, &mut durable, &batch).and_then(|()| commit(conn, &mut batch));
        if let Err(error) = &committed {
            tracing::error!(%error, writes = batch.len(), "a batch of writes failed");
        }
        for write in batch.drain(..) {
            write.answer(committed.clone().map(|_| ()));
        }
        match committed {
            Ok(news) if news != News::default() => announce(news),
            _ => {}
        }
    }
}

/// Sets the connection to what the most demanding write of the batch needs.
fn set(conn: &Connection, is: &mut Durable, batch: &[Box<dyn Write>]) -> StoreResult<()> {
    let wanted = batch.iter().map(|write| write.durable()).max();
    if let Some(wanted) = wanted.filter(|wanted| wanted != is) {
        conn.run(wanted.pragma(), [])?;
        *is = wanted;
    }
    Ok(())
}

/// Does all of the writes in one transaction.
fn commit(conn: &Connection, batch: &mut [Box<dyn Write>]) -> StoreResult<News> {
    let result = begin(conn).and_then(|()| {
        let news = match together(conn, batch)? {
            Together::Done(news) => news,
            Together::Torn => {
                conn.run("ROLLBACK", [])?;
                begin(conn)?;
                apart(conn, batch)?
            }
        };
        conn.run("COMMIT", [])?;
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

fn together(conn: &Connection, batch: &mut [Box<dyn Write>]) -> StoreResult<Together> {
    let mut news = News::default();
    for write in batch {
        let changes = conn.total_changes();
        match attempt(conn, write.as_mut(), &mut news) {
            true => {}
            false if conn.is_autocommit() => return Err(lost()),
            false if conn.total_changes() == changes => {}
            false => return Ok(Together::Torn),
        }
    }
    Ok(Together::Done(news))
}

fn apart(conn: &Connection, batch: &mut [Box<dyn Write>]) -> StoreResult<News> {
    let mut news = News::default();
    for write in batch {
        conn.run("SAVEPOINT one", [])?;
        if !attempt(conn, write.as_mut(), &mut news) {
            if conn.is_autocommit() {
                return Err(lost());
            }
            conn.run("ROLLBACK TO one", [])?;
        }
        conn.run("RELEASE one", [])?;
    }
    Ok(news)
}

fn attempt(conn: &Connection, write: &mut dyn Write, news: &mut News) -> bool {
    let tx = Tx {
        conn,
        news: Cell::default(),
    };
    let succeeded = write.attempt(&tx);
    if succeeded {
        let own = tx.news.get();
        news.ready |= own.ready;
        news.change |= own.change;
    }
    succeeded
}

/// Some errors (disk full, I/O) make SQLite roll the whole transaction back.
fn lost() -> StoreError {
    StoreError::Unavailable("the transaction was rolled back".to_owned())
}

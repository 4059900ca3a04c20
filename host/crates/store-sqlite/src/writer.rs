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
//! Some writes wait: for something to become ready. They are tried at the end of each batch
//! that makes something ready, in its transaction, until they find something.
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
use std::collections::HashSet;
use std::ops::Deref;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::sql::{Sql, store_error};
use store::{StoreError, StoreResult};

/// Writes in one commit. Bounds how long the first of them waits for the others.
const BATCH_MAX: usize = 512;

/// What a batch has changed that somebody may wait for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct News {
    pub ready: bool,
    pub change: bool,
}

impl News {
    fn and(self, other: Self) -> Self {
        Self {
            ready: self.ready || other.ready,
            change: self.change || other.change,
        }
    }
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

/// What came of trying a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attempt {
    /// And perhaps there is more to do of the kind.
    Done {
        more: bool,
    },
    Failed,
    /// There was nothing to do yet.
    Nothing,
}

trait Write: Send {
    fn durable(&self) -> Durable;
    /// Whether anybody still waits for its answer.
    fn is_wanted(&self) -> bool;
    /// Who waits. The same one always waits for the same kind of thing.
    fn waiter(&self) -> Waiter;
    /// What it has to say is kept for [`Write::answer`].
    fn attempt(&mut self, tx: &Tx<'_>) -> Attempt;
    fn answer(self: Box<Self>, committed: StoreResult<()>);
}

/// Whoever waits for something, by a number of its own.
pub(super) type Waiter = u128;

/// Of a write that does not wait.
const NOBODY: Waiter = 0;

struct Request<T, F> {
    write: F,
    durable: Durable,
    waiter: Waiter,
    result: Option<StoreResult<T>>,
    reply: oneshot::Sender<StoreResult<T>>,
}

impl<T, F> Write for Request<T, F>
where
    T: Send,
    F: FnMut(&Tx<'_>) -> StoreResult<Option<(T, bool)>> + Send,
{
    fn durable(&self) -> Durable {
        self.durable
    }

    fn waiter(&self) -> Waiter {
        self.waiter
    }

    fn is_wanted(&self) -> bool {
        !self.reply.is_closed()
    }

    fn attempt(&mut self, tx: &Tx<'_>) -> Attempt {
        let (result, attempt) = match (self.write)(tx) {
            Ok(Some((value, more))) => (Some(Ok(value)), Attempt::Done { more }),
            Ok(None) => (None, Attempt::Nothing),
            Err(error) => (Some(Err(error)), Attempt::Failed),
        };
        self.result = result;
        attempt
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

/// What the thread is asked.
enum Message {
    Write(Box<dyn Write>),
    /// To be tried until it finds something.
    Wait(Box<dyn Write>),
    /// To try those that wait.
    Look,
}

fn stopped() -> StoreError {
    StoreError::Unavailable("the writer has stopped".to_owned())
}

/// The way to the thread. Dropping it lets the thread finish what is queued and waits for
/// that.
pub(super) struct Writer {
    // Unbounded, yet never longer than there are callers waiting for an answer.
    queue: Option<Arc<Sender<Message>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// `announce` is called after each commit that brought news.
    pub(super) fn start(
        conn: Connection,
        announce: impl FnMut(News) + Send + 'static,
    ) -> StoreResult<Self> {
        let (queue, messages) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || serve(&conn, &messages, announce))
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self {
            queue: Some(Arc::new(queue)),
            thread: Some(thread),
        })
    }

    /// Does the write in the next batch. Returns once it is durable.
    pub(super) fn write<T, F>(
        &self,
        mut write: F,
    ) -> impl Future<Output = StoreResult<T>> + Send + use<T, F>
    where
        T: Send + 'static,
        F: FnMut(&Tx<'_>) -> StoreResult<T> + Send + 'static,
    {
        let write = move |tx: &Tx<'_>| write(tx).map(|value| Some((value, false)));
        self.enqueue(write, Durable::AtOnce, NOBODY, Message::Write)
    }

    /// Does the write in the next batch, for one that is worth nothing without later ones.
    /// Returns once it is committed.
    pub(super) fn write_ahead<T, F>(
        &self,
        mut write: F,
    ) -> impl Future<Output = StoreResult<T>> + Send + use<T, F>
    where
        T: Send + 'static,
        F: FnMut(&Tx<'_>) -> StoreResult<T> + Send + 'static,
    {
        let write = move |tx: &Tx<'_>| write(tx).map(|value| Some((value, false)));
        self.enqueue(write, Durable::Later, NOBODY, Message::Write)
    }

    /// The same, of a write that is tried until it finds something to do: in the transaction
    /// of each batch that makes something ready, when [told to look](Nudge), and in the next
    /// batch, unless `waiter` has looked since and found that there was no more.
    pub(super) fn write_ahead_when_ready<T, F>(
        &self,
        waiter: Waiter,
        write: F,
    ) -> impl Future<Output = StoreResult<T>> + Send + use<T, F>
    where
        T: Send + 'static,
        F: FnMut(&Tx<'_>) -> StoreResult<Option<(T, bool)>> + Send + 'static,
    {
        self.enqueue(write, Durable::Later, waiter, Message::Wait)
    }

    fn enqueue<T, F>(
        &self,
        write: F,
        durable: Durable,
        waiter: Waiter,
        message: fn(Box<dyn Write>) -> Message,
    ) -> impl Future<Output = StoreResult<T>> + Send + use<T, F>
    where
        T: Send + 'static,
        F: FnMut(&Tx<'_>) -> StoreResult<Option<(T, bool)>> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let request = message(Box::new(Request {
            write,
            durable,
            waiter,
            result: None,
            reply,
        }));
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

    pub(super) fn nudge(&self) -> Nudge {
        Nudge(self.queue.as_ref().map(Arc::downgrade).unwrap_or_default())
    }
}

/// Has the writes that wait tried again: something may have become ready elsewhere.
#[derive(Clone, Default)]
pub(super) struct Nudge(Weak<Sender<Message>>);

impl Nudge {
    pub(super) fn look(&self) {
        if let Some(queue) = self.0.upgrade() {
            let _ = queue.send(Message::Look);
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

/// What is done together, and what waits to be.
#[derive(Default)]
struct Batch {
    writes: Vec<Box<dyn Write>>,
    waiting: Vec<Box<dyn Write>>,
    /// Whether those that wait are tried in any case.
    look: bool,
    /// What came of trying those that wait; empty if they were not tried.
    tried: Vec<Attempt>,
    /// Those for whom there was no more when they looked, and nothing became ready since.
    content: HashSet<Waiter>,
}

impl Batch {
    fn take(&mut self, message: Message) {
        match message {
            Message::Write(write) => self.writes.push(write),
            Message::Wait(write) => {
                self.look |= !self.content.contains(&write.waiter());
                self.waiting.push(write);
            }
            Message::Look => {
                self.content.clear();
                self.look = true;
            }
        }
    }

    fn is_idle(&mut self) -> bool {
        self.waiting.retain(|write| write.is_wanted());
        self.look &= !self.waiting.is_empty();
        self.writes.is_empty() && !self.look
    }

    /// Answers what was done, and goes on waiting with the rest.
    fn answer(&mut self, committed: &StoreResult<News>) {
        let done = committed.clone().map(|_| ());
        // What may have become ready is not forgotten because a commit failed.
        self.look = committed.is_err();
        if !matches!(committed, Ok(News { ready: false, .. })) {
            self.content.clear();
        }
        for write in self.writes.drain(..) {
            write.answer(done.clone());
        }
        let mut tried = std::mem::take(&mut self.tried).into_iter();
        for write in std::mem::take(&mut self.waiting) {
            let attempt = tried.next();
            if committed.is_ok()
                && matches!(
                    attempt,
                    Some(Attempt::Nothing | Attempt::Done { more: false })
                )
            {
                self.content.insert(write.waiter());
            }
            match attempt {
                Some(Attempt::Done { .. } | Attempt::Failed) => write.answer(done.clone()),
                Some(Attempt::Nothing) | None => self.waiting.push(write),
            }
        }
    }
}

fn serve(conn: &Connection, messages: &Receiver<Message>, mut announce: impl FnMut(News)) {
    let mut batch = Batch::default();
    // What the connection is set to; it was opened to the safe one.
    let mut durable = Durable::AtOnce;
    while let Ok(first) = messages.recv() {
        batch.take(first);
        for message in messages.try_iter().take(BATCH_MAX - 1) {
            batch.take(message);
        }
        if batch.is_idle() {
            continue;
        }
        let committed = set(conn, &mut durable, &batch).and_then(|()| commit(conn, &mut batch));
        if let Err(error) = &committed {
            // Whoever asked for one of them says so, and what it means.
            tracing::debug!(%error, writes = batch.writes.len(), "a batch of writes failed");
        }
        batch.answer(&committed);
        match committed {
            Ok(news) if news != News::default() => announce(news),
            _ => {}
        }
    }
}

/// Sets the connection to what the most demanding write of the batch needs.
fn set(conn: &Connection, is: &mut Durable, batch: &Batch) -> StoreResult<()> {
    let wanted = batch.writes.iter().map(|write| write.durable()).max();
    if let Some(wanted) = wanted.filter(|wanted| wanted != is) {
        // Not a cached statement: a pragma does what it does while it is prepared.
        conn.execute_batch(wanted.pragma())
            .map_err(|error| store_error(&error))?;
        *is = wanted;
    }
    Ok(())
}

/// Does all of the writes in one transaction.
fn commit(conn: &Connection, batch: &mut Batch) -> StoreResult<News> {
    let result = begin(conn).and_then(|()| {
        let mut news = match together(conn, &mut batch.writes)? {
            Together::Done(news) => news,
            Together::Torn => {
                conn.run("ROLLBACK", [])?;
                begin(conn)?;
                apart(conn, &mut batch.writes)?.0
            }
        };
        if batch.look || news.ready {
            let (more, tried) = apart(conn, &mut batch.waiting)?;
            news = news.and(more);
            batch.tried = tried;
        }
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
            Attempt::Done { .. } | Attempt::Nothing => {}
            Attempt::Failed if conn.is_autocommit() => return Err(lost()),
            Attempt::Failed if conn.total_changes() == changes => {}
            Attempt::Failed => return Ok(Together::Torn),
        }
    }
    Ok(Together::Done(news))
}

/// Each with a savepoint of its own.
fn apart(conn: &Connection, writes: &mut [Box<dyn Write>]) -> StoreResult<(News, Vec<Attempt>)> {
    let mut news = News::default();
    let mut attempts = Vec::with_capacity(writes.len());
    for write in writes {
        conn.run("SAVEPOINT one", [])?;
        let attempt = attempt(conn, write.as_mut(), &mut news);
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

fn attempt(conn: &Connection, write: &mut dyn Write, news: &mut News) -> Attempt {
    let tx = Tx {
        conn,
        news: Cell::default(),
    };
    let attempt = write.attempt(&tx);
    if let Attempt::Done { .. } = attempt {
        *news = news.and(tx.news.get());
    }
    attempt
}

/// Some errors (disk full, I/O) make SQLite roll the whole transaction back.
fn lost() -> StoreError {
    StoreError::Unavailable("the transaction was rolled back".to_owned())
}

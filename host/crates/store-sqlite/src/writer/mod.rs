//! The one thread that writes.
//!
//! ```text
//! callers --queue--> take all that waits --> BEGIN, each write, COMMIT --> answer each
//!                           ^                        (one fsync)              |
//!                           +--------------------- next batch ----------------+
//! ```
//!
//! No caller gets its answer, and nothing is announced, before the commit. Batches form by
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
//! What the writes change is told of by one row of the stream of events, in the same
//! transaction.
//!
//! Invariant: when the commit itself fails (disk full, I/O error), every write of the batch
//! is told so, and the thread goes on.

mod batch;
mod figures;
mod request;
mod thread;
mod tx;

use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::oneshot;

pub(super) use self::figures::Figures;
pub(super) use self::tx::Tx;

use self::batch::Notes;
use self::request::{Durable, Message, Request, Write, stopped};
use super::events::EventWriter;
use super::identity::Identity;
use super::totals::Totals;
use orchestrator::lifecycle::News;
use store::batching::{NOBODY, Waiter};
use store::{StoreError, StoreResult};

/// The way to the thread. Dropping it lets the thread finish what is queued and waits for
/// that.
pub(super) struct Writer {
    // Unbounded, yet never longer than there are callers waiting for an answer.
    queue: Option<Arc<Sender<Message>>>,
    thread: Option<JoinHandle<()>>,
    figures: Arc<Figures>,
}

impl Writer {
    /// `announce` is called after each commit that brought news.
    pub(super) fn start(
        conn: Connection,
        identity: Identity,
        events: EventWriter,
        totals: Totals,
        announce: impl FnMut(News) + Send + 'static,
    ) -> StoreResult<Self> {
        let (queue, messages) = mpsc::channel();
        let notes = Notes { events, totals };
        let figures = Arc::new(Figures::default());
        let counted = Arc::clone(&figures);
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || thread::serve(&conn, identity, &messages, notes, &counted, announce))
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self {
            queue: Some(Arc::new(queue)),
            thread: Some(thread),
            figures,
        })
    }

    pub(super) fn figures(&self) -> &Figures {
        &self.figures
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
        let request = message(Box::new(Request::new(write, durable, waiter, reply)));
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

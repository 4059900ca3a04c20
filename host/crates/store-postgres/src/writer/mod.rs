//! The one task of this process that writes.
//!
//! ```text
//! callers --queue--> take all that waits --> BEGIN, each write, COMMIT --> answer each
//!                           ^                     (one flush of the log)     |
//!                           +--------------------- next batch ---------------+
//! ```
//!
//! No caller gets its answer, and nothing is announced, before the commit. Batches form by
//! themselves: what arrives during one commit is the next batch. PostgreSQL flushes the log for
//! several processes at once.
//!
//! Some writes wait: for something to become ready. They are tried at the end of each batch that
//! makes something ready, in its transaction, until they find something.
//!
//! A write that fails fails alone: what it has noted is forgotten, or, if some of it was sent, the
//! batch is undone, and done again with a savepoint around each write. Two processes that wait for
//! each other's rows are told so: then all of the batch is done again. Therefore a write is a
//! function that can be called again.
//!
//! Invariant: where the connection is lost while a batch is committed, the database is asked
//! whether it was (`outcome`). Nothing is guessed.

mod batch;
mod commit;
mod outcome;
mod request;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Instant;

use futures::FutureExt as _;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::oneshot;

use self::batch::Batch;
use self::commit::Committer;
use self::request::{Message, NOBODY, Request, Trying, Waiter, stopped};
use crate::connect::Shared;
use crate::error::Pg;
use crate::tx::Tx;
use model::RunId;
use orchestrator::lifecycle::News;
use store::{Clock, StoreResult, WriterFigures};

/// Writes that are done together, at most: more would only wait longer.
const BATCH_MAX: usize = 256;

/// The way to the task. Dropping it lets the task finish what is queued.
pub(crate) struct Writer {
    queue: Arc<UnboundedSender<Message>>,
    figures: Arc<Figures>,
}

#[derive(Default)]
struct Figures {
    batches: AtomicU64,
    writes: AtomicU64,
    failed: AtomicU64,
    busy_us: AtomicU64,
}

impl Writer {
    /// `sender` goes with each notification; `announce` is called after each commit.
    pub(crate) fn start(
        handle: &Handle,
        connector: Shared,
        clock: Arc<dyn Clock>,
        sender: String,
        announce: impl Fn(News) + Send + Sync + 'static,
    ) -> Self {
        let (queue, messages) = mpsc::unbounded_channel();
        let figures = Arc::new(Figures::default());
        let committer = Committer::new(connector, clock, sender);
        handle.spawn(serve(messages, committer, announce, Arc::clone(&figures)));
        Self {
            queue: Arc::new(queue),
            figures,
        }
    }

    pub(crate) fn figures(&self) -> WriterFigures {
        let read = |it: &AtomicU64| it.load(Ordering::Relaxed);
        WriterFigures {
            batches: read(&self.figures.batches),
            writes: read(&self.figures.writes),
            failed: read(&self.figures.failed),
            busy_us: read(&self.figures.busy_us),
        }
    }

    /// Does the write in the next batch. Returns once it is durable.
    pub(crate) fn write<T, F, W>(
        &self,
        write: W,
    ) -> impl Future<Output = StoreResult<T>> + Send + use<T, F, W>
    where
        T: Send + 'static,
        W: Fn(Tx) -> F + Send + Sync + 'static,
        F: Future<Output = Pg<T>> + Send + 'static,
    {
        let write = move |tx| {
            let written = write(tx);
            async move { Ok(Some((written.await?, false))) }.boxed()
        };
        self.enqueue(Box::new(write), None, NOBODY, Message::Write)
    }

    /// The same, of a write that records a run.
    pub(crate) fn record<T, F, W>(
        &self,
        run: RunId,
        write: W,
    ) -> impl Future<Output = StoreResult<T>> + Send + use<T, F, W>
    where
        T: Send + 'static,
        W: Fn(Tx) -> F + Send + Sync + 'static,
        F: Future<Output = Pg<T>> + Send + 'static,
    {
        let write = move |tx| {
            let written = write(tx);
            async move { Ok(Some((written.await?, false))) }.boxed()
        };
        self.enqueue(Box::new(write), Some(run), NOBODY, Message::Write)
    }

    /// The same, of a write that is tried until it finds something to do: in the transaction of
    /// each batch that makes something ready, when [told to look](Nudge), and in the next batch,
    /// unless `waiter` has looked since and found that there was no more.
    pub(crate) fn write_when_ready<T, F, W>(
        &self,
        waiter: Waiter,
        write: W,
    ) -> impl Future<Output = StoreResult<T>> + Send + use<T, F, W>
    where
        T: Send + 'static,
        W: Fn(Tx) -> F + Send + Sync + 'static,
        F: Future<Output = Pg<Option<(T, bool)>>> + Send + 'static,
    {
        self.enqueue(
            Box::new(move |tx| write(tx).boxed()),
            None,
            waiter,
            Message::Wait,
        )
    }

    fn enqueue<T: Send + 'static>(
        &self,
        write: Trying<T>,
        run: Option<RunId>,
        waiter: Waiter,
        message: fn(Box<dyn request::Write>) -> Message,
    ) -> impl Future<Output = StoreResult<T>> + Send + use<T> {
        let (reply, answer) = oneshot::channel();
        let request = message(Box::new(Request::new(write, run, waiter, reply)));
        let is_queued = self.queue.send(request).is_ok();
        async move {
            if !is_queued {
                return Err(stopped());
            }
            answer.await.unwrap_or_else(|_| Err(stopped()))
        }
    }

    pub(crate) fn nudge(&self) -> Nudge {
        Nudge(Arc::downgrade(&self.queue))
    }
}

/// Has the writes that wait tried again: something may have become ready elsewhere.
#[derive(Clone, Default)]
pub(crate) struct Nudge(Weak<UnboundedSender<Message>>);

impl Nudge {
    pub(crate) fn look(&self) {
        if let Some(queue) = self.0.upgrade() {
            let _ = queue.send(Message::Look);
        }
    }
}

async fn serve(
    mut messages: UnboundedReceiver<Message>,
    mut committer: Committer,
    announce: impl Fn(News) + Send + Sync,
    figures: Arc<Figures>,
) {
    let mut batch = Batch::default();
    while let Some(message) = messages.recv().await {
        batch.take(message);
        while batch.writes.len() < BATCH_MAX
            && let Ok(message) = messages.try_recv()
        {
            batch.take(message);
        }
        // Once more, if it has to look again.
        while !batch.is_idle() {
            for mut part in done(&mut committer, &mut batch, &announce, &figures).await {
                done(&mut committer, &mut part, &announce, &figures).await;
            }
        }
    }
}

/// Does a batch, and answers it; or gives its writes back, each as a batch of its own.
async fn done(
    committer: &mut Committer,
    batch: &mut Batch,
    announce: &(impl Fn(News) + Send + Sync),
    figures: &Figures,
) -> Vec<Batch> {
    let begun = Instant::now();
    let writes = batch.writes.len() as u64;
    let Some(committed) = committer.commit(batch).await else {
        return batch.split();
    };
    let add = |it: &AtomicU64, more: u64| it.fetch_add(more, Ordering::Relaxed);
    add(&figures.writes, writes);
    add(&figures.busy_us, begun.elapsed().as_micros() as u64);
    match &committed {
        Ok(news) => {
            add(&figures.batches, 1);
            announce(*news);
        }
        Err(_) => {
            add(&figures.failed, 1);
        }
    }
    batch.answer(&committed);
    if committed.is_err() {
        // Those that wait are tried again when they are told to look.
        batch.rest();
    }
    Vec::new()
}

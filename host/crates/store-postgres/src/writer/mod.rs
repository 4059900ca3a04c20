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

mod commit;
mod outcome;
mod request;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::oneshot;

use self::commit::Committer;
use self::request::{Batch, Message, Request, Trying, Write, stopped};
use crate::connect::Shared;
use crate::error::Pg;
use crate::home::Home;
use crate::load::Ahead;
use crate::tx::Tx;
use orchestrator::lifecycle::News;
use store::batching::{NOBODY, Waiter};
use store::{Clock, StoreResult, WriterFigures};

/// Writes that are done together, at most: more would only wait longer.
const BATCH_MAX: usize = 256;

/// How long a store that is closed waits for what is queued.
const FINISH_MAX: Duration = Duration::from_secs(10);

/// The way to the task. Dropping it lets the task finish what is queued, and waits for that.
pub(crate) struct Writer {
    queue: Option<Arc<UnboundedSender<Message>>>,
    /// Nothing comes; it is closed when the task has ended.
    ended: Mutex<std::sync::mpsc::Receiver<()>>,
    /// Where the task runs: waiting there would be waiting for oneself.
    home: ThreadId,
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
        home: &Home,
        connector: Shared,
        clock: Arc<dyn Clock>,
        sender: String,
        announce: impl Fn(News) + Send + Sync + 'static,
    ) -> Self {
        let (queue, messages) = mpsc::unbounded_channel();
        let figures = Arc::new(Figures::default());
        let committer = Committer::new(connector, clock, sender);
        let (task, ended) = std::sync::mpsc::channel();
        let serving = serve(messages, committer, announce, Arc::clone(&figures));
        home.handle().spawn(async move {
            let _task: std::sync::mpsc::Sender<()> = task;
            serving.await;
        });
        Self {
            queue: Some(Arc::new(queue)),
            ended: Mutex::new(ended),
            home: home.thread(),
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

    /// The same, of a write that records a run, and says what it is about to do.
    pub(crate) fn record<T, F, W>(
        &self,
        ahead: Ahead,
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
        self.enqueue(Box::new(write), Some(ahead), NOBODY, Message::Write)
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
        ahead: Option<Ahead>,
        waiter: Waiter,
        message: fn(Box<dyn Write>) -> Message,
    ) -> impl Future<Output = StoreResult<T>> + Send + use<T> {
        let (reply, answer) = oneshot::channel();
        let request = message(Box::new(Request::new(write, ahead, waiter, reply)));
        let queue = self.queue.as_ref();
        let is_queued = queue.is_some_and(|queue| queue.send(request).is_ok());
        async move {
            if !is_queued {
                return Err(stopped());
            }
            answer.await.unwrap_or_else(|_| Err(stopped()))
        }
    }

    pub(crate) fn nudge(&self) -> Nudge {
        Nudge(self.queue.as_ref().map(Arc::downgrade).unwrap_or_default())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        let ended = self.ended.get_mut();
        if std::thread::current().id() != self.home
            && let Ok(ended) = ended
        {
            let _ = ended.recv_timeout(FINISH_MAX);
        }
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
        batch.look = false;
    }
    Vec::new()
}

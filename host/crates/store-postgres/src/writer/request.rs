//! What the writer's task is asked: a write, and who waits for it.

use futures::future::BoxFuture;
use tokio::sync::oneshot;

use crate::error::{Fault, Pg};
use crate::load::Ahead;
use crate::tx::Tx;
use store::batching::{self, Attempt, Queued, Waiter};
use store::{StoreError, StoreResult};

pub(super) trait Write: Queued + Send + Sync {
    /// What it is about to do, so that what a batch needs is read at once.
    fn ahead(&self) -> Option<Ahead>;
    /// What it has to say is kept for [`Queued::answer`]. Errs if the transaction cannot go on.
    fn attempt(&mut self, tx: Tx) -> BoxFuture<'_, Pg<Attempt>>;
    /// What it has changed could not be stored.
    fn fail(&mut self, error: StoreError);
}

pub(super) type Batch = batching::Batch<dyn Write>;
pub(super) type Message = batching::Message<dyn Write>;

/// A write, which may be tried again. What it found to do, and whether there may be more.
pub(super) type Trying<T> =
    Box<dyn Fn(Tx) -> BoxFuture<'static, Pg<Option<(T, bool)>>> + Send + Sync>;

pub(super) struct Request<T> {
    write: Trying<T>,
    ahead: Option<Ahead>,
    waiter: Waiter,
    result: std::sync::Mutex<Option<StoreResult<T>>>,
    reply: oneshot::Sender<StoreResult<T>>,
}

impl<T> Request<T> {
    pub(super) fn new(
        write: Trying<T>,
        ahead: Option<Ahead>,
        waiter: Waiter,
        reply: oneshot::Sender<StoreResult<T>>,
    ) -> Self {
        Self {
            write,
            ahead,
            waiter,
            result: std::sync::Mutex::new(None),
            reply,
        }
    }

    fn keep(&mut self, result: Option<StoreResult<T>>) {
        *self
            .result
            .get_mut()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = result;
    }
}

impl<T: Send + 'static> Write for Request<T> {
    fn ahead(&self) -> Option<Ahead> {
        self.ahead.clone()
    }

    fn attempt(&mut self, tx: Tx) -> BoxFuture<'_, Pg<Attempt>> {
        let trying = (self.write)(tx);
        Box::pin(async move {
            match trying.await {
                Ok(Some((value, more))) => {
                    self.keep(Some(Ok(value)));
                    Ok(Attempt::Done { more })
                }
                Ok(None) => Ok(Attempt::Nothing),
                Err(Fault::Told(StoreError::Unavailable(reason))) => {
                    Err(Fault::Told(StoreError::Unavailable(reason)))
                }
                Err(Fault::Told(error)) => {
                    self.keep(Some(Err(error)));
                    Ok(Attempt::Failed)
                }
                Err(fault) => Err(fault),
            }
        })
    }

    fn fail(&mut self, error: StoreError) {
        self.keep(Some(Err(error)));
    }
}

impl<T> Queued for Request<T> {
    fn is_wanted(&self) -> bool {
        !self.reply.is_closed()
    }

    fn waiter(&self) -> Waiter {
        self.waiter
    }

    fn answer(self: Box<Self>, committed: StoreResult<()>) {
        let result = self
            .result
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let answer = match (committed, result) {
            // What it found wrong is so, whatever became of the others.
            (_, Some(Err(error))) => Err(error),
            (Ok(()), Some(Ok(value))) => Ok(value),
            (Ok(()), None) => Err(stopped()),
            (Err(error), _) => Err(error),
        };
        let _ = self.reply.send(answer);
    }
}

pub(super) fn stopped() -> StoreError {
    StoreError::Unavailable("the store was closed".to_owned())
}

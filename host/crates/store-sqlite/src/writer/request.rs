//! What the writer's thread is asked: a write, who waits for it, and how durable it has to be.

use tokio::sync::oneshot;

use super::tx::Tx;
use store::batching::{self, Attempt, Queued, Waiter};
use store::{StoreError, StoreResult};

/// When a write has to survive a power failure. Every write survives the end of its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Durable {
    /// Together with the next write that has to.
    Later,
    /// Before it is answered.
    AtOnce,
}

impl Durable {
    /// What the connection is set to for a batch of such writes.
    pub(super) fn pragma(self) -> &'static str {
        match self {
            Self::Later => "PRAGMA synchronous = NORMAL",
            Self::AtOnce => "PRAGMA synchronous = FULL",
        }
    }
}

pub(super) trait Write: Queued + Send {
    fn durable(&self) -> Durable;
    /// What it has to say is kept for [`Queued::answer`].
    fn attempt(&mut self, tx: &Tx<'_>) -> Attempt;
}

pub(super) type Message = batching::Message<dyn Write>;

pub(super) struct Request<T, F> {
    write: F,
    durable: Durable,
    waiter: Waiter,
    result: Option<StoreResult<T>>,
    reply: oneshot::Sender<StoreResult<T>>,
}

impl<T, F> Request<T, F> {
    pub(super) fn new(
        write: F,
        durable: Durable,
        waiter: Waiter,
        reply: oneshot::Sender<StoreResult<T>>,
    ) -> Self {
        Self {
            write,
            durable,
            waiter,
            result: None,
            reply,
        }
    }
}

impl<T, F> Write for Request<T, F>
where
    T: Send,
    F: FnMut(&Tx<'_>) -> StoreResult<Option<(T, bool)>> + Send,
{
    fn durable(&self) -> Durable {
        self.durable
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
}

impl<T, F> Queued for Request<T, F> {
    fn is_wanted(&self) -> bool {
        !self.reply.is_closed()
    }

    fn waiter(&self) -> Waiter {
        self.waiter
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

pub(super) fn stopped() -> StoreError {
    StoreError::Unavailable("the writer has stopped".to_owned())
}

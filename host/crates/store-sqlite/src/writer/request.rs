//! What the writer's thread is asked: a write, who waits for it, and how durable it has to be.

use tokio::sync::oneshot;

use super::tx::Tx;
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

/// What came of trying a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    /// And perhaps there is more to do of the kind.
    Done {
        more: bool,
    },
    Failed,
    /// There was nothing to do yet.
    Nothing,
}

pub(super) trait Write: Send {
    fn durable(&self) -> Durable;
    /// Whether anybody still waits for its answer.
    fn is_wanted(&self) -> bool;
    /// Who waits. The same one always waits for the same kind of thing.
    fn waiter(&self) -> Waiter;
    /// What it has to say is kept for [`Write::answer`].
    fn attempt(&mut self, tx: &Tx<'_>) -> Attempt;
    fn answer(self: Box<Self>, committed: StoreResult<()>);
}

/// Identifies the caller that waits.
pub(crate) type Waiter = u128;

/// Of a write that does not wait.
pub(super) const NOBODY: Waiter = 0;

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
pub(super) enum Message {
    Write(Box<dyn Write>),
    /// To be tried until it finds something.
    Wait(Box<dyn Write>),
    /// To try those that wait.
    Look,
}

pub(super) fn stopped() -> StoreError {
    StoreError::Unavailable("the writer has stopped".to_owned())
}

//! A connection that was taken from a pool, and how long is waited for what it answers.
//!
//! A server may stand still and close nothing: its machine swaps, its disk hangs, a debugger holds it.
//! Its kernel goes on to say that all is well. So each answer is waited for only so long. After that
//! the connection is closed and not given back to its pool, because what comes over it late would be
//! taken for the answer to the next question.
//!
//! Invariant: whoever waits for an answer does so within [`Link::answered`]. Only a change of the
//! tables is waited for as long as it takes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool_postgres::Object;
use tokio_postgres::Statement;

use crate::error::{Fault, Pg};

/// A connection. It goes back to its pool when it is dropped, unless it is spent.
pub(crate) struct Link {
    /// None only while it is dropped.
    object: Option<Object>,
    is_spent: AtomicBool,
    answer_within: Duration,
}

impl Link {
    pub(crate) fn new(object: Object, answer_within: Duration) -> Self {
        Self {
            object: Some(object),
            is_spent: AtomicBool::new(false),
            answer_within,
        }
    }

    /// What is sent over, without a limit of its own. Errs if the connection is spent.
    pub(crate) fn object(&self) -> Pg<&Object> {
        match &self.object {
            Some(object) if !self.is_spent.load(Ordering::Relaxed) => Ok(object),
            _ => Err(Fault::Lost("the connection was closed".to_owned())),
        }
    }

    /// Waits for answers, for as long as is allowed for one way to the server and back. The
    /// connection is spent where they do not come, and where it is lost.
    pub(crate) async fn answered<T>(&self, answers: impl Future<Output = Pg<T>>) -> Pg<T> {
        let answered = tokio::time::timeout(self.answer_within, answers).await;
        let answered = answered.unwrap_or_else(|_| Err(silent(self.answer_within)));
        if let Err(Fault::Lost(_)) = &answered {
            self.is_spent.store(true, Ordering::Relaxed);
        }
        answered
    }

    /// A statement that takes values. It is prepared once.
    pub(crate) async fn prepare(&self, sql: &str) -> Pg<Statement> {
        let object = self.object()?;
        let preparing = async { Ok(object.prepare_cached(sql).await?) };
        self.answered(preparing).await
    }

    /// Commands that take no values.
    pub(crate) async fn command(&self, commands: &str) -> Pg<()> {
        let object = self.object()?;
        let doing = async { Ok(object.batch_execute(commands).await?) };
        self.answered(doing).await
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if *self.is_spent.get_mut()
            && let Some(object) = self.object.take()
        {
            drop(Object::take(object));
        }
    }
}

/// What is said of a server that is there and does nothing.
pub(crate) fn silent(after: Duration) -> Fault {
    let seconds = after.as_secs();
    Fault::Lost(format!("the server does not answer, after {seconds} s"))
}

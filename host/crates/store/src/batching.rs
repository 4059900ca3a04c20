//! Writes that an engine commits together, and those that wait for something to do.
//!
//! ```text
//! queue --take--> batch: writes, waiting --the engine tries and commits--> answer each
//!                             ^                                               |
//!                             +---------- those that found nothing -----------+
//! ```
//!
//! What a write does, and how a batch becomes a transaction, is the engine's.

use std::collections::HashSet;

use crate::StoreResult;
use orchestrator::lifecycle::News;

/// Identifies the caller that waits.
pub type Waiter = u128;

/// Of a write that does not wait.
pub const NOBODY: Waiter = 0;

/// What came of trying a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// And perhaps there is more to do of the kind.
    Done {
        more: bool,
    },
    Failed,
    /// There was nothing to do yet.
    Nothing,
}

/// A write that somebody has asked for.
pub trait Queued {
    /// Whether anybody still waits for its answer.
    fn is_wanted(&self) -> bool;
    /// Who waits. The same one always waits for the same kind of thing.
    fn waiter(&self) -> Waiter;
    /// Tells what came of it, once it is known whether that was committed.
    fn answer(self: Box<Self>, committed: StoreResult<()>);
}

/// What a writer is asked.
pub enum Message<W: ?Sized> {
    Write(Box<W>),
    /// To be tried until it finds something.
    Wait(Box<W>),
    /// To try those that wait.
    Look,
}

/// What is done together, and what waits to be.
pub struct Batch<W: ?Sized> {
    pub writes: Vec<Box<W>>,
    pub waiting: Vec<Box<W>>,
    /// Whether those that wait are tried in any case.
    pub look: bool,
    /// What came of trying those that wait; empty if they were not tried.
    pub tried: Vec<Attempt>,
    /// Those for whom there was no more when they looked, and nothing became ready since.
    content: HashSet<Waiter>,
}

impl<W: ?Sized> Default for Batch<W> {
    fn default() -> Self {
        Self {
            writes: Vec::new(),
            waiting: Vec::new(),
            look: false,
            tried: Vec::new(),
            content: HashSet::new(),
        }
    }
}

impl<W: Queued + ?Sized> Batch<W> {
    pub fn take(&mut self, message: Message<W>) {
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

    /// Whether there is nothing to do. Those that nobody waits for any more are forgotten.
    pub fn is_idle(&mut self) -> bool {
        self.waiting.retain(|write| write.is_wanted());
        self.look &= !self.waiting.is_empty();
        self.writes.is_empty() && !self.look
    }

    /// The writes, each as a batch of its own. Those that wait stay, and look after them.
    pub fn split(&mut self) -> Vec<Self> {
        self.look |= !self.waiting.is_empty();
        let alone = |write| Self {
            writes: vec![write],
            ..Self::default()
        };
        self.writes.drain(..).map(alone).collect()
    }

    /// Answers what was done, and goes on waiting with the rest.
    pub fn answer(&mut self, committed: &StoreResult<News>) {
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

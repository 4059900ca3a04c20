//! Writes that are committed together, and those that wait.

use std::collections::HashSet;

use super::request::{Attempt, Message, Waiter, Write};
use orchestrator::lifecycle::News;
use store::StoreResult;

/// What is done together, and what waits to be.
#[derive(Default)]
pub(super) struct Batch {
    pub writes: Vec<Box<dyn Write>>,
    pub waiting: Vec<Box<dyn Write>>,
    /// Whether those that wait are tried in any case.
    pub look: bool,
    /// What came of trying those that wait; empty if they were not tried.
    pub tried: Vec<Attempt>,
    /// Those for whom there was no more when they looked, and nothing became ready since.
    content: HashSet<Waiter>,
}

impl Batch {
    pub(super) fn take(&mut self, message: Message) {
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

    pub(super) fn is_idle(&mut self) -> bool {
        self.waiting.retain(|write| write.is_wanted());
        self.look &= !self.waiting.is_empty();
        self.writes.is_empty() && !self.look
    }

    /// The writes, each as a batch of its own. Those that wait stay, and look after them.
    pub(super) fn split(&mut self) -> Vec<Self> {
        self.look |= !self.waiting.is_empty();
        let alone = |write| Self {
            writes: vec![write],
            ..Self::default()
        };
        self.writes.drain(..).map(alone).collect()
    }

    /// Waits until it is told to look.
    pub(super) fn rest(&mut self) {
        self.look = false;
    }

    /// Answers what was done, and goes on waiting with the rest.
    pub(super) fn answer(&mut self, committed: &StoreResult<News>) {
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

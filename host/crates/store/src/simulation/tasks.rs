//! The tasks of a simulated execution: those that are being computed, and those that await
//! their next attempt.

use std::collections::HashMap;
use std::time::Duration;

use model::{Seq, State, TaskRun, TaskRunId, Timestamp};
use orchestrator::{Retries, next_attempt};

/// What a task does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Doing {
    /// What it gives.
    pub n: u64,
    /// Until which attempt of its flow it fails for good.
    pub fails: u32,
    /// How many of its own attempts fail before that, and the delay after each.
    pub stumbles: u32,
    pub delay: Duration,
}

/// A task that is being computed.
#[derive(Clone, Debug)]
pub(super) struct Computing {
    pub seq: Seq,
    pub id: TaskRunId,
    pub attempt: u32,
    pub doing: Doing,
}

#[derive(Default)]
pub(super) struct Tasks {
    pub computing: Vec<Computing>,
    pub retries: Retries,
    /// What is recorded of tasks that have not ended.
    pub recorded: HashMap<TaskRunId, TaskRun>,
    /// Whether an attempt has failed since the last record.
    pub failed: bool,
    live: HashMap<Seq, (TaskRun, Doing)>,
}

impl Tasks {
    /// Goes on with a task, or begins it. What is new of it.
    pub fn call(&mut self, new: TaskRun, doing: Doing, now: Timestamp) -> Option<TaskRun> {
        let (run, changed) = match self.recorded.remove(&new.id) {
            Some(recorded) => (recorded, None),
            None => (new.clone(), Some(new)),
        };
        let (seq, due) = (run.seq, run.retry_at);
        self.live.insert(seq, (run, doing));
        match due {
            Some(due) if due > now => self.retries.add(seq, due),
            _ => self.start(seq),
        }
        changed
    }

    fn start(&mut self, seq: Seq) {
        if let Some((run, doing)) = self.live.get(&seq) {
            self.computing.push(Computing {
                seq,
                id: run.id,
                attempt: next_attempt(run),
                doing: *doing,
            });
        }
    }

    pub fn start_due(&mut self, now: Timestamp) {
        while let Some(seq) = self.retries.take_due(now) {
            self.start(seq);
        }
    }

    pub fn is_due(&self, now: Timestamp) -> bool {
        self.retries.first().is_some_and(|(due, _)| due <= now)
    }

    /// An attempt failed and another follows. What is to be recorded.
    pub fn stumbled(&mut self, computing: &Computing, now: Timestamp) -> Option<TaskRun> {
        let (run, doing) = self.live.get_mut(&computing.seq)?;
        let due = now.after(doing.delay);
        run.attempt = computing.attempt;
        run.retry_at = Some(due);
        run.history.push(State::awaiting_retry(now));
        self.failed = true;
        self.retries.add(computing.seq, due);
        Some(run.clone())
    }

    pub fn ended(&mut self, seq: Seq) {
        self.live.remove(&seq);
    }

    /// Gives all of them up.
    pub fn abandon(&mut self) -> Vec<Seq> {
        self.computing.clear();
        self.retries.clear();
        let mut left: Vec<Seq> = self.live.drain().map(|(seq, _)| seq).collect();
        left.sort();
        left
    }
}

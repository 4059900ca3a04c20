//! Tasks that await their next attempt.
//!
//! ```text
//! attempt fails --> AwaitingRetry, recorded with its number and due time
//!   other tasks execute ----> the next one begins here when it is due
//!   nothing executes -------> Waiting until it is due: the slot goes back at once, the
//!                             memory when parking ends; whoever claims the run goes on
//! ```
//!
//! Invariant: no attempt begins before it is recorded that the one before it failed, so an
//! attempt that ended is not repeated and the number of attempts survives its worker.

use std::time::Duration;

use super::{FlowExecution, Interruption};
use model::{Failure, Seq, State, Timestamp};
use orchestrator::next_attempt;
use wasm::{CallResult, timed_out};

/// A retry that is due this soon is waited for with the slot kept: to give it back and to
/// claim it again takes as long.
const SOON: Duration = Duration::from_millis(10);

impl FlowExecution {
    /// Takes note that the next attempt of a task begins.
    pub(super) fn attempt_begins(&mut self, seq: Seq, at: Timestamp) {
        if let Some(run) = self.tasks.live.get_mut(&seq) {
            run.attempt = next_attempt(run);
            run.retry_at = None;
            run.history.push(State::running(run.attempt, at));
            self.tasks.changed.insert(seq);
        }
    }

    /// Takes note that an attempt failed, and that another follows.
    pub(super) fn await_retry(
        &mut self,
        seq: Seq,
        failure: &Failure,
        delay: Duration,
        at: Timestamp,
    ) {
        let Some(run) = self.tasks.live.get_mut(&seq) else {
            return;
        };
        let due = at.after(delay);
        let delay = humantime::format_duration(delay);
        let why = format!(
            "{failure} (attempt {}; tried again after {delay})",
            run.attempt
        );
        run.history.push(State::awaiting_retry(at).because(why));
        run.retry_at = Some(due);
        self.tasks.changed.insert(seq);
        self.tasks.retries.add(seq, due);
        self.tasks.failed = true;
    }

    /// Starts the attempts that are due. Whoever waited for that has recorded, before it
    /// waited, that the ones before them failed.
    pub(super) async fn start_due(&mut self) -> CallResult<()> {
        debug_assert!(!self.tasks.failed, "a failure is recorded before the wait");
        while let Some(seq) = self.tasks.retries.take_due(self.shared.now()) {
            self.start_task(seq).await?;
        }
        Ok(())
    }

    /// Whether the flow waits with its slot kept: something of it executes, or is about to.
    /// While it cleans up it keeps the slot in any case.
    pub(super) fn keeps_slot(&self) -> bool {
        self.tasks.any_executing()
            || self
                .tasks
                .retries
                .first()
                .is_some_and(|(due, _)| self.cancel_told || due.since(self.shared.now()) <= SOON)
    }

    /// Lets the tasks end that the flow has not waited for when it returned. Interrupted, it
    /// leaves them to whoever goes on with the run.
    pub(super) async fn finish_tasks(&mut self) -> CallResult<()> {
        loop {
            self.handle_pending().await?;
            let done = !self.tasks.any_executing() && self.tasks.retries.is_empty();
            if done || self.is_cancelled() {
                return Ok(());
            }
            if self.keeps_slot() {
                self.await_tasks().await?;
                continue;
            }
            if let Some(deadline) = self
                .deadline
                .filter(|deadline| *deadline <= self.shared.now())
            {
                let failure = timed_out("the flow run", deadline.since(self.started));
                return Err(self.interrupt(Interruption::Failed(failure)));
            }
            self.await_outside(Vec::new(), 1).await?;
        }
    }
}

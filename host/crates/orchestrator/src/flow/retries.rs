//! Tasks that await their next attempt.
//!
//! ```text
//! attempt fails --> AwaitingRetry, recorded with its number and due time
//!   other tasks execute ----> the next one begins here when it is due
//!   nothing executes -------> Waiting until it is due: the slot goes back at once, the
//!                             memory when parking ends; the worker that claims it goes on
//! ```
//!
//! Invariant: no attempt begins before it is recorded that the one before it failed, so an
//! attempt that ended is not repeated and the number of attempts survives its worker.

use std::time::Duration;

use super::live::Live;
use super::machine::Flow;
use crate::{Decision, after_attempt, next_attempt};
use model::{Failure, LogLevel, LogLine, LogSource, Outcome, Seq, State, TaskLine, Timestamp};

/// A retry that is due this soon is waited for with the slot kept: to give it back and to
/// claim it again takes as long.
const SOON: Duration = Duration::from_millis(10);

/// The target of lines that the host says in a run's log.
const TARGET: &str = "orch_host";

impl Flow {
    /// Takes note that the next attempt of a task begins.
    pub(super) fn attempt_begins(&mut self, seq: Seq, at: Timestamp) -> Option<&mut Live> {
        let worker = self.lease().worker;
        let live = self.tasks.change(seq)?;
        let number = next_attempt(&live.run);
        live.run.begin_attempt(number, worker, at);
        Some(live)
    }

    /// Takes note that an attempt ended: another follows, or the outcome stands.
    pub(super) fn attempt_ended(&mut self, seq: Seq, outcome: Outcome, at: Timestamp, chance: f64) {
        let Some(live) = self.tasks.live(seq) else {
            return;
        };
        match after_attempt(&live.retry, live.run.attempt, &outcome, chance) {
            Decision::End => self.task_ended(seq, outcome, at),
            Decision::RetryAfter(delay) => {
                let failure = outcome.expect_err("only a failure is tried again");
                self.give_back(seq, at);
                self.look_again(seq);
                self.await_retry(seq, &failure, delay, at);
            }
        }
    }

    fn await_retry(&mut self, seq: Seq, failure: &Failure, delay: Duration, at: Timestamp) {
        let Some(live) = self.tasks.change(seq) else {
            return;
        };
        let run = &mut live.run;
        let due = at.after(delay);
        let delay = model::in_units(delay);
        let why = format!(
            "{failure} (attempt {}; tried again after {delay})",
            run.attempt
        );
        run.history.push(TaskLine {
            cause: Some(failure.clone()),
            ..State::awaiting_retry(at).because(why).into()
        });
        run.retry_at = Some(due);
        // Whoever follows the run sees what was wrong, however long the next attempt takes.
        let said = LogLine {
            run: run.flow_run,
            // Not the task's: what tasks say is counted until it is recorded.
            source: LogSource::Host,
            at,
            level: LogLevel::Warn,
            target: TARGET.to_owned(),
            message: format!(
                "Task run '{}' failed in attempt {}: {failure}; tried again after {delay}",
                run.name, run.attempt
            ),
        };
        self.buffer.progress.logs.push(said);
        self.tasks.retries.add(seq, due);
        self.tasks.failed = true;
    }

    /// Starts the attempts that are due. Whether there were any.
    pub(super) fn start_due(&mut self, now: Timestamp) -> bool {
        debug_assert!(!self.tasks.failed, "a failure is recorded before");
        let mut any = false;
        while let Some(seq) = self.tasks.retries.take_due(now) {
            self.start_task(seq, now);
            any = true;
        }
        self.start_ready(now);
        any
    }

    /// Whether the flow waits with its slot kept: something of it executes, or is about to.
    /// While it cleans up it keeps the slot in any case.
    pub(super) fn keeps_slot(&self, now: Timestamp) -> bool {
        self.tasks.any_executing()
            || self
                .tasks
                .retries
                .first()
                .is_some_and(|(due, _)| self.cancel_told || due.since(now) <= SOON)
    }
}

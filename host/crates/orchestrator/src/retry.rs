//! What follows an attempt, and how a flow waits for its tasks' next ones.
//!
//! ```text
//! attempt fails --> tries left? -- no --> the outcome stands, and names the task run
//!                       `- yes --> Retries: by due time
//! flow waits, and none of its tasks executes --> wake_by: what wakes it, besides the
//!                                                earliest due time
//! ```

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use model::{Failure, FailureKind, Outcome, RetryPolicy, Seq, StateType, TaskRun, Timestamp};

/// What to do after an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The outcome stands.
    End,
    /// Try again after this time.
    RetryAfter(Duration),
}

/// Decides after attempt `attempt` (from 1). `chance` is a random number in 0..1.
pub fn after_attempt(
    policy: &RetryPolicy,
    attempt: u32,
    outcome: &Outcome,
    chance: f64,
) -> Decision {
    match outcome {
        Err(failure) if failure.kind.is_retriable() => match policy.delay_after(attempt, chance) {
            Some(delay) => Decision::RetryAfter(delay),
            None => Decision::End,
        },
        _ => Decision::End,
    }
}

/// Decides after attempt `attempt` of a flow, for every way in which it may have ended: by
/// its return, its timeout, or a fault of the host. A crash is no attempt that failed: it is
/// the host's fault, and lasts.
pub fn after_flow_attempt(
    policy: &RetryPolicy,
    attempt: u32,
    outcome: &Outcome,
    chance: f64,
) -> Decision {
    match outcome {
        Err(failure) if failure.kind == FailureKind::Crashed => Decision::End,
        outcome => after_attempt(policy, attempt, outcome, chance),
    }
}

/// The attempt with which a task run goes on. One that was interrupted begins again under
/// its number: only an attempt that ended counts.
pub fn next_attempt(run: &TaskRun) -> u32 {
    match run.state().kind {
        StateType::Running => run.attempt.max(1),
        _ => run.attempt + 1,
    }
}

/// The failure of a task run as its flow is told, and all who see the flow fail by it: with
/// the name of the task run, and its attempts if there were several.
pub fn failure_of_task(failure: Failure, run: &TaskRun) -> Failure {
    match failure.kind {
        // These say themselves that it is not the task that failed.
        FailureKind::Cancelled | FailureKind::Upstream => return failure,
        _ => {}
    }
    let after = match run.attempt {
        0 | 1 => String::new(),
        attempts => format!(" after {attempts} attempts"),
    };
    let message = format!("task `{}` failed{after}: {}", run.name, failure.message);
    Failure::new(failure.kind, message)
}

/// The tasks of a flow that await their next attempt, by when it is due.
#[derive(Debug, Default)]
pub struct Retries {
    due: BTreeSet<(Timestamp, Seq)>,
}

impl Retries {
    pub fn add(&mut self, task: Seq, due: Timestamp) {
        self.due.insert((due, task));
    }

    /// The one that is due first, and when.
    pub fn first(&self) -> Option<(Timestamp, Seq)> {
        self.due.first().copied()
    }

    /// Takes one that is due.
    pub fn take_due(&mut self, now: Timestamp) -> Option<Seq> {
        let (_, task) = self.first().filter(|(due, _)| *due <= now)?;
        self.due.pop_first();
        Some(task)
    }

    pub fn remove(&mut self, task: Seq) {
        self.due.retain(|(_, other)| *other != task);
    }

    pub fn len(&self) -> usize {
        self.due.len()
    }

    pub fn is_empty(&self) -> bool {
        self.due.is_empty()
    }

    pub fn clear(&mut self) {
        self.due.clear();
    }
}

/// By which calls a flow is woken that waits for `count` of `unsettled` while none of its
/// tasks executes: the calls, and how many of them have to settle.
///
/// A task that awaits a retry settles no earlier than its next attempt, for which the flow is
/// woken in any case. So one of them (`retry`) stands for all: as something that does not
/// settle. What tasks that have not started need (`needed`) wakes the flow as well: such a
/// task could start before what is waited for has settled.
pub fn wake_by(
    unsettled: Vec<Seq>,
    count: usize,
    needed: impl IntoIterator<Item = Seq>,
    outside: &BTreeSet<Seq>,
    retry: Option<Seq>,
) -> (Vec<Seq>, usize) {
    let needed: Vec<Seq> = needed.into_iter().collect();
    let count = if needed.is_empty() { count } else { 1 };
    let calls: HashSet<Seq> = unsettled.into_iter().chain(needed).collect();
    let mut calls: Vec<Seq> = calls
        .into_iter()
        .filter(|it| outside.contains(it))
        .collect();
    calls.sort();
    if count > calls.len() {
        calls.extend(retry);
    }
    let count = count.min(calls.len()).max(1);
    (calls, count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Json, RunId, State, TaskName, TaskRunId};

    #[test]
    fn only_what_may_end_otherwise_is_tried_again() {
        let policy = RetryPolicy {
            retries: 1,
            delays_ms: vec![10],
            jitter: None,
        };
        let retry = Decision::RetryAfter(Duration::from_millis(10));
        let failed = |kind| Err(Failure::new(kind, "x"));
        let decide = |attempt, outcome| after_attempt(&policy, attempt, &outcome, 0.0);
        assert_eq!(decide(1, Ok(Json::null())), Decision::End);
        assert_eq!(decide(1, failed(FailureKind::Error)), retry);
        assert_eq!(decide(1, failed(FailureKind::TimedOut)), retry);
        assert_eq!(decide(2, failed(FailureKind::Error)), Decision::End);
        assert_eq!(decide(1, failed(FailureKind::Permanent)), Decision::End);
        assert_eq!(decide(1, failed(FailureKind::Cancelled)), Decision::End);
        assert_eq!(decide(1, failed(FailureKind::Crashed)), retry);

        let decide = |attempt, outcome| after_flow_attempt(&policy, attempt, &outcome, 0.0);
        assert_eq!(decide(1, Ok(Json::null())), Decision::End);
        assert_eq!(decide(1, failed(FailureKind::Error)), retry);
        assert_eq!(decide(1, failed(FailureKind::TimedOut)), retry);
        assert_eq!(decide(2, failed(FailureKind::TimedOut)), Decision::End);
        assert_eq!(decide(1, failed(FailureKind::Cancelled)), Decision::End);
        assert_eq!(decide(1, failed(FailureKind::Crashed)), Decision::End);
    }

    fn task_run(attempt: u32, state: State) -> TaskRun {
        let run = RunId::generate();
        TaskRun {
            id: TaskRunId::generate(),
            flow_run: run,
            journal: run,
            seq: Seq(1),
            task: TaskName::trusted("load"),
            name: "load-3".to_owned(),
            tags: Vec::new(),
            attempt,
            retry_at: None,
            worker: None,
            history: vec![state.into()],
        }
    }

    #[test]
    fn an_interrupted_attempt_begins_again_and_one_that_ended_does_not() {
        let at = Timestamp(1);
        let next = |attempt, state| next_attempt(&task_run(attempt, state));
        assert_eq!(next(0, State::pending(at)), 1);
        assert_eq!(next(1, State::running(1, at)), 1);
        assert_eq!(next(1, State::awaiting_retry(at)), 2);
        assert_eq!(next(2, State::running(2, at)), 2);
        assert_eq!(next(2, State::awaiting_retry(at)), 3);
    }

    #[test]
    fn a_failure_names_the_task_run_and_its_attempts() {
        let told = |attempt, kind| {
            let run = task_run(attempt, State::pending(Timestamp(1)));
            failure_of_task(Failure::new(kind, "no route"), &run).message
        };
        assert_eq!(
            told(1, FailureKind::Error),
            "task `load-3` failed: no route"
        );
        assert_eq!(
            told(4, FailureKind::TimedOut),
            "task `load-3` failed after 4 attempts: no route"
        );
        assert_eq!(told(2, FailureKind::Cancelled), "no route");
        assert_eq!(told(0, FailureKind::Upstream), "no route");
    }

    #[test]
    fn retries_are_taken_when_they_are_due_the_earliest_first() {
        let mut retries = Retries::default();
        for (task, due) in [(1, 30), (2, 10), (3, 20)] {
            retries.add(Seq(task), Timestamp(due));
        }
        assert_eq!(retries.first(), Some((Timestamp(10), Seq(2))));
        assert_eq!(retries.take_due(Timestamp(9)), None);
        assert_eq!(retries.take_due(Timestamp(20)), Some(Seq(2)));
        assert_eq!(retries.take_due(Timestamp(20)), Some(Seq(3)));
        assert_eq!(retries.take_due(Timestamp(20)), None);
        assert_eq!(retries.len(), 1);
    }

    /// Calls 1 and 2 settle outside; 7, 8 and 9 are tasks, of which 7 awaits a retry.
    #[track_caller]
    fn check_wake(unsettled: &[u64], count: usize, needed: &[u64], expect: (&[u64], usize)) {
        let seqs = |seqs: &[u64]| seqs.iter().copied().map(Seq).collect::<Vec<_>>();
        let outside = BTreeSet::from([Seq(1), Seq(2)]);
        let retry = Some(Seq(7));
        let (calls, count) = wake_by(seqs(unsettled), count, seqs(needed), &outside, retry);
        assert_eq!((calls, count), (seqs(expect.0), expect.1));
    }

    #[test]
    fn a_flow_is_not_woken_by_what_cannot_take_it_further() {
        // For any: the first of those outside.
        check_wake(&[1, 2, 7], 1, &[], (&[1, 2], 1));
        // For all: none of them alone.
        check_wake(&[1, 2, 7], 3, &[], (&[1, 2, 7], 3));
        check_wake(&[2, 7, 8], 3, &[], (&[2, 7], 2));
        // For tasks only.
        check_wake(&[7, 8], 1, &[], (&[7], 1));
        check_wake(&[7, 8], 2, &[], (&[7], 1));
        // For something else than the task.
        check_wake(&[1, 2], 2, &[], (&[1, 2], 2));
        // For nothing: the flow has returned.
        check_wake(&[], 1, &[], (&[7], 1));
        // A task that has not started needs a call, or the task that awaits its retry.
        check_wake(&[1, 9], 2, &[2], (&[1, 2], 1));
        check_wake(&[9], 1, &[7], (&[7], 1));
    }
}

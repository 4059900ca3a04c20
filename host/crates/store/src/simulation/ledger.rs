//! What has been seen of the store, and what must not change about it.

use std::collections::{HashMap, HashSet};

use super::driver::Execution;
use super::guest::TOLD_TO_END;
use crate::{ArtifactsOf, Next, Progress, Recorded, Store};
use model::{
    Answer, Call, Entry, FlowRun, HistoryLine, Lease, RunId, Seq, Settlement, State, StateName,
    StateType, TaskRunId, Timestamp, WorkerId, attempts,
};

#[derive(Default)]
pub(super) struct Ledger {
    runs: HashMap<RunId, Seen>,
    /// Runs that a committed call was answered with.
    answered: HashSet<RunId>,
    tasks: HashMap<TaskRunId, (Timestamp, Settlement)>,
    /// The latest attempt of a task that is known to have failed.
    failed: HashMap<TaskRunId, u32>,
    pub given_up: HashSet<WorkerId>,
}

/// What was seen of one run.
#[derive(Default)]
struct Seen {
    epoch: u64,
    attempt: u32,
    /// While it is terminal.
    ended: Option<State>,
    journal: Vec<Entry>,
    /// What the flow was durably told in this attempt.
    observed: Vec<String>,
    /// How often a person tried it again.
    retries: usize,
    /// What it waits for.
    waits: Option<Wait>,
}

/// A wait that gave the slot back.
struct Wait {
    awaited: Vec<Seq>,
    count: usize,
    until: Option<Timestamp>,
    /// Calls that wait for slots of limits.
    permits: Vec<Seq>,
}

impl Ledger {
    fn run(&mut self, id: RunId) -> &mut Seen {
        self.runs.entry(id).or_default()
    }

    pub async fn claimed<S: Store>(
        &mut self,
        store: &S,
        run: &FlowRun,
        lease: Lease,
        now: Timestamp,
    ) {
        if run.state.name == StateName::RESUMING {
            let waits = self.run(run.id).waits.take().expect("it has waited");
            let settled = store.settled(run.id, &waits.awaited).await.unwrap();
            let is_due = waits.until.is_some_and(|until| until <= now);
            let permitted = store.permitted(run.id, &waits.permits).await.unwrap();
            assert!(
                settled.len() >= waits.count || is_due || !permitted.is_empty(),
                "a run was woken before its time"
            );
        }
        let seen = self.run(run.id);
        assert!(lease.epoch > seen.epoch, "a claim did not raise the epoch");
        seen.epoch = lease.epoch;
        seen.waits = None;
        assert!(seen.ended.is_none(), "a run was claimed that is over");
    }

    /// The newest attempt of a run that was seen.
    pub fn attempt(&self, id: RunId) -> u32 {
        self.runs.get(&id).map_or(0, |seen| seen.attempt)
    }

    pub fn retried(&mut self, id: RunId) {
        let seen = self.run(id);
        seen.retries += 1;
        seen.ended = None;
    }

    pub fn was_retried(&self, id: RunId) -> bool {
        self.runs.get(&id).is_some_and(|seen| seen.retries > 0)
    }

    fn begins_to_wait(&mut self, progress: &Progress) {
        if let Next::Wait {
            awaited,
            count,
            until,
            ..
        } = &progress.next
        {
            self.run(progress.lease.run).waits = Some(Wait {
                awaited: awaited.clone(),
                count: *count as usize,
                until: *until,
                permits: progress.permits.awaited.clone(),
            });
        }
    }

    /// The holder of the run computes an attempt of a task.
    pub fn computes(&self, id: TaskRunId, attempt: u32) {
        assert!(
            !self.tasks.contains_key(&id),
            "task run {id} was computed again after it was recorded"
        );
        let failed = self.failed.get(&id).copied().unwrap_or(0);
        assert_eq!(
            attempt,
            failed + 1,
            "task run {id} goes on with the wrong attempt"
        );
    }

    pub fn recorded(&mut self, progress: &Progress, recorded: Recorded) {
        if recorded == Recorded::Done {
            self.begins_to_wait(progress);
        }
        for entry in &progress.entries {
            self.note(entry);
        }
        for task in &progress.task_runs {
            if task.retry_at.is_some() {
                self.failed.insert(task.id, task.attempt);
            }
        }
    }

    fn note(&mut self, entry: &Entry) {
        match (&entry.answer, &entry.settled) {
            (Answer::Run { run }, _) => {
                self.answered.insert(run.id);
            }
            (Answer::TaskRun { id }, Some(settled)) => {
                let first = self.tasks.entry(*id).or_insert_with(|| settled.clone());
                assert_eq!(first, settled, "the outcome of task run {id} changed");
            }
            _ => {}
        }
    }

    /// Compares what the store says about a run with what it said before.
    pub async fn look_at<S: Store>(&mut self, store: &S, id: RunId) {
        let run = store.flow_run(id).await.unwrap().expect("runs stay");
        let journal = store.journal(id).await.unwrap();
        let mut answers = HashSet::new();
        for entry in &journal {
            self.note(entry);
            let answer = match &entry.answer {
                Answer::Run { run } if is_fresh(&entry.call) => run.id.0,
                Answer::TaskRun { id } => id.0,
                Answer::Input { id, .. } => id.0,
                _ => continue,
            };
            assert!(answers.insert(answer), "two calls were answered {answer}");
        }
        let seen = self.run(id);
        assert!(run.epoch >= seen.epoch, "the epoch fell");
        assert!(run.attempt >= seen.attempt, "the attempt fell");
        if run.attempt > seen.attempt {
            seen.attempt = run.attempt;
            seen.journal.clear();
            seen.observed.clear();
        }
        if let Some(ended) = &seen.ended {
            assert_eq!(*ended, run.state, "a terminal state changed");
        }
        if run.state.kind.is_terminal() {
            seen.ended = Some(run.state.clone());
        }
        assert!(journal.len() >= seen.journal.len(), "the journal shrank");
        for (now, before) in journal.iter().zip(&seen.journal) {
            let same = now.seq == before.seq
                && now.call == before.call
                && now.answer == before.answer
                && now.at == before.at;
            assert!(same, "an entry changed: {before:?} to {now:?}");
            if before.settled.is_some() {
                assert_eq!(now.settled, before.settled, "a settlement changed");
            }
        }
        seen.journal = journal;
    }

    /// What a flow was told before a commit is what any replay is told.
    pub fn observed(&mut self, execution: &Execution, progress: &Progress) {
        if matches!(progress.next, Next::Release { .. }) {
            return;
        }
        let guest = &execution.guest;
        let seen = self.run(execution.id);
        for (now, before) in guest.observed.iter().zip(&seen.observed) {
            // A wait for all that was over before the cancellation has no entry, so the
            // replay may be told at it. Nothing that was written came after.
            if now.starts_with(TOLD_TO_END) {
                seen.observed.clear();
                break;
            }
            assert_eq!(now, before, "a replay was told something else");
        }
        if guest.observed.len() > seen.observed.len() {
            seen.observed.clone_from(&guest.observed);
        }
        for seq in &guest.handles {
            if let Some(told) = execution.flow.told(*seq) {
                let entry = &seen.journal[seq.0 as usize - 1];
                let held = entry.settled.as_ref().map(|(_, settlement)| settlement);
                assert_eq!(held, Some(told), "told something else than was recorded");
            }
        }
    }

    /// Only arrows of the table, and a way out of a terminal state only for each retry; each
    /// attempt with its worker and its cause, and each wait with what it was for.
    pub async fn check_history<S: Store>(&mut self, store: &S, run: &FlowRun) {
        let history = store.history(run.id).await.unwrap();
        assert_eq!(history.last().map(|line| &line.state), Some(&run.state));
        check_lines(run, &history);
        let mut reopened = 0;
        for pair in history.windows(2) {
            let (from, to) = (pair[0].state.kind, pair[1].state.kind);
            if from.is_terminal() && to == StateType::Scheduled {
                reopened += 1
            } else {
                assert!(from.may_become(to), "{from} to {to}")
            }
        }
        assert_eq!(
            reopened,
            self.run(run.id).retries,
            "a terminal state was left"
        );
    }

    /// Every call that made one has it, and none was made twice, however often it was replayed.
    pub async fn check_artifacts<S: Store>(&mut self, store: &S, run: &FlowRun) {
        if run.within.is_some() {
            return;
        }
        let of = ArtifactsOf::Run(run.id);
        let found = store.artifacts(&of, None, u32::MAX).await.unwrap();
        let mut keys = HashSet::new();
        for artifact in &found {
            let key = &artifact.key;
            assert!(keys.insert(key.clone()), "artifact `{key}` was made twice");
        }
        for entry in &self.run(run.id).journal {
            if let Call::Artifact { key, .. } = &entry.call {
                assert!(keys.contains(key), "artifact `{key}` is missing");
            }
        }
    }

    /// `calls`: how many equal children the script of a child's parent starts.
    ///
    /// One child for one position, and no child of which no journal knew.
    pub fn check_family(&self, runs: &[FlowRun], calls: impl Fn(&FlowRun) -> usize) {
        let retried = self.runs.values().any(|seen| seen.retries > 0);
        let mut positions = HashSet::new();
        for run in runs.iter().filter(|run| run.parent.is_some()) {
            let position = &run.tags[0];
            assert!(positions.insert(position), "a second child of {position}");
            let equals = |other: &&FlowRun| {
                other.parent == run.parent
                    && other.flow == run.flow
                    && other.state.kind == StateType::Completed
            };
            let completed = runs.iter().filter(equals).count();
            assert!(
                retried || completed <= calls(run),
                "a child that succeeded was replaced: {position}"
            );
            assert!(
                self.answered.contains(&run.id),
                "no journal knows {position}"
            );
        }
    }
}

/// What the lines of a history say besides their states.
fn check_lines(run: &FlowRun, history: &[HistoryLine]) {
    let mut attempt = 0;
    for line in history {
        assert!(line.attempt >= attempt, "the attempt fell: {history:#?}");
        attempt = line.attempt;
        let kind = line.state.kind;
        let failed = line.ends_attempt() && kind != StateType::Completed;
        assert_eq!(line.cause.is_some(), failed, "{line:#?}");
        let waits = line.waits.as_ref().map_or(0, |waits| waits.count);
        assert_eq!(waits > 0, kind == StateType::Waiting, "{line:#?}");
        if kind == StateType::Pending {
            assert!(line.worker.is_some(), "{line:#?}");
        }
    }
    assert_eq!(attempt, run.attempt);
    let attempts: Vec<u32> = attempts(history).iter().map(|it| it.number).collect();
    let all: Vec<u32> = (1..=run.attempt.max(1)).collect();
    assert_eq!(attempts, all, "{history:#?}");
}

/// Whether what it was answered was made for this call.
fn is_fresh(call: &Call) -> bool {
    match call {
        Call::RunDeployment(request) => request.idempotency_key.is_none(),
        call => !matches!(call, Call::GetRun { .. }),
    }
}

//! Task runs.

use serde::{Deserialize, Serialize};

use super::{
    Failure, Outcome, RunId, Seq, State, StateName, StateType, TaskName, TaskRunId, Timestamp,
    WorkerId,
};

/// One execution of a task, with all of its attempts. Its arguments and its outcome are in
/// the journal of its flow run, at `seq`.
#[derive(Clone, Debug)]
pub struct TaskRun {
    pub id: TaskRunId,
    /// The flow run or subflow that called it.
    pub flow_run: RunId,
    /// The run whose journal holds the call: `flow_run`, or the run a subflow is part of.
    pub journal: RunId,
    pub seq: Seq,
    pub task: TaskName,
    pub name: String,
    pub tags: Vec<String>,
    /// The latest attempt that began, from 1; 0 before the first.
    pub attempt: u32,
    /// When the next attempt begins. Set only while the task awaits a retry.
    pub retry_at: Option<Timestamp>,
    /// The worker that executed the latest attempt that began.
    pub worker: Option<WorkerId>,
    /// Oldest first, never empty. Bounded by the attempts, and written by one owner only.
    pub history: Vec<TaskLine>,
}

/// A line of a task run's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskLine {
    #[serde(flatten)]
    pub state: State,
    /// Who executed the attempt that began with this line. Set only where the next attempt is
    /// another worker's.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub worker: Option<WorkerId>,
    /// Why the attempt did not succeed that ends with this line.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cause: Option<Failure>,
}

impl From<State> for TaskLine {
    fn from(state: State) -> Self {
        Self {
            state,
            worker: None,
            cause: None,
        }
    }
}

impl TaskLine {
    /// The task run ends so.
    pub fn ended(outcome: &Outcome, at: Timestamp) -> Self {
        Self {
            cause: outcome.as_ref().err().cloned(),
            ..Self::from(State::ended(outcome, at))
        }
    }
}

/// One try of a task run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskAttempt {
    /// From 1. One that was lost with its worker began again under its number.
    pub number: u32,
    pub started: Timestamp,
    /// None while it is executed. One that was lost ended when it began again, at the latest.
    pub ended: Option<Timestamp>,
    pub worker: Option<WorkerId>,
    pub result: AttemptResult,
}

/// What came of one try of a task run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptResult {
    /// It is executed.
    Running,
    Succeeded,
    /// With the state it led to.
    Failed(State, Option<Failure>),
    /// Its worker was lost.
    Lost,
}

impl TaskRun {
    pub fn state(&self) -> &State {
        let last = self.history.last();
        &last.expect("a task run has a state").state
    }

    /// When it started for the first time.
    pub fn started(&self) -> Option<Timestamp> {
        let mut states = self.history.iter().map(|line| &line.state);
        let started = states.find(|state| state.kind == StateType::Running);
        started.map(|state| state.at)
    }

    /// When it ended.
    pub fn ended(&self) -> Option<Timestamp> {
        let state = self.state();
        state.kind.is_terminal().then_some(state.at)
    }

    /// When the flow called it.
    pub fn called(&self) -> Timestamp {
        let first = self.history.first();
        first.expect("a task run has a state").state.at
    }

    /// Its attempts, oldest first.
    pub fn attempts(&self) -> Vec<TaskAttempt> {
        let mut attempts: Vec<TaskAttempt> = Vec::new();
        let mut number = 1;
        for line in &self.history {
            let state = &line.state;
            let open = attempts.last_mut().filter(|last| last.ended.is_none());
            if state.kind == StateType::Running {
                if let Some(lost) = open {
                    (lost.ended, lost.result) = (Some(state.at), AttemptResult::Lost);
                }
                attempts.push(TaskAttempt {
                    number,
                    started: state.at,
                    ended: None,
                    worker: line.worker,
                    result: AttemptResult::Running,
                });
                continue;
            }
            let Some(open) = open else {
                continue;
            };
            open.ended = Some(state.at);
            open.result = match state.kind {
                StateType::Completed => AttemptResult::Succeeded,
                _ => AttemptResult::Failed(state.clone(), line.cause.clone()),
            };
            number += u32::from(state.name == StateName::AWAITING_RETRY);
        }
        // A line names a worker only where the next one differs.
        let mut worker = self.worker;
        for attempt in attempts.iter_mut().rev() {
            worker = attempt.worker.or(worker);
            attempt.worker = worker;
        }
        attempts
    }

    /// The next attempt begins, executed by this worker.
    pub fn begin_attempt(&mut self, number: u32, worker: WorkerId, at: Timestamp) {
        let earlier = self.worker.replace(worker);
        if earlier.is_some_and(|earlier| earlier != worker) {
            let mut lines = self.history.iter_mut().rev();
            if let Some(line) = lines.find(|line| line.state.kind == StateType::Running) {
                line.worker = earlier;
            }
        }
        self.attempt = number;
        self.retry_at = None;
        self.history.push(State::running(number, at).into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FailureKind;

    fn task_run() -> TaskRun {
        let run = RunId::generate();
        TaskRun {
            id: TaskRunId::generate(),
            flow_run: run,
            journal: run,
            seq: Seq(1),
            task: TaskName::trusted("load"),
            name: "load-0".to_owned(),
            tags: Vec::new(),
            attempt: 0,
            retry_at: None,
            worker: None,
            history: vec![State::pending(Timestamp(0)).into()],
        }
    }

    fn failed(why: &str, at: i64) -> TaskLine {
        let failure = Failure::new(FailureKind::Error, why);
        TaskLine {
            cause: Some(failure),
            ..State::awaiting_retry(Timestamp(at)).into()
        }
    }

    fn show(run: &TaskRun, workers: &[WorkerId]) -> String {
        let attempts = run.attempts().into_iter().map(|it| {
            let ended = it.ended.map_or("-".to_owned(), |at| at.0.to_string());
            let worker = it
                .worker
                .and_then(|id| workers.iter().position(|it| *it == id));
            let worker = worker.map_or("-".to_owned(), |at| format!("w{}", at + 1));
            let result = match it.result {
                AttemptResult::Running => "runs".to_owned(),
                AttemptResult::Succeeded => "ok".to_owned(),
                AttemptResult::Failed(state, cause) => {
                    cause.map_or(state.name.to_string(), |cause| cause.message)
                }
                AttemptResult::Lost => "lost".to_owned(),
            };
            let (number, started) = (it.number, it.started.0);
            format!("{number}: {started} {ended} {worker} {result}")
        });
        attempts.collect::<Vec<_>>().join(" | ")
    }

    #[test]
    fn each_attempt_keeps_its_cause_and_its_worker() {
        let workers = [WorkerId::generate(), WorkerId::generate()];
        let [w1, w2] = workers;
        let mut run = task_run();
        assert_eq!(show(&run, &workers), "");
        run.begin_attempt(1, w1, Timestamp(1));
        assert_eq!(show(&run, &workers), "1: 1 - w1 runs");
        run.history.push(failed("no route", 2));
        run.begin_attempt(2, w1, Timestamp(3));
        run.history.push(failed("no key", 4));
        run.begin_attempt(3, w2, Timestamp(5));
        run.history
            .push(TaskLine::ended(&Ok(crate::Json::null()), Timestamp(6)));
        assert_eq!(
            show(&run, &workers),
            "1: 1 2 w1 no route | 2: 3 4 w1 no key | 3: 5 6 w2 ok"
        );
        assert_eq!(run.called(), Timestamp(0));
    }

    #[test]
    fn an_attempt_that_was_lost_begins_again_under_its_number() {
        let workers = [WorkerId::generate(), WorkerId::generate()];
        let [w1, w2] = workers;
        let mut run = task_run();
        run.begin_attempt(1, w1, Timestamp(1));
        run.begin_attempt(1, w2, Timestamp(4));
        let timed_out = Err(Failure::new(FailureKind::TimedOut, "too slow"));
        run.history.push(TaskLine::ended(&timed_out, Timestamp(6)));
        assert_eq!(show(&run, &workers), "1: 1 4 w1 lost | 1: 4 6 w2 too slow");
    }

    /// Databases of earlier versions hold states alone.
    #[test]
    fn a_line_reads_back_from_its_text_and_from_that_of_a_state() {
        let line = failed("no route", 2);
        let text = serde_json::to_string(&line).unwrap();
        assert_eq!(serde_json::from_str::<TaskLine>(&text).unwrap(), line);
        let state = State::running(2, Timestamp(7)).because("again");
        let text = serde_json::to_string(&state).unwrap();
        assert_eq!(
            serde_json::from_str::<TaskLine>(&text).unwrap(),
            TaskLine::from(state.clone())
        );
        // What says nothing more takes no more room.
        assert_eq!(serde_json::to_string(&TaskLine::from(state)).unwrap(), text);
    }
}

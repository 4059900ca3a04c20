//! Task runs.

use super::{RunId, Seq, State, StateType, TaskName, TaskRunId, Timestamp};

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
    /// Oldest first, never empty. Bounded by the attempts, and written by one owner only.
    pub history: Vec<State>,
}

impl TaskRun {
    pub fn state(&self) -> &State {
        self.history.last().expect("a task run has a state")
    }

    /// When it started for the first time.
    pub fn started(&self) -> Option<Timestamp> {
        let started = |state: &&State| state.kind == StateType::Running;
        self.history.iter().find(started).map(|state| state.at)
    }

    /// When it ended.
    pub fn ended(&self) -> Option<Timestamp> {
        let state = self.state();
        state.kind.is_terminal().then_some(state.at)
    }
}

//! Flow runs.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    DeploymentName, Digest, FlowName, Grants, Json, Outcome, PoolName, Priority, QueueName, RunId,
    RunName, State, StateName, StateType, Taking, Timestamp,
};

/// One execution of a flow.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FlowRun {
    pub id: RunId,
    pub name: RunName,
    pub flow: FlowName,
    /// None for a subflow, and for a run of a file.
    pub deployment: Option<DeploymentName>,
    /// Fixed at creation: a new build of the component does not change runs that exist.
    pub component: Digest,
    /// None for a subflow, which runs inside its parent.
    pub pool: Option<PoolName>,
    /// The queue of its pool. None: `default`.
    pub work_queue: Option<QueueName>,
    /// Within its queue.
    #[serde(default)]
    pub priority: Priority,
    /// What it takes of limits, from its first claim until it is over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<Taking>,
    pub grants: Grants,
    pub parameters: Json,
    pub tags: Vec<String>,
    /// The run below which this one is shown and with which it is cancelled.
    pub parent: Option<RunId>,
    /// For a subflow: the run whose sandbox executes it and whose journal has its calls.
    pub within: Option<RunId>,
    pub state: State,
    /// 0 until the run is claimed for the first time, then 1; each retry adds one.
    pub attempt: u32,
    /// Raised by every claim, so that a write of an earlier owner is recognised.
    pub epoch: u64,
    pub created: Timestamp,
    /// When it should start.
    pub scheduled: Timestamp,
    /// When this attempt started. Its virtual clock begins there.
    pub started: Option<Timestamp>,
    /// How long the attempts before this one took together.
    #[serde(default, skip_serializing_if = "Duration::is_zero")]
    pub earlier: Duration,
    pub ended: Option<Timestamp>,
    /// Set when the state is terminal.
    pub outcome: Option<Outcome>,
}

/// A run that could have begun so long ago is late. Prefect's default.
pub const LATE_AFTER: Duration = Duration::from_secs(15);

/// Whether what is scheduled for a time, and has been `Scheduled` since another, could have
/// begun for a while.
pub fn has_waited(scheduled: Timestamp, since: Timestamp, now: Timestamp) -> bool {
    scheduled.max(since).after(LATE_AFTER) <= now
}

impl FlowRun {
    /// Whether it could have begun for a while. Nothing happens to a run because it is late:
    /// it is only shown so.
    pub fn is_late(&self, now: Timestamp) -> bool {
        self.state.kind == StateType::Scheduled
            && self.state.name == StateName::SCHEDULED
            && has_waited(self.scheduled, self.state.at, now)
    }

    /// Its state as people read it: one that is late is called so.
    pub fn shown_state(&self, now: Timestamp) -> State {
        let mut state = self.state.clone();
        if self.is_late(now) {
            state.name = StateName::LATE;
        }
        state
    }

    /// The run as a flow that waits for it sees it.
    pub fn snapshot(&self) -> RunSnapshot {
        RunSnapshot {
            id: self.id,
            name: self.name.clone(),
            flow: self.flow.clone(),
            deployment: self.deployment.clone(),
            state: self.state.kind,
            state_name: self.state.name.clone(),
            outcome: self.outcome.clone(),
        }
    }
}

/// A run that belongs to another, in few words: a subflow within it, or a run that it or a
/// subflow of it started.
#[derive(Clone, Debug, PartialEq)]
pub struct Relative {
    pub id: RunId,
    pub name: RunName,
    pub flow: FlowName,
    pub deployment: Option<DeploymentName>,
    /// The run or subflow that started it.
    pub parent: Option<RunId>,
    /// For a subflow: the run that it is part of.
    pub within: Option<RunId>,
    pub state: State,
    pub created: Timestamp,
    pub started: Option<Timestamp>,
    pub ended: Option<Timestamp>,
}

/// A flow run as a flow sees it, kept in its journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunSnapshot {
    pub id: RunId,
    pub name: RunName,
    pub flow: FlowName,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub deployment: Option<DeploymentName>,
    pub state: StateType,
    pub state_name: StateName,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub outcome: Option<Outcome>,
}

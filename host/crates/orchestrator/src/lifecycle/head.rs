//! What decisions need to know of a run.

use std::time::Duration;

use super::losses::{Losses, Reached};
use model::{PoolName, RunId, State, StateType, Timestamp, WorkerId};

/// The engine's own number of a run. It means nothing to a decision, which only hands it
/// back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunKey(pub i64);

/// The engine's own number of a flow and deployment that runs are of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OriginKey(pub i64);

/// What a decision needs to know of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub key: RunKey,
    pub id: RunId,
    pub state: StateType,
    /// When it entered that state.
    pub since: Timestamp,
    pub attempt: u32,
    pub epoch: u64,
    pub losses: Losses,
    /// The worker that has it under lease; it holds a slot exactly then.
    pub worker: Option<WorkerId>,
    pub pool: Option<PoolName>,
    /// What it is counted under once it has ended.
    pub origin: OriginKey,
    /// Whether it takes slots of limits.
    pub is_limited: bool,
    pub tally: Tally,
}

impl Head {
    /// How far it has come, if so many of its calls have outcomes.
    pub fn reached(&self, settled: u64) -> Reached {
        Reached {
            attempt: self.attempt,
            steps: self.tally.journal_len + settled,
        }
    }
}

/// What a run's row counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Lines of its history.
    pub states: u64,
    /// When this attempt began.
    pub started: Option<Timestamp>,
    /// Entries of its journal.
    pub journal_len: u64,
    /// Lines that the flow's own code has logged.
    pub logged: u64,
}

impl Tally {
    /// With so many more lines of history.
    pub(super) fn with_states(self, more: usize) -> Self {
        Self {
            states: self.states + more as u64,
            ..self
        }
    }

    /// How long this attempt took if it is over now.
    pub(super) fn spent_until(self, end: Timestamp) -> Duration {
        self.started
            .map_or(Duration::ZERO, |started| end.since(started))
    }

    /// That of a new attempt: only the history goes on.
    pub(super) fn of_next_attempt(self) -> Self {
        Self {
            states: self.states,
            ..Self::default()
        }
    }
}

/// A run that a person wants to control.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    pub head: Head,
    pub state: State,
    /// For a subflow: the run it is part of.
    pub within: Option<RunId>,
    /// When it should start.
    pub scheduled: Timestamp,
}

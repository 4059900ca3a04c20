//! Where a run is, and where it may go.
//!
//! ```text
//! Scheduled --claimed--> Pending --started--> Running --returned--> Completed
//!     ^  ^                  |  ^                |  |
//!     |  +----- rescued ----+  +-- settled --+  |  +--- gave up ---> Failed
//!     |                                      |  |
//!     +--- retry ---- Running                Waiting   Crashed, Cancelled
//! ```
//!
//! Types drive logic, names (`Late`, `Retrying`, `TimedOut`) are for people. Both are
//! Prefect's, save `Waiting`: a run that waits and holds no slot, which Prefect lacks.
//! `Suspended`, a run that waits for a person's input, is a name of `Waiting`; in Prefect it
//! is a name of `Paused`. Here a timeout or a child may wake such a run, too, and a person
//! may pause it besides.
//!
//! Invariant: no transition leaves a terminal state. Only a person's retry does, which
//! opens a new attempt.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{FailureKind, Outcome, Timestamp};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StateType {
    /// Will run, now or at a time.
    Scheduled,
    /// Claimed by a worker.
    Pending,
    /// Being executed.
    Running,
    /// Waits for something, and holds no slot.
    Waiting,
    /// Stopped by a person, until resumed.
    Paused,
    /// Told to stop, may still clean up.
    Cancelling,
    Completed,
    /// Ended because its code failed.
    Failed,
    /// Ended because the host or the machine failed.
    Crashed,
    Cancelled,
}

impl StateType {
    pub const ALL: [Self; 10] = [
        Self::Scheduled,
        Self::Pending,
        Self::Running,
        Self::Waiting,
        Self::Paused,
        Self::Cancelling,
        Self::Completed,
        Self::Failed,
        Self::Crashed,
        Self::Cancelled,
    ];

    /// Its name where nothing special is to be said, as people read it: `Completed`.
    pub fn name(self) -> StateName {
        let named = StateName::KINDS.into_iter().find(|(_, kind)| *kind == self);
        named.expect("every type has a name").0
    }

    /// The whole transition table: what is absent is forbidden.
    pub fn may_become(self, next: Self) -> bool {
        use StateType::*;
        match self {
            // It may have to wait for a slot of a limit.
            Scheduled => matches!(next, Scheduled | Pending | Paused | Cancelling | Cancelled),
            Pending => matches!(
                next,
                Running | Scheduled | Paused | Cancelling | Failed | Crashed | Cancelled
            ),
            Running => matches!(
                next,
                Waiting
                    | Scheduled
                    | Paused
                    | Cancelling
                    | Completed
                    | Failed
                    | Crashed
                    | Cancelled
            ),
            Waiting => matches!(
                next,
                Pending | Scheduled | Paused | Cancelling | Failed | Crashed | Cancelled
            ),
            // An execution may have ended before it heard of the pause.
            Paused => matches!(
                next,
                Scheduled | Cancelling | Completed | Failed | Crashed | Cancelled
            ),
            Cancelling => matches!(next, Cancelled | Crashed),
            Completed | Failed | Crashed | Cancelled => false,
        }
    }

    pub fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Completed | Self::Failed | Self::Crashed | Self::Cancelled
        )
    }

    /// Whether a run in this state takes one of its pool's slots.
    pub fn holds_slot(self) -> bool {
        matches!(self, Self::Pending | Self::Running | Self::Cancelling)
    }

    /// The type's name as it is stored and shown, such as `RUNNING`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "SCHEDULED",
            Self::Pending => "PENDING",
            Self::Running => "RUNNING",
            Self::Waiting => "WAITING",
            Self::Paused => "PAUSED",
            Self::Cancelling => "CANCELLING",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
            Self::Crashed => "CRASHED",
            Self::Cancelled => "CANCELLED",
        }
    }
}

impl fmt::Display for StateType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for StateType {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| format!("`{text}` is not a state"))
    }
}

/// What people call a state. No decision depends on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StateName(pub Cow<'static, str>);

impl StateName {
    pub const SCHEDULED: Self = Self(Cow::Borrowed("Scheduled"));
    /// Scheduled for a time that has passed.
    pub const LATE: Self = Self(Cow::Borrowed("Late"));
    /// Scheduled for another attempt.
    pub const AWAITING_RETRY: Self = Self(Cow::Borrowed("AwaitingRetry"));
    /// Scheduled again because its worker was lost.
    pub const RESCUED: Self = Self(Cow::Borrowed("Rescued"));
    /// It could run, and waits for a slot of a limit. Prefect's.
    pub const AWAITING_CONCURRENCY_SLOT: Self = Self(Cow::Borrowed("AwaitingConcurrencySlot"));
    pub const PENDING: Self = Self(Cow::Borrowed("Pending"));
    /// Pending, and what the run waited for has settled.
    pub const RESUMING: Self = Self(Cow::Borrowed("Resuming"));
    pub const RUNNING: Self = Self(Cow::Borrowed("Running"));
    /// Running, and not for the first time.
    pub const RETRYING: Self = Self(Cow::Borrowed("Retrying"));
    pub const WAITING: Self = Self(Cow::Borrowed("Waiting"));
    /// Waiting, for a person's input.
    pub const SUSPENDED: Self = Self(Cow::Borrowed("Suspended"));
    pub const PAUSED: Self = Self(Cow::Borrowed("Paused"));
    pub const CANCELLING: Self = Self(Cow::Borrowed("Cancelling"));
    pub const COMPLETED: Self = Self(Cow::Borrowed("Completed"));
    /// A task whose result was computed before, and kept.
    pub const CACHED: Self = Self(Cow::Borrowed("Cached"));
    pub const FAILED: Self = Self(Cow::Borrowed("Failed"));
    pub const TIMED_OUT: Self = Self(Cow::Borrowed("TimedOut"));
    /// A task that never ran, because a task that it needs had failed.
    pub const NOT_READY: Self = Self(Cow::Borrowed("NotReady"));
    pub const CRASHED: Self = Self(Cow::Borrowed("Crashed"));
    pub const CANCELLED: Self = Self(Cow::Borrowed("Cancelled"));

    /// Every name, and the type of the states that have it.
    pub const KINDS: [(Self, StateType); 20] = [
        (Self::SCHEDULED, StateType::Scheduled),
        (Self::LATE, StateType::Scheduled),
        (Self::AWAITING_RETRY, StateType::Scheduled),
        (Self::AWAITING_CONCURRENCY_SLOT, StateType::Scheduled),
        (Self::RESCUED, StateType::Scheduled),
        (Self::PENDING, StateType::Pending),
        (Self::RESUMING, StateType::Pending),
        (Self::RUNNING, StateType::Running),
        (Self::RETRYING, StateType::Running),
        (Self::WAITING, StateType::Waiting),
        (Self::SUSPENDED, StateType::Waiting),
        (Self::PAUSED, StateType::Paused),
        (Self::CANCELLING, StateType::Cancelling),
        (Self::COMPLETED, StateType::Completed),
        (Self::CACHED, StateType::Completed),
        (Self::FAILED, StateType::Failed),
        (Self::TIMED_OUT, StateType::Failed),
        (Self::NOT_READY, StateType::Failed),
        (Self::CRASHED, StateType::Crashed),
        (Self::CANCELLED, StateType::Cancelled),
    ];

    /// The type of the states that have this name. `None` if no state of this program has it.
    pub fn kind(&self) -> Option<StateType> {
        let mut kinds = Self::KINDS.into_iter();
        kinds.find(|(name, _)| name == self).map(|(_, kind)| kind)
    }
}

impl fmt::Display for StateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A run's state, the time since when it holds, and the reason: one line of its history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    #[serde(rename = "type")]
    pub kind: StateType,
    pub name: StateName,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub message: Option<String>,
    pub at: Timestamp,
}

impl State {
    pub fn new(kind: StateType, name: StateName, at: Timestamp) -> Self {
        Self {
            kind,
            name,
            message: None,
            at,
        }
    }

    pub fn because(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }

    pub fn scheduled(at: Timestamp) -> Self {
        Self::new(StateType::Scheduled, StateName::SCHEDULED, at)
    }

    pub fn pending(at: Timestamp) -> Self {
        Self::new(StateType::Pending, StateName::PENDING, at)
    }

    /// Scheduled for another attempt.
    pub fn awaiting_retry(at: Timestamp) -> Self {
        Self::new(StateType::Scheduled, StateName::AWAITING_RETRY, at)
    }

    /// Running, under the name `Retrying` from the second attempt on.
    pub fn running(attempt: u32, at: Timestamp) -> Self {
        let name = match attempt {
            0 | 1 => StateName::RUNNING,
            _ => StateName::RETRYING,
        };
        Self::new(StateType::Running, name, at)
    }

    /// Completed, with a result that was cached.
    pub fn cached(at: Timestamp) -> Self {
        Self::new(StateType::Completed, StateName::CACHED, at)
    }

    pub fn waiting(at: Timestamp) -> Self {
        Self::new(StateType::Waiting, StateName::WAITING, at)
    }

    /// The terminal state that an outcome leads to.
    pub fn ended(outcome: &Outcome, at: Timestamp) -> Self {
        match outcome {
            Ok(_) => Self::new(StateType::Completed, StateName::COMPLETED, at),
            Err(failure) => {
                let (kind, name) = Self::of_failure(failure.kind);
                Self::new(kind, name, at).because(&failure.message)
            }
        }
    }

    /// The terminal state that a failure of this kind leads to.
    pub fn of_failure(kind: FailureKind) -> (StateType, StateName) {
        match kind {
            FailureKind::TimedOut => (StateType::Failed, StateName::TIMED_OUT),
            FailureKind::Crashed => (StateType::Crashed, StateName::CRASHED),
            FailureKind::Cancelled => (StateType::Cancelled, StateName::CANCELLED),
            FailureKind::Upstream => (StateType::Failed, StateName::NOT_READY),
            _ => (StateType::Failed, StateName::FAILED),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection, prelude::*};

    use super::*;

    #[test]
    fn nothing_leaves_a_terminal_state() {
        for from in StateType::ALL {
            for to in StateType::ALL {
                assert!(
                    !(from.is_terminal() && from.may_become(to)),
                    "{from} -> {to}"
                );
            }
        }
    }

    #[test]
    fn every_state_can_end() {
        // Breadth first from each state: a run can never be stuck for want of an arrow.
        for start in StateType::ALL {
            let mut reached = vec![start];
            let mut at = 0;
            while at < reached.len() {
                let from = reached[at];
                for to in StateType::ALL {
                    if from.may_become(to) && !reached.contains(&to) {
                        reached.push(to);
                    }
                }
                at += 1;
            }
            assert!(reached.iter().any(|state| state.is_terminal()), "{start}");
            assert!(
                start.is_terminal() || reached.contains(&StateType::Cancelled),
                "{start} cannot be cancelled"
            );
        }
    }

    #[test]
    fn a_state_reads_back_from_its_text() {
        for state in StateType::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
        }
        assert_eq!("completed".parse(), Ok(StateType::Completed));
        assert_eq!(
            "done".parse::<StateType>(),
            Err("`done` is not a state".into())
        );
    }

    proptest! {
        #[test]
        fn a_walk_ends_at_the_first_terminal_state(start in 0..10_usize, steps in collection::vec(0..10_usize, 0..60)) {
            let mut at = StateType::ALL[start];
            let mut ended = at.is_terminal().then_some(at);
            for step in steps {
                let next = StateType::ALL[step];
                if at.may_become(next) {
                    prop_assert!(ended.is_none(), "{at} went on to {next}");
                    at = next;
                    ended = at.is_terminal().then_some(at);
                }
            }
            prop_assert_eq!(ended.unwrap_or(at), at);
            prop_assert!(!(at.is_terminal() && at.holds_slot()));
            // Wherever the walk has stopped, a person can end the run: at once, or after its
            // clean-up.
            let cancelling = at.may_become(StateType::Cancelling);
            let cancelled = at.may_become(StateType::Cancelled);
            prop_assert!(at.is_terminal() || cancelling || cancelled, "{at} cannot be cancelled");
        }
    }
}

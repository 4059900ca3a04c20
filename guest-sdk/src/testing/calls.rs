//! What a flow has asked for in a test, and what happens to it.

use std::time::Duration;

use super::answers::{Given, Outcome};
use crate::{
    bindings::{
        deployments::RunRequest,
        tasks::{Argument, TaskCall},
        types::{Failure, FailureKind, FlowRun},
    },
    host::Handle,
    registry,
};

/// What happens to a call at some time.
#[derive(Clone)]
pub(super) enum Event {
    /// A task's next attempt begins.
    Attempt(Handle),
    /// An attempt has ended.
    Attempted(Handle, Outcome),
    TimerEnded(Handle),
    /// A child run begins.
    ChildBegins(usize),
    ChildEnds(usize, Outcome),
    /// A person answers, or nobody has.
    InputEnds(Handle, Outcome),
    /// A call settles that waits for a child run that is over.
    RunIsOver(Handle),
    Cancel,
}

pub(super) enum Call {
    Task(Box<Task>),
    Timer,
    /// Waits for a child run.
    Run(usize),
    Input(Input),
    Subflow {
        flow: String,
        parameters: String,
    },
}

pub(super) struct Task {
    pub entry: &'static registry::Task,
    pub call: TaskCall,
    /// The task run's name.
    pub name: String,
    /// From 1; 0 before the first.
    pub attempt: u32,
    pub arguments: Option<String>,
    pub outcome: Option<Outcome>,
}

impl Task {
    pub fn needs(&self) -> impl Iterator<Item = Handle> {
        let arguments = self.call.arguments.iter();
        let arguments = arguments.flat_map(|(_, argument)| match argument {
            Argument::Value(_) => Vec::new(),
            Argument::ResultOf(handle) => vec![*handle],
            Argument::ResultsOf(handles) => handles.clone(),
        });
        arguments.chain(self.call.wait_for.iter().copied())
    }

    pub fn timeout(&self) -> Option<Duration> {
        let ms = self.call.options.timeout.or(self.entry.policy.timeout_ms);
        ms.map(Duration::from_millis)
    }

    /// The wait before the next attempt, if there is one.
    pub fn retries_after(&self, failure: &Failure) -> Option<Duration> {
        let (options, policy) = (&self.call.options, &self.entry.policy);
        let retries = options.retries.or(policy.retries).unwrap_or(0);
        let is_retriable = matches!(
            failure.kind,
            FailureKind::Error
                | FailureKind::Panicked
                | FailureKind::TimedOut
                | FailureKind::Limit
                | FailureKind::Crashed
        );
        if !is_retriable || self.attempt > retries {
            return None;
        }
        let delays = match options.retry_delays.as_slice() {
            [] => policy.retry_delays_ms,
            delays => delays,
        };
        let at = (self.attempt as usize - 1).min(delays.len().saturating_sub(1));
        let ms = delays.get(at).copied().unwrap_or(0);
        Some(Duration::from_millis(ms))
    }

    /// The failure as the flow is told.
    pub fn told(&self, failure: Failure) -> Failure {
        let after = match self.attempt {
            0 | 1 => String::new(),
            attempts => format!(" after {attempts} attempts"),
        };
        let (name, message) = (&self.name, failure.message);
        Failure {
            kind: failure.kind,
            message: format!("task `{name}` failed{after}: {message}"),
        }
    }

    pub fn upstream(&self, what: &str) -> Failure {
        let task = &self.call.task;
        Failure {
            kind: FailureKind::Upstream,
            message: format!("task `{task}` did not run, because what it needs {what}"),
        }
    }
}

pub(super) struct Child {
    /// As it is now.
    pub run: FlowRun,
    pub request: RunRequest,
    pub given: Given,
    pub starts: Duration,
    /// Calls that settle with it.
    pub awaited: Vec<Handle>,
}

pub(super) struct Input {
    pub key: String,
    /// Somebody could still answer.
    pub is_open: bool,
    pub given: Option<Outcome>,
}

pub(super) fn cancelled() -> Failure {
    Failure {
        kind: FailureKind::Cancelled,
        message: "the flow run was cancelled".to_owned(),
    }
}

pub(super) fn refused(message: String) -> Failure {
    Failure {
        kind: FailureKind::Refused,
        message,
    }
}

/// The id of the run with this number, as a UUID.
pub(super) fn run_id(number: usize) -> String {
    format!("00000000-0000-7000-8000-{number:012x}")
}

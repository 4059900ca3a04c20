//! A flow run's ordered calls and outcomes.
//!
//! Every call of a flow takes a position (`Seq`), which is also the handle that the guest
//! gets. An answer that comes at once is written with the call; a settlement that comes later
//! is added to the same entry.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    ArtifactKey, ArtifactKind, DeploymentName, Failure, FlowName, Ids, InputId, Json, LimitName,
    Outcome, RunId, RunName, RunSnapshot, Seq, TaskName, TaskOptions, TaskRunId, Timestamp,
    VariableName,
};

/// The version of the form in which entries are stored: what serde makes of [`Entry`].
///
/// A run may wait for a year and be taken up by whatever is installed then, so every later
/// build reads every form. A field that may be absent changes no form; anything else takes
/// the next number. `journal_form_1.json` holds the first form, entry by entry. What users
/// are shown of a journal has types of its own.
pub const JOURNAL_FORM: u32 = 1;

/// What a flow asked for. For replay two calls are the same if they are equal.
///
/// Serde's tag is outside of the fields, as for everything that holds JSON texts: a tag among
/// the fields makes serde buffer them in a form from which a JSON text cannot be read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Call {
    /// Start a task.
    Task(TaskCall),
    /// Start a run of a deployment.
    RunDeployment(RunRequest),
    /// Watch a run until it is terminal.
    WatchRun { run: RunId },
    /// Read a run as it is.
    GetRun { run: RunId },
    /// Read a variable as it is.
    GetVariable { name: VariableName },
    /// Make an artifact. What it shows is kept apart from the journal, so that the call stays the
    /// same.
    Artifact {
        key: ArtifactKey,
        kind: ArtifactKind,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        scope: Option<Seq>,
    },
    /// Begin a subflow.
    Subflow {
        flow: FlowName,
        parameters: Json,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        scope: Option<Seq>,
    },
    /// End a subflow.
    EndSubflow { subflow: Seq, outcome: Outcome },
    /// Start a timer.
    Timer { duration_ms: u64 },
    /// Ask a person for a value. Description and schema are in the answer, so that the call
    /// stays the same when an author changes them.
    Input {
        key: String,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        timeout_ms: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        scope: Option<Seq>,
    },
    /// Take such a request back.
    WithdrawInput { input: Seq },
    /// Take slots of a limit.
    TakeSlots {
        limit: LimitName,
        slots: u32,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        scope: Option<Seq>,
    },
    /// Give them back.
    GiveSlotsBack { taken: Seq },
    /// The flow cancels a task that it started.
    CancelTask { task: Seq },
    /// The flow was told that it is cancelled, by the wait of this number (from 1).
    Cancelled { wait: u64 },
    /// Wait for any of several. Waiting for all needs no entry: its answer follows from
    /// what has settled.
    WaitAny,
}

/// A call of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskCall {
    pub task: TaskName,
    /// By parameter name.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub arguments: Vec<(String, Argument)>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub wait_for: Vec<Seq>,
    #[serde(default)]
    pub options: TaskOptions,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub scope: Option<Seq>,
}

impl TaskCall {
    /// Everything that must have succeeded before the task can start.
    pub fn needs(&self) -> impl Iterator<Item = Seq> + '_ {
        self.arguments
            .iter()
            .flat_map(|(_, argument)| match argument {
                Argument::Value(_) => &[][..],
                Argument::ResultOf(seq) => std::slice::from_ref(seq),
                Argument::ResultsOf(seqs) => seqs,
            })
            .chain(&self.wait_for)
            .copied()
    }
}

/// One argument of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Argument {
    Value(Json),
    /// The result of an earlier call.
    ResultOf(Seq),
    /// A list of results, in this order.
    ResultsOf(Vec<Seq>),
}

/// A run to be started.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRequest {
    pub deployment: String,
    pub parameters: Json,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub flow_run_name: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub tags: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub scheduled: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub idempotency_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub work_queue: Option<String>,
    pub as_subflow: bool,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub scope: Option<Seq>,
}

/// The answer that the flow got at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// The handle, and nothing else.
    Accepted,
    /// A task run.
    TaskRun { id: TaskRunId },
    /// A flow run, as it was when the call was made.
    Run { run: RunSnapshot },
    /// The call was refused.
    Refused { failure: Failure },
    /// A timer that goes off at this time.
    Due { at: Timestamp },
    /// What a person is asked for. The id keeps it apart from others with the same words.
    Input {
        id: InputId,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        description: Option<String>,
        schema: Json,
        /// When the flow stops waiting.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        until: Option<Timestamp>,
    },
    /// Handles that had settled, in the order they did.
    Settled { handles: Vec<Seq> },
    /// A value, which may be `null`.
    Value { value: Json },
    /// There was nothing of that name.
    Nothing,
}

/// What became of a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Settlement {
    Task(Outcome),
    Run(RunSnapshot),
    Timer,
    /// What a person has given, or why nobody has.
    Input(Outcome),
    /// The slots of a limit are there.
    Slots,
}

impl Settlement {
    /// The value for a task that takes this settlement as an argument.
    pub fn value(&self) -> Outcome {
        match self {
            Self::Task(outcome) | Self::Input(outcome) => outcome.clone(),
            Self::Run(run) => run.outcome.clone().unwrap_or_else(|| Ok(Json::null())),
            Self::Timer | Self::Slots => Ok(Json::null()),
        }
    }
}

/// One position of a journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub seq: Seq,
    pub call: Call,
    pub answer: Answer,
    /// When the call was made, in the flow's own time.
    pub at: Timestamp,
    pub settled: Option<(Timestamp, Settlement)>,
    /// What is kept for the next attempt is known there by this, instead of its position.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub identity: Option<String>,
}

/// A call that a flow made, without what became of it: for those who show what a run does.
#[derive(Clone, Debug, PartialEq)]
pub struct CallMade {
    pub seq: Seq,
    pub at: Timestamp,
    pub settled: Option<Timestamp>,
    pub call: Call,
    /// None of an attempt that was followed by another.
    pub answer: Option<Answer>,
}

impl fmt::Display for Call {
    /// One line that tells people which call this is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Task(call) => {
                write!(f, "task `{}`(", call.task)?;
                for (at, (name, argument)) in call.arguments.iter().enumerate() {
                    let comma = if at == 0 { "" } else { ", " };
                    write!(f, "{comma}{name}: {argument}")?;
                }
                f.write_str(")")
            }
            Self::RunDeployment(request) => write!(
                f,
                "run_deployment `{}` {}",
                request.deployment,
                request.parameters.beginning()
            ),
            Self::WatchRun { run } => write!(f, "wait_for_flow_runs {run}"),
            Self::GetRun { run } => write!(f, "read flow run {run}"),
            Self::GetVariable { name } => write!(f, "read variable `{name}`"),
            Self::Artifact { key, kind, .. } => write!(f, "make {kind} artifact `{key}`"),
            Self::Subflow {
                flow, parameters, ..
            } => write!(f, "subflow `{flow}` {}", parameters.beginning()),
            Self::EndSubflow { subflow, outcome } => match outcome {
                Ok(result) => {
                    write!(f, "end of subflow {subflow}: {}", result.beginning())
                }
                Err(failure) => write!(f, "end of subflow {subflow}: {failure}"),
            },
            Self::Timer { duration_ms } => write!(f, "sleep {duration_ms} ms"),
            Self::Input { key, .. } => write!(f, "suspend_for_input `{key}`"),
            Self::WithdrawInput { input } => write!(f, "no longer wait for input {input}"),
            Self::TakeSlots { limit, slots, .. } => write!(f, "concurrency `{limit}` {slots}"),
            Self::GiveSlotsBack { taken } => write!(f, "end of concurrency {taken}"),
            Self::CancelTask { task } => write!(f, "cancel task {task}"),
            Self::Cancelled { wait } => write!(f, "told of its cancellation by wait {wait}"),
            Self::WaitAny => f.write_str("wait for any"),
        }
    }
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => value.beginning().fmt(f),
            Self::ResultOf(seq) => write!(f, "result of {seq}"),
            Self::ResultsOf(seqs) => write!(f, "results of {} calls", seqs.len()),
        }
    }
}

impl RunRequest {
    /// The deployment's name, if it has the form of one.
    pub fn deployment_name(&self) -> Option<DeploymentName> {
        self.deployment.parse().ok()
    }

    /// The name the run was given, or a new one.
    pub fn run_name(&self, ids: &mut impl Ids) -> RunName {
        self.flow_run_name
            .as_deref()
            .and_then(|name| RunName::new(name).ok())
            .unwrap_or_else(|| ids.run_name())
    }
}

#[cfg(test)]
mod tests {
    use proptest::{num, prelude::*};

    use super::*;
    use crate::{FailureKind, StateName, StateType};

    /// What is kept must come back: results are passed on as text, which not every way of
    /// writing an enum down allows.
    fn check_entries(result: &str) {
        #[track_caller]
        fn check<T>(value: T)
        where
            T: Serialize + for<'de> Deserialize<'de> + PartialEq + fmt::Debug,
        {
            let text = serde_json::to_string(&value).unwrap();
            assert_eq!(serde_json::from_str::<T>(&text).unwrap(), value, "{text}");
        }
        // As an earlier version has stored it, which took more.
        let result = Json::trusted(result);
        let failure = Failure::new(FailureKind::Error, "no route");
        for outcome in [None, Some(Ok(result.clone())), Some(Err(failure.clone()))] {
            let run = RunSnapshot {
                id: RunId::generate(),
                name: RunName::trusted("silver-otter"),
                flow: FlowName::trusted("etl"),
                deployment: "etl/nightly".parse().ok(),
                state: StateType::Completed,
                state_name: StateName::COMPLETED,
                outcome,
            };
            check(Settlement::Run(run.clone()));
            check(Answer::Run { run });
        }
        for outcome in [Ok(result.clone()), Err(failure.clone())] {
            check(Settlement::Task(outcome.clone()));
            check(Settlement::Input(outcome.clone()));
            let subflow = Seq(3);
            check(Call::EndSubflow { subflow, outcome });
        }
        check(Settlement::Timer);
        check(Answer::Accepted);
        check(Answer::Refused { failure });
        check(Call::WaitAny);
        check(Call::Input {
            key: "approval".into(),
            timeout_ms: Some(5),
            scope: None,
        });
        check(Answer::Input {
            id: InputId::generate(),
            description: None,
            schema: result.clone(),
            until: Some(Timestamp(7)),
        });
        check(Call::Subflow {
            flow: FlowName::trusted("etl"),
            parameters: result.clone(),
            scope: Some(Seq(1)),
        });
        check(Call::Task(TaskCall {
            task: TaskName::trusted("load"),
            arguments: vec![
                ("a".into(), Argument::Value(result)),
                ("b".into(), Argument::ResultsOf(vec![Seq(1), Seq(2)])),
            ],
            wait_for: vec![Seq(2)],
            options: TaskOptions::default(),
            scope: None,
        }));
    }

    #[test]
    fn entries_read_back_from_their_text() {
        check_entries(r#"{"item":1,"status":"done"}"#);
        check_entries(r#"[1.10, 1E5, -0, 12345678901234567890123, 1e400]"#);
    }

    proptest! {
        #[test]
        fn entries_keep_every_digit(
            number in num::f64::NORMAL | num::f64::SUBNORMAL | num::f64::ZERO,
        ) {
            check_entries(&format!("[{number:?},{number:e}]"));
        }
    }
}

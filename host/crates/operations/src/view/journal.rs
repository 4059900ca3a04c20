//! Journals: the calls of a flow, and what it was answered.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{FailureView, OutcomeView, RunSnapshotView, TaskOptionsView, View};
use model::{
    Answer, Argument, ArtifactKey, Call, Entry, FlowName, InputId, Json, LimitName, RunId,
    RunRequest, Seq, Settlement, TaskCall, TaskName, TaskRunId, Timestamp, VariableName,
};

/// One position of a journal.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct EntryView {
    pub seq: Seq,
    pub call: CallView,
    pub answer: AnswerView,
    /// When the call was made, in the flow's own time.
    pub at: Timestamp,
    /// When it settled, and how: a list of two.
    pub settled: Option<(Timestamp, SettlementView)>,
}

impl View for EntryView {}

impl From<Entry> for EntryView {
    fn from(entry: Entry) -> Self {
        let settled = entry.settled;
        Self {
            seq: entry.seq,
            call: entry.call.into(),
            answer: entry.answer.into(),
            at: entry.at,
            settled: settled.map(|(at, settlement)| (at, settlement.into())),
        }
    }
}

/// What a flow asked: an object with one field, or a word. What is not set is left out.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CallView {
    Task(TaskCallView),
    RunDeployment(RunRequestView),
    WatchRun {
        run: RunId,
    },
    GetRun {
        run: RunId,
    },
    GetVariable {
        name: VariableName,
    },
    Artifact {
        key: ArtifactKey,
        /// `markdown`, `table`, `link`, `progress` or `image`.
        #[serde(rename = "type")]
        kind: Cow<'static, str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        scope: Option<Seq>,
    },
    Subflow {
        flow: FlowName,
        parameters: Json,
        #[serde(skip_serializing_if = "Option::is_none")]
        scope: Option<Seq>,
    },
    EndSubflow {
        subflow: Seq,
        outcome: OutcomeView,
    },
    Timer {
        duration_ms: u64,
    },
    Input {
        key: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        timeout_ms: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        scope: Option<Seq>,
    },
    WithdrawInput {
        input: Seq,
    },
    TakeSlots {
        limit: LimitName,
        slots: u32,
        #[serde(skip_serializing_if = "Option::is_none")]
        scope: Option<Seq>,
    },
    GiveSlotsBack {
        taken: Seq,
    },
    CancelTask {
        task: Seq,
    },
    /// The flow was told that it is cancelled, by the wait of this number (from 1).
    Cancelled {
        wait: u64,
    },
    WaitAny,
}

impl From<Call> for CallView {
    fn from(call: Call) -> Self {
        match call {
            Call::Task(call) => Self::Task(call.into()),
            Call::RunDeployment(request) => Self::RunDeployment(request.into()),
            Call::WatchRun { run } => Self::WatchRun { run },
            Call::GetRun { run } => Self::GetRun { run },
            Call::GetVariable { name } => Self::GetVariable { name },
            Call::Artifact { key, kind, scope } => Self::Artifact {
                key,
                kind: kind.as_str().into(),
                scope,
            },
            Call::Subflow {
                flow,
                parameters,
                scope,
            } => Self::Subflow {
                flow,
                parameters,
                scope,
            },
            Call::EndSubflow { subflow, outcome } => Self::EndSubflow {
                subflow,
                outcome: outcome.into(),
            },
            Call::Timer { duration_ms } => Self::Timer { duration_ms },
            Call::Input {
                key,
                timeout_ms,
                scope,
            } => Self::Input {
                key,
                timeout_ms,
                scope,
            },
            Call::WithdrawInput { input } => Self::WithdrawInput { input },
            Call::TakeSlots {
                limit,
                slots,
                scope,
            } => Self::TakeSlots {
                limit,
                slots,
                scope,
            },
            Call::GiveSlotsBack { taken } => Self::GiveSlotsBack { taken },
            Call::CancelTask { task } => Self::CancelTask { task },
            Call::Cancelled { wait } => Self::Cancelled { wait },
            Call::WaitAny => Self::WaitAny,
        }
    }
}

impl fmt::Display for CallView {
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
                request.deployment, request.parameters
            ),
            Self::WatchRun { run } => write!(f, "wait_for_flow_runs {run}"),
            Self::GetRun { run } => write!(f, "read flow run {run}"),
            Self::GetVariable { name } => write!(f, "read variable `{name}`"),
            Self::Artifact { key, kind, .. } => write!(f, "make {kind} artifact `{key}`"),
            Self::Subflow {
                flow, parameters, ..
            } => write!(f, "subflow `{flow}` {parameters}"),
            Self::EndSubflow { subflow, outcome } => match outcome {
                OutcomeView::Ok(result) => write!(f, "end of subflow {subflow}: {result}"),
                OutcomeView::Err(failure) => {
                    write!(f, "end of subflow {subflow}: {}", failure.message)
                }
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

impl fmt::Display for ArgumentView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => value.fmt(f),
            Self::ResultOf(seq) => write!(f, "result of {seq}"),
            Self::ResultsOf(seqs) => write!(f, "results of {} calls", seqs.len()),
        }
    }
}

/// A call of a task.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TaskCallView {
    pub task: TaskName,
    /// Pairs of a parameter's name and its argument.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<(String, ArgumentView)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wait_for: Vec<Seq>,
    pub options: TaskOptionsView,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<Seq>,
}

impl From<TaskCall> for TaskCallView {
    fn from(call: TaskCall) -> Self {
        let arguments = call.arguments.into_iter();
        Self {
            task: call.task,
            arguments: arguments.map(|(name, it)| (name, it.into())).collect(),
            wait_for: call.wait_for,
            options: call.options.into(),
            scope: call.scope,
        }
    }
}

/// One argument of a task.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ArgumentView {
    Value(Json),
    ResultOf(Seq),
    ResultsOf(Vec<Seq>),
}

impl From<Argument> for ArgumentView {
    fn from(argument: Argument) -> Self {
        match argument {
            Argument::Value(value) => Self::Value(value),
            Argument::ResultOf(seq) => Self::ResultOf(seq),
            Argument::ResultsOf(seqs) => Self::ResultsOf(seqs),
        }
    }
}

/// A run that the flow started.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RunRequestView {
    pub deployment: String,
    pub parameters: Json,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow_run_name: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduled: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub work_queue: Option<String>,
    pub as_subflow: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<Seq>,
}

impl From<RunRequest> for RunRequestView {
    fn from(request: RunRequest) -> Self {
        Self {
            deployment: request.deployment,
            parameters: request.parameters,
            flow_run_name: request.flow_run_name,
            tags: request.tags,
            scheduled: request.scheduled,
            idempotency_key: request.idempotency_key,
            work_queue: request.work_queue,
            as_subflow: request.as_subflow,
            scope: request.scope,
        }
    }
}

/// What the flow was told at once.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AnswerView {
    Accepted,
    TaskRun {
        id: TaskRunId,
    },
    Run {
        run: RunSnapshotView,
    },
    Refused {
        failure: FailureView,
    },
    /// A timer that goes off at this time.
    Due {
        at: Timestamp,
    },
    Input {
        id: InputId,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<String>,
        schema: Json,
        #[serde(skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    Settled {
        handles: Vec<Seq>,
    },
    Value {
        value: Json,
    },
    /// There was nothing of that name.
    Nothing,
}

impl From<Answer> for AnswerView {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Accepted => Self::Accepted,
            Answer::TaskRun { id } => Self::TaskRun { id },
            Answer::Run { run } => Self::Run { run: run.into() },
            Answer::Refused { failure } => Self::Refused {
                failure: failure.into(),
            },
            Answer::Due { at } => Self::Due { at },
            Answer::Value { value } => Self::Value { value },
            Answer::Nothing => Self::Nothing,
            Answer::Input {
                id,
                description,
                schema,
                until,
            } => Self::Input {
                id,
                description,
                schema,
                until,
            },
            Answer::Settled { handles } => Self::Settled { handles },
        }
    }
}

/// What became of a call.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SettlementView {
    Task(OutcomeView),
    Run(RunSnapshotView),
    Timer,
    Input(OutcomeView),
    Slots,
}

impl From<Settlement> for SettlementView {
    fn from(settlement: Settlement) -> Self {
        match settlement {
            Settlement::Task(outcome) => Self::Task(outcome.into()),
            Settlement::Run(run) => Self::Run(run.into()),
            Settlement::Timer => Self::Timer,
            Settlement::Input(outcome) => Self::Input(outcome.into()),
            Settlement::Slots => Self::Slots,
        }
    }
}

impl fmt::Display for SettlementView {
    /// What the flow was told: a value, or why there is none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = match self {
            Self::Task(outcome) | Self::Input(outcome) => Some(outcome),
            Self::Run(run) => run.outcome.as_ref(),
            Self::Timer | Self::Slots => None,
        };
        match outcome {
            Some(OutcomeView::Ok(value)) => value.fmt(f),
            Some(OutcomeView::Err(failure)) => f.write_str(&failure.message),
            None => f.write_str("null"),
        }
    }
}

#[cfg(test)]
mod tests;

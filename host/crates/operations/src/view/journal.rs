//! Journals: the calls of a flow, and what it was answered.

use serde::Serialize;

use super::{FailureView, OutcomeView, RunSnapshotView, TaskOptionsView, View};
use model::{
    Answer, Argument, Call, Entry, FlowName, InputId, Json, RunId, RunRequest, Seq, Settlement,
    TaskCall, TaskName, TaskRunId, Timestamp,
};

/// One position of a journal.
#[derive(Clone, Debug, Serialize)]
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
#[derive(Clone, Debug, Serialize)]
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
            Call::Cancelled { wait } => Self::Cancelled { wait },
            Call::WaitAny => Self::WaitAny,
        }
    }
}

/// A call of a task.
#[derive(Clone, Debug, Serialize)]
pub struct TaskCallView {
    pub task: TaskName,
    /// Pairs of a parameter's name and its argument.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<(String, ArgumentView)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
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
#[derive(Clone, Debug, Serialize)]
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
#[derive(Clone, Debug, Serialize)]
pub struct RunRequestView {
    pub deployment: String,
    pub parameters: Json,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow_run_name: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
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
#[derive(Clone, Debug, Serialize)]
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
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SettlementView {
    Task(OutcomeView),
    Run(RunSnapshotView),
    Timer,
    Input(OutcomeView),
}

impl From<Settlement> for SettlementView {
    fn from(settlement: Settlement) -> Self {
        match settlement {
            Settlement::Task(outcome) => Self::Task(outcome.into()),
            Settlement::Run(run) => Self::Run(run.into()),
            Settlement::Timer => Self::Timer,
            Settlement::Input(outcome) => Self::Input(outcome.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::testing::{
        AT, RUN, TASK, compact, entry, failure, flow_run, shown, task_options, uuid,
    };

    #[test]
    fn the_shape_of_an_entry() {
        insta::assert_snapshot!(shown(&EntryView::from(entry())), @r#"
        {
          "seq": 1,
          "call": {
            "timer": {
              "duration_ms": 10
            }
          },
          "answer": {
            "due": {
              "at": "2023-11-14T22:13:20.133456Z"
            }
          },
          "at": "2023-11-14T22:13:20.123456Z",
          "settled": [
            "2023-11-14T22:13:20.133456Z",
            "timer"
          ]
        }
        "#);
    }

    #[test]
    fn the_shapes_of_calls() {
        let run = RunId(uuid(RUN));
        let (parameters, scope) = (Json::trusted(r#"{"n":1.50}"#), Some(Seq(1)));
        let task = |name: &str| TaskCall {
            task: name.parse().unwrap(),
            arguments: Vec::new(),
            wait_for: Vec::new(),
            options: Default::default(),
            scope: None,
        };
        let whole_task = TaskCall {
            arguments: vec![
                ("a".to_owned(), Argument::Value(parameters.clone())),
                ("b".to_owned(), Argument::ResultOf(Seq(1))),
                ("c".to_owned(), Argument::ResultsOf(vec![Seq(1), Seq(2)])),
            ],
            wait_for: vec![Seq(2)],
            options: task_options(),
            scope,
            ..task("load")
        };
        let request = RunRequest {
            deployment: "etl/nightly".to_owned(),
            parameters: parameters.clone(),
            flow_run_name: None,
            tags: Vec::new(),
            scheduled: None,
            idempotency_key: None,
            work_queue: None,
            as_subflow: false,
            scope: None,
        };
        let whole_request = RunRequest {
            flow_run_name: Some("mine".to_owned()),
            tags: vec!["t".to_owned()],
            scheduled: Some(AT),
            idempotency_key: Some("once".to_owned()),
            work_queue: Some("fast".to_owned()),
            as_subflow: true,
            scope,
            ..request.clone()
        };
        let input = |timeout_ms, scope| Call::Input {
            key: "approval".to_owned(),
            timeout_ms,
            scope,
        };
        let subflow = |scope| Call::Subflow {
            flow: "etl".parse().unwrap(),
            parameters: parameters.clone(),
            scope,
        };
        let end = |outcome| Call::EndSubflow {
            subflow: Seq(3),
            outcome,
        };
        let calls = [
            Call::Task(task("plain")),
            Call::Task(whole_task),
            Call::RunDeployment(request),
            Call::RunDeployment(whole_request),
            Call::WatchRun { run },
            Call::GetRun { run },
            subflow(None),
            subflow(scope),
            end(Ok(parameters.clone())),
            end(Err(failure())),
            Call::Timer { duration_ms: 10 },
            input(None, None),
            input(Some(5), scope),
            Call::WithdrawInput { input: Seq(4) },
            Call::Cancelled { wait: 2 },
            Call::WaitAny,
        ];
        insta::assert_snapshot!(compact(calls.map(CallView::from)), @r#"
        {"task":{"task":"plain","options":{}}}
        {"task":{"task":"load","arguments":[["a",{"value":{"n":1.50}}],["b",{"result-of":1}],["c",{"results-of":[1,2]}]],"wait_for":[2],"options":{"retries":3,"retry_delays_ms":[10],"retry_jitter":0.25,"timeout_ms":1000,"task_run_name":"load-{n}","tags":["t"]},"scope":1}}
        {"run-deployment":{"deployment":"etl/nightly","parameters":{"n":1.50},"as_subflow":false}}
        {"run-deployment":{"deployment":"etl/nightly","parameters":{"n":1.50},"flow_run_name":"mine","tags":["t"],"scheduled":"2023-11-14T22:13:20.123456Z","idempotency_key":"once","work_queue":"fast","as_subflow":true,"scope":1}}
        {"watch-run":{"run":"01920000-0000-7000-8000-000000000001"}}
        {"get-run":{"run":"01920000-0000-7000-8000-000000000001"}}
        {"subflow":{"flow":"etl","parameters":{"n":1.50}}}
        {"subflow":{"flow":"etl","parameters":{"n":1.50},"scope":1}}
        {"end-subflow":{"subflow":3,"outcome":{"Ok":{"n":1.50}}}}
        {"end-subflow":{"subflow":3,"outcome":{"Err":{"kind":"timed-out","message":"too slow"}}}}
        {"timer":{"duration_ms":10}}
        {"input":{"key":"approval"}}
        {"input":{"key":"approval","timeout_ms":5,"scope":1}}
        {"withdraw-input":{"input":4}}
        {"cancelled":{"wait":2}}
        "wait-any"
        "#);
    }

    #[test]
    fn the_shapes_of_answers() {
        let input = |description: Option<&str>, until| Answer::Input {
            id: InputId(uuid(RUN)),
            description: description.map(str::to_owned),
            schema: Json::trusted("true"),
            until,
        };
        let mut unended = flow_run().snapshot();
        (unended.deployment, unended.outcome) = (None, None);
        let answers = [
            Answer::Accepted,
            Answer::TaskRun {
                id: TaskRunId(uuid(TASK)),
            },
            Answer::Run { run: unended },
            Answer::Refused { failure: failure() },
            Answer::Due { at: AT },
            input(None, None),
            input(Some("Go?"), Some(AT)),
            Answer::Settled {
                handles: vec![Seq(1), Seq(2)],
            },
        ];
        insta::assert_snapshot!(compact(answers.map(AnswerView::from)), @r#"
        "accepted"
        {"task-run":{"id":"01920000-0000-7000-8000-000000000003"}}
        {"run":{"run":{"id":"01920000-0000-7000-8000-000000000001","name":"silver-otter","flow":"etl","state":"COMPLETED","state_name":"Completed"}}}
        {"refused":{"failure":{"kind":"timed-out","message":"too slow"}}}
        {"due":{"at":"2023-11-14T22:13:20.123456Z"}}
        {"input":{"id":"01920000-0000-7000-8000-000000000001","schema":true}}
        {"input":{"id":"01920000-0000-7000-8000-000000000001","description":"Go?","schema":true,"until":"2023-11-14T22:13:20.123456Z"}}
        {"settled":{"handles":[1,2]}}
        "#);
    }

    #[test]
    fn the_shapes_of_settlements() {
        let settlements = [
            Settlement::Task(Ok(Json::null())),
            Settlement::Task(Err(failure())),
            Settlement::Run(flow_run().snapshot()),
            Settlement::Timer,
            Settlement::Input(Ok(Json::trusted("true"))),
        ];
        insta::assert_snapshot!(compact(settlements.map(SettlementView::from)), @r#"
        {"task":{"Ok":null}}
        {"task":{"Err":{"kind":"timed-out","message":"too slow"}}}
        {"run":{"id":"01920000-0000-7000-8000-000000000001","name":"silver-otter","flow":"etl","deployment":"etl/nightly","state":"COMPLETED","state_name":"Completed","outcome":{"Ok":[1, 2]}}}
        "timer"
        {"input":{"Ok":true}}
        "#);
    }
}

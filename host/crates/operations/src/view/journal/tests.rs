//! The shapes of journals.

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
        Call::CancelTask { task: Seq(4) },
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
    {"cancel-task":{"task":4}}
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

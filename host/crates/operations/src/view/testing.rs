//! One value of each kind, with every field set.

use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::View;
use model::{
    Answer, ArtifactId, ArtifactKey, ArtifactKind, Awaited, AwaitedInput, Call, Deployment, Digest,
    Entry, Failure, FailureKind, FlowDescription, FlowOptions, FlowRun, Grants, HistoryLine,
    InputId, Json, PastWorker, PoolName, RetryPolicy, RunId, Schema, Seq, Settlement, State,
    TaskLine, TaskOptions, TaskRun, TaskRunId, Timestamp, Waits, WorkerId,
};
use store::{ArtifactPlace, StoredArtifact};

pub const AT: Timestamp = Timestamp(1_700_000_000_123_456);
pub const RUN: &str = "01920000-0000-7000-8000-000000000001";
pub const PARENT: &str = "01920000-0000-7000-8000-000000000002";
pub const TASK: &str = "01920000-0000-7000-8000-000000000003";
pub const WORKER: &str = "01920000-0000-7000-8000-000000000004";

/// A view as users get it. Their programs can read it back.
#[track_caller]
pub fn shown<V: View + DeserializeOwned>(view: &V) -> String {
    let text = serde_json::to_string_pretty(view).unwrap();
    let again: V = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string_pretty(&again).unwrap(), text);
    text
}

/// Parts of views, one a line.
pub fn compact<T: Serialize>(parts: impl IntoIterator<Item = T>) -> String {
    let lines = parts.into_iter();
    let lines: Vec<_> = lines
        .map(|it| serde_json::to_string(&it).unwrap())
        .collect();
    lines.join("\n")
}

pub fn uuid(text: &str) -> Uuid {
    text.parse().unwrap()
}

pub fn later(ms: i64) -> Timestamp {
    Timestamp(AT.0 + ms * 1000)
}

pub fn failure() -> Failure {
    Failure::new(FailureKind::TimedOut, "too slow")
}

pub fn flow_run() -> FlowRun {
    FlowRun {
        id: RunId(uuid(RUN)),
        name: "silver-otter".parse().unwrap(),
        flow: "etl".parse().unwrap(),
        deployment: "etl/nightly".parse().ok(),
        component: Digest([0xab; 32]),
        pool: Some(PoolName::default_pool()),
        work_queue: Some("fast".parse().unwrap()),
        priority: model::Priority::default(),
        limits: Vec::new(),
        grants: Grants::default(),
        parameters: Json::trusted(r#"{"n":1.50}"#),
        tags: vec!["t".to_owned()],
        parent: Some(RunId(uuid(PARENT))),
        within: Some(RunId(uuid(PARENT))),
        state: State::ended(&Ok(Json::null()), later(250)),
        attempt: 2,
        epoch: 3,
        created: AT,
        scheduled: AT,
        started: Some(AT),
        earlier: std::time::Duration::ZERO,
        ended: Some(later(250)),
        outcome: Some(Ok(Json::trusted("[1, 2]"))),
    }
}

pub fn task_run() -> TaskRun {
    TaskRun {
        id: TaskRunId(uuid(TASK)),
        flow_run: RunId(uuid(RUN)),
        journal: RunId(uuid(PARENT)),
        seq: Seq(7),
        task: "load".parse().unwrap(),
        name: "load-1".to_owned(),
        tags: vec!["t".to_owned()],
        attempt: 1,
        retry_at: Some(later(9)),
        worker: Some(WorkerId(uuid(WORKER))),
        history: vec![
            State::running(1, AT).into(),
            TaskLine::ended(&Err(failure()), later(2)),
        ],
    }
}

/// Of a run that failed once, and then waited.
pub fn history() -> Vec<HistoryLine> {
    let waits = Waits {
        first: vec![
            Awaited::Input {
                seq: Seq(1),
                key: "approval".to_owned(),
            },
            Awaited::Timer {
                seq: Seq(2),
                duration_ms: 10,
            },
            Awaited::Task {
                seq: Seq(3),
                name: "load-1".to_owned(),
            },
            Awaited::Run {
                seq: Seq(4),
                id: RunId(uuid(PARENT)),
                name: "silver-otter".parse().ok(),
            },
        ],
        count: 7,
        any: true,
    };
    let worker = || PastWorker {
        id: WorkerId(uuid(WORKER)),
        name: Some("w1".to_owned()),
    };
    vec![
        HistoryLine::new(State::scheduled(AT), 0),
        HistoryLine {
            worker: Some(worker()),
            ..HistoryLine::new(State::pending(AT), 1)
        },
        HistoryLine::new(State::running(1, AT), 1),
        HistoryLine {
            cause: Some(failure()),
            ..HistoryLine::new(State::awaiting_retry(later(2)).because("again"), 1)
        },
        HistoryLine {
            waits: Some(waits.clone()),
            ..HistoryLine::new(waits.state(later(3)), 2)
        },
    ]
}

pub fn entry() -> Entry {
    Entry {
        seq: Seq(1),
        call: Call::Timer { duration_ms: 10 },
        answer: Answer::Due { at: later(10) },
        at: AT,
        settled: Some((later(10), Settlement::Timer)),
        identity: None,
    }
}

pub fn input() -> AwaitedInput {
    AwaitedInput {
        id: InputId(uuid(TASK)),
        run: RunId(uuid(RUN)),
        key: "approval".to_owned(),
        description: Some("Release it?".to_owned()),
        schema: Json::trusted(r#"{"type":"boolean"}"#),
        asked: AT,
        until: Some(later(1000)),
    }
}

pub fn artifact() -> StoredArtifact {
    StoredArtifact {
        place: ArtifactPlace(7),
        id: ArtifactId(uuid(TASK)),
        key: ArtifactKey::trusted("orders"),
        kind: ArtifactKind::Table,
        description: Some("Of today".to_owned()),
        size: 9,
        data: Some(Json::trusted(r#"[{"n":1}]"#)),
        run: RunId(uuid(RUN)),
        run_name: "silver-otter".parse().unwrap(),
        flow: "etl".parse().unwrap(),
        task_run: None,
        at: AT,
    }
}

pub fn schema() -> Schema {
    Schema {
        parameters: Json::trusted(r#"{"type":"object"}"#),
        result: Json::trusted("true"),
    }
}

pub fn flow() -> FlowDescription {
    FlowDescription {
        name: "etl".parse().unwrap(),
        description: Some("Extracts and loads".to_owned()),
        version: Some("1".to_owned()),
        schema: schema(),
        options: FlowOptions {
            retry: RetryPolicy {
                retries: 2,
                delays_ms: vec![100, 200],
                jitter: Some(0.5),
            },
            timeout_ms: Some(60_000),
            ..FlowOptions::default()
        },
    }
}

pub fn task_options() -> TaskOptions {
    TaskOptions {
        retries: Some(3),
        retry_delays_ms: vec![10],
        retry_jitter: Some(0.25),
        timeout_ms: Some(1_000),
        task_run_name: Some("load-{n}".to_owned()),
        tags: vec!["t".to_owned()],
        limits: Vec::new(),
        cache: None,
    }
}

pub fn deployment() -> Deployment {
    Deployment {
        name: "etl/nightly".parse().unwrap(),
        component: Digest([0xab; 32]),
        pool: PoolName::default_pool(),
        work_queue: None,
        priority: None,
        concurrency: None,
        limits: Vec::new(),
        parameters: Json::trusted(r#"{"n":1.50}"#),
        tags: vec!["t".to_owned()],
        grants: Grants {
            http: vec!["api.example.com".to_owned()],
            ..Grants::default()
        },
        description: Some("Every night".to_owned()),
        created: AT,
        updated: later(5),
    }
}

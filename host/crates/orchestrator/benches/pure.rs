//! The pure parts that every run goes through: no I/O, no sandbox, so that a change of one of
//! them can be seen apart from all else.
//!
//! `cargo bench -p orch-host-orchestrator --bench pure [FILTER]`

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use model::{
    Answer, Argument, Call, Entry, FlowName, Json, RunId, RunName, RunSnapshot, Seq, Settlement,
    StateName, StateType, TaskCall, TaskName, TaskOptions, TaskRunId, Timestamp,
};
use orch_host_orchestrator::{Asked, Journal, Parameters, Waited};

fn main() {
    divan::main();
}

const STARTED: Timestamp = Timestamp(1_700_000_000_000_000);

/// The parameters of a flow with a type of its own among them, as `schemars` writes it.
const SCHEMA: &str = r##"{
    "type": "object", "additionalProperties": false, "required": ["item_id", "item"],
    "properties": {
        "item_id": {"type": "integer", "format": "uint32", "minimum": 0},
        "label": {"type": ["string", "null"]},
        "item": {"$ref": "#/$defs/Item"}
    },
    "$defs": {"Item": {
        "type": "object", "required": ["item", "status"],
        "properties": {"item": {"type": "integer"}, "status": {"type": "string"}}
    }}
}"##;

const PARAMETERS: &str =
    r#"{"item_id": 7, "label": "seven", "item": {"item": 7, "status": "done"}}"#;

/// A task call with two arguments, one of them the result of an earlier one.
fn task_call(n: u64) -> Call {
    Call::Task(TaskCall {
        task: TaskName::trusted("heavy_task"),
        arguments: vec![
            (
                "item_id".to_owned(),
                Argument::Value(Json::trusted(n.to_string())),
            ),
            (
                "before".to_owned(),
                Argument::ResultOf(Seq(n.saturating_sub(1))),
            ),
        ],
        wait_for: Vec::new(),
        options: TaskOptions::default(),
        scope: None,
    })
}

fn result() -> Json {
    Json::trusted(r#"{"item":7,"status":"done"}"#)
}

/// A settled task at position `n`.
fn entry(n: u64) -> Entry {
    Entry {
        seq: Seq(n),
        call: task_call(n),
        answer: Answer::TaskRun {
            id: TaskRunId::generate(),
        },
        at: STARTED,
        settled: Some((STARTED, Settlement::Task(Ok(result())))),
        identity: None,
    }
}

fn snapshot() -> RunSnapshot {
    RunSnapshot {
        id: RunId::generate(),
        name: RunName::trusted("silver-otter"),
        flow: FlowName::trusted("process-item"),
        deployment: "process-item/process-item-deployment".parse().ok(),
        state: StateType::Completed,
        state_name: StateName::COMPLETED,
        outcome: Some(Ok(result())),
    }
}

/// A flow that runs its tasks one after the other is replayed: for each the call and the wait.
#[divan::bench(args = [100, 1_000, 10_000])]
fn replay(bencher: Bencher, length: u64) {
    let calls: Vec<Call> = (1..=length).map(task_call).collect();
    bencher
        .counter(ItemsCount::new(length))
        .with_inputs(|| Journal::new(STARTED, (1..=length).map(entry).collect()))
        .bench_local_refs(|journal| {
            for call in &calls {
                let Ok(Asked::Answered(seq, _)) = journal.ask(call) else {
                    panic!("the journal has it");
                };
                let waited = journal.wait_all(&[seq]);
                assert!(matches!(waited, Waited::Ready { .. }));
            }
        });
}

/// A flow that maps a task over a list: all calls, then one wait for all.
#[divan::bench(args = [100, 1_000, 10_000])]
fn replay_map(bencher: Bencher, length: u64) {
    let calls: Vec<Call> = (1..=length).map(task_call).collect();
    let handles: Vec<Seq> = (1..=length).map(Seq).collect();
    bencher
        .counter(ItemsCount::new(length))
        .with_inputs(|| Journal::new(STARTED, (1..=length).map(entry).collect()))
        .bench_local_refs(|journal| {
            for call in &calls {
                assert!(journal.ask(call).is_ok());
            }
            assert!(matches!(journal.wait_all(&handles), Waited::Ready { .. }));
        });
}

/// New calls: looked up in vain, written, settled, waited for.
#[divan::bench(args = [1_000])]
fn write(bencher: Bencher, length: u64) {
    let calls: Vec<Call> = (1..=length).map(task_call).collect();
    bencher
        .counter(ItemsCount::new(length))
        .with_inputs(|| (Journal::new(STARTED, Vec::new()), calls.clone()))
        .bench_local_values(|(mut journal, calls)| {
            for call in calls {
                let Ok(Asked::New(seq)) = journal.ask(&call) else {
                    panic!("it is new");
                };
                journal.write(call, Answer::Accepted, STARTED);
                journal.settle(seq, STARTED, Settlement::Task(Ok(result())));
                let waited = journal.wait_all(&[seq]);
                assert!(matches!(waited, Waited::Ready { .. }));
            }
            journal
        });
}

/// The texts of an entry, as they go into the database and come out of it.
mod json {
    use super::*;

    #[divan::bench]
    fn write_entry(bencher: Bencher) {
        let entry = entry(7);
        bencher
            .counter(ItemsCount::new(1_u32))
            .bench_local(|| serde_json::to_string(black_box(&entry)));
    }

    #[divan::bench]
    fn read_entry(bencher: Bencher) {
        let text = serde_json::to_string(&entry(7)).expect("an entry is JSON");
        bencher
            .counter(BytesCount::of_str(&text))
            .bench_local(|| serde_json::from_str::<Entry>(black_box(&text)));
    }

    #[divan::bench]
    fn read_child_run(bencher: Bencher) {
        let text = serde_json::to_string(&Settlement::Run(snapshot())).expect("it is JSON");
        bencher
            .counter(BytesCount::of_str(&text))
            .bench_local(|| serde_json::from_str::<Settlement>(black_box(&text)));
    }

    /// Whether what a guest returned is JSON.
    #[divan::bench(args = [100, 10_000, 1_000_000])]
    fn check(bencher: Bencher, bytes: usize) {
        let text = format!("[{}1]", "\"text\",".repeat(bytes / 7));
        bencher
            .counter(BytesCount::of_str(&text))
            .bench_local(|| Json::parse(black_box(text.as_str())));
    }
}

/// Parameters against the schema of a flow.
mod parameters {
    use super::*;

    #[divan::bench]
    fn compile(bencher: Bencher) {
        let schema = Json::trusted(SCHEMA);
        bencher.bench_local(|| Parameters::new(black_box(&schema)).is_ok());
    }

    #[divan::bench]
    fn check(bencher: Bencher) {
        let schema = Parameters::new(&Json::trusted(SCHEMA)).expect("it is a schema");
        let parameters = Json::trusted(PARAMETERS);
        assert!(schema.check(&parameters).is_ok());
        bencher.bench_local(|| schema.check(black_box(&parameters)).is_ok());
    }

    /// Says what is wrong, which takes longer.
    #[divan::bench]
    fn refuse(bencher: Bencher) {
        let schema = Parameters::new(&Json::trusted(SCHEMA)).expect("it is a schema");
        let parameters = Json::trusted(r#"{"item": {"item": "x"}}"#);
        assert!(schema.check(&parameters).is_err());
        bencher.bench_local(|| schema.check(black_box(&parameters)).is_ok());
    }
}

/// What each new run is given.
mod identities {
    use super::*;

    #[divan::bench]
    fn run_id() -> RunId {
        RunId::generate()
    }

    #[divan::bench]
    fn run_name() -> RunName {
        RunName::generate()
    }
}

/// All questions that the table of transitions answers.
#[divan::bench(counters = [ItemsCount::new(100_u32)])]
fn transitions() -> usize {
    let from = StateType::ALL.into_iter();
    let allowed = from.map(|from| {
        let to = StateType::ALL.into_iter();
        to.filter(|to| black_box(from).may_become(*to)).count()
    });
    allowed.sum()
}

//! Journal rows as they are stored, which may be anybody's: from a row to an entry and back,
//! and replayed by a flow that asks what they hold.

use model::{
    Answer, Ask, Call, Entry, InputId, InputRequest, RunSnapshot, Seq, Settlement, StateName,
    StateType, TaskRunId, Timestamp,
};
use model::{Failure, FailureKind, FlowName, Json, NewArtifact, RunName};
use orchestrator::flow::{Flow, Moment, Step, Stop};
use serde_json::Value;
use uuid::Uuid;

use crate::calls::NoIds;
use crate::world::{Turn, World};
use crate::{Dice, dice, guest, texts};

/// An entry of each kind, as stored.
const STORED: &str = include_str!("../../../host/crates/model/src/journal_form_1.json");

pub fn run(data: &[u8]) {
    let mut dice = dice(data);
    let entries = match dice.below(3) {
        0 => made(&mut dice),
        1 => damaged(&mut dice),
        _ => as_written(&mut dice),
    };
    for entry in &entries {
        reads_back(entry);
    }
    replayed(&entries);
    taken_up(entries, &mut dice);
}

/// What is written again is the same row.
fn reads_back(entry: &Entry) {
    let text = serde_json::to_string(entry).expect("an entry has a text");
    let again: Entry = serde_json::from_str(&text).expect("an entry reads back");
    assert_eq!(*entry, again, "{text}");
    let rewritten = serde_json::to_string(&again).expect("an entry has a text");
    assert_eq!(text, rewritten);
    assert!(!entry.call.to_string().is_empty());
    assert!(entry.bytes() > 0);
}

/// Replays a flow that asks what the journal holds.
fn replayed(entries: &[Entry]) {
    let mut world = World::new(guest::manifest(), &mut dice(&[]));
    world.entries = entries.to_vec();
    let mut flow = world.replay();
    for ask in asks(entries) {
        let at = Moment {
            now: flow.clock(),
            ids: &mut NoIds,
            logged: false,
        };
        match flow.ask(ask, at) {
            Step::Answer(_) | Step::Refuse(_) => {}
            Step::Stop(Stop::EndOfJournal | Stop::Diverged(_)) => break,
            step => panic!("a replay wants {step:?}"),
        }
    }
}

/// A worker takes the run up: it asks what the journal holds, and goes on.
fn taken_up(mut entries: Vec<Entry>, dice: &mut Dice) {
    // A store reads them in order, and each position once; a task run has one call.
    for (seq, entry) in (1..).zip(&mut entries) {
        entry.seq = Seq(seq);
        if let Answer::TaskRun { id } = &mut entry.answer {
            *id = TaskRunId(Uuid::from_u128(u128::from(seq) << 64));
        }
    }
    let mut world = World::new(guest::manifest(), dice);
    let kept = dice.below(entries.len() + 1);
    world.kept = entries[kept..].to_vec();
    let mut asks = asks(&entries);
    world.entries = entries;
    if dice.once_in(3) {
        // An earlier attempt has finished what this one asks.
        world.entries.clear();
    }
    let mut flow: Flow = world.claim();
    asks.extend(dice.list(5, |dice| guest::ask(dice, 10)));
    for ask in asks {
        match world.drive(&mut flow, dice, |flow, at| flow.ask(ask, at)) {
            Turn::Answered(_) | Turn::Refused(_) => {}
            Turn::Left | Turn::Over(_) => return,
        }
    }
    world.end(&mut flow, Ok(Json::null()));
}

/// What a flow asks that has this journal.
fn asks(entries: &[Entry]) -> Vec<Ask> {
    let ask = |entry: &Entry| match entry.call.clone() {
        Call::Task(call) => Ask::Task(call),
        Call::RunDeployment(request) => Ask::RunDeployment(request),
        Call::WatchRun { run } => Ask::WatchRuns(vec![run]),
        Call::GetRun { run } => Ask::GetRun(run),
        Call::GetVariable { name } => Ask::GetVariable(name),
        Call::Artifact { key, kind, scope } => Ask::MakeArtifact(NewArtifact {
            key,
            kind,
            description: None,
            data: Json::null(),
            scope,
        }),
        Call::Subflow {
            flow,
            parameters,
            scope,
        } => Ask::BeginSubflow {
            flow,
            parameters,
            scope,
        },
        Call::EndSubflow { subflow, outcome } => Ask::EndSubflow { subflow, outcome },
        Call::Timer { duration_ms } => Ask::StartTimer { duration_ms },
        Call::Input {
            key,
            timeout_ms,
            scope,
        } => Ask::RequestInput(InputRequest {
            key,
            description: None,
            schema: Json::trusted("true"),
            timeout_ms,
            scope,
        }),
        Call::WithdrawInput { input } => Ask::WithdrawInput(input),
        Call::TakeSlots {
            limit,
            slots,
            scope,
        } => Ask::TakeSlots {
            limit,
            slots,
            scope,
        },
        Call::GiveSlotsBack { taken } => Ask::GiveSlotsBack(taken),
        Call::CancelTask { task } => Ask::CancelTask(task),
        Call::Cancelled { .. } => Ask::WaitAll(vec![Seq(1)]),
        Call::WaitAny => Ask::WaitAny(vec![Seq(1), Seq(2)]),
    };
    entries.iter().map(ask).collect()
}

/// A journal whose calls a guest could have made, with answers of any kind.
fn made(dice: &mut Dice) -> Vec<Entry> {
    let count = dice.below(12) as u64;
    let mut entries: Vec<Entry> = Vec::new();
    for seq in 1..=count {
        entries.push(Entry {
            seq: Seq(seq),
            call: call(dice, seq - 1),
            answer: answer(dice, seq),
            at: time(dice),
            settled: dice.maybe(|dice| (time(dice), settlement(dice))),
            identity: dice.once_in(4).then(|| texts::text(dice)),
        });
    }
    entries
}

fn time(dice: &mut Dice) -> Timestamp {
    Timestamp(1_700_000_000_000_000 + dice.below(1_000_000) as i64)
}

fn call(dice: &mut Dice, calls: u64) -> Call {
    match guest::ask(dice, calls) {
        Ask::Task(call) => Call::Task(call),
        Ask::RunDeployment(request) => Call::RunDeployment(request),
        Ask::WatchRuns(_) => Call::WatchRun {
            run: guest::run_id(dice),
        },
        Ask::GetRun(run) => Call::GetRun { run },
        Ask::GetVariable(name) => Call::GetVariable { name },
        Ask::MakeArtifact(new) => Call::Artifact {
            key: new.key,
            kind: new.kind,
            scope: new.scope,
        },
        Ask::BeginSubflow {
            flow,
            parameters,
            scope,
        } => Call::Subflow {
            flow,
            parameters,
            scope,
        },
        Ask::EndSubflow { subflow, outcome } => Call::EndSubflow { subflow, outcome },
        Ask::StartTimer { duration_ms } => Call::Timer { duration_ms },
        Ask::RequestInput(request) => Call::Input {
            key: request.key,
            timeout_ms: request.timeout_ms,
            scope: request.scope,
        },
        Ask::WithdrawInput(input) => Call::WithdrawInput { input },
        Ask::TakeSlots {
            limit,
            slots,
            scope,
        } => Call::TakeSlots {
            limit,
            slots,
            scope,
        },
        Ask::GiveSlotsBack(taken) => Call::GiveSlotsBack { taken },
        Ask::CancelTask(task) => Call::CancelTask { task },
        Ask::WaitAny(_) => Call::WaitAny,
        Ask::WaitAll(_) => Call::Cancelled {
            wait: dice.number(),
        },
    }
}

fn snapshot(dice: &mut Dice) -> RunSnapshot {
    let outcome = dice.maybe(guest::outcome);
    RunSnapshot {
        id: guest::run_id(dice),
        name: RunName::trusted("run"),
        flow: FlowName::trusted("a"),
        deployment: "a/a".parse().ok(),
        state: *dice.pick(&StateType::ALL),
        state_name: StateName::RUNNING,
        outcome,
    }
}

fn answer(dice: &mut Dice, seq: u64) -> Answer {
    match dice.below(9) {
        7 => Answer::Value {
            value: texts::json(dice),
        },
        8 => Answer::Nothing,
        0 => Answer::Accepted,
        1 => Answer::TaskRun {
            id: TaskRunId(Uuid::from_u128(u128::from(seq))),
        },
        2 => Answer::Run {
            run: snapshot(dice),
        },
        3 => Answer::Refused {
            failure: Failure::new(FailureKind::Refused, texts::text(dice)),
        },
        4 => Answer::Due { at: time(dice) },
        5 => Answer::Input {
            id: InputId(Uuid::from_u128(u128::from(seq))),
            description: dice.maybe(texts::text),
            schema: texts::schema(dice),
            until: dice.maybe(time),
        },
        _ => Answer::Settled {
            handles: dice.list(3, |dice| guest::handle(dice, seq)),
        },
    }
}

fn settlement(dice: &mut Dice) -> Settlement {
    match dice.below(4) {
        0 => Settlement::Task(guest::outcome(dice)),
        1 => Settlement::Run(snapshot(dice)),
        2 => Settlement::Timer,
        _ => Settlement::Input(guest::outcome(dice)),
    }
}

/// Rows of which some were changed.
fn damaged(dice: &mut Dice) -> Vec<Entry> {
    let mut rows: Vec<Value> = serde_json::from_str(STORED).expect("it is a list");
    for row in &mut rows {
        while dice.once_in(3) {
            damage(row, dice);
        }
    }
    let read = |row: Value| serde_json::from_str(&row.to_string()).ok();
    rows.into_iter().filter_map(read).collect()
}

/// Replaces, removes or moves something within a value.
fn damage(value: &mut Value, dice: &mut Dice) {
    match value {
        Value::Array(items) if !items.is_empty() && !dice.once_in(6) => {
            let at = dice.below(items.len());
            match dice.below(5) {
                0 => drop(items.remove(at)),
                1 => items.push(items[at].clone()),
                _ => damage(&mut items[at], dice),
            }
        }
        Value::Object(members) if !members.is_empty() && !dice.once_in(6) => {
            let at = dice.below(members.len());
            let name = members.keys().nth(at).cloned().unwrap_or_default();
            match dice.below(6) {
                0 => drop(members.remove(&name)),
                _ => {
                    if let Some(member) = members.get_mut(&name) {
                        damage(member, dice);
                    }
                }
            }
        }
        value => *value = texts::json(dice).value(),
    }
}

/// As the bytes are: a row a line.
fn as_written(dice: &mut Dice) -> Vec<Entry> {
    let text = String::from_utf8_lossy(dice.rest()).into_owned();
    let lines = text.lines();
    lines
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

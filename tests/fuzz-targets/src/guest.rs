//! What a guest may ask that heeds nothing it was answered: any call, with any handle, scope
//! and name.

use model::{
    Argument, ArtifactKey, ArtifactKind, Ask, Failure, FailureKind, FlowDescription, FlowName,
    FlowOptions, InputRequest, Json, LimitName, Manifest, NewArtifact, Outcome, RunId, RunRequest,
    Schema, Seq, TaskCall, TaskDescription, TaskName, TaskOptions, Timestamp, VariableName,
};
use uuid::Uuid;

use crate::{Dice, texts};

/// Names of tasks and flows; the last one is unknown.
pub const NAMES: [&str; 3] = ["a", "b", "unknown"];

/// Two flows and two tasks, one of which is tried again.
pub fn manifest() -> Manifest {
    let schema = || Schema {
        parameters: Json::trusted("{}"),
        result: Json::trusted("true"),
    };
    let flow = |name: &&str| FlowDescription {
        name: FlowName::trusted(*name),
        description: None,
        version: None,
        schema: schema(),
        options: FlowOptions::default(),
    };
    let task = |(name, retries): (&&str, u32)| TaskDescription {
        name: TaskName::trusted(*name),
        description: None,
        version: None,
        schema: schema(),
        options: TaskOptions {
            retries: Some(retries),
            retry_delays_ms: vec![0, 1000],
            ..TaskOptions::default()
        },
    };
    let known = &NAMES[..2];
    Manifest {
        flows: known.iter().map(flow).collect(),
        tasks: known.iter().zip([0, 2]).map(task).collect(),
    }
}

/// A number of milliseconds that the contract allows: up to a hundred years.
fn span(dice: &mut Dice) -> u64 {
    dice.number().min(100 * 365 * 24 * 60 * 60 * 1000)
}

/// A time that the contract allows, up to the last one.
fn time(dice: &mut Dice) -> Timestamp {
    Timestamp::from_millis(dice.number().min(253_402_207_200_000))
}

/// A handle that was given, most of the time. So many calls were made.
pub fn handle(dice: &mut Dice, calls: u64) -> Seq {
    if dice.once_in(30) {
        return Seq(dice.number());
    }
    Seq(1 + dice.below(calls.clamp(1, 1000) as usize) as u64)
}

fn handles(dice: &mut Dice, calls: u64) -> Vec<Seq> {
    let count = 1 + dice.below(3);
    let count = if dice.once_in(30) { 0 } else { count };
    (0..count).map(|_| handle(dice, calls)).collect()
}

fn scope(dice: &mut Dice, calls: u64) -> Option<Seq> {
    dice.once_in(4).then(|| handle(dice, calls))
}

fn task_name(dice: &mut Dice) -> TaskName {
    TaskName::trusted(*dice.pick(&["a", "a", "b", "b", "unknown"]))
}

pub fn run_id(dice: &mut Dice) -> RunId {
    // Identities are counted, so these are met.
    RunId(Uuid::from_u128(dice.below(60) as u128))
}

pub fn outcome(dice: &mut Dice) -> Outcome {
    const KINDS: [FailureKind; 6] = [
        FailureKind::Error,
        FailureKind::Permanent,
        FailureKind::TimedOut,
        FailureKind::Limit,
        FailureKind::Cancelled,
        FailureKind::Upstream,
    ];
    if dice.once_in(3) {
        return Err(Failure::new(*dice.pick(&KINDS), texts::text(dice)));
    }
    Ok(texts::json(dice))
}

pub fn task_options(dice: &mut Dice) -> TaskOptions {
    if !dice.once_in(3) {
        return TaskOptions::default();
    }
    TaskOptions {
        retries: dice.maybe(|dice| dice.number() as u32),
        retry_delays_ms: dice.list(3, span),
        retry_jitter: dice
            .maybe(Dice::fraction)
            .filter(|jitter| jitter.is_finite()),
        timeout_ms: dice.maybe(span),
        task_run_name: dice.maybe(texts::text),
        tags: dice.list(2, texts::text),
        limits: Vec::new(),
        cache: None,
    }
}

pub fn task_call(dice: &mut Dice, calls: u64) -> TaskCall {
    let argument = |dice: &mut Dice| {
        let argument = match dice.below(3) {
            0 => Argument::Value(texts::json(dice)),
            1 => Argument::ResultOf(handle(dice, calls)),
            _ => Argument::ResultsOf(handles(dice, calls)),
        };
        (texts::name(dice), argument)
    };
    TaskCall {
        task: task_name(dice),
        arguments: dice.list(2, argument),
        wait_for: dice.list(1, |dice| handle(dice, calls)),
        options: task_options(dice),
        scope: scope(dice, calls),
    }
}

pub fn run_request(dice: &mut Dice, calls: u64) -> RunRequest {
    RunRequest {
        deployment: match dice.below(8) {
            0..6 => format!("{0}/{0}", dice.pick(&NAMES)),
            6 => "no name".to_owned(),
            _ => texts::text(dice),
        },
        parameters: if dice.once_in(4) {
            texts::json(dice)
        } else {
            Json::empty_object()
        },
        flow_run_name: dice.maybe(texts::text),
        tags: dice.list(2, texts::text),
        scheduled: dice.maybe(time),
        idempotency_key: dice.maybe(texts::name),
        work_queue: dice.maybe(texts::name),
        as_subflow: dice.once_in(2),
        scope: scope(dice, calls),
    }
}

/// One call, after so many others.
pub fn ask(dice: &mut Dice, calls: u64) -> Ask {
    match dice.below(21) {
        18 => Ask::MakeArtifact(NewArtifact {
            key: ArtifactKey::trusted(*dice.pick(&NAMES)),
            kind: *dice.pick(&ArtifactKind::ALL),
            description: dice.maybe(texts::text),
            data: texts::json(dice),
            scope: scope(dice, calls),
        }),
        16 => Ask::GetVariable(VariableName::trusted(*dice.pick(&NAMES))),
        0..3 => Ask::Task(task_call(dice, calls)),
        3..5 => Ask::RunDeployment(run_request(dice, calls)),
        5 => Ask::WatchRuns(dice.list(3, run_id)),
        6 => Ask::GetRun(run_id(dice)),
        7 => Ask::BeginSubflow {
            flow: FlowName::trusted(*dice.pick(&NAMES)),
            parameters: texts::json(dice),
            scope: scope(dice, calls),
        },
        8 => Ask::EndSubflow {
            subflow: handle(dice, calls),
            outcome: outcome(dice),
        },
        9 => Ask::StartTimer {
            duration_ms: span(dice),
        },
        10 => Ask::RequestInput(InputRequest {
            key: texts::name(dice),
            description: dice.maybe(texts::text),
            schema: texts::schema(dice),
            timeout_ms: dice.maybe(span),
            scope: scope(dice, calls),
        }),
        11 => Ask::WithdrawInput(handle(dice, calls)),
        12 => Ask::CancelTask(handle(dice, calls)),
        19 => Ask::TakeSlots {
            limit: LimitName::trusted(*dice.pick(&NAMES)),
            slots: dice.below(3) as u32,
            scope: scope(dice, calls),
        },
        20 => Ask::GiveSlotsBack(handle(dice, calls)),
        13 | 14 => Ask::WaitAny(handles(dice, calls)),
        _ => Ask::WaitAll(handles(dice, calls)),
    }
}

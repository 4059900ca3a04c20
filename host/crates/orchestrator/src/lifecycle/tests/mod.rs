//! Decisions as data: a run and an event in a few words, and the plan in a few words.
//!
//! A run is written as `RUNNING leased entries=2`; a plan as its steps, with `;` between
//! them, and whom it tells at the end.

mod claiming;
mod control;
mod ending;
mod record;
mod rescue;

use super::*;
use model::{
    Answer, Call, Cancellation, Entry, Failure, FailureKind, FlowName, FlowRun, Json, Lease,
    NewRun, Outcome, PoolName, Progress, Recorded, RunId, RunName, RunRequest, Seq, Settlement,
    State, StateType, Timestamp, WorkerId,
};

fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(n: u32) -> T {
    format!("00000000-0000-7000-8000-{n:012}").parse().unwrap()
}

/// The run of the stories. Its worker is number 1, its epoch 5.
fn run_id() -> RunId {
    id(7)
}

fn at(second: i64) -> Timestamp {
    Timestamp(second * 1_000_000)
}

fn lease() -> Lease {
    Lease {
        run: run_id(),
        worker: id(1),
        epoch: 5,
    }
}

/// The time at which whatever is decided happens.
const NOW: Timestamp = Timestamp(100_000_000);

/// `RUNNING leased entries=2 losses=1 begun`: a run since second 10, of attempt 1, with
/// three lines of history, that had come as far when it was last lost. `begun`: at second 3.
#[track_caller]
fn head(words: &str) -> Head {
    let mut words = words.split_whitespace();
    let state = words.next().unwrap().parse().unwrap();
    let mut head = Head {
        key: RunKey(70),
        id: run_id(),
        state,
        since: at(10),
        attempt: 1,
        epoch: 5,
        losses: Losses::default(),
        worker: None,
        pool: Some(PoolName::default_pool()),
        origin: OriginKey(9),
        is_limited: false,
        tally: Tally {
            states: 3,
            ..Tally::default()
        },
    };
    for word in words {
        match word.split_once('=') {
            None if word == "leased" => head.worker = Some(id::<WorkerId>(1)),
            None if word == "begun" => head.tally.started = Some(at(3)),
            Some(("entries", n)) => head.tally.journal_len = n.parse().unwrap(),
            Some(("losses", n)) => {
                head.losses.count = n.parse().unwrap();
                head.losses.at = head.reached(0);
            }
            _ => panic!("what is `{word}`?"),
        }
    }
    head
}

#[track_caller]
fn subject(words: &str) -> Subject {
    let head = head(words);
    Subject {
        state: State::new(head.state, model::StateName::RUNNING, head.since),
        head,
        within: None,
        scheduled: at(2),
    }
}

fn failed() -> Outcome {
    Err(Failure::new(FailureKind::Error, "it broke"))
}

fn done() -> Outcome {
    Ok(Json::null())
}

/// A plan in words.
fn show(plan: &Plan<'_>) -> String {
    let mut parts: Vec<String> = plan.steps.iter().map(show_step).collect();
    if plan.news == News::READY {
        parts.push("tell ready".to_owned());
    } else if plan.news == News::CHANGE {
        parts.push("tell change".to_owned());
    }
    if let Some(recorded) = plan.recorded {
        parts.push(format!("= {recorded:?}"));
    }
    parts.join("; ")
}

fn show_step(step: &Step<'_>) -> String {
    match step {
        Step::Need(Need::Pool(pool)) => format!("need pool {pool}"),
        Step::Need(Need::Worker(_)) => "need worker".to_owned(),
        Step::Need(Need::FreeKey { key, .. }) => format!("need free key {key}"),
        Step::Do(change) => show_change(change),
        Step::Ask(question) => match question {
            Question::Cleaning(_) => "told already?".to_owned(),
            Question::Watching(_) => "ended already?".to_owned(),
            Question::Settling(it) => format!("open call {}?", it.seq),
            Question::EndingSubflow(_) => "where is the subflow?".to_owned(),
            Question::Waiting(it) => format!("which of {} are open?", it.awaited().len()),
            Question::WatchersOf(_) => "who watches?".to_owned(),
            Question::OpenSubflows(_) => "open subflows?".to_owned(),
            Question::SlotFreed(_) => "limited pool?".to_owned(),
            Question::Replacing(_) => "who loses its key?".to_owned(),
            Question::Keeping(_) => "what to keep?".to_owned(),
        },
    }
}

fn show_change(change: &Change<'_>) -> String {
    let ready = |at: Option<Timestamp>| match at {
        Some(at) => format!(" ready at {}", at.0 / 1_000_000),
        None => String::new(),
    };
    let n = |is: bool, word: &str| {
        if is {
            format!(" {word}")
        } else {
            String::new()
        }
    };
    match change {
        Change::AddRun(it) => format!("add run{}", ready(it.ready_at)),
        Change::AddEndedRun { state, .. } => format!("add run {}", state.kind),
        Change::AddEntry(it) => {
            let settled = n(it.settled.is_some(), "settled");
            let watches = n(it.watches.is_some(), "watching");
            let keep = n(it.keep, "kept");
            format!("add entry {}{settled}{watches}{keep}", it.entry.seq)
        }
        Change::Settle { seq, keep, .. } => format!("settle {seq}{}", n(*keep, "kept")),
        Change::CountDown { left, .. } => format!("{left} left"),
        Change::GiveBack { what, .. } => format!("give back {what:?}"),
        Change::AskPermit { asked, .. } => format!("ask for slots for {:?}", asked.by),
        Change::Cache(results) => format!("cache {} results", results.len()),
        Change::Wake { at, .. } => format!("wake at {}", at.0 / 1_000_000),
        Change::ForgetWatchers { .. } => "forget watchers".to_owned(),
        Change::PutTaskRun { .. } => "put task run".to_owned(),
        Change::PutArtifacts { artifacts, .. } => format!("put {} artifacts", artifacts.len()),
        Change::AddLogs { lines, .. } => format!("add {} lines", lines.len()),
        Change::Await { calls, .. } => format!("await {}", calls.len()),
        Change::Advance(it) => {
            let to = it
                .states
                .last()
                .map_or(String::new(), |to| format!(" to {}", to.kind));
            let Tally {
                states,
                journal_len,
                ..
            } = it.tally;
            format!("advance{to} ({states} states, {journal_len} entries)")
        }
        Change::Leave(it) => {
            let missing = it
                .missing
                .map_or(String::new(), |n| format!(" missing {n}"));
            let ready = ready(it.ready_at);
            format!(
                "leave {} attempt {}{ready}{missing}",
                it.state.kind, it.attempt
            )
        }
        Change::Claim(it) => {
            let states = it.states;
            format!(
                "claim {} epoch {} ({states} states)",
                it.state.kind, it.epoch
            )
        }
        Change::Enter(it) => {
            let lease = n(it.keeps_lease, "leased");
            format!("enter {}{lease}{}", it.state.kind, ready(it.ready_at))
        }
        Change::GiveUp(it) => format!("give up{}", ready(it.ready_at)),
        Change::Reopen(it) => {
            let ready = ready(Some(it.ready_at));
            format!("reopen {} attempt {}{ready}", it.state.kind, it.attempt)
        }
        Change::Keep { identities, .. } => {
            let seqs: Vec<_> = identities.iter().map(|(seq, _)| seq.to_string()).collect();
            format!("keep {}", seqs.join(" "))
        }
        Change::ForgetKept { .. } => "forget kept".to_owned(),
        Change::Remember { attempt, .. } => format!("remember attempt {attempt}"),
        Change::ReleaseKey { .. } => "release key".to_owned(),
        Change::EmptyJournal { .. } => "empty journal".to_owned(),
        Change::End(it) => format!("end {} (line {})", it.state.kind, it.tally.states),
        Change::EndTaskRuns { line, .. } => format!("end task runs {}", line.state.kind),
    }
}

/// What is decided, or why not.
fn show_result(decided: Result<Plan<'_>, Refusal>) -> String {
    match decided {
        Ok(plan) => show(&plan),
        Err(Refusal::Broken(broken)) => format!("broken: {broken}"),
        Err(Refusal::Stale { .. }) => "stale".to_owned(),
        Err(Refusal::Over { state, .. }) => format!("over: {state}"),
        Err(Refusal::NotOver { state, .. }) => format!("not over: {state}"),
        Err(Refusal::NotPaused { state, .. }) => format!("not paused: {state}"),
        Err(Refusal::Paused { .. }) => "paused already".to_owned(),
        Err(Refusal::Cancelling { .. }) => "being cancelled".to_owned(),
        Err(Refusal::OtherRequest { other, .. }) => format!("another request: {other}"),
        Err(Refusal::Subflow { .. }) => "a subflow".to_owned(),
    }
}

//! A run that is followed until it ends, in lines for people. One mechanism for `run`,
//! `deployment run --watch` and `flow-run watch`.

mod children;
mod everyone;
mod inputs;
mod logs;
mod stuck;

use std::sync::Arc;

use clap::builder::styling::AnsiColor;

use super::context::Context;
use super::error::ExitStatus;
use super::output::{Format, Stream};
use super::signals::Signals;
use super::text::{harmless, one_line};
use super::time::{clock, took};
use children::Children;
pub use children::bar as progress_line;
pub use everyone::follow_all;
pub use logs::LogPrinter;
use model::{FlowRun, LogLevel, RunId, State, StateName, StateType};
use operations::follow::{self, Event, Executes, Follow, Interest};
use operations::view::FlowRunView;
pub use stuck::warn_of_pool;

/// Which states are told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum States {
    /// Every one.
    All,
    /// Only what is out of the ordinary: a retry, a rescue, a pause.
    Notable,
}

/// Tells of a run until it ends, and returns it then. `executes` says who executes it.
pub async fn until_ended(
    cx: &Context,
    run: RunId,
    states: States,
    level: LogLevel,
    executes: Executes,
) -> anyhow::Result<FlowRun> {
    let interest = Interest::All {
        states: match states {
            States::All => follow::States::All,
            States::Notable => follow::States::Latest,
        },
        executes,
    };
    let mut follow = Follow::new(Arc::clone(&cx.store), run, level, interest);
    let logs = LogPrinter::live(cx, Stream::Stderr);
    let mut children = Children::new(cx);
    loop {
        match follow.next().await? {
            Event::State { run, state } => {
                if states == States::All || is_notable(&state) {
                    tell(cx, &run, &state);
                }
            }
            Event::Lines(lines) => logs.print(lines)?,
            Event::Input { run, input, among } => inputs::tell(cx, &run, &input, &among),
            Event::Children(states) => children.tell(&states),
            Event::Stuck(pool, why) => stuck::warn(cx, &pool, why),
            Event::Ended(run) => {
                children.done();
                return Ok(Arc::unwrap_or_clone(run));
            }
        }
    }
}

fn tell(cx: &Context, run: &FlowRun, state: &State) {
    let label = cx
        .out
        .paint(Stream::Stderr, "STATE", AnsiColor::Magenta.on_default());
    let reason = match &state.message {
        Some(message) => format!(": {}", one_line(message)),
        None => String::new(),
    };
    let (at, name) = (clock(state.at), &run.name);
    cx.out.note(&format!(
        "{at} | {label} | Flow run '{name}' - {}{reason}",
        state.name
    ));
}

fn is_notable(state: &State) -> bool {
    matches!(state.kind, StateType::Paused | StateType::Cancelling)
        || [
            StateName::AWAITING_RETRY,
            StateName::RESCUED,
            StateName::RETRYING,
        ]
        .contains(&state.name)
}

/// Follows a run until it ends, or until Ctrl-C, which leaves the run alone.
pub async fn follow(
    cx: &Context,
    run: &FlowRun,
    states: States,
    level: LogLevel,
) -> anyhow::Result<ExitStatus> {
    let mut signals = Signals::catch()?;
    tokio::select! {
        ended = until_ended(cx, run.id, states, level, Executes::AWorker) => conclude(cx, ended?),
        () = signals.next() => {
            cx.out.note(&format!("Flow run '{}' goes on", run.name));
            cx.out.hint(&format!("`orch-host flow-run watch {}` follows it again", run.id));
            Ok(ExitStatus::Interrupted)
        }
    }
}

/// Says how a run ended, prints its result, and tells the exit code.
pub fn conclude(cx: &Context, run: FlowRun) -> anyhow::Result<ExitStatus> {
    let status = match run.state.kind {
        StateType::Completed => {
            cx.out.note(&capitalized(&how_it_ended(&run)));
            ExitStatus::Success
        }
        _ => {
            let hint = format!("`orch-host flow-run inspect {}` shows what it did", run.id);
            cx.out.error(&how_it_ended(&run), Some(&hint));
            ExitStatus::Failure
        }
    };
    match (cx.out.format, &run.outcome) {
        (Format::Json, _) => cx.out.json(&FlowRunView::from(run))?,
        (Format::Text, Some(Ok(result))) => cx.out.data(result.as_str())?,
        (Format::Text, _) => (),
    }
    Ok(status)
}

/// `flow run 'silver-otter' failed after 1.2s: no such item`
fn how_it_ended(run: &FlowRun) -> String {
    let name = &run.name;
    let state = if run.state.name == StateName::TIMED_OUT {
        "timed out".to_owned()
    } else {
        run.state.kind.as_str().to_lowercase()
    };
    let span = match (run.started, run.ended) {
        (Some(started), Some(ended)) => format!(" after {}", took(ended.since(started))),
        _ => String::new(),
    };
    let reason = match &run.outcome {
        Some(Err(failure)) => format!(": {}", harmless(&failure.message)),
        _ => String::new(),
    };
    format!("flow run '{name}' {state}{span}{reason}")
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().into_iter().flat_map(char::to_uppercase);
    first.chain(chars).collect()
}

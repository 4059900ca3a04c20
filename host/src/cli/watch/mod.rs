//! A run that is followed until it ends, in lines for people. One mechanism for `run`,
//! `deployment run --watch` and `flow-run watch`.

mod children;
mod everyone;
mod inputs;
mod logs;
mod stuck;

use clap::builder::styling::AnsiColor;

use super::context::Context;
use super::error::ExitStatus;
use super::output::{Format, Stream};
use super::signals::Signals;
use super::text::{harmless, harmless_json, one_line};
use super::time::{clock, took_in_all};
use children::Children;
pub use everyone::follow_all;
pub use logs::LogPrinter;
use model::{Failure, LogLevel, RunId, RunName, State, StateName, StateType};
use operations::client::{WatchQuery, WatchWhat, Watching};
use operations::problem::{Problem, ProblemKind};
use operations::view::{FlowRunView, NewsView, StateView, TallyView};
pub use stuck::{warn_of_pool, warn_of_queue};

/// Which states are told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum States {
    /// Every one.
    All,
    /// Only what is out of the ordinary: a retry, a rescue, a pause.
    Notable,
}

/// Tells of a run until it ends, and returns it then.
pub async fn until_ended(
    cx: &Context,
    run: RunId,
    states: States,
    level: LogLevel,
) -> anyhow::Result<FlowRunView> {
    let query = WatchQuery {
        what: Some(match states {
            States::All => WatchWhat::All,
            States::Notable => WatchWhat::Latest,
        }),
        level: Some(level),
        ..WatchQuery::default()
    };
    let watching = cx.client.watch_run(&run.to_string(), query).await?;
    tell_until_ended(cx, watching, states).await
}

/// The same of a run that is being watched.
pub async fn tell_until_ended(
    cx: &Context,
    mut watching: Box<dyn Watching>,
    states: States,
) -> anyhow::Result<FlowRunView> {
    let logs = LogPrinter::live(cx, Stream::Stderr);
    let mut children = Children::new(cx);
    while let Some(news) = watching.next().await? {
        match news {
            NewsView::State { name, state } => {
                if states == States::All || is_notable(&state) {
                    tell(cx, &name, &state);
                }
            }
            NewsView::Lines(lines) => logs.print(lines)?,
            NewsView::Input { name, input, among } => {
                let among: Vec<_> = among.into_iter().map(Into::into).collect();
                inputs::tell(cx, &name, &input.into(), &among);
            }
            NewsView::Children(TallyView(states)) => children.tell(&states),
            NewsView::Stuck { pool, why } => stuck::warn(cx, &pool, why),
            NewsView::Ended(run) => {
                children.done();
                return Ok(*run);
            }
        }
    }
    Err(unfinished().into())
}

/// What is watched has come to no end.
fn unfinished() -> Problem {
    Problem::new(
        ProblemKind::Unreachable,
        "the run was not watched to its end",
    )
    .hint("`orch-host flow-run ls` shows how it is")
}

fn tell(cx: &Context, name: &RunName, state: &StateView) {
    let label = cx
        .out
        .paint(Stream::Stderr, "STATE", AnsiColor::Magenta.on_default());
    let reason = match &state.message {
        Some(message) => format!(": {}", one_line(message)),
        None => String::new(),
    };
    let at = clock(state.at);
    cx.out.note(&format!(
        "{at} | {label} | Flow run '{name}' - {}{reason}",
        state.name
    ));
}

fn is_notable(state: &StateView) -> bool {
    [StateType::Paused, StateType::Cancelling]
        .map(StateType::as_str)
        .contains(&&*state.kind)
        || [
            StateName::AWAITING_RETRY,
            StateName::RESCUED,
            StateName::RETRYING,
        ]
        .iter()
        .any(|name| name.0 == state.name)
}

/// Follows a run until it ends, or until Ctrl-C, which leaves the run alone.
pub async fn follow(
    cx: &Context,
    run: &FlowRunView,
    states: States,
    level: LogLevel,
) -> anyhow::Result<ExitStatus> {
    let mut signals = Signals::catch()?;
    tokio::select! {
        ended = until_ended(cx, run.id, states, level) => conclude(cx, ended?),
        () = signals.next() => {
            cx.out.note(&format!("Flow run '{}' goes on", run.name));
            cx.out.hint(&format!("`orch-host flow-run watch {}` follows it again", run.id));
            Ok(ExitStatus::Interrupted)
        }
    }
}

/// Says how a run ended, prints its result, and tells the exit code.
pub fn conclude(cx: &Context, run: FlowRunView) -> anyhow::Result<ExitStatus> {
    let status = match State::from(run.state.clone()).kind {
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
    match (cx.out.format, run.returned()) {
        (Format::Json, _) => cx.out.json(&run)?,
        (Format::Text, Some(result)) => cx.out.data(&harmless_json(result))?,
        (Format::Text, _) => (),
    }
    Ok(status)
}

/// `flow run 'silver-otter' failed after 1.2s: no such item`
fn how_it_ended(run: &FlowRunView) -> String {
    let name = &run.name;
    let state = if run.state.name == StateName::TIMED_OUT.0 {
        "timed out".to_owned()
    } else {
        run.state.kind.to_lowercase()
    };
    let span = took_in_all(run).map(|span| format!(" after {span}"));
    let span = span.unwrap_or_default();
    let reason = match &run.failure {
        // It says no more than the state.
        Some(failure) if failure.message == Failure::cancelled().message => String::new(),
        Some(failure) => format!(": {}", harmless(&failure.message)),
        _ => String::new(),
    };
    format!("flow run '{name}' {state}{span}{reason}")
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().into_iter().flat_map(char::to_uppercase);
    first.chain(chars).collect()
}

//! Following a run until it ends: its log, its states, its children. One mechanism for
//! `run`, `deployment run --watch` and `flow-run watch`.
//!
//! A step reads the run, then what is new in its log: so nothing that was said before the
//! run ended is missed. Steps follow changes, but not faster than people can read.

mod children;
mod everyone;
mod inputs;
mod logs;
mod lonely;

use std::time::{Duration, Instant};

use clap::builder::styling::AnsiColor;

use super::context::Context;
use super::error::{ExitStatus, UserError};
use super::output::{Format, Stream};
use super::signals::Signals;
use super::text::one_line;
use super::time::{clock, took};
use children::Children;
pub use children::bar as progress_line;
pub use everyone::follow_all;
use inputs::Inputs;
pub use logs::LogPrinter;
pub use lonely::{Lonely, Whose, warn_of_pool};
use model::{FlowRun, LogLevel, RunId, State, StateName, StateType};
use operations::view::FlowRunView;
use store::Topic;

/// The least time between two steps.
const STEP_MIN: Duration = Duration::from_millis(20);

/// Which states are told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum States {
    /// Every one.
    All,
    /// Only what is out of the ordinary: a retry, a rescue, a pause.
    Notable,
}

pub struct Watch<'a> {
    cx: &'a Context,
    run: RunId,
    states: States,
    /// How many states of the history were looked at.
    seen: usize,
    last: Option<State>,
    logs: LogPrinter<'a>,
    children: Children<'a>,
    inputs: Inputs<'a>,
    lonely: Lonely<'a>,
}

impl<'a> Watch<'a> {
    /// `whose` says whether this process executes the run itself.
    pub fn new(cx: &'a Context, run: RunId, states: States, level: LogLevel, whose: Whose) -> Self {
        Self {
            cx,
            run,
            states,
            seen: 0,
            last: None,
            logs: LogPrinter::live(cx, run, level, Stream::Stderr),
            children: Children::new(cx, run),
            inputs: Inputs::new(cx),
            lonely: Lonely::new(cx, whose),
        }
    }

    /// Returns the run once it has ended.
    pub async fn until_ended(mut self) -> anyhow::Result<FlowRun> {
        let mut listener = self.cx.store.listen(Topic::Change)?;
        loop {
            let begin = Instant::now();
            let run = read(self.cx, self.run).await?;
            self.tell_states(&run).await?;
            self.logs.print_new().await?;
            if run.state.kind.is_terminal() {
                self.children.done();
                return Ok(run);
            }
            self.inputs.tell(&run).await?;
            self.children.tell().await?;
            self.lonely.look(&run).await?;
            listener.heard().await;
            tokio::time::sleep(STEP_MIN.saturating_sub(begin.elapsed())).await;
        }
    }

    async fn tell_states(&mut self, run: &FlowRun) -> anyhow::Result<()> {
        if self.last.as_ref() == Some(&run.state) {
            return Ok(());
        }
        self.last = Some(run.state.clone());
        match self.states {
            States::Notable if is_notable(&run.state) => self.tell(run, &run.state),
            States::Notable => (),
            States::All => {
                let history = self.cx.store.history(self.run).await?;
                for state in history.iter().skip(self.seen) {
                    self.tell(run, state);
                }
                self.seen = history.len();
            }
        }
        Ok(())
    }

    fn tell(&self, run: &FlowRun, state: &State) {
        let out = &self.cx.out;
        let label = out.paint(Stream::Stderr, "STATE", AnsiColor::Magenta.on_default());
        let reason = match &state.message {
            Some(message) => format!(": {}", one_line(message)),
            None => String::new(),
        };
        let (at, name) = (clock(state.at), &run.name);
        out.note(&format!(
            "{at} | {label} | Flow run '{name}' - {}{reason}",
            state.name
        ));
    }
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

async fn read(cx: &Context, run: RunId) -> anyhow::Result<FlowRun> {
    let read = cx.store.flow_run(run).await?;
    Ok(read.ok_or_else(|| UserError::new(format!("flow run {run} does not exist any more")))?)
}

/// Follows a run until it ends, or until Ctrl-C, which leaves the run alone.
pub async fn follow(
    cx: &Context,
    run: &FlowRun,
    states: States,
    level: LogLevel,
) -> anyhow::Result<ExitStatus> {
    let mut signals = Signals::catch()?;
    let watch = Watch::new(cx, run.id, states, level, Whose::AWorkers);
    tokio::select! {
        ended = watch.until_ended() => conclude(cx, ended?),
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
    let state = match run.state.name == StateName::TIMED_OUT {
        true => "timed out".to_owned(),
        false => run.state.kind.as_str().to_lowercase(),
    };
    let span = match (run.started, run.ended) {
        (Some(started), Some(ended)) => format!(" after {}", took(ended.since(started))),
        _ => String::new(),
    };
    let reason = match &run.outcome {
        Some(Err(failure)) => format!(": {}", super::text::harmless(&failure.message)),
        _ => String::new(),
    };
    format!("flow run '{name}' {state}{span}{reason}")
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().into_iter().flat_map(char::to_uppercase);
    first.chain(chars).collect()
}

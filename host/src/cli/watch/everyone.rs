//! Waiting for many runs, of which only how they end is told.

use std::collections::HashSet;

use super::stuck::warn;
use super::{how_it_ended, unfinished};
use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::output::Format;
use crate::cli::signals::Signals;
use model::{PoolName, RunId, State, StateType};
use operations::client::{WatchQuery, WatchWhat};
use operations::view::{FlowRunView, NewsView};

/// Runs that did not complete and are told of one by one.
const TOLD_MAX: usize = 20;

/// Waits until all runs have ended, and tells of those that did not complete. Prints the
/// results in the order of the runs; with `-o json` the runs, one a line.
pub async fn follow_all(cx: &Context, runs: &[RunId]) -> anyhow::Result<ExitStatus> {
    let mut signals = Signals::catch()?;
    tokio::select! {
        status = all_ended(cx, runs) => status,
        () = signals.next() => {
            cx.out.note("The flow runs go on");
            Ok(ExitStatus::Interrupted)
        }
    }
}

async fn all_ended(cx: &Context, runs: &[RunId]) -> anyhow::Result<ExitStatus> {
    let mut warned = HashSet::new();
    let mut ends = Ends::default();
    let bar = cx.out.progress_line();
    for id in runs {
        let run = end_of(cx, *id, &mut warned).await?;
        if ends.count(State::from(run.state.clone()).kind) {
            cx.out.error(&how_it_ended(&run), None);
        }
        print(cx, run)?;
        bar.set_message(format!(
            "{} of {} flow runs have ended",
            ends.total(),
            runs.len()
        ));
    }
    bar.finish_and_clear();
    cx.out.note(&ends.summary());
    if ends.total() == ends.completed {
        Ok(ExitStatus::Success)
    } else {
        Ok(ExitStatus::Failure)
    }
}

/// Waits until a run has ended. Says once of each pool what keeps its runs from that.
async fn end_of(
    cx: &Context,
    id: RunId,
    warned: &mut HashSet<PoolName>,
) -> anyhow::Result<FlowRunView> {
    let query = WatchQuery {
        what: Some(WatchWhat::End),
        ..WatchQuery::default()
    };
    let mut watching = cx.client.watch_run(&id.to_string(), query).await?;
    loop {
        match watching.next().await? {
            Some(NewsView::Ended(run)) => return Ok(*run),
            Some(NewsView::Stuck { pool, why }) if warned.insert(pool.clone()) => {
                warn(cx, &pool, why);
            }
            Some(_) => {}
            None => return Err(unfinished().into()),
        }
    }
}

fn print(cx: &Context, run: FlowRunView) -> anyhow::Result<()> {
    match (cx.out.format, run.returned()) {
        (Format::Json, _) => cx.out.json_line(&run),
        (Format::Text, Some(result)) => cx.out.data(result),
        (Format::Text, _) => Ok(()),
    }
}

/// How many runs ended how.
#[derive(Debug, Default)]
struct Ends {
    completed: usize,
    failed: usize,
    crashed: usize,
    cancelled: usize,
}

impl Ends {
    /// Whether this end is to be told of.
    fn count(&mut self, kind: StateType) -> bool {
        match kind {
            StateType::Failed => self.failed += 1,
            StateType::Crashed => self.crashed += 1,
            StateType::Cancelled => self.cancelled += 1,
            _ => {
                self.completed += 1;
                return false;
            }
        }
        self.total() - self.completed <= TOLD_MAX
    }

    fn total(&self) -> usize {
        self.completed + self.failed + self.crashed + self.cancelled
    }

    /// `7 of 10 flow runs completed, 2 failed, 1 cancelled`
    fn summary(&self) -> String {
        let mut text = format!("{} of {} flow runs completed", self.completed, self.total());
        for (count, how) in [
            (self.failed, "failed"),
            (self.crashed, "crashed"),
            (self.cancelled, "cancelled"),
        ] {
            if count > 0 {
                text.push_str(&format!(", {count} {how}"));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_counted_and_few_of_them_told() {
        let mut ends = Ends::default();
        assert!(!ends.count(StateType::Completed));
        assert!(ends.count(StateType::Cancelled));
        let told = (0..30).filter(|_| ends.count(StateType::Failed)).count();
        assert_eq!(told, TOLD_MAX - 1);
        assert_eq!(
            ends.summary(),
            "1 of 32 flow runs completed, 30 failed, 1 cancelled"
        );
    }
}

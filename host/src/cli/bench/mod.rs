//! `orch-host bench`: how fast this machine runs flows.
//!
//! Everything is real: databases of its own beside the user's, with their fsyncs; workers, in
//! this process or in processes of this very program; sandboxes. Only the workload is made
//! up. Each row is measured in several rounds after a warm-up, and the rows take turns, so
//! that a machine that gets slower for a while slows all of them.
//!
//! ```text
//! Workload (a row) --measure--> samples of one round --summary--> figures
//!     |
//!     `- on a bed of the ground: a home with a database and the component
//!          here      a worker in this process
//!          apart     a worker in another one
//!          unparked  the same, and waiting flows leave memory at once
//!          fresh     one for this round only
//! ```

mod apart;
mod bed;
mod figures;
mod finished;
mod ground;
mod here;
mod instances;
mod machine;
mod process;
mod replaying;
mod suspended;
mod workloads;

use std::path::PathBuf;
use std::time::Duration;

use comfy_table::{Cell, CellAlignment};
use indicatif::ProgressBar;
use operations::view::View;
use serde::Serialize;

use super::error::{ExitStatus, UserError};
use super::output::{Format, Output};
use super::place::Place;
use super::signals::Signals;
use super::table::{Table, text};
use figures::{Figure, Sample, summary};
use ground::Ground;
use machine::Machine;
use workloads::Workload;

/// Measure how fast this machine runs flows
///
/// Works in a directory of its own in the data directory, which is removed afterwards, and
/// never opens the database there. Durations are those of whole flow runs, from creation until
/// their result is durable, where the row does not say otherwise.
///
/// Without ROW, all rows are measured but those that take minutes; that takes about two
/// minutes.
///
/// With `-o json`: `{"machine": {..}, "rows": [{"name", "what", "rounds", "figures": [{"name",
/// "unit", "median", "min", "max"}]}]}`. `unit` is one of `ms`, `us`, `1/s`, `MiB`, `bytes`,
/// `%` (of one core) and `x` (times as much); median, min and max are over the rounds, so a
/// `p99` has the median of each round's 99th percentile.
#[derive(Debug, clap::Args)]
pub struct BenchArgs {
    /// Only these rows
    #[arg(value_enum, value_name = "ROW", conflicts_with = "all")]
    rows: Vec<Workload>,
    /// All rows, also those that take minutes
    #[arg(long)]
    all: bool,
    /// How often each row is measured [default: 5, and 1 for the long rows]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: Option<u32>,
    /// How long one round of a row takes, roughly, where that can be chosen
    #[arg(long, default_value = "1s", value_parser = humantime::parse_duration)]
    round: Duration,
    /// How many finished runs row `finished` compares with 1,000
    #[arg(long, value_name = "RUNS", default_value_t = 1_000_000)]
    finished: usize,
    /// The component with the measured flows, built from `tests/guests/bench`
    #[arg(
        long,
        value_name = "FILE",
        default_value = "target/wasm32-wasip2/release/bench.wasm"
    )]
    component: PathBuf,
}

/// What was measured, as `-o json` prints it.
#[derive(Debug, Serialize)]
struct Report {
    machine: Machine,
    rows: Vec<Row>,
}

impl View for Report {}

#[derive(Debug, Serialize)]
struct Row {
    name: String,
    what: &'static str,
    rounds: u32,
    figures: Vec<Figure>,
}

/// How a row is measured.
struct Plan {
    row: Workload,
    warm_up: bool,
    rounds: u32,
}

pub async fn run(args: BenchArgs, out: &Output, place: &Place) -> anyhow::Result<ExitStatus> {
    let component = std::fs::read(&args.component).map_err(|err| {
        UserError::new(format!(
            "the component with the measured flows, `{}`, cannot be read: {err}",
            args.component.display()
        ))
        .hint("build it with `cargo build --release --target wasm32-wasip2 -p bench`")
    })?;
    let plans = plans(&args);
    let mut signals = Signals::catch()?;
    let mut ground = Ground::new(place, component, args.finished)?;
    let rounds = tokio::select! {
        rounds = measure(&mut ground, &plans, args.round, out) => rounds?,
        () = signals.next() => {
            out.note("Nothing was measured to its end");
            return Ok(ExitStatus::Interrupted);
        }
    };
    ground.clear().await?;

    let report = Report {
        machine: Machine::this(),
        rows: plans
            .iter()
            .zip(rounds)
            .map(|(plan, rounds)| Row {
                name: plan.row.name(),
                what: plan.row.what(),
                rounds: plan.rounds,
                figures: summary(&rounds),
            })
            .collect(),
    };
    match out.format {
        Format::Json => out.json(&report)?,
        Format::Text => {
            out.note(&format!("On {}", report.machine));
            out.table(&table(&report), "Nothing was measured")?;
        }
    }
    Ok(ExitStatus::Success)
}

fn plans(args: &BenchArgs) -> Vec<Plan> {
    use clap::ValueEnum as _;
    let rows = match (args.all, args.rows.is_empty()) {
        (true, _) => Workload::value_variants().to_vec(),
        (false, true) => Workload::usual(),
        (false, false) => args.rows.clone(),
    };
    rows.into_iter()
        .map(|row| Plan {
            row,
            warm_up: !row.is_long(),
            rounds: args.rounds.unwrap_or(if row.is_long() { 1 } else { 5 }),
        })
        .collect()
}

/// The rounds of each row.
async fn measure(
    ground: &mut Ground,
    plans: &[Plan],
    long: Duration,
    out: &Output,
) -> anyhow::Result<Vec<Vec<Vec<Sample>>>> {
    let mut rounds = vec![Vec::new(); plans.len()];
    let total = plans
        .iter()
        .map(|plan| u64::from(plan.rounds) + u64::from(plan.warm_up));
    let bar = out.progress().add(ProgressBar::new(total.sum()));
    let most = plans.iter().map(|plan| plan.rounds).max().unwrap_or(0);
    // The first one warms up.
    for number in 0..=most {
        for (plan, rounds) in plans.iter().zip(&mut rounds) {
            if number > plan.rounds || (number == 0 && !plan.warm_up) {
                continue;
            }
            bar.set_message(plan.row.name());
            let samples = plan.row.measure(ground, long).await?;
            if number > 0 {
                rounds.push(samples);
            }
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(rounds)
}

fn table(report: &Report) -> Table {
    let mut table = Table::new(["WORK", "FIGURE", "MEDIAN", "MIN", "MAX"]);
    for row in &report.rows {
        for (at, figure) in row.figures.iter().enumerate() {
            let name = if at == 0 { row.what } else { "" };
            let number =
                |value: f64| Cell::new(figure.show(value)).set_alignment(CellAlignment::Right);
            table.row([
                text(name),
                text(&figure.name),
                number(figure.median),
                number(figure.min),
                number(figure.max),
            ]);
        }
    }
    table
}

//! `orch-host bench`: how fast this machine runs flows.
//!
//! Everything is real: a database of its own beside the user's, with its fsyncs; a worker;
//! sandboxes. Only the workload is made up. Each row is measured in several rounds after a
//! warm-up, and the rows take turns, so that a machine that gets slower for a while slows
//! all of them.

mod bed;
mod figures;
mod machine;
mod workloads;

use std::path::PathBuf;
use std::time::Duration;

use comfy_table::{Cell, CellAlignment};
use indicatif::ProgressBar;
use serde::Serialize;

use super::context::Context;
use super::error::{ExitStatus, UserError};
use super::output::Format;
use super::table::{Table, text};
use crate::store::Store;
use bed::Bed;
use figures::{Figure, summary};
use machine::Machine;
use workloads::{Round, Workload};

/// Measure how fast this machine runs flows
///
/// Uses a database of its own in the data directory, which is removed afterwards. Durations
/// are those of whole flow runs, from creation until their result is durable.
#[derive(Debug, clap::Args)]
pub struct BenchArgs {
    /// Only these rows; all of them by default
    #[arg(value_enum)]
    rows: Vec<Workload>,
    /// How often each row is measured
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// How long one round of a row takes, roughly
    #[arg(long, default_value = "1s", value_parser = humantime::parse_duration)]
    round: Duration,
    /// The component with the measured flows, built from `tests/guests/bench`
    #[arg(
        long,
        value_name = "FILE",
        default_value = "target/wasm32-wasip2/release/bench.wasm"
    )]
    component: PathBuf,
}

/// What was measured, as `-o json` prints it. Durations in milliseconds, rates per second.
#[derive(Debug, Serialize)]
struct Report {
    machine: Machine,
    rounds: u32,
    rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    name: String,
    what: &'static str,
    figures: Vec<Figure>,
}

pub async fn run<S: Store>(args: BenchArgs, cx: &Context<S>) -> anyhow::Result<ExitStatus> {
    let component = std::fs::read(&args.component).map_err(|err| {
        UserError::new(format!(
            "the component with the measured flows, `{}`, cannot be read: {err}",
            args.component.display()
        ))
        .hint("build it with `cargo build --release --target wasm32-wasip2 -p bench`")
    })?;
    let rows = match args.rows.is_empty() {
        true => Workload::ALL.to_vec(),
        false => args.rows.clone(),
    };
    let bed = Bed::lay(&cx.place, component).await?;
    let rounds = measure(&bed, &rows, &args, cx).await;
    bed.clear().await?;

    let report = Report {
        machine: Machine::this(),
        rounds: args.rounds,
        rows: rows
            .iter()
            .zip(rounds?)
            .map(|(row, rounds)| Row {
                name: row.name(),
                what: row.what(),
                figures: summary(&rounds),
            })
            .collect(),
    };
    match cx.out.format {
        Format::Json => cx.out.json(&report)?,
        Format::Text => {
            cx.out.note(&format!("On {}", report.machine));
            cx.out.table(&table(&report), "Nothing was measured")?;
        }
    }
    Ok(ExitStatus::Success)
}

/// The rounds of each row.
async fn measure<S: Store>(
    bed: &Bed,
    rows: &[Workload],
    args: &BenchArgs,
    cx: &Context<S>,
) -> anyhow::Result<Vec<Vec<Round>>> {
    let mut rounds = vec![Vec::new(); rows.len()];
    let total = u64::from(args.rounds + 1) * rows.len() as u64;
    let bar = cx.out.progress().add(ProgressBar::new(total));
    for number in 0..=args.rounds {
        for (row, rounds) in rows.iter().zip(&mut rounds) {
            bar.set_message(row.name());
            let round = row.measure(bed, args.round).await?;
            // The first one warms up.
            if number > 0 {
                rounds.push(round);
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
                text(figure.name),
                number(figure.median),
                number(figure.min),
                number(figure.max),
            ]);
        }
    }
    table
}

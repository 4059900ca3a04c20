//! `orch-host bench`: how fast this machine runs flows, and whether another build of this
//! program is faster.

mod tables;

use std::path::{Path, PathBuf};
use std::time::Duration;

use bench::{
    Comparison, Machine, Open, Plan, Row, Settings, Step, Unusable, Why, Workload, against, measure,
};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use indicatif::ProgressBar;
use operations::view::View;
use serde::Serialize;

use super::error::{ExitStatus, UserError};
use super::files;
use super::output::{Format, Output};
use super::place::{DatabaseUrl, Place};
use super::signals::Signals;
use super::text::one_line;
use wasm::ComponentLimits;

/// Measure how fast this machine runs flows
///
/// Works in a directory of its own in the data directory, which is removed afterwards, and
/// never opens the database there. Durations are those of whole flow runs, from creation until
/// their result is durable, where the row does not say otherwise.
///
/// Without ROW, all rows are measured but those that take minutes; that takes some three
/// minutes.
///
/// With `--against PATH`, this program and the one at PATH, such as a build of another commit,
/// are measured in turns, with the same component: each pair is one round of both, a process
/// each, and they swap places after each pair. Shown are the medians of both, and the median,
/// the least and the greatest of the ratios within the pairs. A ratio above 1 means that this
/// program is better, whether the figure is a rate or a time. 15 pairs of most rows take a
/// minute or two. What only one of the programs knows is left out. Build both alike.
///
/// With `-o json`: `{"machine": {..}, "rows": [{"name", "what", "rounds", "figures": [{"name",
/// "unit", "median", "min", "max"}]}]}`. `unit` is one of `ms`, `us`, `1/s`, `MiB`, `bytes`,
/// `%` (of one core) and `x` (times as much); median, min and max are over the rounds, so a
/// `p99` has the median of each round's 99th percentile.
///
/// With `--against` and `-o json`: `{"machine": {..}, "other": PATH, "rows": [{"name", "what",
/// "pairs", "figures": [{"name", "unit", "this", "other", "ratio"}]}], "left_out": [{"name",
/// "figure"}]}`. `this`, `other` and `ratio` are `{"median", "min", "max"}`; `ratio` is `null`
/// where no pair has two values above zero. `left_out` has rows that the other program does
/// not know, with `null` for the figure, and figures that only one of the two has.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host bench
  orch-host bench empty three-tasks --against ../before/orch-host --rounds 30")]
pub struct BenchArgs {
    /// Only these rows
    #[arg(value_parser = row(), value_name = "ROW", conflicts_with = "all")]
    rows: Vec<Workload>,
    /// All rows, also those that take minutes
    #[arg(long)]
    all: bool,
    /// Compare with another build of this program, in turns
    #[arg(long, value_name = "PATH")]
    against: Option<PathBuf>,
    /// How often each row is measured [default: 5, with `--against` 15, and 1 for the long rows]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: Option<u32>,
    /// How long one round of a row takes, roughly, where that can be chosen
    #[arg(long, default_value = "1s", value_parser = humantime::parse_duration)]
    round: Duration,
    /// How many finished runs row `finished` compares with 1,000
    #[arg(long, value_name = "RUNS", default_value_t = 1_000_000)]
    finished: usize,
    /// The component with the measured flows, built from `tests/guests/bench`; those that call
    /// the outside are beside it in `bench_outside.wasm`
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

/// What was compared, as `-o json` prints it.
#[derive(Debug, Serialize)]
struct Comparing {
    machine: Machine,
    other: String,
    #[serde(flatten)]
    comparison: Comparison,
}

impl View for Comparing {}

/// `open` opens a database of its own at a path.
pub async fn run(
    args: BenchArgs,
    out: &Output,
    place: &Place,
    open: &Open,
) -> anyhow::Result<ExitStatus> {
    files::regular(&args.component, ComponentLimits::default().file_max).map_err(|unread| {
        UserError::new(format!(
            "the component with the measured flows, `{}`, {unread}",
            args.component.display()
        ))
        .hint("build it with `cargo build --release --target wasm32-wasip2 -p bench -p bench_outside`")
    })?;
    let settings = Settings {
        // Beside the user's database: the same disk, the same fsync.
        directory: match &place.database {
            DatabaseUrl::Sqlite(path) => path.parent().unwrap_or(path).to_owned(),
            DatabaseUrl::Postgres(_) => place.home.clone(),
        },
        database: match &place.database {
            DatabaseUrl::Sqlite(_) => None,
            DatabaseUrl::Postgres(server) => Some(server.url().to_owned()),
        },
        component: args.component.clone(),
        outside: args.component.with_file_name("bench_outside.wasm"),
        round: args.round,
        finished: args.finished,
    };
    let plans = plans(&args);
    let mut signals = Signals::catch()?;
    let status = tokio::select! {
        status = async {
            match &args.against {
                Some(other) => compare(other, &settings, &plans, out).await,
                None => measure_this(&settings, &plans, open, out).await,
            }
        } => status?,
        () = signals.next() => {
            out.note("Nothing was measured to its end");
            ExitStatus::Interrupted
        }
    };
    Ok(status)
}

/// Measures this program alone.
async fn measure_this(
    settings: &Settings,
    plans: &[Plan],
    open: &Open,
    out: &Output,
) -> anyhow::Result<ExitStatus> {
    let bar = out.progress().add(ProgressBar::no_length());
    let rows = measure(settings, plans, open, |step| show(&bar, step)).await;
    bar.finish_and_clear();
    let report = Report {
        machine: Machine::this(),
        rows: rows?,
    };
    match out.format {
        Format::Json => out.json(&report)?,
        Format::Text => {
            out.note(&format!("On {}", report.machine));
            out.table(&tables::measured(&report.rows), "Nothing was measured")?;
        }
    }
    Ok(ExitStatus::Success)
}

/// Measures this program and another one.
async fn compare(
    other: &Path,
    settings: &Settings,
    plans: &[Plan],
    out: &Output,
) -> anyhow::Result<ExitStatus> {
    if cfg!(debug_assertions) {
        out.warn(
            "this program is a debug build, whose figures say little",
            "build both programs with `--release`",
        );
    }
    let bar = out.progress().add(ProgressBar::no_length());
    let most = plans.iter().map(|plan| plan.rounds).max().unwrap_or(0);
    let mut said = 0;
    let told = |step: Step| {
        show(&bar, step);
        if !out.is_live() && said != step.round {
            said = step.round;
            out.note(&format!("Pair {said} of {most}"));
        }
    };
    let comparison = against(other, settings, plans, told).await;
    bar.finish_and_clear();
    let comparison = comparison.map_err(|err| explained(err, other))?;
    if comparison.rows.is_empty() {
        return Err(nothing_in_common(&comparison, other).into());
    }
    let report = Comparing {
        machine: Machine::this(),
        other: other.display().to_string(),
        comparison,
    };
    match out.format {
        Format::Json => out.json(&report)?,
        Format::Text => print(&report, out)?,
    }
    Ok(ExitStatus::Success)
}

fn print(report: &Comparing, out: &Output) -> anyhow::Result<()> {
    let Comparing {
        machine,
        other,
        comparison,
    } = report;
    for left_out in &comparison.left_out {
        let name = left_out.name;
        out.note(&match &left_out.figure {
            Some(figure) => format!("Left out `{figure}` of `{name}`: only one program has it"),
            None => format!("Left out `{name}`: the other program does not know this row"),
        });
    }
    out.note(&format!("On {machine}"));
    out.note(&format!(
        "THIS and OTHER are the medians of this program and of `{other}`\n\
         RATIO is the median of the ratios within the pairs, MIN and MAX are the least and the \
         greatest;\nabove 1, this program is better, below 1, the other one is"
    ));
    out.table(&tables::compared(comparison), "Nothing was compared")
}

/// Of the other program a user is told what to do. That this one fails is unexpected.
fn explained(err: anyhow::Error, other: &Path) -> anyhow::Error {
    let name = other.display().to_string();
    let hint = match err.downcast_ref::<Unusable>() {
        Some(unusable) if unusable.program == name => match &unusable.why {
            Why::Failed { row, .. } => format!(
                "`--against` takes another build of orch-host; `{name} bench {row}` should work \
                 by itself"
            ),
            _ => "`--against` takes another build of orch-host, such as \
                  `../other/target/release/orch-host`"
                .to_owned(),
        },
        _ => return err,
    };
    UserError::new(one_line(&format!("{err:#}")))
        .hint(hint)
        .into()
}

/// The other program knows none of the rows that were asked for.
fn nothing_in_common(comparison: &Comparison, other: &Path) -> UserError {
    let name = other.display();
    let rows: Vec<String> = comparison
        .left_out
        .iter()
        .map(|left_out| format!("`{}`", left_out.name))
        .collect();
    UserError::new(format!("`{name}` does not know {}", rows.join(", ")))
        .hint(format!("name a row that `{name} bench --help` lists"))
}

fn show(bar: &ProgressBar, step: Step) {
    bar.set_message(step.row.name());
    bar.set_length(step.of);
    bar.set_position(step.at - 1);
}

fn row() -> impl TypedValueParser<Value = Workload> {
    let value = |row: Workload| PossibleValue::new(row.name()).help(row.help());
    PossibleValuesParser::new(Workload::ALL.map(value))
        .try_map(|name| Workload::named(&name).ok_or_else(|| format!("there is no row `{name}`")))
}

fn plans(args: &BenchArgs) -> Vec<Plan> {
    let rows = if args.all {
        Workload::ALL.to_vec()
    } else if args.rows.is_empty() {
        Workload::usual()
    } else {
        args.rows.clone()
    };
    let usual = if args.against.is_some() { 15 } else { 5 };
    let rounds = |row: Workload| args.rounds.unwrap_or(if row.is_long() { 1 } else { usual });
    rows.into_iter()
        .map(|row| Plan {
            row,
            rounds: rounds(row),
        })
        .collect()
}

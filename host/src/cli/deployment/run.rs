//! `orch-host deployment run NAME`

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::cli::context::Context;
use crate::cli::error::{ExitStatus, UserError};
use crate::cli::output::Format;
use crate::cli::params::{ParamArgs, read_file};
use crate::cli::resolve;
use crate::cli::target::Target;
use crate::cli::time::{SpanArg, TimeArg, ago, now};
use crate::cli::values::level;
use crate::cli::view::FlowRunView;
use crate::cli::watch::{Lonely, States, Whose, follow, follow_all};
use crate::model::{FlowRun, Json, LogLevel, RunName};
use crate::orchestrator::Start;
use crate::store::{NewRun, Store};

/// Start a run of a deployment on its work pool
///
/// Prints the id of the new flow run and returns at once; with `--watch`, follows it and prints
/// its result.
#[derive(Debug, clap::Args)]
pub struct RunArgs {
    /// The deployment `flow/deployment`, or a flow that has only one
    #[arg(value_name = "NAME")]
    deployment: String,
    #[command(flatten)]
    params: ParamArgs,
    /// Follow the run until it ends; the exit code says how it did
    #[arg(short, long)]
    watch: bool,
    /// The run's name [default: a generated one]
    #[arg(short, long)]
    name: Option<RunName>,
    /// A tag besides the deployment's; may be repeated
    #[arg(short, long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// When to start, such as `2026-10-01T12:00:00Z` or `2026-10-01 12:00`
    #[arg(long, value_name = "TIME")]
    at: Option<TimeArg>,
    /// After how long to start, such as `30s` or `1h 30m`
    #[arg(long = "in", value_name = "DURATION", conflicts_with = "at")]
    after: Option<SpanArg>,
    /// Start nothing if a run of the flow has this key already: that one is meant then
    #[arg(long, value_name = "KEY", conflicts_with = "from_file")]
    idempotency_key: Option<String>,
    /// The work queue of the pool, for workers that pull from only one
    #[arg(long, value_name = "QUEUE")]
    work_queue: Option<String>,
    /// Start a run for each line of a file: a JSON object of parameters, which go over those
    /// of `-p`; `-` for stdin. All runs are created, or none
    #[arg(long, value_name = "FILE.jsonl")]
    from_file: Option<PathBuf>,
    /// With `--watch`, show log lines of this level and above
    #[arg(long, default_value = "INFO", value_parser = level(), ignore_case = true)]
    level: LogLevel,
}

pub async fn run<S: Store>(args: RunArgs, cx: &Context<S>) -> anyhow::Result<ExitStatus> {
    let deployment = resolve::deployment(&*cx.store, &args.deployment).await?;
    let target = Target::of_deployment(&*cx.store, deployment).await?;
    let asked = requests(&args, &target)?;
    let new = asked.into_iter().map(|run| NewRun {
        run,
        idempotency_key: args.idempotency_key.clone(),
        reserved_for: None,
    });
    let new: Vec<NewRun> = new.collect();
    let ids: Vec<_> = new.iter().map(|new| new.run.id).collect();
    let runs = cx.store.create_runs(new).await?;
    for (run, id) in runs.iter().zip(ids) {
        say_created(cx, run, run.id == id);
    }
    match (args.watch, runs.as_slice()) {
        (true, [run]) if args.from_file.is_none() => {
            follow(cx, run, States::Notable, args.level).await
        }
        (true, runs) => follow_all(cx, runs).await,
        (false, _) => {
            warn_if_lonely(cx, &runs).await?;
            print(cx, runs, args.from_file.is_some())?;
            Ok(ExitStatus::Success)
        }
    }
}

/// The runs to create, each checked; nothing is written.
fn requests(args: &RunArgs, target: &Target) -> anyhow::Result<Vec<FlowRun>> {
    let now = now();
    let scheduled = match (args.at, args.after) {
        (Some(TimeArg(at)), _) => at,
        (None, Some(SpanArg(span))) => now.after(span),
        (None, None) => now,
    };
    let base = args.params.object(&target.flow)?;
    let new = |parameters: Json| {
        target.new_run(Start {
            name: args.name.clone().unwrap_or_else(RunName::generate),
            tags: args.tags.clone(),
            scheduled,
            work_queue: args.work_queue.clone(),
            ..Start::now(parameters, now)
        })
    };
    let Some(path) = &args.from_file else {
        return Ok(vec![new(base)?]);
    };
    let lines = read_lines(path)?;
    let mut runs = Vec::with_capacity(lines.len());
    for (number, line) in lines {
        let run = over(&base, &line).and_then(&new).map_err(|mut err| {
            err.message = format!("line {number} of `{}`: {}", path.display(), err.message);
            err
        })?;
        runs.push(run);
    }
    Ok(runs)
}

/// Lines that are not blank, with their numbers.
fn read_lines(path: &Path) -> Result<Vec<(usize, String)>, UserError> {
    let text = read_file(path)?;
    let lines = (1..)
        .zip(text.lines())
        .filter(|(_, line)| !line.trim().is_empty());
    let lines: Vec<_> = lines
        .map(|(number, line)| (number, line.to_owned()))
        .collect();
    match lines.is_empty() {
        true => Err(UserError::new(format!("`{}` has no lines", path.display()))
            .hint("each line is a JSON object of parameters")),
        false => Ok(lines),
    }
}

/// The object in `line` laid over `base`.
fn over(base: &Json, line: &str) -> Result<Json, UserError> {
    const HINT: &str = "each line is a JSON object of parameters, such as `{\"item_id\": 7}`";
    let parameters = match serde_json::from_str(line) {
        Ok(Value::Object(parameters)) => parameters,
        Ok(_) => return Err(UserError::new("it is no JSON object").hint(HINT)),
        Err(err) => return Err(UserError::new(format!("it is not JSON: {err}")).hint(HINT)),
    };
    let mut object = match base.value() {
        Value::Object(object) => object,
        _ => serde_json::Map::new(),
    };
    object.extend(parameters);
    Ok(Json::of(&Value::Object(object)))
}

fn say_created<S>(cx: &Context<S>, run: &FlowRun, is_new: bool) {
    let FlowRun { name, flow, .. } = run;
    let what = match &run.deployment {
        Some(deployment) => format!("`{deployment}`"),
        None => format!("`{flow}`"),
    };
    cx.out.note(&match is_new {
        false => format!("Flow run '{name}' of {what} has this key already; nothing was created"),
        true if run.scheduled > now() => format!(
            "Created flow run '{name}' of {what}, to start {}",
            ago(run.scheduled, now())
        ),
        true => format!("Created flow run '{name}' of {what}"),
    });
}

async fn warn_if_lonely<S: Store>(cx: &Context<S>, runs: &[FlowRun]) -> anyhow::Result<()> {
    let mut lonely = Lonely::new(cx, Whose::AWorkers);
    match runs.first().and_then(|run| run.pool.as_ref()) {
        Some(pool) => lonely.warn_of(pool).await,
        None => Ok(()),
    }
}

/// The ids; with `-o json` the run, or the list of runs of a file.
fn print<S>(cx: &Context<S>, runs: Vec<FlowRun>, is_list: bool) -> anyhow::Result<()> {
    match cx.out.format {
        Format::Text => runs
            .iter()
            .try_for_each(|run| cx.out.data(&run.id.to_string())),
        Format::Json => {
            let mut views: Vec<FlowRunView> = runs.into_iter().map(FlowRunView::from).collect();
            match views.pop() {
                Some(only) if !is_list => cx.out.json(&only),
                last => {
                    views.extend(last);
                    cx.out.json(&views)
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_goes_over_what_was_typed() {
        #[track_caller]
        fn check(line: &str, expect: &str) {
            let said = match over(&Json::trusted(r#"{"a":1,"b":2}"#), line) {
                Ok(object) => object.to_string(),
                Err(err) => err.message,
            };
            assert_eq!(said, expect);
        }
        check(r#"{"b": 3}"#, r#"{"a":1,"b":3}"#);
        check("[3]", "it is no JSON object");
        check("x", "it is not JSON: expected value at line 1 column 1");
    }
}

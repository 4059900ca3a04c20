//! `orch-host deployment run NAME`

mod bulk;
mod lines;
mod template;

use std::path::PathBuf;

use crate::cli::completions;
use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::output::Format;
use crate::cli::params::ParamArgs;
use crate::cli::time::{SpanArg, TimeArg, local};
use crate::cli::values::level;
use crate::cli::watch::{States, follow, warn_of_queue};
use model::{LogLevel, Priority, QueueName, RunName, Timestamp};
use operations::client::StartedRun;

use operations::view::FlowRunView;
use template::Template;

/// Start a run of a deployment on its work pool
///
/// Prints the id of the new flow run and returns at once; with `--watch`, follows it and prints
/// its result.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host deployment run etl/nightly
  orch-host deployment run etl/nightly -p days=7 --tag backfill --in 30m --watch")]
pub struct RunArgs {
    /// The deployment `flow/deployment`, or a flow that has only one
    #[arg(value_name = "NAME")]
    #[arg(add = completions::deployments())]
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
    /// Start nothing if a run of the flow has this key already: that one is meant then. With
    /// `--from-file`, the run of line 7 has the key `KEY:7`, so that the same command can be
    /// given again after it was interrupted
    #[arg(long, value_name = "KEY")]
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    idempotency_key: Option<String>,
    /// The queue of the work pool [default: that of the deployment]
    #[arg(long = "queue", alias = "work-queue", value_name = "QUEUE")]
    #[arg(add = completions::queues())]
    queue: Option<QueueName>,
    /// Within its queue: from 1, which goes first, to 100 [default: that of the deployment]
    #[arg(long, value_name = "N")]
    priority: Option<Priority>,
    /// Start a run for each line of a file: a JSON object of parameters, which go over those
    /// of `-p`; `-` for stdin. Nothing is started if a line of the file is wrong. From stdin,
    /// runs start as lines come, up to the first wrong one
    #[arg(long, value_name = "FILE.jsonl")]
    from_file: Option<PathBuf>,
    /// With `--watch`, show log lines of this level and above
    #[arg(long, default_value = "INFO", value_parser = level(), ignore_case = true)]
    level: LogLevel,
}

pub async fn run(args: RunArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let details = cx.client.inspect_deployment(&args.deployment).await?;
    if let Some(TimeArg(at)) = args.at
        && at < cx.now()
    {
        let said = format!("{} is past: it starts at once", local(at));
        let hint = "without an offset or a time zone, a time is in the zone of this machine";
        cx.out.warn(&said, hint);
    }
    let template = template(&args, Template::of(details)?, cx.now())?;
    if let Some(path) = &args.from_file {
        return bulk::run(path, template, args.idempotency_key, args.watch, cx).await;
    }
    let start = template.start(template.base.clone(), args.idempotency_key)?;
    let StartedRun { run, is_new } = cx.client.start_run(&template.what(), start).await?;
    say_created(cx, &run, is_new);
    if args.watch {
        return follow(cx, &run, States::Notable, args.level).await;
    }
    warn_of_queue(cx, run.pool.as_ref(), run.work_queue.as_ref()).await?;
    match cx.out.format {
        Format::Text => cx.out.data(&run.id.to_string())?,
        Format::Json => cx.out.json(&run)?,
    }
    Ok(ExitStatus::Success)
}

fn template(args: &RunArgs, plain: Template, now: Timestamp) -> anyhow::Result<Template> {
    let scheduled = match (args.at, args.after) {
        (Some(TimeArg(at)), _) => Some(at),
        (None, Some(SpanArg(span))) => Some(now.after(span)),
        (None, None) => None,
    };
    Ok(Template {
        base: args.params.object(&plain.flow)?,
        name: args.name.clone(),
        tags: args.tags.clone(),
        scheduled,
        work_queue: args.queue.clone(),
        priority: args.priority,
        ..plain
    })
}

fn say_created(cx: &Context, run: &FlowRunView, is_new: bool) {
    let FlowRunView { name, flow, .. } = run;
    let what = match &run.deployment {
        Some(deployment) => format!("`{deployment}`"),
        None => format!("`{flow}`"),
    };
    let said = if !is_new {
        format!("Flow run '{name}' of {what} has this key already; nothing was created")
    } else if run.scheduled > cx.now() {
        let when = local(run.scheduled);
        format!("Created flow run '{name}' of {what}, to start at {when}")
    } else {
        format!("Created flow run '{name}' of {what}")
    };
    cx.out.note(&said);
}

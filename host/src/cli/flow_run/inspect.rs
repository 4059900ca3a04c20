//! `orch-host flow-run inspect ID`

use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::output::Format;
use crate::cli::table::{Fields, Table, maybe, state, text};
use crate::cli::task_run::table as task_table;
use crate::cli::time::{local, took};
use model::{Attempt, AwaitedInput, Entry, FlowRun, HistoryLine, IdPrefix, StateType};
use operations::inputs::example;
use operations::inspect::{self, RunDetails};
use operations::problem::command;
use operations::resolve;
use operations::view::FlowRunDetailsView;

/// Tasks that people are shown; programs get all.
const TASKS_SHOWN: u32 = 50;

/// Show a flow run: its states, tasks and children, what it was given and what it returned
#[derive(Debug, clap::Args)]
pub struct InspectArgs {
    /// The run's id, the beginning of it, or its name
    id: IdPrefix,
    /// Show every call that it made, and the answers
    #[arg(long)]
    journal: bool,
}

pub async fn run(args: InspectArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let run = resolve::run(&*cx.store, &args.id).await?;
    let tasks_max = match cx.out.format {
        Format::Json => 0,
        Format::Text => TASKS_SHOWN,
    };
    let details = inspect::run(&*cx.store, run, tasks_max, args.journal).await?;
    match cx.out.format {
        Format::Json => cx.out.json(&FlowRunDetailsView::from(details))?,
        Format::Text => print(&details, cx)?,
    }
    Ok(ExitStatus::Success)
}

fn print(details: &RunDetails, cx: &Context) -> anyhow::Result<()> {
    let RunDetails { run, inputs, .. } = details;
    cx.out.table(&summary(run, &details.children).table(), "")?;
    for input in inputs {
        section(cx, "Waits for input", &awaited(input, inputs).table())?;
    }
    if details.attempts.len() > 1 {
        section(cx, "Attempts", &attempts(&details.attempts))?;
    }
    section(cx, "States", &states(&details.history))?;
    section(cx, "Tasks", &task_table(&details.task_runs, cx.now()))?;
    if details.task_runs.len() == TASKS_SHOWN as usize {
        let id = run.id;
        cx.out.hint(&format!(
            "these are the last {TASKS_SHOWN}: `orch-host task-run ls --flow-run {id} --limit 0` lists all"
        ));
    }
    let journal = details.journal.as_deref().unwrap_or_default();
    section(cx, "Journal", &entries(journal))
}

fn section(cx: &Context, title: &str, table: &Table) -> anyhow::Result<()> {
    if !table.is_empty() {
        cx.out.data(&format!("\n{title}"))?;
        cx.out.table(table, "")?;
    }
    Ok(())
}

fn summary(run: &FlowRun, children: &[(StateType, u64)]) -> Fields {
    let mut fields = Fields::default();
    fields
        .add("id", text(run.id))
        .add("name", text(&run.name))
        .add("flow", text(&run.flow))
        .add_if("deployment", run.deployment.as_ref())
        .add("state", state(&run.state))
        .add_if("reason", run.state.message.as_ref())
        .add_if("parent", run.parent)
        .add_if("pool", run.pool.as_ref())
        .add_if("queue", run.work_queue.as_ref())
        .add("component", text(run.component))
        .add("attempt", text(run.attempt))
        .add("created", text(local(run.created)))
        .add("scheduled", text(local(run.scheduled)))
        .add_if("started", run.started.map(local))
        .add_if("ended", run.ended.map(local));
    if let (Some(started), Some(ended)) = (run.started, run.ended) {
        fields.add("took", text(took(ended.since(started))));
    }
    if !run.tags.is_empty() {
        fields.add("tags", text(run.tags.join(", ")));
    }
    if !children.is_empty() {
        let counts = children
            .iter()
            .map(|(state, count)| format!("{count} {state}"));
        fields.add("children", text(counts.collect::<Vec<_>>().join(", ")));
    }
    fields.add("parameters", text(&run.parameters));
    if let Some(Ok(result)) = &run.outcome {
        fields.add("result", text(result));
    }
    fields
}

fn awaited(input: &AwaitedInput, among: &[AwaitedInput]) -> Fields {
    let mut fields = Fields::default();
    fields
        .add("key", text(&input.key))
        .add_if("description", input.description.as_ref())
        .add("asked by", text(input.run))
        .add("asked", text(local(input.asked)))
        .add_if("until", input.until.map(local))
        .add("schema", text(&input.schema))
        .add_if("example", example(input))
        .add("give it", text(command(input, among)));
    fields
}

fn attempts(attempts: &[Attempt]) -> Table {
    let mut table = Table::new(["NO", "STARTED", "TOOK", "WORKER", "STATE", "CAUSE"]);
    for attempt in attempts {
        let span = attempt.started.zip(attempt.ended);
        table.row([
            text(attempt.number),
            maybe(attempt.started.map(local)),
            maybe(span.map(|(started, ended)| took(ended.since(started)))),
            maybe(attempt.worker.as_ref()),
            state(&attempt.state),
            maybe(attempt.cause.as_ref()),
        ]);
    }
    table
}

fn states(history: &[HistoryLine]) -> Table {
    let mut table = Table::new(["AT", "STATE", "REASON"]);
    for line in history {
        table.row([
            text(local(line.state.at)),
            state(&line.state),
            maybe(line.state.message.as_ref()),
        ]);
    }
    table
}

fn entries(journal: &[Entry]) -> Table {
    let mut table = Table::new(["SEQ", "AT", "CALL", "SETTLED"]);
    for entry in journal {
        table.row([
            text(entry.seq),
            text(local(entry.at)),
            text(&entry.call),
            maybe(entry.settled.as_ref().map(|(at, settlement)| {
                let what = match settlement.value() {
                    Ok(value) => value.to_string(),
                    Err(failure) => failure.to_string(),
                };
                format!("{} {what}", local(*at))
            })),
        ]);
    }
    table
}

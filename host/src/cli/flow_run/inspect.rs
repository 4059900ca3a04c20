//! `orch-host flow-run inspect ID`

use super::held::Held;
use crate::cli::artifact::table as artifact_table;
use crate::cli::completions;
use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::output::Format;
use crate::cli::table::{Fields, Table, maybe, state, text};
use crate::cli::task_run::{newest, table as task_table};
use crate::cli::text::shortened;
use crate::cli::time::{local, took, took_in_all};
use model::{AwaitedInput, IdPrefix, Priority, StateType};
use operations::client::{InspectRun, LIMIT_MAX, RunQuery, TaskRunQuery};
use operations::inputs::example;
use operations::problem::command;
use operations::view::{
    AttemptView, EntryView, FlowRunDetailsView, FlowRunView, HistoryLineView, TallyView,
    TaskRunView,
};

/// Tasks that people are shown; programs get all.
const TASKS_SHOWN: u32 = 50;

/// Children that people are shown.
const CHILDREN_SHOWN: u32 = 10;

/// Show a flow run: its states, tasks and children, what it was given and what it returned
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host flow-run inspect silver-otter
  orch-host flow-run inspect silver-otter --journal -o json")]
pub struct InspectArgs {
    /// The run's id, the beginning of it, or its name
    #[arg(add = completions::runs())]
    id: IdPrefix,
    /// Show every call that it made, and the answers
    #[arg(long)]
    journal: bool,
}

pub async fn run(args: InspectArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let tasks_max = match cx.out.format {
        Format::Json => LIMIT_MAX,
        Format::Text => TASKS_SHOWN,
    };
    let query = InspectRun {
        task_runs: Some(tasks_max),
        journal: args.journal,
    };
    let mut details = cx.client.inspect_run(&args.id.0, query).await?;
    match cx.out.format {
        Format::Json => {
            if details.task_runs.len() >= LIMIT_MAX as usize {
                details.task_runs = all_tasks(&details.run, cx).await?;
            }
            cx.out.json(&details)?;
        }
        Format::Text => {
            let failed = failed_children(&details, cx).await?;
            let held = Held::of(std::slice::from_ref(&details.run), cx).await?;
            print(&details, &failed, &held, cx)?;
        }
    }
    Ok(ExitStatus::Success)
}

async fn all_tasks(run: &FlowRunView, cx: &Context) -> anyhow::Result<Vec<TaskRunView>> {
    let query = TaskRunQuery {
        flow_run: Some(run.id.to_string()),
        ..TaskRunQuery::default()
    };
    let (tasks, _) = newest(cx, &query, 0).await?;
    Ok(tasks)
}

/// The newest of its children that have not completed, though they are over.
async fn failed_children(
    details: &FlowRunDetailsView,
    cx: &Context,
) -> anyhow::Result<Vec<FlowRunView>> {
    let bad = [StateType::Failed, StateType::Crashed, StateType::Cancelled];
    let TallyView(children) = &details.children;
    let any = |(state, count): &(StateType, u64)| bad.contains(state) && *count > 0;
    if !children.iter().any(any) {
        return Ok(Vec::new());
    }
    let query = RunQuery {
        parent: Some(details.run.id.to_string()),
        state: bad.map(|state| state.to_string()).into(),
        limit: Some(CHILDREN_SHOWN),
        ..RunQuery::default()
    };
    Ok(cx.client.list_runs(query).await?.items)
}

fn print(
    details: &FlowRunDetailsView,
    failed: &[FlowRunView],
    held: &Held,
    cx: &Context,
) -> anyhow::Result<()> {
    let FlowRunDetailsView { run, inputs, .. } = details;
    let held = held.why(run, cx.now());
    cx.out.table(&summary(details, held).table(), "")?;
    let among: Vec<AwaitedInput> = inputs.iter().cloned().map(Into::into).collect();
    for asked in &among {
        let give_it = command(asked, &among);
        section(cx, "Waits for input", &awaited(asked, &give_it).table())?;
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
    section(cx, "Children that did not complete", &children(failed))?;
    let TallyView(all) = &details.children;
    if !all.is_empty() {
        let id = run.id;
        cx.out.hint(&format!(
            "`orch-host flow-run ls --parent {id} --limit 0` lists all children"
        ));
    }
    section(
        cx,
        "Artifacts",
        &artifact_table(&details.artifacts, cx.now()),
    )?;
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

fn summary(details: &FlowRunDetailsView, held: Option<String>) -> Fields {
    let FlowRunDetailsView { run, .. } = details;
    let TallyView(children) = &details.children;
    let mut fields = Fields::default();
    fields
        .add("id", text(run.id))
        .add("name", text(&run.name))
        .add("flow", text(&run.flow))
        .add_if("deployment", run.deployment.as_ref())
        .add("state", state(&run.state))
        .add_if("reason", held)
        .add_if("reason", run.state.message.as_ref())
        .add_if("parent", run.parent)
        .add_if("pool", run.pool.as_ref())
        .add_if("queue", run.work_queue.as_ref())
        .add_if(
            "priority",
            Some(run.priority).filter(|it| *it != Priority::default()),
        )
        .add("component", text(run.component))
        .add("attempt", text(run.attempt))
        .add("created", text(local(run.created)))
        .add("scheduled", text(local(run.scheduled)))
        .add_if("started", run.started.map(local))
        .add_if("ended", run.ended.map(local))
        .add_if("took", took_in_all(run));
    if !details.circle.is_empty() {
        let names = details.circle.iter().map(|name| format!("`{name}`"));
        let names = names.collect::<Vec<_>>().join(", which waits for ");
        fields.add(
            "circle",
            text(format!(
                "it waits for {names}, which waits for it: none of them goes on by itself"
            )),
        );
    }
    if !run.tags.is_empty() {
        fields.add("tags", text(run.tags.join(", ")));
    }
    if !children.is_empty() {
        let counts = children
            .iter()
            .map(|(state, count)| format!("{count} {}", state.as_str().to_lowercase()));
        fields.add("children", text(counts.collect::<Vec<_>>().join(", ")));
    }
    fields.add("parameters", text(&run.parameters));
    if let Some(result) = run.returned() {
        fields.add("result", text(result));
    }
    fields
}

fn awaited(input: &AwaitedInput, give_it: &str) -> Fields {
    let mut fields = Fields::default();
    fields
        .add("key", text(&input.key))
        .add_if("description", input.description.as_ref())
        .add("asked by", text(input.run))
        .add("asked", text(local(input.asked)))
        .add_if("until", input.until.map(local))
        .add("schema", text(&input.schema))
        .add_if("example", example(input))
        .add("give it", text(give_it));
    fields
}

fn children(failed: &[FlowRunView]) -> Table {
    let table = Table::new(["ID", "NAME", "FLOW", "STATE", "REASON"]);
    let mut table = table.with_ids("ID").cutting(&["FLOW", "REASON"]);
    for run in failed {
        table.row([
            text(run.id),
            text(&run.name),
            text(&run.flow),
            state(&run.state),
            maybe(run.state.message.as_deref().map(shortened)),
        ]);
    }
    table
}

fn attempts(attempts: &[AttemptView]) -> Table {
    let mut table = Table::new(["NO", "STARTED", "TOOK", "WORKER", "STATE", "CAUSE"]);
    for attempt in attempts {
        table.row([
            text(attempt.number),
            maybe(attempt.started.map(local)),
            maybe(attempt.span().map(|(from, until)| took(until.since(from)))),
            maybe(attempt.worker.as_ref()),
            state(&attempt.state),
            maybe(attempt.cause()),
        ]);
    }
    table
}

fn states(history: &[HistoryLineView]) -> Table {
    let mut table = Table::new(["AT", "STATE", "WORKER", "REASON"]);
    for line in history {
        table.row([
            text(local(line.state.at)),
            state(&line.state),
            maybe(line.worker.as_ref()),
            maybe(line.state.message.as_ref()),
        ]);
    }
    table
}

fn entries(journal: &[EntryView]) -> Table {
    let mut table = Table::new(["SEQ", "AT", "CALL", "SETTLED"]);
    for entry in journal {
        table.row([
            text(entry.seq),
            text(local(entry.at)),
            text(&entry.call),
            maybe(
                entry
                    .settled
                    .as_ref()
                    .map(|(at, settlement)| format!("{} {settlement}", local(*at))),
            ),
        ]);
    }
    table
}

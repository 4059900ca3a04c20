//! `orch-host flow-run replay --deployment NAME`: every run against one component.

use std::sync::Arc;

use futures::{StreamExt as _, stream};
use indicatif::{ProgressBar, ProgressStyle};

use super::against::{prepared, stored, view};
use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::listing::collect;
use crate::cli::output::Format;
use crate::cli::table::{Table, state, text};
use crate::cli::text::counted;
use model::{Component, StateType};
use operations::client::RunQuery;
use operations::resolve;
use operations::view::{FlowRunView, ReplayView};
use store::Store;
use wasm::{Prepared, Runtime};
use worker::replay;

/// `given`: another component than the one that is deployed.
pub async fn run(
    name: &str,
    given: Option<(Component, Vec<u8>)>,
    store: &Arc<dyn Store>,
    runtime: Arc<Runtime>,
    cx: &Context,
) -> anyhow::Result<ExitStatus> {
    let deployment = resolve::deployment(&**store, name).await?;
    let component = match given {
        Some(given) => given,
        None => stored(&**store, deployment.component).await?,
    };
    resolve::flow(&component.0, deployment.name.flow.as_str())?;
    let prepared = prepared(&runtime, component).await?;
    let query = RunQuery {
        deployment: vec![deployment.name.clone()],
        values: Some(false),
        ..RunQuery::default()
    };
    let runs = collect(0, |limit, cursor| {
        cx.client.list_runs(RunQuery {
            limit: Some(limit),
            cursor,
            ..query.clone()
        })
    });
    let mut runs = runs.await?;
    runs.retain(stands_still);
    let replayed = all(&runs, store, &runtime, &prepared, cx).await?;
    tell(&runs, &replayed, cx)
}

/// Whether it has begun, and nobody executes it: what it has called does not change meanwhile.
fn stands_still(run: &FlowRunView) -> bool {
    let kind = run.state.kind.parse::<StateType>();
    let stands = kind.is_ok_and(|kind| {
        kind.is_terminal() || matches!(kind, StateType::Waiting | StateType::Paused)
    });
    stands && run.started.is_some()
}

/// What came of each, in order. As many at once as the machine has processors.
async fn all(
    runs: &[FlowRunView],
    store: &Arc<dyn Store>,
    runtime: &Arc<Runtime>,
    prepared: &Arc<Prepared>,
    cx: &Context,
) -> anyhow::Result<Vec<ReplayView>> {
    let bar = bar(runs.len() as u64, cx);
    let at_once = std::thread::available_parallelism().map_or(1, usize::from);
    let each = runs.iter().map(|run| {
        let (store, runtime, prepared) =
            (Arc::clone(store), Arc::clone(runtime), Arc::clone(prepared));
        let id = run.id;
        // A task of its own, so that another thread can take it.
        let replayed = tokio::spawn(async move {
            let Some(run) = store.flow_run(id).await? else {
                // It was deleted meanwhile.
                return anyhow::Ok(None);
            };
            let entries = store.journal(id).await?;
            let replayed = replay(&runtime, &prepared, run.clone(), entries).await;
            Ok(Some(view(&run, &replayed)))
        });
        let bar = bar.clone();
        async move {
            let replayed = replayed.await;
            bar.inc(1);
            replayed?
        }
    });
    let mut views = Vec::with_capacity(runs.len());
    let mut replayed = stream::iter(each).buffered(at_once);
    while let Some(view) = replayed.next().await {
        views.extend(view?);
    }
    bar.finish_and_clear();
    Ok(views)
}

fn bar(count: u64, cx: &Context) -> ProgressBar {
    let bar = cx.out.progress().add(ProgressBar::new(count));
    let template = "{bar:30} {pos} of {len} runs replayed ({eta} left)";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

fn tell(runs: &[FlowRunView], replayed: &[ReplayView], cx: &Context) -> anyhow::Result<ExitStatus> {
    let diverged: Vec<&ReplayView> = replayed.iter().filter(|it| it.diverged).collect();
    match cx.out.format {
        Format::Json => cx.out.json(&replayed.to_vec())?,
        Format::Text => {
            let table = Table::new(["ID", "NAME", "STATE", "CALLS", "DIVERGENCE"]);
            // What diverges is what was asked for, and is shown whole.
            let mut table = table.with_ids("ID").cutting(&["NAME"]);
            for view in &diverged {
                let Some(run) = runs.iter().find(|run| run.id == view.run) else {
                    continue;
                };
                table.row([
                    text(run.id),
                    text(&run.name),
                    state(&run.state),
                    text(view.calls),
                    text(&view.message),
                ]);
            }
            if !table.is_empty() {
                cx.out.table(&table, "")?;
            }
        }
    }
    let count = counted(replayed.len() as u64, "flow run");
    if diverged.is_empty() {
        cx.out.note(&format!("Replayed {count}: all the same"));
        return Ok(ExitStatus::Success);
    }
    cx.out.error(
        &format!("{} of {count} would diverge", diverged.len()),
        Some(
            "under this build, those that are not over would fail; deploying it does not harm \
             them: each run stays with the component that it was created with",
        ),
    );
    Ok(ExitStatus::Failure)
}

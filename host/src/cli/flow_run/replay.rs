//! `orch-host flow-run replay ID`

use std::path::PathBuf;

use anyhow::Context as _;

use crate::cli::context::{Context, Room};
use crate::cli::error::{ExitStatus, UserError};
use crate::cli::output::Format;
use crate::cli::text::counted;
use crate::cli::wasm_file::WasmFile;
use model::{FlowRun, IdPrefix, Outcome};
use operations::resolve;
use operations::view::ReplayView;
use wasm::Limits;
use worker::{Replayed, replay};

/// Run a flow again against its journal, without effects
///
/// Nothing is started and nothing is changed. Says whether the flow asks for the same as it did
/// then, or the first call at which it does not. With `--component`, whether a new build could
/// take up the runs of an old one.
#[derive(Debug, clap::Args)]
pub struct ReplayArgs {
    /// The run's id, the beginning of it, or its name
    id: IdPrefix,
    /// Another component than the one that the run belongs to
    #[arg(long, value_name = "FILE")]
    component: Option<PathBuf>,
}

pub async fn run(args: ReplayArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let store = cx.store("flow-run replay")?;
    let run = resolve::run(&**store, &args.id).await?;
    if let Some(within) = run.within {
        return Err(UserError::new(format!("flow run '{}' is a subflow", run.name))
            .hint(format!("its calls stand in the journal of the run around it: `orch-host flow-run replay {within}`"))
            .into());
    }
    let runtime = cx.runtime(Room::FEW, Limits::default())?;
    let component = match &args.component {
        Some(path) => {
            let file = WasmFile::read(path, &runtime, cx.now()).await?;
            resolve::flow(&file.component, run.flow.as_str())?;
            (file.component, file.bytes)
        }
        None => {
            let component = store.component(run.component).await?;
            let bytes = store.component_bytes(run.component).await?;
            component
                .zip(bytes)
                .context("the run's component is gone")?
        }
    };
    let (component, bytes) = component;
    let fetch = || async { Ok((component.manifest.clone(), bytes)) };
    let prepared = runtime.prepare(component.digest, fetch).await?;
    let entries = store.journal(run.id).await?;
    let replayed = replay(&runtime, &prepared, run.clone(), entries).await;

    let view = view(&run, &replayed);
    let diverged = view.diverged;
    match cx.out.format {
        Format::Json => cx.out.json(&view)?,
        Format::Text if diverged => cx.out.error(&view.message, None),
        Format::Text => cx.out.data(&view.message)?,
    }
    Ok(if diverged {
        ExitStatus::Failure
    } else {
        ExitStatus::Success
    })
}

fn view(run: &FlowRun, replayed: &Replayed) -> ReplayView {
    let (diverged, calls, message) = match replayed {
        Replayed::Diverged(divergence) => (
            true,
            divergence.seq.0.saturating_sub(1),
            divergence.to_string(),
        ),
        Replayed::EndOfJournal { calls } => {
            let message = format!(
                "the same so far: {}, and the run is not over",
                counted(*calls, "call")
            );
            (false, *calls, message)
        }
        Replayed::Returned { calls, outcome } => match &run.outcome {
            Some(then) if then == outcome => (
                false,
                *calls,
                format!(
                    "the same: {}, and the same outcome",
                    counted(*calls, "call")
                ),
            ),
            Some(then) => {
                let (then, now) = (shown(then), shown(outcome));
                let message = format!(
                    "the same {}, but another outcome: it was {then}, it is {now}",
                    counted(*calls, "call")
                );
                (true, *calls, message)
            }
            None => (
                false,
                *calls,
                format!("the same so far: {}", counted(*calls, "call")),
            ),
        },
    };
    ReplayView {
        run: run.id,
        diverged,
        calls,
        message,
    }
}

fn shown(outcome: &Outcome) -> String {
    match outcome {
        Ok(result) => format!("`{result}`"),
        Err(failure) => format!("the failure `{failure}`"),
    }
}

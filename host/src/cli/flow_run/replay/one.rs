//! `orch-host flow-run replay ID`: one run.

use std::sync::Arc;

use super::against::{prepared, stored, view};
use crate::cli::context::Context;
use crate::cli::error::{ExitStatus, UserError};
use crate::cli::output::Format;
use model::{Component, IdPrefix};
use operations::resolve;
use store::Store;
use wasm::Runtime;
use worker::replay;

/// `given`: another component than the one that the run belongs to.
pub async fn run(
    id: &IdPrefix,
    given: Option<(Component, Vec<u8>)>,
    store: &Arc<dyn Store>,
    runtime: &Runtime,
    cx: &Context,
) -> anyhow::Result<ExitStatus> {
    let run = resolve::run(&**store, id).await?;
    if let Some(within) = run.within {
        return Err(UserError::new(format!("flow run '{}' is a subflow", run.name))
            .hint(format!("its calls stand in the journal of the run around it: `orch-host flow-run replay {within}`"))
            .into());
    }
    let component = match given {
        Some(given) => {
            resolve::flow(&given.0, run.flow.as_str())?;
            given
        }
        None => stored(&**store, run.component).await?,
    };
    let prepared = prepared(runtime, component).await?;
    let entries = store.journal(run.id).await?;
    let replayed = replay(runtime, &prepared, run.clone(), entries).await;

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

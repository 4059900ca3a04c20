//! `orch-host flow-run delete ID...`

use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use model::{FlowRun, IdPrefix};
use operations::{control, resolve};

/// Delete flow runs that are over, with all that belongs to them
///
/// The journal, the log, the task runs and the subflows of a run go with it. Runs that it started
/// stay. This cannot be undone.
#[derive(Debug, clap::Args)]
pub struct DeleteArgs {
    /// The runs' ids, the beginnings of them, or their names
    #[arg(required = true, value_name = "ID")]
    ids: Vec<IdPrefix>,
}

/// Finds all before it deletes any, so that a mistyped one deletes nothing.
pub async fn run(args: DeleteArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let mut runs: Vec<FlowRun> = Vec::new();
    for id in &args.ids {
        let run = resolve::run(&*cx.store, id).await?;
        if runs.iter().all(|known| known.id != run.id) {
            runs.push(run);
        }
    }
    for run in &runs {
        control::delete(&*cx.store, run).await?;
        cx.out.note(&format!("Flow run '{}' deleted", run.name));
    }
    Ok(ExitStatus::Success)
}

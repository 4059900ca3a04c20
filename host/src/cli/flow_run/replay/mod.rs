//! `orch-host flow-run replay ID`

mod against;
mod all;
mod one;

use std::path::PathBuf;

use crate::cli::completions;
use crate::cli::context::{Context, Room};
use crate::cli::error::ExitStatus;
use crate::cli::wasm_file::WasmFile;
use model::IdPrefix;
use wasm::Limits;

/// Run a flow again against its journal, without effects
///
/// Nothing is started and nothing is changed. Says whether the flow asks for the same as it did
/// then, or the first call at which it does not. With `--component`, whether a new build could
/// take up the runs of an old one; with `--deployment`, whether it could take up every run of a
/// deployment that has begun: what to ask before deploying it.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("which").required(true))]
#[command(after_help = "\
Examples:
  orch-host flow-run replay silver-otter
  orch-host flow-run replay --deployment etl/nightly --component etl.wasm")]
pub struct ReplayArgs {
    /// The run's id, the beginning of it, or its name
    #[arg(group = "which", add = completions::runs())]
    id: Option<IdPrefix>,
    /// Every run of this deployment that has begun: those that are over, and those that wait
    #[arg(long, group = "which", value_name = "NAME", add = completions::deployments())]
    deployment: Option<String>,
    /// Another component than the one that the run belongs to; with `--deployment`, than the one
    /// that is deployed
    #[arg(long, value_name = "FILE")]
    component: Option<PathBuf>,
}

pub async fn run(args: ReplayArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let store = cx.store("flow-run replay")?;
    let runtime = cx.runtime(Room::FEW, Limits::default())?;
    let given = match &args.component {
        Some(path) => {
            let file = WasmFile::read(path, &runtime, cx.now()).await?;
            Some((file.component, file.bytes))
        }
        None => None,
    };
    if let Some(name) = &args.deployment {
        return all::run(name, given, store, runtime, cx).await;
    }
    let Some(id) = &args.id else {
        unreachable!("one of the two is given");
    };
    one::run(id, given, store, &runtime, cx).await
}

//! `orch-host flow-run resume ID`

use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::inputs::value;
use model::IdPrefix;
use operations::inputs::{choose, give};
use operations::{control, resolve};

/// Let a paused flow run go on, or give a suspended one the input that it waits for
///
/// `flow-run inspect` shows what a flow run waits for. Input that does not fit is refused, and
/// the run waits on.
#[derive(Debug, clap::Args)]
pub struct ResumeArgs {
    /// The run's id, the beginning of it, or its name
    id: IdPrefix,
    /// The input as JSON or, where the flow takes text, as it is; `@FILE` reads it from a file,
    /// `@-` from stdin
    #[arg(long, value_name = "JSON|@FILE")]
    input: Option<String>,
    /// Which input, if the run waits for several
    #[arg(long, requires = "input")]
    key: Option<String>,
}

pub async fn run(args: ResumeArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let run = resolve::run(&*cx.store, &args.id).await?;
    let Some(typed) = &args.input else {
        control::resume(&*cx.store, &run).await?;
        cx.out.note(&format!("Flow run '{}' resumed", run.name));
        return Ok(ExitStatus::Success);
    };
    let input = choose(&*cx.store, &run, args.key.as_deref()).await?;
    give(&*cx.store, &run, &input, value(&input, typed)?).await?;
    let (name, key) = (&run.name, &input.key);
    cx.out
        .note(&format!("Flow run '{name}' has been given input `{key}`"));
    Ok(ExitStatus::Success)
}

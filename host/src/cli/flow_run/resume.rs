//! `orch-host flow-run resume ID`

use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::inputs::value;
use crate::cli::named::run_named;
use model::{IdPrefix, State};
use operations::inputs::{check, choose_of};

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
    let Some(typed) = &args.input else {
        let run = cx.client.resume_run(&args.id.0).await?;
        cx.out.note(&format!("Flow run '{}' resumed", run.name));
        return Ok(ExitStatus::Success);
    };
    let run = run_named(cx, &args.id).await?;
    let id = run.id.to_string();
    let awaited = cx.client.run_inputs(&id).await?;
    let awaited = awaited.into_iter().map(Into::into).collect();
    let state = State::from(run.state).kind;
    let input = choose_of(run.id, &run.name, state, awaited, args.key.as_deref())?;
    let value = value(&input, typed)?;
    check(&input, &value)?;
    cx.client.give_input(&id, Some(&input.key), value).await?;
    let (name, key) = (&run.name, &input.key);
    cx.out
        .note(&format!("Flow run '{name}' has been given input `{key}`"));
    Ok(ExitStatus::Success)
}

//! `orch-host flow-run resume ID...`

use super::many::{ManyArgs, choose, each};
use crate::cli::context::Context;
use crate::cli::error::{ExitStatus, UserError};
use crate::cli::inputs::value;
use model::State;
use operations::client::BulkVerb;
use operations::inputs::{check, choose_of};
use operations::view::FlowRunView;

/// Let paused flow runs go on, or give a suspended one the input that it waits for
///
/// `flow-run inspect` shows what a flow run waits for. Input that does not fit is refused, and
/// the run waits on.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host flow-run resume silver-otter
  orch-host flow-run resume silver-otter --key approval --input true")]
pub struct ResumeArgs {
    #[command(flatten)]
    many: ManyArgs,
    /// The input as JSON or, where the flow takes text, as it is; `@FILE` reads it from a file,
    /// `@-` from stdin
    #[arg(long, value_name = "JSON|@FILE")]
    input: Option<String>,
    /// Which input, if the run waits for several
    #[arg(long, requires = "input")]
    key: Option<String>,
}

pub async fn run(args: ResumeArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let Some(chosen) = choose(&args.many, BulkVerb::Resume, cx).await? else {
        return Ok(ExitStatus::Success);
    };
    if let Some(typed) = &args.input {
        let [run] = &chosen.runs[..] else {
            return Err(UserError::new("input is for one flow run")
                .hint("name the run that it is for")
                .into());
        };
        return give(run, typed, args.key.as_deref(), cx).await;
    }
    each(&chosen, BulkVerb::Resume, cx, async |run| {
        let run = cx.client.resume_run(&run.id.to_string()).await?;
        cx.out.note(&format!("Flow run '{}' resumed", run.name));
        Ok(run)
    })
    .await
}

async fn give(
    run: &FlowRunView,
    typed: &str,
    key: Option<&str>,
    cx: &Context,
) -> anyhow::Result<ExitStatus> {
    let id = run.id.to_string();
    let awaited = cx.client.run_inputs(&id).await?;
    let awaited = awaited.into_iter().map(Into::into).collect();
    let state = State::from(run.state.clone()).kind;
    let input = choose_of(run.id, &run.name, state, awaited, key)?;
    let value = value(&input, typed)?;
    check(&input, &value)?;
    cx.client.give_input(&id, Some(&input.key), value).await?;
    let (name, key) = (&run.name, &input.key);
    cx.out
        .note(&format!("Flow run '{name}' has been given input `{key}`"));
    Ok(ExitStatus::Success)
}

//! `orch-host flow-run resume ID`

use crate::cli::context::Context;
use crate::cli::error::{ExitStatus, UserError};
use crate::cli::inputs;
use crate::cli::resolve;
use model::{AwaitedInput, FlowRun, IdPrefix, StateType};
use operations::inputs::{GiveRefusal, give};
use store::StoreError;

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
    let awaited = cx.store.awaited_inputs(run.id).await?;
    let (own, others): (Vec<_>, Vec<_>) = awaited.iter().partition(|input| input.run == run.id);
    let Some(typed) = &args.input else {
        if run.state.kind != StateType::Paused && !awaited.is_empty() {
            return Err(wants_input(&run, &awaited).into());
        }
        cx.store.resume(run.id, cx.now()).await?;
        cx.out.note(&format!("Flow run '{}' resumed", run.name));
        return Ok(ExitStatus::Success);
    };
    if own.is_empty() {
        return Err(wants_none(&run, others.first().copied(), &awaited).into());
    }
    let input = inputs::choose(run.name.as_str(), &own, args.key.as_deref())?;
    let value = inputs::value(input, typed)?;
    match give(&*cx.store, run.id, input, value, cx.now()).await {
        Ok(()) => {}
        Err(GiveRefusal::Misfit { misfit, .. }) => {
            return Err(inputs::does_not_fit(input, &misfit).into());
        }
        Err(GiveRefusal::Store(StoreError::InputNotAwaited { .. })) => {
            let message = format!(
                "flow run '{}' does not wait for input `{}` any more",
                run.name, input.key
            );
            let hint = "somebody else has given it, its time is over, or the run has ended";
            return Err(UserError::new(message).hint(hint).into());
        }
        Err(GiveRefusal::Store(err)) => return Err(err.into()),
    }
    let (name, key) = (&run.name, &input.key);
    cx.out
        .note(&format!("Flow run '{name}' has been given input `{key}`"));
    Ok(ExitStatus::Success)
}

/// It cannot go on without.
fn wants_input(run: &FlowRun, awaited: &[AwaitedInput]) -> UserError {
    let mut message = format!("flow run '{}' waits for input:", run.name);
    for input in awaited {
        message += &format!("\n  {}", inputs::wish(input));
        if input.run != run.id {
            message += &format!(" (asked by subflow {})", input.run);
        }
        message += &format!("\n    schema: {}", input.schema);
    }
    let command = inputs::command(&awaited[0], awaited);
    UserError::new(message).hint(format!("give it: `{command}`"))
}

fn wants_none(run: &FlowRun, other: Option<&AwaitedInput>, awaited: &[AwaitedInput]) -> UserError {
    let (id, name, kind) = (run.id, &run.name, run.state.kind);
    let mut message = format!("flow run '{name}' does not wait for input");
    if let Some(input) = other {
        message += " itself: a subflow within it does";
        let command = inputs::command(input, awaited);
        return UserError::new(message).hint(format!("give it to that one: `{command}`"));
    }
    message += &format!(": it is {kind}");
    let hint = match kind {
        StateType::Paused => {
            format!("without `--input` it goes on: `orch-host flow-run resume {id}`")
        }
        kind if kind.is_terminal() => "only a run that has not ended can be given input".to_owned(),
        _ => format!("`orch-host flow-run inspect {id}` shows it, once it asks for something"),
    };
    UserError::new(message).hint(hint)
}

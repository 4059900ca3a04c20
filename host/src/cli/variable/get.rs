//! `orch-host variable get NAME`

use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::output::Format;
use model::VariableName;

/// Print the value of a variable, as JSON
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host variable get region
  orch-host variable get region -o json")]
pub struct GetArgs {
    /// Its name
    name: VariableName,
}

pub async fn run(args: GetArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let variable = cx.client.get_variable(&args.name).await?;
    match cx.out.format {
        Format::Json => cx.out.json(&variable)?,
        Format::Text => cx.out.data(&variable.value.to_string())?,
    }
    Ok(ExitStatus::Success)
}

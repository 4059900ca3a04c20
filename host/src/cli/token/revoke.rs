//! `orch-host token revoke NAME`

use super::audit::audit;
use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use model::TokenName;

/// End a token at once, and sign out who signed in with it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host token revoke ci
  orch-host token revoke ci --server https://orch.example.com")]
pub struct RevokeArgs {
    /// Its name
    name: TokenName,
}

pub async fn run(args: RevokeArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let token = cx.client.revoke_token(&args.name).await?;
    audit(cx, "revoke_token", token.name.as_str()).await?;
    cx.out.note(&format!("Revoked token `{}`", token.name));
    Ok(ExitStatus::Success)
}

//! `orch-host token`

mod create;
mod ls;
mod revoke;

use super::context::Context;
use super::error::ExitStatus;
use model::AuditEntry;

#[derive(Debug, clap::Subcommand)]
pub enum TokenCommand {
    Create(create::CreateArgs),
    #[command(alias = "list")]
    Ls(ls::LsArgs),
    Revoke(revoke::RevokeArgs),
}

pub async fn run(command: TokenCommand, cx: &Context) -> anyhow::Result<ExitStatus> {
    match command {
        TokenCommand::Create(args) => create::run(args, cx).await,
        TokenCommand::Ls(args) => ls::run(args, cx).await,
        TokenCommand::Revoke(args) => revoke::run(args, cx).await,
    }
}

/// Adds a line to the log of actions, as the API does.
async fn audit(cx: &Context, action: &str, token: &str) -> anyhow::Result<()> {
    let entry = AuditEntry {
        at: cx.now(),
        who: "command line".to_owned(),
        action: action.to_owned(),
        target: format!("/v1/tokens/{token}"),
        outcome: "done".to_owned(),
        request: None,
    };
    Ok(cx.store.audit(entry).await?)
}

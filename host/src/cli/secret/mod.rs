//! `orch-host secret`

mod delete;
mod ls;
mod rotate_key;
mod set;

pub use rotate_key::keys_of_worker;

use super::context::Context;
use super::error::ExitStatus;

#[derive(Debug, clap::Subcommand)]
pub enum SecretCommand {
    Set(set::SetArgs),
    #[command(alias = "list")]
    Ls(ls::LsArgs),
    Delete(delete::DeleteArgs),
    RotateKey(rotate_key::RotateKeyArgs),
}

pub async fn run(command: SecretCommand, cx: &Context) -> anyhow::Result<ExitStatus> {
    match command {
        SecretCommand::Set(args) => set::run(args, cx).await,
        SecretCommand::Ls(args) => ls::run(args, cx).await,
        SecretCommand::Delete(args) => delete::run(args, cx).await,
        SecretCommand::RotateKey(args) => rotate_key::run(args, cx).await,
    }
}

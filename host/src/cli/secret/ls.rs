//! `orch-host secret ls`

use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::listing::collect;
use crate::cli::output::Format;
use crate::cli::table::{Table, text};
use operations::client::SecretQuery;
use operations::text::ago;

/// List secrets, by name; never their values
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host secret ls
  orch-host secret ls -o json")]
pub struct LsArgs {}

pub async fn run(_: LsArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let secrets = collect(0, |limit, cursor| {
        cx.client.list_secrets(SecretQuery {
            limit: Some(limit),
            cursor,
        })
    });
    let secrets = secrets.await?;
    let now = cx.now();
    match cx.out.format {
        Format::Json => cx.out.json(&secrets)?,
        Format::Text => {
            let mut table = Table::new(["NAME", "VERSION", "SET", "KEY", "GRANTED TO"])
                .cutting(&["GRANTED TO"]);
            for secret in &secrets {
                let users = secret.deployments.iter().map(ToString::to_string);
                table.row([
                    text(&secret.name),
                    text(secret.version),
                    text(ago(secret.updated, now)),
                    text(&secret.key),
                    text(users.collect::<Vec<_>>().join(", ")),
                ]);
            }
            cx.out.table(&table, "There are no secrets")?;
        }
    }
    Ok(ExitStatus::Success)
}

//! `orch-host token ls`

use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::output::Format;
use crate::cli::table::{Table, maybe, text};
use model::{Timestamp, Token};
use operations::text::ago;
use operations::view::{TokenView, views};

/// List tokens, newest first
#[derive(Debug, clap::Args)]
pub struct LsArgs {
    /// Those that were revoked or have expired, too
    #[arg(long)]
    all: bool,
}

pub async fn run(args: LsArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let now = cx.now();
    let mut tokens = cx.store.tokens().await?;
    tokens.retain(|token| args.all || token.is_valid(now));
    match cx.out.format {
        Format::Json => cx.out.json(&views::<_, TokenView>(tokens))?,
        Format::Text => cx.out.table(&table(&tokens, now), "There are no tokens")?,
    }
    Ok(ExitStatus::Success)
}

fn table(tokens: &[Token], now: Timestamp) -> Table {
    let mut table = Table::new(["NAME", "ROLE", "CREATED", "USED", "ENDS"]);
    for token in tokens {
        let ends = match token.revoked {
            Some(at) => Some(format!("revoked {}", ago(at, now))),
            None => token.expires.map(|at| ago(at, now)),
        };
        table.row([
            text(&token.name),
            text(token.role),
            text(ago(token.created, now)),
            maybe(token.last_used.map(|at| ago(at, now))),
            maybe(ends),
        ]);
    }
    table
}

//! `orch-host token ls`

use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::listing::collect;
use crate::cli::output::Format;
use crate::cli::table::{Table, maybe, text};
use model::Timestamp;
use operations::client::TokenQuery;
use operations::text::ago;
use operations::view::TokenView;

/// List tokens, newest first
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host token ls
  orch-host token ls --all -o json")]
pub struct LsArgs {
    /// Those that were revoked or have expired, too
    #[arg(long)]
    all: bool,
}

pub async fn run(args: LsArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let tokens = collect(0, |limit, cursor| {
        cx.client.list_tokens(TokenQuery {
            limit: Some(limit),
            cursor,
        })
    });
    let mut tokens = tokens.await?;
    let now = cx.now();
    tokens.retain(|token| args.all || is_valid(token, now));
    match cx.out.format {
        Format::Json => cx.out.json(&tokens)?,
        Format::Text => cx.out.table(&table(&tokens, now), "There are no tokens")?,
    }
    Ok(ExitStatus::Success)
}

fn is_valid(token: &TokenView, now: Timestamp) -> bool {
    token.revoked.is_none() && token.expires.is_none_or(|at| now < at)
}

fn table(tokens: &[TokenView], now: Timestamp) -> Table {
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

//! `orch-host variable ls`

use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::listing::collect;
use crate::cli::output::Format;
use crate::cli::table::{Table, text};
use operations::client::VariableQuery;
use operations::text::ago;

/// How much of a value a table shows.
const SHOWN_MAX: usize = 60;

/// List variables, by name
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host variable ls
  orch-host variable ls -o json")]
pub struct LsArgs {}

pub async fn run(_: LsArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let variables = collect(0, |limit, cursor| {
        cx.client.list_variables(VariableQuery {
            limit: Some(limit),
            cursor,
        })
    });
    let variables = variables.await?;
    let now = cx.now();
    match cx.out.format {
        Format::Json => cx.out.json(&variables)?,
        Format::Text => {
            let mut table = Table::new(["NAME", "VALUE", "SET"]).cutting(&["VALUE"]);
            for variable in &variables {
                table.row([
                    text(&variable.name),
                    text(shown(variable.value.as_str())),
                    text(ago(variable.updated, now)),
                ]);
            }
            cx.out.table(&table, "There are no variables")?;
        }
    }
    Ok(ExitStatus::Success)
}

fn shown(value: &str) -> String {
    match value.char_indices().nth(SHOWN_MAX) {
        None => value.to_owned(),
        Some((at, _)) => format!("{}…", &value[..at]),
    }
}

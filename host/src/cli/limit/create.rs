//! `orch-host limit create NAME`

use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::time::SpanArg;
use model::LimitName;
use operations::client::CreateLimit;

/// Create a limit across flow runs
///
/// Runs of deployments with `--limit NAME` take a slot of it, from their first start until they are
/// over. Whoever finds none waits, without a slot of its pool and without memory, and goes on in the
/// order of arrival. With `--per` it is a rate limit: each slot stays taken for so long, whatever
/// becomes of the run.
///
/// Tasks that declare it take a slot for each attempt, and code takes slots by
/// `concurrency("NAME", 2)`. A limit named `tag:TAG` counts the attempts of all tasks with that tag.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host limit create database --slots 5
  orch-host limit create shop-api --slots 100 --per 1m")]
pub struct CreateArgs {
    /// Its name
    name: LimitName,
    /// How many at once; of a rate limit, how many within its time
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    slots: u32,
    /// Makes it a rate limit: how long each slot stays taken
    #[arg(long, value_name = "DURATION")]
    per: Option<SpanArg>,
}

pub async fn run(args: CreateArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let create = CreateLimit {
        name: args.name,
        slots: args.slots,
        per_ms: args.per.map(super::set::in_ms),
    };
    let limit = cx.client.create_limit(create).await?;
    let name = &limit.name;
    cx.out.note(&format!(
        "Created limit `{name}`: {}",
        super::set::in_words(&limit)
    ));
    cx.out.note(&match name.tag() {
        Some(tag) => format!("Tasks with the tag `{tag}` take slots of it by themselves"),
        None => {
            format!("Let runs take slots of it: `orch-host deploy FILE.wasm --limit {name}`")
        }
    });
    cx.out.changed(&limit)?;
    Ok(ExitStatus::Success)
}

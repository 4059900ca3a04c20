//! `orch-host worker ls`

use crate::cli::completions;
use crate::cli::context::Context;
use crate::cli::error::ExitStatus;
use crate::cli::listing::collect;
use crate::cli::output::Format;
use crate::cli::table::{Table, maybe, text};
use model::{PoolName, Timestamp};
use operations::client::WorkerQuery;
use operations::text::{ago, size};
use operations::view::{WorkerUsageView, WorkerView};

/// List the workers that are alive
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host worker ls
  orch-host worker ls --pool gpu -o wide")]
pub struct LsArgs {
    /// Only those of this work pool
    #[arg(short, long)]
    #[arg(add = completions::pools())]
    pool: Option<PoolName>,
}

pub async fn run(args: LsArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let workers = collect(0, |limit, cursor| {
        cx.client.list_workers(WorkerQuery {
            pool: args.pool.clone(),
            limit: Some(limit),
            cursor,
        })
    });
    let workers = workers.await?;
    if cx.out.format == Format::Json {
        cx.out.json(&workers)?;
        return Ok(ExitStatus::Success);
    }
    let nothing = "No worker is alive; `orch-host worker --pool default-pool` starts one";
    cx.out.table(&table(&workers, cx.now()), nothing)?;
    Ok(ExitStatus::Success)
}

fn table(workers: &[WorkerView], now: Timestamp) -> Table {
    let mut table = Table::new([
        "NAME", "POOL", "LIMIT", "PID", "HOST", "VERSION", "STARTED", "HEARD OF",
    ])
    .cutting(&["HOST"])
    .with_more(["MEMORY", "PEAK", "INSTANCES", "DESCRIPTORS", "THREADS"]);
    for worker in workers {
        let usage = worker.usage;
        table.row([
            text(&worker.name),
            maybe(worker.pool.as_ref()),
            text(worker.limit),
            text(worker.pid),
            text(&worker.host),
            maybe(worker.version.as_ref()),
            text(ago(worker.started, now)),
            text(ago(worker.heartbeat, now)),
            maybe(usage.map(|usage| usage.memory.in_bytes())),
            maybe(usage.map(|usage| size(usage.memory_peak))),
            maybe(usage.map(instances)),
            maybe(usage.and_then(|usage| usage.descriptors)),
            maybe(usage.and_then(|usage| usage.threads)),
        ]);
    }
    table
}

fn instances(usage: WorkerUsageView) -> String {
    format!("{} flows, {} tasks", usage.flows, usage.tasks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::table::{Columns, Room};
    use model::{Usage, Worker, WorkerId, WorkerUsage};
    use operations::FreshIds;

    #[test]
    fn a_worker_of_before_has_dashes_for_what_it_does_not_say() {
        let of = |used, limit| Usage { used, limit };
        let usage = WorkerUsage {
            memory: of(1_288_490_189, 16 << 30),
            memory_peak: 3 << 30,
            flows: of(2, 125),
            tasks: of(1, 256),
            descriptors: Some(of(31, 1024)),
            threads: Some(9),
        };
        let at = Timestamp(0);
        let worker = |name: &str, usage| Worker {
            id: WorkerId::new(&mut FreshIds),
            name: name.to_owned(),
            pool: None,
            limit: 100,
            pid: 7,
            host: "here".to_owned(),
            version: None,
            usage,
            started: at,
            heartbeat: at,
            lease_until: at,
        };
        let workers = [worker("w1", Some(usage)), worker("before", None)].map(Into::into);
        insta::assert_snapshot!(table(&workers, at).render(Columns::All, Room::Any, false), @r"
        NAME    POOL  LIMIT  PID  HOST  VERSION  STARTED  HEARD OF  MEMORY             PEAK   INSTANCES                       DESCRIPTORS  THREADS
        w1      -     100    7    here  -        0s ago   0s ago    1.2 GiB of 16 GiB  3 GiB  2 of 125 flows, 1 of 256 tasks  31 of 1024   9
        before  -     100    7    here  -        0s ago   0s ago    -                  -      -                               -            -
        ");
    }
}

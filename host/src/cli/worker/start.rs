//! `orch-host worker --pool POOL`

use std::sync::Arc;
use std::time::Duration;

use indicatif::BinaryBytes;
use rustix::process::{Resource, Rlimit};

use crate::cli::completions;
use crate::cli::context::{Context, Room};
use crate::cli::error::ExitStatus;
use crate::cli::limits::LimitArgs;
use crate::cli::secret::keys_of_worker;
use crate::cli::signals::Signals;
use crate::cli::size::SizeArg;
use crate::cli::storage;
use crate::cli::text::counted;
use crate::cli::time::SpanArg;
use model::Ids as _;
use model::{PoolName, QueueName, RunName, StateType};
use operations::FreshIds;
use operations::resolve;
use store::{PoolUse, RunFilter, Store};
use wasm::process_memory;
use worker::{
    Guardian, LeaseText, MEMORY_PARTS, Program, Shutdown, Urgency, Word, WorkerConfig, execute_one,
    register, serve,
};

#[derive(Debug, clap::Args)]
pub struct StartArgs {
    /// The work pool to pull from
    #[arg(short, long, default_value = "default-pool")]
    #[arg(add = completions::pools())]
    pool: PoolName,
    /// Flow runs executed at once; those that wait for others do not count
    #[arg(short, long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// The worker's name [default: a generated one]
    #[arg(short, long)]
    name: Option<RunName>,
    /// Only runs of this queue of the pool; may be repeated
    #[arg(long = "queue", alias = "work-queue", value_name = "QUEUE")]
    #[arg(add = completions::queues())]
    queues: Vec<QueueName>,
    /// How long a waiting flow stays in memory; afterwards it is replayed when it goes on
    #[arg(long, default_value = "1s", value_name = "DURATION")]
    park: SpanArg,
    /// How long its runs stay its own when nothing is heard of it
    #[arg(long, default_value = "30s", value_name = "DURATION", value_parser = lease)]
    lease: SpanArg,
    #[command(flatten)]
    limits: LimitArgs,
    /// Execute the run of a lease that the worker has which starts this process
    #[arg(long, hide = true, value_name = "LEASE")]
    executes: Option<LeaseText>,
}

impl StartArgs {
    /// Whether it executes one run for another worker.
    pub fn is_alone(&self) -> bool {
        self.executes.is_some()
    }
}

/// Shorter ones could end while a machine is merely busy.
fn lease(text: &str) -> Result<SpanArg, String> {
    match text.parse::<SpanArg>()? {
        span if span.0 < Duration::from_secs(1) => Err("it must be at least `1s`".to_owned()),
        span => Ok(span),
    }
}

pub async fn run(args: StartArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    if let Some(lease) = args.executes {
        return execute_alone(lease, args, cx).await;
    }
    raise_descriptor_limit();
    if let Some(SizeArg(memory)) = args.limits.memory() {
        say_if_too_much(memory);
    }
    let store = cx.store("worker")?;
    let pool = resolve::pool(&**store, &args.pool).await?;
    for queue in &args.queues {
        resolve::queue(&**store, &args.pool, queue).await?;
    }
    let name = args
        .name
        .clone()
        .unwrap_or_else(|| FreshIds.run_name())
        .to_string();
    let room = Room::for_runs(args.limit).with_memory(args.limits.memory());
    let runtime = cx.runtime_for_runs(room, &args.limits)?;
    let mut signals = Signals::catch()?;
    let _guardian = Guardian::start(tokio::runtime::Handle::current())?;

    let mut config = config(&args, name.clone());
    config.vault = Some(Arc::new(keys_of_worker(cx).await?));
    config.storage = storage::of_worker(cx).await?;
    let (tell, shutdown) = Shutdown::new();
    let worker = register(config, &**store, &runtime).await?;
    let mut serving = tokio::spawn(serve(worker, Arc::clone(store), runtime, shutdown));
    say_started(cx, &name, &pool, args.limit);

    let mut urgency = Urgency::Run;
    loop {
        tokio::select! {
            ended = &mut serving => {
                let runs = ended??;
                cx.out.note(&format!("Worker '{name}' stopped after {}", counted(runs, "flow run")));
                return Ok(ExitStatus::Success);
            }
            () = signals.next() => match urgency {
                Urgency::Run => {
                    urgency = Urgency::Drain;
                    tell.tell(urgency);
                    say_draining(cx, &**store, &name, &args.pool).await?;
                }
                Urgency::Drain | Urgency::Stop => {
                    urgency = Urgency::Stop;
                    tell.tell(urgency);
                    cx.out.note("Stopping at once: what is not finished goes back to the pool");
                }
            }
        }
    }
}

/// Takes all descriptors that the system allows: many systems give a program few until it asks.
fn raise_descriptor_limit() {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let all = Rlimit {
        current: limit.maximum,
        ..limit
    };
    if let Err(err) = rustix::process::setrlimit(Resource::Nofile, all) {
        tracing::debug!(%err, "the limit on descriptors stays as it is");
    }
}

fn say_if_too_much(memory: usize) {
    let there_is = process_memory();
    if memory > there_is {
        let (memory, there_is) = (BinaryBytes(memory as u64), BinaryBytes(there_is as u64));
        tracing::warn!(
            %memory,
            %there_is,
            "guests may take more memory than there is: the system may end this worker"
        );
    }
}

fn config(args: &StartArgs, name: String) -> WorkerConfig {
    let mut config = WorkerConfig::new(name, Some(args.pool.clone()));
    config.queues = args.queues.clone();
    config.runs_max = args.limit;
    config.park = args.park.0;
    config.lease = args.lease.0;
    config.heartbeat = (args.lease.0 / 6).min(config.heartbeat);
    config.alone = Some(this_program());
    config
}

/// This program with its own arguments and one more: so a run that is executed alone has the same
/// settings.
fn this_program() -> Program {
    let own = std::env::args_os().skip(1);
    Program {
        // Also if its file has been replaced.
        path: "/proc/self/exe".into(),
        args: own.chain(["--executes".into()]).collect(),
    }
}

/// What is said goes to the worker whose process has started this one.
async fn execute_alone(
    lease: LeaseText,
    args: StartArgs,
    cx: &Context,
) -> anyhow::Result<ExitStatus> {
    // They are for the worker, which ends this process if it has to.
    let _signals = Signals::catch()?;
    let store = cx.store("worker")?;
    let room = Room::ONE_RUN
        .with_memory(args.limits.memory())
        .with_one_part_of(MEMORY_PARTS);
    let runtime = cx.runtime_for_runs(room, &args.limits)?;
    let mut config = config(&args, String::new());
    config.vault = Some(Arc::new(keys_of_worker(cx).await?));
    config.storage = storage::of_worker(cx).await?;
    let out = cx.out.clone();
    let say = move |word: Word| {
        // A worker that does not listen any more is about to end this process.
        let _ = out.data(&word.to_string());
    };
    execute_one(lease, config, Arc::clone(store), runtime, say).await;
    Ok(ExitStatus::Success)
}

fn say_started(cx: &Context, name: &str, pool: &PoolUse, limit: u32) {
    let pool_name = &pool.pool.name;
    cx.out.note(&format!(
        "Worker '{name}' started on pool '{pool_name}', up to {} at once; Ctrl-C stops it",
        counted(limit.into(), "flow run")
    ));
    if pool.pool.paused {
        cx.out.warn(
            &format!("work pool `{pool_name}` is paused, so there is nothing to do"),
            &format!("`orch-host work-pool resume {pool_name}` lets it go on"),
        );
    }
    if pool.deployments == 0 && pool.ready == 0 {
        cx.out.note(&format!(
            "Nothing is deployed to work pool `{pool_name}` yet"
        ));
        cx.out.hint(&format!(
            "`orch-host deploy FILE.wasm --pool {pool_name}` does so"
        ));
    }
}

/// Says what is waited for: by name, where it can only be this worker's.
async fn say_draining(
    cx: &Context,
    store: &dyn Store,
    name: &str,
    pool: &PoolName,
) -> anyhow::Result<()> {
    let used = store.pool(pool).await?;
    let what = if used.is_some_and(|pool| pool.workers <= 1) {
        what_is_active(store, pool).await?
    } else {
        format!("it finishes what it executes; {AGAIN}")
    };
    cx.out.note(&format!("Worker '{name}' stops: {what}"));
    Ok(())
}

async fn what_is_active(store: &dyn Store, pool: &PoolName) -> anyhow::Result<String> {
    const SHOWN_MAX: u32 = 5;
    let filter = RunFilter {
        states: vec![StateType::Pending.into(), StateType::Running.into()],
        pools: vec![pool.clone()],
        ..RunFilter::default()
    };
    let active = store.newest_flow_runs(&filter, SHOWN_MAX + 1).await?;
    let mut names: Vec<String> = active
        .iter()
        .take(SHOWN_MAX as usize)
        .map(|run| format!("'{}' of `{}`", run.name, run.flow))
        .collect();
    if names.is_empty() {
        return Ok("it has nothing to finish".to_owned());
    }
    if active.len() > SHOWN_MAX as usize {
        names.push("…".to_owned());
    }
    Ok(format!("it finishes {}; {AGAIN}", names.join(", ")))
}

const AGAIN: &str = "Ctrl-C again gives that back to the pool at once";

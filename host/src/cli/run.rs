//! `orch-host run TARGET`

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::completions;
use super::context::{Context, Room};
use super::error::{ExitStatus, UserError};
use super::grants::GrantArgs;
use super::limits::LimitArgs;
use super::params::ParamArgs;
use super::secret::keys_of_worker;
use super::signals::Signals;
use super::storage;
use super::target::Target;
use super::values::level;
use super::watch::{States, conclude, tell_until_ended};
use model::Ids as _;
use model::{FlowRun, LogLevel, RunName, WorkerId};
use operations::client::LocalWatch;
use operations::control::{self, ControlRefusal};
use operations::follow::{self, Executes, Follow, Interest};
use operations::grants::granted;
use operations::{FreshIds, start};
use orchestrator::Start;
use store::{NewRun, Store};
use wasm::Runtime;
use worker::{Shutdown, ShutdownHandle, Urgency, WorkerConfig, WorkerError, register, serve};

/// Run a flow here, and wait for its result
///
/// The flow runs in this process, outside its work pool's limit. Flow runs that it starts go to
/// their own pools, where workers execute them. The log is written to stderr, the result to
/// stdout as JSON.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host run etl/nightly
  orch-host run etl.wasm -p days=7 --allow-http api.example.com --level debug")]
pub struct RunArgs {
    /// A flow with one deployment, `flow/deployment`, or a path to a `.wasm` file
    #[arg(add = completions::deployments())]
    target: String,
    #[command(flatten)]
    params: ParamArgs,
    /// Which flow of a `.wasm` file, if it has several
    #[arg(long)]
    flow: Option<String>,
    /// The run's name [default: a generated one]
    #[arg(short, long)]
    name: Option<RunName>,
    /// A tag besides the deployment's; may be repeated
    #[arg(short, long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    #[command(flatten)]
    grants: GrantArgs,
    #[command(flatten)]
    limits: LimitArgs,
    /// Show log lines of this level and above
    #[arg(long, default_value = "INFO", value_parser = level(), ignore_case = true)]
    level: LogLevel,
}

pub async fn run(args: RunArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let store = cx.store("run")?;
    let room = Room::ONE_RUN.with_memory(args.limits.memory());
    let runtime = cx.runtime_for_runs(room, &args.limits)?;
    let now = cx.now();
    let flow = args.flow.as_deref();
    let mut target = Target::find(&args.target, flow, &**store, &runtime, now).await?;
    let wish = Start {
        name: args.name.unwrap_or_else(|| FreshIds.run_name()),
        tags: args.tags,
        ..Start::now(
            &mut FreshIds,
            args.params.object(&target.startable.flow)?,
            now,
        )
    };
    let mut run = target.startable.run(wish, now)?;
    if !args.grants.is_empty() {
        if run.deployment.is_some() {
            return Err(granted_already(&args.target).into());
        }
        args.grants.check_dirs()?;
        run.grants = granted(&args.grants.request())?;
    }

    target.keep_component(&**store).await?;
    let mut signals = Signals::catch()?;
    // First the worker, then its run: what is reserved for a worker that nobody knows could
    // be taken for left behind.
    let mut worker = LocalWorker::start(cx, store, runtime).await?;
    let new = NewRun {
        run: run.clone(),
        idempotency_key: None,
        instead_of: None,
        reserved_for: Some(worker.id),
    };
    start::create(&**store, new).await?;
    cx.out.note(&format!(
        "Flow run '{}' of `{}` ({})",
        run.name, run.flow, run.id
    ));

    let interest = Interest::All {
        states: follow::States::Latest,
        executes: Executes::Us,
    };
    let follow = Follow::new(Arc::clone(store), run.id, args.level, interest);
    let ended = tell_until_ended(cx, Box::new(LocalWatch::of(follow)), States::Notable);
    let mut ended = std::pin::pin!(ended);
    let mut interrupted = false;
    loop {
        tokio::select! {
            ended = &mut ended => {
                worker.stop().await;
                let status = conclude(cx, ended?)?;
                return Ok(if interrupted { ExitStatus::Interrupted } else { status });
            }
            failed = &mut worker.serving => {
                failed??;
                anyhow::bail!("the worker of this command ended before its flow run")
            }
            () = signals.next() => {
                if interrupted {
                    worker.stop().await;
                    say_interrupted(cx, &run);
                    return Ok(ExitStatus::Interrupted);
                }
                interrupted = true;
                cx.out.note("Cancelling the flow run; once more to leave it at once");
                match control::cancel(&**store, &run).await {
                    // It has ended by itself meanwhile, which is told in a moment.
                    Ok(_) | Err(ControlRefusal::Over { .. }) => {}
                    Err(err) => return Err(err.into()),
                }
            }
        }
    }
}

fn granted_already(deployment: &str) -> UserError {
    UserError::new(format!(
        "what tasks may reach is granted to deployment `{deployment}`, and not to a run of it"
    ))
    .hint(
        "`orch-host deploy FILE.wasm` takes the same options and changes the deployment; \
         `orch-host run` takes them with a `.wasm` file only",
    )
}

fn say_interrupted(cx: &Context, run: &FlowRun) {
    let pool = match &run.pool {
        Some(pool) => format!(" of work pool `{pool}`"),
        None => String::new(),
    };
    cx.out.warn(
        &format!(
            "flow run '{}' is cancelled, and has not ended: a worker{pool} will let it clean up",
            run.name
        ),
        &format!("`orch-host flow-run watch {}` follows it", run.id),
    );
}

/// A worker in this process for what is reserved for it.
struct LocalWorker {
    id: WorkerId,
    tell: ShutdownHandle,
    serving: JoinHandle<Result<u64, WorkerError>>,
}

/// How long the worker may take to stop. It has nothing left to do.
const STOP_MAX: Duration = Duration::from_secs(5);

impl LocalWorker {
    async fn start(
        cx: &Context,
        store: &Arc<dyn Store>,
        runtime: Arc<Runtime>,
    ) -> anyhow::Result<Self> {
        let mut config = WorkerConfig::new(format!("run-{}", std::process::id()), None);
        config.runs_max = 1;
        config.vault = Some(Arc::new(keys_of_worker(cx).await?));
        config.storage = storage::of_worker(cx).await?;
        let id = config.id;
        let (tell, shutdown) = Shutdown::new();
        let worker = register(config, &**store, &runtime).await?;
        let serving = tokio::spawn(serve(worker, Arc::clone(store), runtime, shutdown));
        Ok(Self { id, tell, serving })
    }

    async fn stop(&mut self) {
        self.tell.tell(Urgency::Stop);
        let _ = tokio::time::timeout(STOP_MAX, &mut self.serving).await;
    }
}

//! `orch-host server start`

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use super::local_token::local_token;
use crate::cli::context::{Context, Room};
use crate::cli::engine::Describer;
use crate::cli::error::{ExitStatus, UserError};
use crate::cli::secret::keys_of_worker;
use crate::cli::signals::Signals;
use crate::cli::storage;
use model::{Ids as _, PoolName, WorkerId, WorkerUsage};
use operations::client::LocalClient;
use operations::schedules::Scheduler;
use operations::{FreshIds, access, bulk};
use server::{App, Listen, ListenError, Listening, Origin, PublicUrl, TlsFiles};
use store::Store;
use wasm::{Limits, Runtime};
use worker::{Shutdown, ShutdownHandle, Urgency, WorkerConfig, WorkerError, register, serve};

/// How often what has expired is forgotten.
const PRUNE: Duration = Duration::from_mins(10);
/// How long after a mistake actions on many runs are tried again.
const ACT_AGAIN: Duration = Duration::from_secs(10);
/// Flow runs that the worker within the server executes at once.
const RUNS_MAX: u32 = 100;

/// Serve the API and the pages, until Ctrl-C
///
/// Prints the address, and a link by which you can sign in to the pages once. Other programs
/// need a token: `orch-host token create`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host server start
  orch-host server start --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem --worker")]
pub struct StartArgs {
    /// Where to listen: a name or an address of this machine
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// The port; 0 takes a free one
    #[arg(short, long, default_value_t = 4200)]
    port: u16,
    /// The certificate of the server, and those above it, in PEM form
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The key of the certificate, in PEM form
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// The address by which people reach it through a proxy
    #[arg(long, value_name = "URL")]
    public_url: Option<PublicUrl>,
    /// Let pages of this origin call the API; may be repeated
    #[arg(long, value_name = "ORIGIN")]
    cors_origin: Vec<Origin>,
    /// Run a worker of `default-pool` in the same process
    #[arg(long)]
    worker: bool,
}

impl StartArgs {
    fn listen(self) -> Listen {
        let tls = self.tls_cert.zip(self.tls_key);
        Listen {
            host: self.host,
            port: self.port,
            tls: tls.map(|(certificate, key)| TlsFiles { certificate, key }),
            public_url: self.public_url,
            cors_origins: self.cors_origin,
        }
    }
}

pub async fn run(args: StartArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let has_worker = args.worker;
    let store = cx.store("server start")?;
    let listening = Listening::new(args.listen()).await.map_err(misled)?;
    let mut signals = Signals::catch()?;
    let instances = if has_worker {
        Room::for_runs(RUNS_MAX)
    } else {
        Room::FEW
    };
    let runtime = cx.runtime(instances, Limits::default())?;
    let token = local_token(&**store, &cx.place.token).await?;
    let link = access::create_link(&**store, token.id, cx.now()).await?;

    let describe = Arc::new(Describer::With(Arc::clone(&runtime)));
    let client = Arc::new(LocalClient::new(
        Arc::clone(store),
        describe,
        cx.place.home.clone(),
        cx.place.blobs(),
    ));
    let address = listening.settings.address();
    let app = App::new(
        client,
        Arc::clone(store),
        listening.settings.clone(),
        has_worker.then(|| usage_of(&runtime)),
    );
    let pruning = tokio::spawn(prune(Arc::clone(store)));
    let scheduler = WorkerId::new(&mut FreshIds);
    let scheduling = tokio::spawn(Scheduler::new(Arc::clone(store), scheduler).run());
    let (stop_acting, stops_acting) = watch::channel(false);
    let acting = tokio::spawn(act(Arc::clone(store), stops_acting));
    let worker = if has_worker {
        Some(InnerWorker::start(cx, store, runtime).await?)
    } else {
        None
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(listening.serve(app, async move {
        // The other half is kept until it says so.
        let _ = stopped.await;
    }));
    cx.out
        .note(&format!("Server started on {address}; Ctrl-C stops it"));
    cx.out.note(&format!(
        "Sign in once, within 15 minutes: {address}/sign-in?link={}",
        link.expose()
    ));
    let halves = Halves {
        serving,
        stop: Some(stop),
        acting,
        stop_acting,
        worker,
    };
    let ended = halves.run(cx, &mut signals).await;
    pruning.abort();
    scheduling.abort();
    Scheduler::end(&**store, scheduler).await;
    ended.map(|()| ExitStatus::Success)
}

/// Tells what the worker in this process uses.
fn usage_of(runtime: &Arc<Runtime>) -> Arc<dyn Fn() -> WorkerUsage + Send + Sync> {
    let runtime = Arc::clone(runtime);
    Arc::new(move || worker::usage(&runtime))
}

/// The server, and the worker in its process.
struct Halves {
    serving: JoinHandle<()>,
    /// Sent once.
    stop: Option<oneshot::Sender<()>>,
    /// What is done to many runs. It ends only when it is told to.
    acting: JoinHandle<()>,
    stop_acting: watch::Sender<bool>,
    worker: Option<InnerWorker>,
}

impl Halves {
    /// Until a signal stops both, or one of them ends by itself: half of what was asked for
    /// would look alive to whoever watches the process.
    async fn run(mut self, cx: &Context, signals: &mut Signals) -> anyhow::Result<()> {
        tokio::select! {
            () = signals.next() => {}
            ended = &mut self.serving => {
                ended?;
                anyhow::bail!("the server ended by itself");
            }
            ended = ended(&mut self.worker), if self.worker.is_some() => {
                ended?;
                anyhow::bail!("the worker ended by itself");
            }
        }
        cx.out.note(match self.worker {
            Some(_) => {
                "Server stops: it finishes what it answers and executes; Ctrl-C again stops at once"
            }
            None => "Server stops: it finishes what it answers",
        });
        self.tell(Urgency::Drain);
        tokio::select! {
            ended = self.finish() => return ended,
            () = signals.next() => {}
        }
        // What the worker had begun goes back to the pool; that takes a moment, not a grace.
        self.tell(Urgency::Stop);
        ended(&mut self.worker).await
    }

    fn tell(&mut self, urgency: Urgency) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        self.stop_acting.send_replace(true);
        if let Some(worker) = &self.worker {
            worker.tell.tell(urgency);
        }
    }

    async fn finish(&mut self) -> anyhow::Result<()> {
        (&mut self.serving).await?;
        (&mut self.acting).await?;
        ended(&mut self.worker).await
    }
}

/// Until the worker has ended, if there is one.
async fn ended(worker: &mut Option<InnerWorker>) -> anyhow::Result<()> {
    if let Some(worker) = worker {
        (&mut worker.serving).await??;
        tracing::info!(worker = worker.name, "the worker stopped");
    }
    Ok(())
}

/// A mistake of the person at the keyboard.
fn misled(err: ListenError) -> UserError {
    UserError::new(err.to_string()).hint(err.hint())
}

async fn prune(store: Arc<dyn Store>) {
    loop {
        if let Err(error) = access::prune(&*store, store.clock().now()).await {
            tracing::warn!(%error, "what has expired was not forgotten");
        }
        tokio::time::sleep(PRUNE).await;
    }
}

/// Works on actions on many runs. What fails here is tried again: an action is kept until it is
/// done.
async fn act(store: Arc<dyn Store>, mut stop: watch::Receiver<bool>) {
    while let Err(error) = bulk::serve(Arc::clone(&store), stop.clone()).await {
        tracing::error!(%error, "an action on many runs does not go on");
        tokio::select! {
            () = tokio::time::sleep(ACT_AGAIN) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

/// A worker in the process of the server.
struct InnerWorker {
    name: String,
    tell: ShutdownHandle,
    serving: JoinHandle<Result<u64, WorkerError>>,
}

impl InnerWorker {
    async fn start(
        cx: &Context,
        store: &Arc<dyn Store>,
        runtime: Arc<Runtime>,
    ) -> anyhow::Result<Self> {
        let name = FreshIds.run_name().to_string();
        let pool = PoolName::default_pool();
        let mut config = WorkerConfig::new(name.clone(), Some(pool.clone()));
        config.runs_max = RUNS_MAX;
        config.vault = Some(Arc::new(keys_of_worker(cx).await?));
        config.storage = storage::of_worker(cx).await?;
        let (tell, shutdown) = Shutdown::new();
        let registered = register(config, &**store, &runtime).await?;
        let serving = tokio::spawn(serve(registered, Arc::clone(store), runtime, shutdown));
        cx.out
            .note(&format!("Worker '{name}' started on pool '{pool}'"));
        Ok(Self {
            name,
            tell,
            serving,
        })
    }
}

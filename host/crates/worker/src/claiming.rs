//! The loop of a worker: claims what it has room for, and waits when there is nothing.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tracing::{debug, error, info, warn};

use super::alone;
use super::execution::Stop;
use super::guarded::{execute, guarded};
use super::heartbeat::heartbeats;
use super::panics::message_of;
use super::shared::Shared;
use super::sweep::Sweep;
use super::usage::usage;
use super::{Shutdown, Urgency, WorkerConfig, WorkerError};
use model::{StateType, Timestamp, Worker, WorkerId};
use operations::FreshIds;
use operations::blobs::{Blobs, Tidied, tidy};
use operations::schedules::Scheduler;
use store::{Claim, Claimed, Offer, Store, StoreError, StoreResult, Topic};
use wasm::Runtime;

/// Runs claimed in one transaction, at most.
const CLAIM_MAX: u32 = 256;
/// Timers settled in one transaction, at most.
const DUE_MAX: u32 = 1000;
/// How often to look for workers of this machine that are gone: a few locks in a directory.
const LOOK_FOR_LOST: Duration = Duration::from_millis(200);

/// How often expired results are looked for, and blobs that nothing holds.
const TIDY: Duration = Duration::from_secs(10);
/// At how many of these looks to ask for leases that have ended.
const LOOKS_PER_LEASES: u32 = 5;
/// How long to wait before asking a database again that was not available.
const UNAVAILABLE_DELAY: Duration = Duration::from_secs(1);
/// How long to wait before beginning anew after a panic, which may come at once again.
const PANICKED_DELAY: Duration = Duration::from_secs(1);

/// A worker that is on the list: runs can be given to it.
pub struct Registered(WorkerConfig);

/// Puts a worker on the list. It has to serve before its lease ends.
pub async fn register(
    config: WorkerConfig,
    store: &dyn Store,
    runtime: &Runtime,
) -> StoreResult<Registered> {
    let now = store.clock().now();
    let registered = store.register_worker(registration(&config, runtime, now));
    registered.await.map(|()| Registered(config))
}

/// Serves until it is told to stop: claims and executes runs. Returns how many runs it executed to
/// their end. Errs when it has lost its lease.
///
/// A worker of a pool begins anew under another id when it was given up, because its process
/// or its machine stood still for longer than its lease, and when the database was not
/// available: then it cannot know which of its runs it still has, so it gives all of them
/// back once the database answers, and does nothing until then.
pub async fn serve(
    Registered(mut config): Registered,
    store: Arc<dyn Store>,
    runtime: Arc<Runtime>,
    mut shutdown: Shutdown,
) -> Result<u64, WorkerError> {
    let mut ended = 0;
    loop {
        let hear = shutdown.clone();
        let engine = Arc::clone(&runtime);
        let serving = serve_once(&config, Arc::clone(&store), engine, hear, &mut ended);
        let served = AssertUnwindSafe(serving).catch_unwind().await;
        let served = served.unwrap_or_else(|panic| Err(panicked(&*panic)));
        match served {
            Ok(()) => return Ok(ended),
            Err(_) if config.pool.is_none() || shutdown.urgency() > Urgency::Run => {}
            Err(WorkerError::LeaseLost(lost)) => {
                begin_anew(&mut config, &*store, &runtime, &mut shutdown).await?;
                warn!(%lost, now = %config.id, "the lease was lost; the worker has begun anew");
                continue;
            }
            Err(WorkerError::Store(err)) if may_pass(&err) => {
                error!(%err, hint = UNAVAILABLE_HINT, "executes nothing until that has passed");
                begin_anew(&mut config, &*store, &runtime, &mut shutdown).await?;
                info!(now = %config.id, "the database is available again");
                continue;
            }
            Err(err @ WorkerError::Panicked(_)) => {
                error!(%err, "the worker gives back what it has");
                tokio::time::sleep(PANICKED_DELAY).await;
                begin_anew(&mut config, &*store, &runtime, &mut shutdown).await?;
                warn!(now = %config.id, "the worker has begun anew");
                continue;
            }
            Err(_) => {}
        }
        return served.map(|()| ended);
    }
}

fn panicked(panic: &(dyn Any + Send)) -> WorkerError {
    WorkerError::Panicked(message_of(panic).to_owned())
}

/// Whether the database may be available again without a new start of this process.
fn may_pass(err: &StoreError) -> bool {
    err.is_trouble() && !matches!(err, StoreError::FileReplaced { .. })
}

/// What to do about a database that is not available.
const UNAVAILABLE_HINT: &str = "free space on its disk, end what else holds it, or put its file \
     back; where a server has it, see that it runs";

/// Gives back whatever the worker had, and registers it under another id, as soon as the
/// database is available. Errs if it is told to stop before that.
async fn begin_anew(
    config: &mut WorkerConfig,
    store: &dyn Store,
    runtime: &Runtime,
    shutdown: &mut Shutdown,
) -> StoreResult<()> {
    let before = std::mem::replace(&mut config.id, WorkerId::new(&mut FreshIds));
    loop {
        let begun = async {
            store.sign_off(before, store.clock().now()).await?;
            let now = store.clock().now();
            store
                .register_worker(registration(config, runtime, now))
                .await
        };
        match begun.await {
            Err(err) if may_pass(&err) && shutdown.urgency() == Urgency::Run => {}
            begun => return begun,
        }
        tokio::select! {
            () = tokio::time::sleep(UNAVAILABLE_DELAY) => {}
            () = shutdown.at_least(Urgency::Drain) => {}
        }
    }
}

/// Serves under one id, which is registered, until it is told to stop. Counts the runs that
/// it executes to their end.
async fn serve_once(
    config: &WorkerConfig,
    store: Arc<dyn Store>,
    runtime: Arc<Runtime>,
    shutdown: Shutdown,
    ended: &mut u64,
) -> Result<(), WorkerError> {
    let id = config.id;
    let (tell, news) = watch::channel(());
    let mut ears = JoinSet::new();
    let mut listener = store.listen(Topic::Ready)?;
    ears.spawn(async move {
        loop {
            listener.heard().await;
            tell.send_replace(());
        }
    });
    let shared = Arc::new(Shared::new(config.clone(), store, runtime, news));
    // Flows that only wait are the first to leave memory.
    let parked = Arc::downgrade(&shared);
    shared.runtime.memory().relieve_by(move || {
        if let Some(shared) = parked.upgrade() {
            shared.parking.clear();
        }
    });
    let mut serving = Serving {
        slots: Arc::new(Semaphore::new(shared.config.runs_max as usize)),
        runs: JoinSet::new(),
        ended: 0,
        shutdown,
        shared: Arc::clone(&shared),
    };
    let served = tokio::select! {
        served = serving.serve() => served,
        lost = heartbeats(Arc::clone(&shared)) => Err(lost),
        () = rescues(Arc::clone(&shared)) => Ok(()),
        () = sweeps(Arc::clone(&shared)) => Ok(()),
        () = tidies(&shared.blobs) => Ok(()),
        () = schedules(&shared) => Ok(()),
        Some(Err(ended)) = ears.join_next() => Err(WorkerError::Panicked(ended.to_string())),
    };
    Scheduler::end(&*shared.store, id).await;
    // Whatever was not finished goes back to its pool at once.
    serving.runs.shutdown().await;
    *ended += serving.ended;
    match shared.store.sign_off(id, shared.now()).await {
        Err(err) if served.is_ok() => {
            warn!(%err, "could not sign off; what was unfinished goes back when the lease ends");
        }
        // It gives back what it had when it begins anew.
        _ => {}
    }
    served
}

fn registration(config: &WorkerConfig, runtime: &Runtime, now: Timestamp) -> Worker {
    Worker {
        id: config.id,
        name: config.name.clone(),
        pool: config.pool.clone(),
        limit: config.runs_max,
        pid: std::process::id(),
        host: rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned(),
        version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        usage: Some(usage(runtime)),
        started: now,
        heartbeat: now,
        lease_until: now.after(config.lease),
    }
}

/// Looks for runs that this worker has, and does not execute, for as long as it is polled.
async fn sweeps(shared: Arc<Shared>) {
    let mut look = tokio::time::interval(shared.config.heartbeat);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut sweep = Sweep::default();
    loop {
        look.tick().await;
        if let Err(err) = sweep.look(&shared).await {
            warn!(%err, "could not look for runs that nobody executes");
        }
    }
}

/// Makes the runs of schedules, for as long as it is polled. A worker that is there for one run does
/// not.
async fn schedules(shared: &Shared) {
    match shared.config.pool {
        Some(_) => {
            let scheduler = Scheduler::new(Arc::clone(&shared.store), shared.config.id);
            scheduler.run().await;
        }
        None => std::future::pending().await,
    }
}

/// Clears cached results that have expired and deletes blobs that nothing holds, for as long as it
/// is polled.
async fn tidies(blobs: &Blobs) {
    let mut look = tokio::time::interval(TIDY);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        look.tick().await;
        match tidy(blobs).await {
            Ok(tidied) => {
                let Tidied {
                    expired, deleted, ..
                } = tidied;
                if expired > 0 {
                    info!(expired, "cleared cached results that have expired");
                }
                if deleted > 0 {
                    info!(deleted, "deleted blobs that nothing holds");
                }
            }
            Err(err) => warn!(%err, "could not look for blobs that nothing holds"),
        }
    }
}

/// Looks for workers that are gone, for as long as it is polled.
async fn rescues(shared: Arc<Shared>) {
    let mut look = tokio::time::interval(LOOK_FOR_LOST);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for number in 0_u32.. {
        look.tick().await;
        let leases = number % LOOKS_PER_LEASES == 0;
        match rescue(&*shared.store, leases).await {
            Ok(0) => {}
            Ok(runs) => info!(runs, "gave runs of lost workers back"),
            Err(err) => warn!(%err, "could not look for lost workers"),
        }
    }
}

/// Gives back the runs of workers that are gone from this machine. With `leases` it also asks
/// the database for workers whose lease has ended.
async fn rescue(store: &dyn Store, leases: bool) -> StoreResult<usize> {
    let lost = store.lost_workers().await?;
    if lost.is_empty() && !leases {
        return Ok(0);
    }
    Ok(store.rescue(&lost, store.clock().now()).await?.len())
}

/// Why the loop takes another turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Woken {
    /// Something may be ready or due, or there may be orders.
    Told,
    /// Only a slot may have become free.
    Freed,
}

/// A claim that waits for something to claim.
type Claiming = BoxFuture<'static, StoreResult<Vec<Claimed>>>;

struct Serving {
    shared: Arc<Shared>,
    slots: Arc<Semaphore>,
    runs: JoinSet<Stop>,
    ended: u64,
    shutdown: Shutdown,
}

impl Serving {
    async fn serve(&mut self) -> Result<(), WorkerError> {
        let mut news = self.shared.news.clone();
        let mut woken = Woken::Told;
        let mut due = None;
        let offer = Arc::new(Offer::new(Arc::clone(self.shared.store.clock())));
        let mut claiming = None;
        while self.shutdown.urgency() == Urgency::Run {
            while let Some(stop) = self.runs.try_join_next() {
                self.stopped(stop)?;
            }
            // A worker that always finds work must still hear of cancellations, and timers
            // must still go off.
            if woken == Woken::Told || news.has_changed().unwrap_or(false) {
                // What comes up from here on is noticed by the wait below.
                news.mark_unchanged();
                self.shared.tell_signals().await?;
                due = self.settle_due().await?;
            }
            if claiming.is_none() {
                claiming = self.claim(&offer);
            }
            woken = self.wait(&mut news, due, &mut claiming).await?;
        }
        offer.withdraw();
        self.shared.store.look_again();
        if let Some(claiming) = claiming {
            // It may have got something at the last moment.
            self.start(claiming.await?).await;
        }
        self.drain().await
    }

    /// Waits for as many runs as there is room for.
    fn claim(&self, offer: &Arc<Offer>) -> Option<Claiming> {
        let room = u32::try_from(self.slots.available_permits()).unwrap_or(u32::MAX);
        if room == 0 {
            return None;
        }
        let config = &self.shared.config;
        let claim = Claim {
            worker: config.id,
            pool: config.pool.clone(),
            queues: config.queues.clone(),
            count: room.min(CLAIM_MAX),
            now: self.shared.now(),
        };
        let claimed = self.shared.store.claim_next(claim, Arc::clone(offer));
        Some(claimed.boxed())
    }

    /// Starts or resumes what was claimed.
    async fn start(&mut self, claimed: Vec<Claimed>) {
        for claimed in claimed {
            let slot = Arc::clone(&self.slots).acquire_owned().await;
            self.start_one(claimed, slot.expect("the semaphore is never closed"));
        }
    }

    fn start_one(&mut self, claimed: Claimed, slot: OwnedSemaphorePermit) {
        let shared = Arc::clone(&self.shared);
        if let (true, Some(program)) = (claimed.alone, &shared.config.alone) {
            let (lease, name) = (claimed.lease, claimed.run.name.clone());
            let alone = alone::execute(Arc::clone(&shared), program.clone(), claimed, slot);
            self.runs
                .spawn(guarded(Arc::clone(&shared), lease, name, alone));
            return;
        }
        let cancelling = claimed.run.state.kind == StateType::Cancelling;
        match shared.parking.resume(claimed.lease, cancelling, slot) {
            Ok(()) => shared.executing.resumed(claimed.lease),
            Err(slot) => {
                self.runs.spawn(execute(shared, claimed, slot));
            }
        }
    }

    /// Settles the timers that are due. Returns when the next one is due.
    async fn settle_due(&self) -> Result<Option<Timestamp>, WorkerError> {
        let Shared { store, config, .. } = &*self.shared;
        loop {
            let now = store.clock().now();
            match store.next_due(config.pool.as_ref(), now).await? {
                Some(due) if due <= now => {
                    store.settle_due(now, DUE_MAX).await?;
                }
                due => return Ok(due),
            }
        }
    }

    /// Returns when there may be something to do.
    async fn wait(
        &mut self,
        news: &mut watch::Receiver<()>,
        due: Option<Timestamp>,
        claiming: &mut Option<Claiming>,
    ) -> Result<Woken, WorkerError> {
        let due = async {
            match due {
                Some(due) => tokio::time::sleep(due.since(self.shared.now())).await,
                None => std::future::pending().await,
            }
        };
        let slots = Arc::clone(&self.slots);
        let full = slots.available_permits() == 0;
        let claimed = async {
            match claiming {
                Some(claimed) => claimed.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            claimed = claimed => {
                *claiming = None;
                self.start(claimed?).await;
            }
            _ = news.changed() => return Ok(Woken::Told),
            () = due => {
                // A run that was scheduled for now is ready without a word.
                self.shared.store.look_again();
                return Ok(Woken::Told);
            }
            _ = slots.acquire(), if full => {}
            Some(stop) = self.runs.join_next() => self.stopped(stop)?,
            () = self.shutdown.at_least(Urgency::Drain) => {}
        }
        Ok(Woken::Freed)
    }

    /// Errs if an execution ended without a record: then the owner of its run is unknown.
    fn stopped(&mut self, stop: Result<Stop, tokio::task::JoinError>) -> Result<(), WorkerError> {
        match stop {
            Ok(Stop::Ended) => self.ended += 1,
            Ok(Stop::Left) => {}
            Ok(Stop::Failed(err)) => return Err(err.into()),
            // Its run is under lease, and found by the next sweep.
            Err(err) => error!(%err, "an execution was lost"),
        }
        Ok(())
    }

    /// Finishes what is being executed, unless it gets more urgent.
    async fn drain(&mut self) -> Result<(), WorkerError> {
        debug!(runs = self.runs.len(), "draining");
        loop {
            // A flow that waits now leaves memory: another worker goes on with it.
            self.shared.parking.clear();
            tokio::select! {
                stop = self.runs.join_next() => match stop {
                    Some(stop) => self.stopped(stop)?,
                    None => return Ok(()),
                },
                () = tokio::time::sleep(Duration::from_millis(50)) => {}
                () = self.shutdown.at_least(Urgency::Stop) => return Ok(()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Place;
    use model::PoolName;

    #[tokio::test(flavor = "multi_thread")]
    async fn who_is_given_up_before_it_serves_begins_anew_and_stops_when_told() {
        let place = Place::new().await;
        let (store, runtime) = (&place.shared.store, &place.shared.runtime);
        let mut config = WorkerConfig::new("late".to_owned(), Some(PoolName::default_pool()));
        config.heartbeat = Duration::from_millis(10);
        let first = config.id;
        let registered = register(config, &**store, runtime).await.unwrap();
        let listed = async || {
            let mut workers = store.workers().await.unwrap();
            workers.retain(|worker| worker.name == "late");
            workers.pop()
        };
        let worker = listed().await.unwrap();
        assert_eq!(worker.id, first);
        assert!(worker.usage.is_some());
        store.rescue(&[first], store.clock().now()).await.unwrap();

        let (tell, shutdown) = Shutdown::new();
        let (store, runtime) = (Arc::clone(store), Arc::clone(runtime));
        let serving = tokio::spawn(serve(registered, store, runtime, shutdown));
        while listed().await.is_none_or(|worker| worker.id == first) {
            tokio::task::yield_now().await;
        }
        tell.tell(Urgency::Drain);
        assert_eq!(serving.await.unwrap().unwrap(), 0);
    }
}

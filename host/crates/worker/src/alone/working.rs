//! The side of the process that executes one run.

use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Signal, getppid, set_parent_process_death_signal};
use tokio::sync::{Semaphore, watch};

use super::lease::LeaseText;
use super::word::Word;
use crate::WorkerConfig;
use crate::execution::Stop;
use crate::guarded::execute;
use crate::shared::Shared;
use model::Lease;
use store::{Store, StoreError, Topic};
use wasm::Runtime;

/// Executes the run of a lease that another process has, until it ends or waits. What it says goes
/// to that process. `config`: that of its worker.
pub async fn execute_one(
    of: LeaseText,
    mut config: WorkerConfig,
    store: Arc<dyn Store>,
    runtime: Arc<Runtime>,
    say: impl Fn(Word) + Send + Sync + 'static,
) {
    if !dies_with(of.pid) {
        return;
    }
    let say = Arc::new(say);
    config.id = of.lease.worker;
    // A run that waits goes back to the pool, which may find it better company then.
    config.park = Duration::ZERO;
    // From here on, what happens is the doing of the run.
    say(Word::Beat);
    // On the one thread that executes everything: if that hangs, this falls silent.
    let beats = tokio::spawn(beat(config.heartbeat, Arc::clone(&say)));
    let word = match execute_under(of.lease, config, store, runtime).await {
        Ok(Stop::Ended) => Word::Ended,
        Ok(Stop::Left) | Err(StoreError::Stale { .. }) => Word::Left,
        Ok(Stop::Failed(err)) | Err(err) => Word::Failed(err.to_string()),
    };
    beats.abort();
    say(word);
}

/// Whether that process is alive, and is the one that started this one. When it ends, so does this
/// one.
fn dies_with(pid: u32) -> bool {
    let is_set = set_parent_process_death_signal(Some(Signal::KILL)).is_ok();
    let parent = getppid().map(|pid| pid.as_raw_nonzero().get());
    is_set && parent.is_some_and(|parent| u32::try_from(parent) == Ok(pid))
}

async fn beat(every: Duration, say: Arc<impl Fn(Word)>) {
    let mut beat = tokio::time::interval(every);
    loop {
        beat.tick().await;
        say(Word::Beat);
    }
}

async fn execute_under(
    lease: Lease,
    config: WorkerConfig,
    store: Arc<dyn Store>,
    runtime: Arc<Runtime>,
) -> Result<Stop, StoreError> {
    let claimed = store.claimed(lease).await?;
    let mut listener = store.listen(Topic::Ready)?;
    let (tell, news) = watch::channel(());
    let shared = Arc::new(Shared::new(config, store, runtime, news));
    let slots = Arc::new(Semaphore::new(1));
    let slot = slots.acquire_owned().await;
    let slot = slot.expect("the semaphore is never closed");
    // Spawned, so that it is not executed by the main thread, which is none of the runtime's.
    let mut executing = tokio::spawn(execute(Arc::clone(&shared), claimed, slot));
    loop {
        // An order that was given before this listened counts, too.
        shared.tell_signals().await?;
        tell.send_replace(());
        tokio::select! {
            stop = &mut executing => {
                let lost = |err| StoreError::Unavailable(format!("an execution was lost: {err}"));
                return stop.map_err(lost);
            }
            () = listener.heard() => {}
        }
    }
}

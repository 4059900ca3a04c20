//! Renews a worker's lease from a thread of its own.
//!
//! ```text
//! heartbeat --renew, with what is used--> database
//!     `------a task that does nothing---> runtime: it still takes turns
//! ```
//!
//! So a thread of the runtime that is held, or all of them for a while, loses no run. But a
//! worker that hangs would keep its runs for ever: once the runtime has taken no turn for
//! [`PATIENCE`], the lease is no longer renewed, and others take its runs up.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tracing::{error, warn};

use super::WorkerError;
use super::shared::Shared;
use super::usage::usage;
use store::StoreError;

/// How long the lease is renewed for a runtime that takes no turn.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a runtime may take for a turn and still counts as one that takes them.
const MOMENT: Duration = Duration::from_secs(1);

/// Renews the lease for as long as this is polled. Returns when it is lost.
pub async fn heartbeats(shared: Arc<Shared>) -> WorkerError {
    let lost = match start(shared, PATIENCE) {
        Ok(lost) => lost,
        Err(err) => return WorkerError::Panicked(format!("no thread for heartbeats: {err}")),
    };
    let ended = || WorkerError::Panicked("the thread of the heartbeats has ended".to_owned());
    lost.await.unwrap_or_else(|_| ended())
}

/// Renews the lease until the receiver is dropped, which gets the reason when it is lost.
fn start(shared: Arc<Shared>, patience: Duration) -> io::Result<oneshot::Receiver<WorkerError>> {
    let watched = Handle::current();
    let own = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    let (mut tell, lost) = oneshot::channel();
    thread::Builder::new()
        .name("heartbeat".to_owned())
        .spawn(move || {
            let reason = own.block_on(async {
                let mut turns = Turns::of(watched);
                tokio::select! {
                    reason = beat(&shared, &mut turns, patience) => Some(reason),
                    () = tell.closed() => None,
                }
            });
            if let Some(reason) = reason {
                // Nobody waits for it any more, or is told.
                let _ = tell.send(reason);
            }
        })?;
    Ok(lost)
}

async fn beat(shared: &Shared, turns: &mut Turns, patience: Duration) -> WorkerError {
    let config = &shared.config;
    let mut beat = tokio::time::interval(config.heartbeat);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    beat.tick().await;
    loop {
        beat.tick().await;
        let held_for = turns.held_for().await;
        if held_for >= patience {
            error!(
                ?held_for,
                "no thread of this worker is free: its lease is not renewed, and \
                 other workers take its runs over"
            );
            continue;
        }
        let now = shared.now();
        let until = now.after(config.lease);
        let usage = usage(&shared.runtime);
        match shared.store.renew(config.id, usage, now, until).await {
            Ok(()) => {}
            Err(StoreError::NotFound(_)) => return WorkerError::LeaseLost(config.id),
            Err(err @ (StoreError::FileGone { .. } | StoreError::FileReplaced { .. })) => {
                return WorkerError::Store(err);
            }
            // Nobody else can tell a worker that has nothing to write. One that executes
            // something may go on with it: it is told when it has to write.
            Err(err) if err.is_trouble() && shared.executing.is_empty() => {
                return WorkerError::Store(err);
            }
            Err(err) => warn!(%err, "could not renew the lease"),
        }
    }
}

/// When a runtime took its last turn, as far as it was asked.
struct Turns {
    runtime: Handle,
    last: Instant,
}

impl Turns {
    fn of(runtime: Handle) -> Self {
        Self {
            runtime,
            last: Instant::now(),
        }
    }

    /// Asks for one, waits a moment for it, and returns for how long there was none.
    async fn held_for(&mut self) -> Duration {
        let (took, turn) = oneshot::channel();
        self.runtime.spawn(async move {
            // Whoever asked waits no longer if this comes too late.
            let _ = took.send(());
        });
        if let Ok(Ok(())) = tokio::time::timeout(MOMENT, turn).await {
            self.last = Instant::now();
        }
        self.last.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::testing::Place;
    use model::Timestamp;

    /// A worker that beats, whose runtime has one thread.
    struct Beating {
        runtime: tokio::runtime::Runtime,
        place: Place,
        _lost: oneshot::Receiver<WorkerError>,
    }

    impl Beating {
        fn new(patience: Duration) -> Self {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .unwrap();
            let (place, lost) = runtime.block_on(async {
                let place = Place::new().await;
                let lost = start(Arc::clone(&place.shared), patience).unwrap();
                (place, lost)
            });
            Self {
                runtime,
                place,
                _lost: lost,
            }
        }

        /// Holds the thread until the sender is dropped.
        fn hold(&self) -> mpsc::Sender<()> {
            let (release, released) = mpsc::channel();
            let (begin, begun) = mpsc::channel();
            self.runtime.spawn(async move {
                begin.send(()).unwrap();
                // Ends with an error, when the sender is dropped.
                let _ = released.recv();
            });
            begun.recv().unwrap();
            release
        }

        fn last(&self) -> Timestamp {
            self.runtime.block_on(self.place.heartbeat())
        }

        fn await_beats(&self, number: usize) {
            for _ in 0..number {
                let before = self.last();
                let begin = Instant::now();
                while self.last() == before {
                    assert!(begin.elapsed() < Duration::from_secs(30), "no heartbeat");
                    thread::sleep(Duration::from_millis(5));
                }
            }
        }
    }

    #[test]
    fn a_worker_whose_threads_are_all_held_keeps_its_lease_for_a_while() {
        let beating = Beating::new(PATIENCE);
        beating.await_beats(1);
        let _held = beating.hold();
        beating.await_beats(3);
    }

    #[test]
    fn a_worker_that_hangs_loses_its_lease() {
        let beating = Beating::new(MOMENT / 2);
        beating.await_beats(2);
        let held = beating.hold();
        // What began before may still be written.
        thread::sleep(MOMENT / 2);
        let last = beating.last();
        thread::sleep(MOMENT * 3);
        assert_eq!(beating.last(), last);
        drop(held);
        beating.await_beats(1);
    }
}

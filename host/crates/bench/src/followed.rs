//! What it costs that somebody follows all events: the same runs with and without a follower
//! in the process.

use std::sync::Arc;
use std::time::Duration;

use model::{EventCursor, Timestamp};
use operations::stream::{Heard, Hub, Scope};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::bed::Bed;
use crate::figures::{Sample, Unit, percentile};
use crate::runs::batches;

/// Runs of one batch.
const BATCH: usize = 1000;

/// Single runs of a turn.
const SINGLE: usize = 100;

/// Without, with, with, without: a machine that gets slower slows both alike.
const TURNS: [bool; 4] = [false, true, true, false];

pub async fn followed(bed: &Bed, long: Duration) -> anyhow::Result<Vec<Sample>> {
    let (mut alone, mut followed) = (Cost::default(), Cost::default());
    let mut delays = Vec::new();
    for is_followed in TURNS {
        let follower = if is_followed {
            Some(Follower::start(bed).await?)
        } else {
            None
        };
        let cost = if is_followed {
            &mut followed
        } else {
            &mut alone
        };
        cost.add(bed, long / TURNS.len() as u32).await?;
        if let Some(follower) = follower {
            delays.append(&mut follower.stop(bed).await?);
        }
    }
    let us = |name: &'static str, value| Sample::new(name, Unit::Microseconds, value);
    let ratio = |name: &'static str, value| Sample::new(name, Unit::Times, value);
    let single = |cost: &Cost| percentile(&cost.single, 500).as_secs_f64() * 1e6;
    Ok(vec![
        us("a run of many, alone", alone.of_many_us()),
        us("a run of many, followed", followed.of_many_us()),
        ratio("ratio", followed.of_many_us() / alone.of_many_us()),
        us("a single run, alone", single(&alone)),
        us("a single run, followed", single(&followed)),
        ratio("ratio of single ones", single(&followed) / single(&alone)),
        Sample::ms("written to heard, p50", percentile(&delays, 500)),
        Sample::ms("written to heard, p99", percentile(&delays, 990)),
    ])
}

/// What runs take.
#[derive(Default)]
struct Cost {
    runs: usize,
    took: Duration,
    /// Of three tasks each.
    single: Vec<Duration>,
}

impl Cost {
    async fn add(&mut self, bed: &Bed, long: Duration) -> anyhow::Result<()> {
        let (runs, took) = batches(bed, "empty", BATCH, long).await?;
        self.runs += runs;
        self.took += took;
        for _ in 0..SINGLE {
            self.single.push(bed.run_one("three-tasks", "{}").await?);
        }
        Ok(())
    }

    /// Each run's share of the time of those that are under way together.
    fn of_many_us(&self) -> f64 {
        self.took.as_secs_f64() * 1e6 / self.runs as f64
    }
}

/// Hears every event.
struct Follower {
    seen: watch::Receiver<EventCursor>,
    following: JoinHandle<anyhow::Result<()>>,
    delays: watch::Receiver<Vec<Duration>>,
}

impl Follower {
    async fn start(bed: &Bed) -> anyhow::Result<Self> {
        let hub = Hub::new(Arc::clone(&bed.store));
        let mut subscription = hub.subscribe_now(Scope::Everything).await?;
        let (saw, seen) = watch::channel(subscription.cursor());
        let (told, delays) = watch::channel(Vec::new());
        let clock = Arc::clone(bed.store.clock());
        let following = tokio::spawn(async move {
            loop {
                let Heard::Events(events) = subscription.next().await? else {
                    anyhow::bail!("the follower was too slow");
                };
                let now: Timestamp = clock.now();
                if let Some(last) = events.last() {
                    let delay = now.since(last.placed.at);
                    told.send_modify(|delays: &mut Vec<Duration>| delays.push(delay));
                    saw.send_replace(last.placed.cursor);
                }
            }
        });
        Ok(Self {
            seen,
            following,
            delays,
        })
    }

    /// Once it has heard everything. How long the newest event of each batch took to it.
    async fn stop(mut self, bed: &Bed) -> anyhow::Result<Vec<Duration>> {
        let newest = bed.store.newest_event().await?.place();
        let heard = self.seen.wait_for(|seen| seen.place() >= newest).await;
        let gone = heard.is_err();
        drop(heard);
        if gone {
            self.following.await??;
            anyhow::bail!("the follower has ended");
        }
        self.following.abort();
        Ok(self.delays.borrow().clone())
    }
}

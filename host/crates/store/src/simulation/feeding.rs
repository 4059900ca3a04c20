//! A queue that is fed for ever, and runs that wait behind it.
//!
//! Property: as long as its queue is not paused, a run starts at the latest after ten times as many
//! starts as there are runs that have waited longer, and ten more.

use super::founding::any_priority;
use super::plain::Plain;
use super::rng::Rng;
use super::trace::{Trace, short, trace};
use crate::contract::cast::{at, new_run};
use crate::{NewRun, QueueChange, Store};
use model::{Priority, QueueName, RunId, Timestamp, WorkQueue};

const QUEUES: [&str; 3] = ["fed", "other", "last"];
/// Starts that each run of the queue that is fed would go before the others.
const STARTS: u64 = 60;

struct Feeding<'s, S> {
    plain: Plain<'s, S>,
    rng: Rng,
    now: Timestamp,
    paused: [bool; 3],
    waiting: Vec<Waiting>,
    trace: Trace,
}

/// A run that has not started.
struct Waiting {
    run: RunId,
    queue: usize,
    /// Runs that had waited longer when it came.
    before: u64,
    /// Starts since then, while its queue was not paused.
    starts: u64,
}

pub(super) async fn nobody_starves<S: Store>(store: &S, seed: u64) {
    let mut rng = Rng::new(seed ^ 0xfeed);
    let pool = format!("fed-{seed}").parse().unwrap();
    let plain = Plain::new(store, &mut rng, pool, at(0)).await;
    let mut feeding = Feeding {
        plain,
        rng,
        now: at(1),
        paused: [false; 3],
        waiting: Vec::new(),
        trace: Trace {
            seed,
            lines: Vec::new(),
        },
    };
    feeding.play().await;
}

impl<S: Store> Feeding<'_, S> {
    async fn play(&mut self) {
        for (at, name) in QUEUES.iter().enumerate() {
            let priority = match at {
                0 => Priority::FIRST,
                _ => any_priority(&mut self.rng),
            };
            let queue = WorkQueue {
                pool: self.plain.pool.clone(),
                name: QueueName::trusted(*name),
                priority,
                limit: None,
                paused: false,
                created: self.now,
            };
            self.plain.store.create_queue(queue).await.unwrap();
        }
        let mut started = 0;
        while started < STARTS {
            self.come().await;
            if self.rng.percent(10) {
                self.pause_or_resume().await;
            }
            started += self.start().await;
        }
        for queue in 0..QUEUES.len() {
            self.set_paused(queue, false).await;
        }
        while !self.waiting.is_empty() {
            assert!(self.start().await > 0, "nothing starts any more");
        }
        self.plain.leave(self.now).await;
    }

    /// Runs come to the first queue, so that it is never empty, and now and then to the others.
    async fn come(&mut self) {
        let fed = self.waiting.iter().filter(|it| it.queue == 0).count();
        for _ in fed..4 {
            self.create(0).await;
        }
        if self.rng.percent(15) {
            let queue = 1 + self.rng.below(2);
            self.create(queue).await;
        }
    }

    async fn create(&mut self, queue: usize) {
        self.now.0 += 1;
        let mut new = new_run("etl");
        new.run.id = RunId(self.rng.id());
        new.run.pool = Some(self.plain.pool.clone());
        new.run.work_queue = Some(QueueName::trusted(QUEUES[queue]));
        new.run.priority = any_priority(&mut self.rng);
        new.run.scheduled = self.now;
        trace!(self, "{} comes to {}", short(new.run.id), QUEUES[queue]);
        self.waiting.push(Waiting {
            run: new.run.id,
            queue,
            before: self.waiting.len() as u64,
            starts: 0,
        });
        let new: NewRun = new;
        self.plain.store.create_runs(vec![new]).await.unwrap();
    }

    async fn pause_or_resume(&mut self) {
        let queue = self.rng.below(QUEUES.len());
        self.set_paused(queue, !self.paused[queue]).await;
    }

    async fn set_paused(&mut self, queue: usize, paused: bool) {
        let change = QueueChange {
            paused: Some(paused),
            ..QueueChange::default()
        };
        let name = QueueName::trusted(QUEUES[queue]);
        let pool = &self.plain.pool;
        let changed = self.plain.store.change_queue(pool, &name, change).await;
        self.paused[queue] = changed.unwrap().paused;
        trace!(self, "{name} is paused: {paused}");
    }

    /// A worker claims some, and ends them. How many.
    async fn start(&mut self) -> u64 {
        let count = self.rng.between(1, 3) as u32;
        let claimed = self.plain.claim(count, self.now).await;
        let starts = claimed.len() as u64;
        for claimed in claimed {
            let id = claimed.run.id;
            trace!(self, "{} starts", short(id));
            let at = self.waiting.iter().position(|it| it.run == id);
            let started = self.waiting.remove(at.expect("it was waiting"));
            assert!(!self.paused[started.queue], "its queue is paused");
            self.plain.end(claimed.lease, self.now).await;
        }
        for waiting in &mut self.waiting {
            if !self.paused[waiting.queue] {
                waiting.starts += starts;
            }
            let most = 10 * (waiting.before + 1) + 10;
            assert!(
                waiting.starts <= most,
                "{} has seen {} starts, of {most}",
                waiting.run,
                waiting.starts
            );
        }
        starts
    }
}

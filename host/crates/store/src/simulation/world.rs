//! The simulated world: a clock, workers with what they keep in memory, and chance, which
//! decides who acts next and what goes wrong.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::catalog::{deployed, manifest};
use super::clock::SimulatedClock;
use super::crowd::Crowd;
use super::founding::found;
use super::hand::Hand;
use super::ledger::Ledger;
use super::rng::Rng;
use super::script::Scripts;
use super::trace::{Trace, trace};
use crate::contract::cast::at;
use crate::{Progress, RunFilter, Store};
use model::{
    EventCursor, FlowRun, Lease, Manifest, PoolName, RunId, Timestamp, WorkPool, WorkerId,
};
use orchestrator::flow::Known;

/// How long a worker's lease lasts.
pub(super) const LEASE_US: i64 = 10_000_000;
/// Workers at once.
const WORKERS_MAX: usize = 4;
/// What happens while things may go wrong.
const ACTIONS: std::ops::RangeInclusive<u64> = 40..=250;

/// What may go wrong in this simulation.
pub(super) struct Faults {
    pub(super) on: bool,
    pub(super) cancels: bool,
    pub(super) pauses: bool,
    pub(super) retries: bool,
    pub(super) losses: bool,
    pub(super) kills: bool,
    pub(super) jumps: bool,
}

pub(super) struct World<'s, S> {
    pub(super) store: &'s S,
    pub(super) rng: Rng,
    pub(super) now: Timestamp,
    /// The latest time that the clock showed before it was set back.
    pub(super) latest: Timestamp,
    pub(super) pool: PoolName,
    pub(super) limit: Option<u32>,
    pub(super) faults: Faults,
    pub(super) scripts: Scripts,
    pub(super) hands: Vec<Hand>,
    /// Workers that stand still, with all that they have in memory.
    pub(super) stopped: Vec<Hand>,
    /// Every worker there ever was.
    pub(super) hired: Vec<WorkerId>,
    pub(super) roots: Vec<RunId>,
    /// The run that ends whatever process it begins in.
    pub(super) killer: Option<RunId>,
    pub(super) manifest: Arc<Manifest>,
    /// A deployment for each script; what they take is anything.
    pub(super) deployments: Vec<Known>,
    /// Who may write about a run.
    pub(super) holders: HashMap<RunId, Lease>,
    /// Runs that are paused. One that is executed holds its slot until it hears of that.
    pub(super) paused: HashSet<RunId>,
    /// Runs that were cancelled, that crashed, or that were tried again: what they give is
    /// not known in advance.
    pub(super) disturbed: bool,
    pub(super) nonce: u64,
    pub(super) ledger: Ledger,
    /// Where runs want the same.
    pub(super) crowd: Option<Crowd>,
    /// Wishes that were recorded and come once more, much later.
    pub(super) stray: Vec<Progress>,
    pub(super) trace: Trace,
    /// Where the stream of events was when it began.
    pub(super) begin: EventCursor,
}

impl<'s, S: Store> World<'s, S> {
    /// `clock`: that of the store, where queues and limits are simulated, too.
    pub(super) async fn new(store: &'s S, seed: u64, clock: Option<&Arc<SimulatedClock>>) -> Self {
        let mut rng = Rng::new(seed);
        let scripts = Scripts::generate(&mut rng, clock.is_some());
        let pool = PoolName::new(format!("sim-{seed}")).unwrap();
        let limit = rng.percent(60).then(|| rng.between(1, 4) as u32);
        let created = WorkPool {
            name: pool.clone(),
            limit,
            paused: false,
            created: at(0),
        };
        store.create_pool(created).await.unwrap();
        let faults = Faults {
            on: true,
            cancels: rng.percent(40),
            pauses: rng.percent(40),
            retries: rng.percent(40),
            losses: rng.percent(80),
            kills: rng.percent(25),
            jumps: rng.percent(25),
        };
        let count = scripts.0.len();
        let mut deployments = (0..count).map(|at| deployed(at, &pool)).collect();
        let (mut manifest, mut crowd) = (manifest(), None);
        if let Some(clock) = clock {
            let founded = found(store, &mut rng, &pool, &scripts, Arc::clone(clock)).await;
            (manifest, deployments) = (founded.manifest, founded.deployments);
            crowd = Some(founded.crowd);
        }
        let mut world = Self {
            store,
            manifest: Arc::new(manifest),
            deployments,
            paused: HashSet::new(),
            rng,
            now: at(10),
            latest: at(10),
            pool,
            limit,
            faults,
            scripts,
            hands: Vec::new(),
            stopped: Vec::new(),
            hired: Vec::new(),
            roots: Vec::new(),
            killer: None,
            holders: HashMap::new(),
            // Whom others turn away, or cancel, is not known in advance.
            disturbed: crowd.as_ref().is_some_and(|it: &Crowd| !it.own.is_empty()),
            crowd,
            nonce: 0,
            ledger: Ledger::default(),
            stray: Vec::new(),
            trace: Trace {
                seed,
                lines: Vec::new(),
            },
            begin: store.newest_event().await.unwrap(),
        };
        for n in 0..world.scripts.0.len() {
            trace!(world, "s{n} {:?}", world.scripts.0[n]);
        }
        world
    }

    pub(super) async fn play(mut self) {
        self.create().await;
        self.hire().await;
        for _ in 0..self.rng.between(*ACTIONS.start(), *ACTIONS.end()) {
            self.act().await;
        }
        self.check_slots().await;
        self.faults.on = false;
        self.come_to_an_end().await;
        self.check_the_end().await;
        self.check_the_crowd_is_gone().await;
        self.check_what_is_cached().await;
        self.dissolve().await;
        self.clear().await;
    }

    pub(super) async fn act(&mut self) {
        if self.crowd.is_some() {
            match self.rng.below(100) {
                0..=7 => return self.meddle().await,
                8..=13 if self.roots.len() < self.roots_max() => return self.create().await,
                14..=23 => return self.claim().await,
                24..=43 => self.look_at_the_crowd().await,
                _ => {}
            }
        }
        match self.rng.below(100) {
            0..=44 => self.work().await,
            45..=59 => self.compute().await,
            60..=69 => self.claim().await,
            70..=72 => self.settle_due().await,
            73 | 74 => self.give().await,
            75..=82 => self.pass_time().await,
            84 if self.faults.jumps && self.rng.percent(40) => self.jump(),
            83 | 84 => self.renew().await,
            85 if self.faults.pauses => self.pause_or_resume().await,
            85 => self.renew().await,
            86..=87 => self.notice_orders().await,
            88 if self.hands.len() < WORKERS_MAX => self.hire().await,
            89 if self.roots.len() < self.roots_max() => self.create().await,
            90 if self.faults.losses => self.crash().await,
            91 if self.faults.losses => self.give_up().await,
            92 => self.sign_off().await,
            93 if self.rng.percent(50) => self.sweep().await,
            93 => self.rescue(&[]).await,
            94 if self.rng.percent(50) => self.fall_asleep(),
            94 => self.stand_still_or_go_on(),
            99 => self.meet_stray().await,
            95 | 96 if self.faults.cancels => self.cancel().await,
            97 | 98 if self.faults.retries => self.retry().await,
            _ => self.unpark(),
        }
    }

    /// Runs that people start at most.
    pub(super) fn roots_max(&self) -> usize {
        if self.crowd.is_some() { 6 } else { 3 }
    }

    /// The time by the clock of one worker.
    pub(super) fn their_now(&mut self) -> Timestamp {
        if self.faults.on && self.rng.percent(10) {
            Timestamp(self.now.0 - self.rng.between(0, 200_000) as i64)
        } else {
            self.now
        }
    }

    /// Only workers that may write hold slots.
    pub(super) async fn check_slots(&self) {
        let pool = self.store.pool(&self.pool).await.unwrap().unwrap();
        assert_eq!(pool.active, self.holders.len() as u64, "a slot leaked");
    }

    pub(super) async fn settle_due(&mut self) {
        let now = self.their_now();
        let count = self.rng.between(1, 5) as u32;
        let settled = self.store.settle_due(now, count).await.unwrap();
        if settled > 0 {
            trace!(self, "settle {settled} timers");
        }
    }

    pub(super) async fn pass_time(&mut self) {
        let jump = match self.rng.below(10) {
            0 => self.rng.between(0, 2 * LEASE_US as u64),
            1..=4 => self.rng.between(0, 3_000_000),
            _ => self.rng.between(0, 50_000),
        };
        self.now.0 += jump as i64;
    }

    /// Somebody sets the clock: leases end at once that had long to go, or go on for longer than
    /// anybody meant.
    pub(super) fn jump(&mut self) {
        self.latest = self.latest.max(self.now);
        let back = self.rng.percent(50);
        let by = self.rng.between(0, 6 * LEASE_US as u64) as i64;
        self.now.0 += if back { -by } else { by * 60 };
        trace!(self, "the clock is set to {}", self.now.0);
    }

    pub(super) async fn runs(&self) -> Vec<FlowRun> {
        let filter = RunFilter {
            pools: vec![self.pool.clone()],
            ..RunFilter::default()
        };
        self.store.newest_flow_runs(&filter, 0).await.unwrap()
    }

    pub(super) async fn any_run(&mut self) -> FlowRun {
        if let Some(crowd) = self.crowd.as_ref().filter(|crowd| !crowd.runs.is_empty()) {
            // There are many, and they are not listed for each.
            let id = crowd.runs[self.rng.below(crowd.runs.len())];
            return self.store.flow_run(id).await.unwrap().expect("runs stay");
        }
        let mut runs = self.runs().await;
        let at = self.rng.below(runs.len());
        runs.swap_remove(at)
    }

    /// Leaves nothing behind that the next simulation in this store could meet.
    pub(super) async fn clear(&mut self) {
        for worker in std::mem::take(&mut self.hired) {
            self.store.sign_off(worker, self.now).await.unwrap();
        }
        let end = Timestamp(i64::MAX);
        while self.store.settle_due(end, 1000).await.unwrap() > 0 {}
    }
}

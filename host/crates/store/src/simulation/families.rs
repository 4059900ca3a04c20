//! Families whose members take slots of the same limits: a parent has some while it waits for its
//! children and tasks, which take others, and runs without a family take any of them at once.
//!
//! Properties:
//!
//! - Whoever is [said](orchestrator::lifecycle::who_may_pass) to wait for ever unless it passes does
//!   so, until somebody passes or is cancelled.
//! - As long as nobody has what those want for whom it waits, all come to an end: where the order of a
//!   line is in the way, one may pass.
//! - No limit is exceeded by that.

use std::collections::{HashMap, HashSet};

use super::plain::Plain;
use super::rng::Rng;
use super::trace::{Trace, short, trace};
use crate::contract::cast::{at, new_run, start, task};
use crate::{NewRun, Next, Progress, Recorded, Store, StoreError};
use model::{
    AskedPermit, Claimed, Collision, Lease, Limit, LimitName, RunId, Seq, State, StateType, Taker,
    Taking, Timestamp, Waits,
};
use orchestrator::lifecycle::{deadlocked, who_may_pass};

/// Limits of parents, and of those that they wait for.
const LIMITS: usize = 3;

struct Families<'s, S> {
    plain: Plain<'s, S>,
    rng: Rng,
    now: Timestamp,
    parents: Vec<Limit>,
    leaves: Vec<Limit>,
    /// What parents do once they are under way.
    plans: HashMap<RunId, Plan>,
    started: HashMap<RunId, Started>,
    running: Vec<Claimed>,
    live: HashSet<RunId>,
    /// Those that are said to wait for ever.
    stuck: HashSet<RunId>,
    trace: Trace,
}

/// The calls of a run whose children and tasks are not over.
#[derive(Default)]
struct Started {
    children: Vec<Seq>,
    tasks: Vec<Seq>,
}

/// Children and tasks, each with the limits that it takes.
struct Plan {
    children: Vec<Vec<Taking>>,
    tasks: Vec<Vec<Taking>>,
}

pub(super) async fn all_come_to_an_end<S: Store>(store: &S, seed: u64) {
    let mut rng = Rng::new(seed ^ 0xfa_71);
    let pool = format!("families-{seed}").parse().unwrap();
    let plain = Plain::new(store, &mut rng, pool, at(0)).await;
    let mut families = Families {
        plain,
        now: at(1),
        parents: Vec::new(),
        leaves: Vec::new(),
        plans: HashMap::new(),
        started: HashMap::new(),
        running: Vec::new(),
        live: HashSet::new(),
        stuck: HashSet::new(),
        trace: Trace {
            seed,
            lines: Vec::new(),
        },
        rng,
    };
    families.found(seed).await;
    families.play().await;
}

impl<S: Store> Families<'_, S> {
    async fn found(&mut self, seed: u64) {
        for kind in ["parent", "leaf"] {
            for n in 0..LIMITS {
                let limit = Limit {
                    name: LimitName::trusted(format!("{kind}-{n}-{seed}")),
                    slots: self.rng.between(1, 2) as u32,
                    per: None,
                    created: self.now,
                };
                self.plain.store.create_limit(limit.clone()).await.unwrap();
                match kind {
                    "parent" => self.parents.push(limit),
                    _ => self.leaves.push(limit),
                }
            }
        }
    }

    async fn play(&mut self) {
        for _ in 0..self.rng.between(60, 200) {
            self.now.0 += 1_000;
            match self.rng.below(100) {
                0..=24 => self.create().await,
                25..=49 => self.claim().await,
                50..=84 => self.go_on().await,
                85..=91 => self.look(true).await,
                92..=96 => self.look(false).await,
                _ => self.cancel().await,
            }
            self.check().await;
        }
        let mut idle = 0;
        while !self.live.is_empty() {
            self.now.0 += 1_000;
            let before = self.live.len();
            self.claim().await;
            while !self.running.is_empty() {
                self.go_on().await;
            }
            self.check().await;
            self.look(true).await;
            idle = if self.live.len() < before {
                0
            } else {
                idle + 1
            };
            assert!(idle < 50, "{} runs never end", self.live.len());
        }
        for limit in self.parents.iter().chain(&self.leaves) {
            self.plain.store.delete_limit(&limit.name).await.unwrap();
        }
        self.plain.leave(self.now).await;
    }

    fn some_of(&mut self, limits: &[Limit], least: usize) -> Vec<Taking> {
        let mut taken = Vec::new();
        for limit in limits {
            if self.rng.percent(40) {
                taken.push(limit);
            }
        }
        while taken.len() < least {
            taken.push(&limits[self.rng.below(limits.len())]);
        }
        let taking = |limit: &Limit| Taking {
            limit: limit.name.clone(),
            line: String::new(),
            slots: 1,
            collision: Collision::Enqueue,
        };
        taken.into_iter().map(taking).collect()
    }

    fn new_run(&mut self, takes: Vec<Taking>) -> NewRun {
        let mut new = new_run("etl");
        new.run.id = RunId(self.rng.id());
        new.run.pool = Some(self.plain.pool.clone());
        new.run.created = self.now;
        new.run.scheduled = self.now;
        new.run.limits = takes;
        self.live.insert(new.run.id);
        new
    }

    /// A parent, or a run that is alone in the world.
    async fn create(&mut self) {
        let (parents, leaves) = (self.parents.clone(), self.leaves.clone());
        let mut takes = self.some_of(&parents, 1);
        let is_parent = self.rng.percent(50);
        if !is_parent {
            takes.extend(self.some_of(&leaves, 0));
        }
        let new = self.new_run(takes);
        let id = new.run.id;
        if is_parent {
            let (children, tasks) = (self.rng.below(3), self.rng.below(2));
            let plan = Plan {
                children: (0..children.max(1 - tasks))
                    .map(|_| self.some_of(&leaves, 1))
                    .collect(),
                tasks: (0..tasks).map(|_| self.some_of(&leaves, 1)).collect(),
            };
            self.plans.insert(id, plan);
        }
        trace!(self, "create {} {:?}", short(id), names(&new.run.limits));
        self.plain.store.create_runs(vec![new]).await.unwrap();
    }

    async fn claim(&mut self) {
        let count = self.rng.between(1, 5) as u32;
        for claimed in self.plain.claim(count, self.now).await {
            trace!(self, "claim {}", short(claimed.run.id));
            self.running.push(claimed);
        }
    }

    /// A run that is executed ends, or waits for those that it has started.
    async fn go_on(&mut self) {
        if self.running.is_empty() {
            return;
        }
        let claimed = self.running.swap_remove(self.rng.below(self.running.len()));
        let lease = claimed.lease;
        if self.state(lease.run).await != StateType::Cancelling
            && self.start(lease).await
            && self.wait(lease).await
        {
            return;
        }
        self.end(lease).await;
    }

    /// Starts what is to be started. Whether the run has started anything, now or before.
    async fn start(&mut self, lease: Lease) -> bool {
        let Some(plan) = self.plans.remove(&lease.run) else {
            return self.started.contains_key(&lease.run);
        };
        let mut progress = Progress::new(lease);
        progress.states.push(State::running(1, self.now));
        let mut started = Started::default();
        for takes in plan.children {
            let child = self.new_run(takes);
            let (id, limits) = (child.run.id, names(&child.run.limits));
            trace!(self, "{} starts {} {limits:?}", short(lease.run), short(id));
            let seq = progress.entries.len() as u64 + 1;
            progress.entries.push(start(seq, &child.run));
            progress.children.push(child);
            started.children.push(Seq(seq));
        }
        for takes in plan.tasks {
            trace!(self, "{} has a task {:?}", short(lease.run), names(&takes));
            let seq = progress.entries.len() as u64 + 1;
            progress.entries.push(task(seq));
            progress.permits.asked.push(AskedPermit {
                by: Taker::Task(Seq(seq)),
                takes,
                at: self.now,
            });
            started.tasks.push(Seq(seq));
        }
        self.started.insert(lease.run, started);
        self.plain.store.record(progress).await == Ok(Recorded::Done)
    }

    /// Whether the run waits from then on. Tasks that have their slots are over at once.
    async fn wait(&mut self, lease: Lease) -> bool {
        let store = self.plain.store;
        let started = self.started.get_mut(&lease.run).expect("it has started");
        let has_them = store.permitted(lease.run, &started.tasks).await.unwrap();
        started.tasks.retain(|seq| !has_them.contains(seq));
        let over = store.settled(lease.run, &started.children).await.unwrap();
        let is_over = |seq: &Seq| over.iter().any(|settled| settled.seq == *seq);
        started.children.retain(|seq| !is_over(seq));
        let awaited = [started.children.as_slice(), &started.tasks].concat();
        let mut progress = Progress::new(lease);
        let run = store.flow_run(lease.run).await.unwrap().unwrap();
        if run.state.kind != StateType::Running {
            progress.states.push(State::running(1, self.now));
        }
        progress.states.push(State::waiting(self.now));
        progress.permits.awaited = started.tasks.clone();
        let back = has_them.iter().map(|seq| (Taker::Task(*seq), self.now));
        progress.permits.given_back = back.collect();
        progress.next = Next::Wait {
            count: awaited.len() as u32,
            awaited: awaited.clone(),
            until: None,
            waits: Waits::default(),
        };
        if awaited.is_empty() {
            return false;
        }
        match store.record(progress).await {
            Ok(Recorded::Done) => true,
            // Something has come meanwhile.
            Ok(Recorded::Ready) => Box::pin(self.wait(lease)).await,
            _ => false,
        }
    }

    async fn end(&mut self, lease: Lease) {
        let id = lease.run;
        assert!(
            !self.stuck.contains(&id),
            "{} was said to wait for ever, and ends",
            short(id)
        );
        trace!(self, "end {}", short(id));
        self.plain.end(lease, self.now).await;
        self.look_who_is_over().await;
    }

    /// Somebody looks who may pass, and lets one or not.
    async fn look(&mut self, lets_pass: bool) {
        let standing = self.plain.store.standing().await.unwrap();
        assert_eq!(deadlocked(&standing), [], "only lines are in the way");
        self.stuck.clear();
        for (run, taker) in who_may_pass(&standing) {
            if !lets_pass {
                // Without that it never goes on.
                self.stuck.extend(taker.is_none().then_some(run));
                continue;
            }
            // Somebody may have its slots who gives them back soon.
            let passes = self.plain.store.let_pass(run, taker, self.now);
            if passes.await.unwrap() {
                trace!(self, "{} passes with {taker:?}", short(run));
                return;
            }
        }
    }

    async fn cancel(&mut self) {
        let mut live: Vec<RunId> = self.live.iter().copied().collect();
        live.sort();
        if live.is_empty() {
            return;
        }
        let id = live[self.rng.below(live.len())];
        trace!(self, "cancel {}", short(id));
        match self.plain.store.cancel(id, self.now).await {
            Ok(_) | Err(StoreError::Over { .. }) => {}
            Err(err) => panic!("{err}"),
        }
        self.stuck.clear();
        self.look_who_is_over().await;
    }

    async fn look_who_is_over(&mut self) {
        let mut over = Vec::new();
        for id in &self.live {
            let run = self.plain.store.flow_run(*id).await.unwrap().unwrap();
            if run.ended.is_some() {
                over.push(*id);
            }
        }
        for id in over {
            self.live.remove(&id);
        }
    }

    async fn state(&self, id: RunId) -> StateType {
        let run = self.plain.store.flow_run(id).await.unwrap().unwrap();
        run.state.kind
    }

    async fn check(&self) {
        for used in self.plain.store.limits().await.unwrap() {
            let most = u64::from(used.limit.slots);
            let name = &used.limit.name;
            assert!(used.taken <= most, "{} of `{name}`, of {most}", used.taken);
        }
    }
}

fn names(takes: &[Taking]) -> Vec<&str> {
    takes.iter().map(|it| it.limit.as_str()).collect()
}

//! The simulated world: a clock, workers with what they keep in memory, and chance, which
//! decides who acts next and what goes wrong.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::driver::Execution;
use super::ledger::Ledger;
use super::rng::Rng;
use super::script::Scripts;
use crate::contract::cast::{self, at};
use crate::{
    Cancellation, Claim, Claimed, Clock, NewRun, Next, Offer, Progress, Recorded, RunFilter, Store,
    StoreError, StoreResult, TaskRunFilter,
};
use model::{
    Answer, Call, Deployment, DeploymentName, Failure, FlowDescription, FlowOptions, FlowRun,
    Grants, Json, Lease, Manifest, Outcome, PoolName, RunId, RunName, Schema, State, StateType,
    TaskDescription, TaskName, TaskOptions, Timestamp, WorkPool, Worker, WorkerId,
};
use orchestrator::flow::{Await, Event, Found, Known, Look, Past, Signal, Step, Stop};
use orchestrator::{Decision, Parameters, after_attempt};

/// How long a worker's lease lasts.
const LEASE_US: i64 = 10_000_000;
/// Workers at once.
const WORKERS_MAX: usize = 4;
/// What is due this soon is sometimes waited for.
const SOON: Duration = Duration::from_millis(30);
/// What happens while things may go wrong.
const ACTIONS: std::ops::RangeInclusive<u64> = 40..=250;
/// After that, in so many actions everything has to end.
const ACTIONS_TO_END: u32 = 10_000;

/// What may go wrong in this simulation.
struct Faults {
    on: bool,
    cancels: bool,
    pauses: bool,
    retries: bool,
    losses: bool,
}

/// A worker, as far as it is in memory.
struct Hand {
    id: WorkerId,
    lease_until: Timestamp,
    claimed: Vec<Claimed>,
    running: Vec<Execution>,
    /// Wait in memory without a slot.
    parked: Vec<Execution>,
    /// Fell asleep and does not renew its lease, but will go on.
    renews: bool,
}

pub(super) struct World<'s, S> {
    store: &'s S,
    rng: Rng,
    now: Timestamp,
    pool: PoolName,
    limit: Option<u32>,
    faults: Faults,
    scripts: Scripts,
    hands: Vec<Hand>,
    /// Every worker there ever was.
    hired: Vec<WorkerId>,
    roots: Vec<RunId>,
    manifest: Arc<Manifest>,
    /// A deployment for each script; what they take is anything.
    deployments: Vec<Known>,
    /// Who may write about a run.
    holders: HashMap<RunId, Lease>,
    /// Runs that are paused. One that is executed holds its slot until it hears of that.
    paused: HashSet<RunId>,
    /// Runs that were cancelled, that crashed, or that were tried again: what they give is
    /// not known in advance.
    disturbed: bool,
    nonce: u64,
    ledger: Ledger,
    /// Wishes that were recorded and come once more, much later.
    stray: Vec<Progress>,
    trace: Trace,
}

/// What happened; shown when the simulation fails.
struct Trace {
    seed: u64,
    lines: Vec<String>,
}

impl Drop for Trace {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for line in &self.lines {
                eprintln!("{line}");
            }
            eprintln!("again with ORCH_SIM_SEED={}", self.seed);
        }
    }
}

/// Where an execution is after a step.
enum Stays {
    Running,
    /// In memory, without a slot.
    Parked,
    Gone,
}

/// What became of a wish to record.
enum Written {
    Done(Recorded),
    /// The key of the run that it creates is taken.
    KeyTaken(Box<Progress>),
    /// The execution is gone: refused, crashed, or without an answer.
    Lost,
}

macro_rules! trace {
    ($world:expr, $($arg:tt)*) => {{
        let line = format!("{:>9} {}", ($world.now.0 - at(0).0) / 1000, format_args!($($arg)*));
        $world.trace.lines.push(line);
    }};
}

fn short(id: impl ToString) -> String {
    id.to_string()[..6].to_owned()
}

impl<'s, S: Store> World<'s, S> {
    pub async fn new(store: &'s S, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let scripts = Scripts::generate(&mut rng);
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
        };
        let deployments = (0..scripts.0.len())
            .map(|at| deployed(at, &pool, rng.percent(30)))
            .collect();
        let mut world = Self {
            store,
            manifest: Arc::new(manifest()),
            deployments,
            paused: HashSet::new(),
            rng,
            now: at(10),
            pool,
            limit,
            faults,
            scripts,
            hands: Vec::new(),
            hired: Vec::new(),
            roots: Vec::new(),
            holders: HashMap::new(),
            disturbed: false,
            nonce: 0,
            ledger: Ledger::default(),
            stray: Vec::new(),
            trace: Trace {
                seed,
                lines: Vec::new(),
            },
        };
        for n in 0..world.scripts.0.len() {
            trace!(world, "s{n} {:?}", world.scripts.0[n]);
        }
        world
    }

    pub async fn play(mut self) {
        self.create().await;
        self.hire().await;
        for _ in 0..self.rng.between(*ACTIONS.start(), *ACTIONS.end()) {
            self.act().await;
        }
        self.check_slots().await;
        self.faults.on = false;
        self.come_to_an_end().await;
        self.check_the_end().await;
        self.clear().await;
    }

    async fn act(&mut self) {
        match self.rng.below(100) {
            0..=44 => self.work().await,
            45..=59 => self.compute().await,
            60..=69 => self.claim().await,
            70..=72 => self.settle_due().await,
            73 | 74 => self.give().await,
            75..=82 => self.pass_time().await,
            83 | 84 => self.renew().await,
            85 if self.faults.pauses => self.pause_or_resume().await,
            85 => self.renew().await,
            86..=87 => self.notice_orders().await,
            88 if self.hands.len() < WORKERS_MAX => self.hire().await,
            89 if self.roots.len() < 3 => self.create().await,
            90 if self.faults.losses => self.crash().await,
            91 if self.faults.losses => self.give_up().await,
            92 => self.sign_off().await,
            93 => self.rescue(&[]).await,
            94 => self.fall_asleep(),
            99 => self.meet_stray().await,
            95 | 96 if self.faults.cancels => self.cancel().await,
            97 | 98 if self.faults.retries => self.retry().await,
            _ => self.unpark(),
        }
    }

    /// The time as somebody's clock has it.
    fn their_now(&mut self) -> Timestamp {
        if self.faults.on && self.rng.percent(10) {
            Timestamp(self.now.0 - self.rng.between(0, 200_000) as i64)
        } else {
            self.now
        }
    }

    async fn create(&mut self) {
        let at = self.rng.below(self.scripts.0.len());
        let id = RunId(self.rng.id());
        let mut new = new_run(Scripts::name(at).as_str(), id, &self.pool, self.now);
        // What it calls may not run ahead of what is recorded.
        if self.rng.percent(30) {
            new.run.grants = granted();
        }
        if !self.roots.is_empty() && self.rng.percent(70) {
            let watched = self.roots[self.rng.below(self.roots.len())];
            new.run.parameters = Json::trusted(format!(r#"{{"watch":"{watched}"}}"#));
        }
        self.store.create_runs(vec![new]).await.unwrap();
        self.roots.push(id);
        trace!(self, "create {} s{at}", short(id));
    }

    async fn hire(&mut self) {
        let id = WorkerId(self.rng.id());
        let lease_until = Timestamp(self.now.0 + LEASE_US);
        let worker = Worker {
            id,
            name: short(id),
            pool: Some(self.pool.clone()),
            limit: 8,
            pid: 1,
            host: "here".to_owned(),
            started: self.now,
            heartbeat: self.now,
            lease_until,
        };
        self.store.register_worker(worker).await.unwrap();
        self.hired.push(id);
        self.hands.push(Hand {
            id,
            lease_until,
            claimed: Vec::new(),
            running: Vec::new(),
            parked: Vec::new(),
            renews: true,
        });
        trace!(self, "hire {}", short(id));
    }

    async fn claim(&mut self) {
        let Some(hand) = self.any_hand() else { return };
        let worker = self.hands[hand].id;
        let now = self.their_now();
        let claim = Claim {
            worker,
            pool: Some(self.pool.clone()),
            work_queue: None,
            count: self.rng.between(1, 3) as u32,
            now,
        };
        let claimed = match self.claimed(claim).await {
            Ok(claimed) => claimed,
            Err(StoreError::NotFound(_)) => {
                assert!(self.is_given_up(worker), "a worker was forgotten");
                return;
            }
            Err(err) => panic!("{err}"),
        };
        if claimed.is_empty() {
            return;
        }
        assert!(
            !self.is_given_up(worker),
            "a worker that was given up claims"
        );
        for claimed in claimed {
            let Claimed { run, lease, .. } = &claimed;
            trace!(
                self,
                "claim {} {} epoch {}",
                short(worker),
                short(run.id),
                lease.epoch
            );
            self.ledger.claimed(self.store, run, *lease, now).await;
            let before = self.holders.insert(run.id, *lease);
            assert_eq!(before, None, "a run was claimed that somebody holds");
            if self.faults.on && self.rng.percent(3) {
                trace!(self, "  its answer is lost");
                continue;
            }
            self.start(hand, claimed);
        }
        if self.faults.on && self.rng.percent(20) {
            self.check_slots().await;
        }
        if let Some(limit) = self.limit {
            let held = self.holders.len();
            assert!(held <= limit as usize, "{held} slots of {limit} are taken");
        }
    }

    /// Claims what is there, or waits for what comes up meanwhile.
    async fn claimed(&mut self, claim: Claim) -> StoreResult<Vec<Claimed>> {
        if !self.rng.percent(30) {
            return self.store.claim(claim).await;
        }
        let offer = Arc::new(Offer::new(Arc::new(Still(self.now))));
        let claimed = self.store.claim_next(claim, Arc::clone(&offer));
        if self.faults.on && self.roots.len() < 3 {
            self.create().await;
        }
        offer.withdraw();
        self.store.look_again();
        claimed.await
    }

    /// Nobody holds a slot but those who may write.
    async fn check_slots(&self) {
        let pool = self.store.pool(&self.pool).await.unwrap().unwrap();
        assert_eq!(pool.active, self.holders.len() as u64, "a slot leaked");
    }

    /// Hands a run to what waits for it in memory, or lets it begin.
    fn start(&mut self, hand: usize, claimed: Claimed) {
        let now = self.now;
        let hand = &mut self.hands[hand];
        let parked = hand.parked.iter().position(|it| it.id == claimed.run.id);
        let Some(parked) = parked else {
            hand.claimed.push(claimed);
            return;
        };
        let mut execution = hand.parked.swap_remove(parked);
        if execution.lease().epoch + 1 != claimed.lease.epoch {
            hand.claimed.push(claimed);
            return;
        }
        let cancelling = claimed.run.state.kind == StateType::Cancelling;
        if cancelling {
            execution.order = Signal::Cancel;
        }
        let resumed = Event::Resumed {
            lease: claimed.lease,
            cancelling,
        };
        execution.happened(resumed, &mut self.rng, now);
        hand.running.push(execution);
    }

    /// One execution goes one call further.
    async fn work(&mut self) {
        let busy = |hand: &Hand| !(hand.claimed.is_empty() && hand.running.is_empty());
        let Some(hand) = self.any_hand_that(busy) else {
            return;
        };
        let begins = self.hands[hand].running.is_empty() || self.rng.percent(40);
        if begins && !self.hands[hand].claimed.is_empty() {
            return self.begin(hand).await;
        }
        let Some(at) = self.any_running(hand) else {
            return;
        };
        let mut execution = self.hands[hand].running.swap_remove(at);
        let worker = self.hands[hand].id;
        let stays = self.go_on(&mut execution).await;
        let Some(hand) = self.hands.iter_mut().find(|hand| hand.id == worker) else {
            return;
        };
        match stays {
            Stays::Running => hand.running.push(execution),
            Stays::Parked => hand.parked.push(execution),
            Stays::Gone => {}
        }
    }

    async fn begin(&mut self, hand: usize) {
        let at = self.rng.below(self.hands[hand].claimed.len());
        let claimed = self.hands[hand].claimed.swap_remove(at);
        let id = claimed.run.id;
        let entries = match claimed.journal_len {
            0 => Vec::new(),
            _ => self.store.journal(id).await.unwrap(),
        };
        let kept = match claimed.run.attempt {
            1 => Vec::new(),
            _ => self.store.kept(id).await.unwrap(),
        };
        trace!(self, "begin {} with {} entries", short(id), entries.len());
        let script = Arc::clone(&self.scripts.0[Scripts::at(&claimed.run.flow)]);
        // The clock does not stand still while a worker thinks.
        self.now.0 += 7;
        let filter = TaskRunFilter {
            flow_run: Some(id),
            ..TaskRunFilter::default()
        };
        let tasks = self.store.task_runs(filter).await.unwrap();
        let past = Past {
            entries,
            kept,
            tasks,
        };
        let execution = Execution::new(&claimed, script, &self.manifest, past, self.now);
        self.hands[hand].running.push(execution);
    }

    /// Takes an execution one step further.
    async fn go_on(&mut self, execution: &mut Execution) -> Stays {
        self.now.0 += 11;
        let now = self.their_now();
        let Some(step) = execution.step.take() else {
            if let Some(outcome) = execution.ask(&mut self.rng, now) {
                return self.returned(execution, outcome, now).await;
            }
            self.answer(execution);
            return Stays::Running;
        };
        match step {
            Step::Answer(_) | Step::Refuse(_) => {
                execution.step = Some(step);
                self.answer(execution);
                if execution.step.is_some() {
                    let outcome = execution.returned.take().expect("it has returned");
                    return self.end(execution, outcome).await;
                }
            }
            Step::Look(look) => {
                let found = self.look(execution.id, look).await;
                execution.happened(Event::Found(found), &mut self.rng, now);
            }
            Step::Record(progress) => return self.record_step(execution, *progress, now).await,
            Step::Await(Await::Busy { news, due }) => self.busy(execution, news, due, now),
            Step::Await(Await::News) => execution.happened(Event::News, &mut self.rng, now),
            Step::Await(what) => panic!("nothing leads to {what:?}"),
            Step::Stop(Stop::Suspended) => return Stays::Gone,
            Step::Stop(stop) => {
                trace!(self, "stopped {}: {stop:?}", short(execution.id));
                assert!(!self.holds(execution), "{stop:?}");
                return Stays::Gone;
            }
        }
        Stays::Running
    }

    /// Tells the guest what it was answered, if it was. Not where it has returned.
    fn answer(&mut self, execution: &mut Execution) {
        if execution.returned.is_some() {
            return;
        }
        let reply = match execution.step.take() {
            Some(Step::Answer(reply)) => Ok(reply),
            Some(Step::Refuse(failure)) => Err(failure),
            step => {
                execution.step = step;
                return;
            }
        };
        execution.guest.told(reply, &execution.flow);
    }

    /// The flow has returned: what succeeded waits for its tasks.
    async fn returned(
        &mut self,
        execution: &mut Execution,
        outcome: Outcome,
        now: Timestamp,
    ) -> Stays {
        if outcome.is_ok() {
            execution.finish(outcome, &mut self.rng, now);
            return Stays::Running;
        }
        self.end(execution, outcome).await
    }

    /// Something happens to an execution that waits for its tasks, or nothing yet.
    fn busy(
        &mut self,
        execution: &mut Execution,
        news: bool,
        due: Option<Timestamp>,
        now: Timestamp,
    ) {
        let rng = &mut self.rng;
        if execution.order > execution.flow.signal() {
            execution.happened(Event::Told(execution.order), rng, now);
        } else if execution.has_events() {
            execution.hear_tasks(rng, now);
        } else if due.is_some_and(|due| due <= now) {
            execution.happened(Event::Due, rng, now);
        } else if news && rng.percent(20) {
            execution.happened(Event::News, rng, now);
        } else if let Some(due) = due.filter(|due| due.since(now) <= SOON && rng.percent(20)) {
            self.now = due.max(self.now);
            execution.happened(Event::Due, rng, self.now);
        } else {
            execution.step = Some(Step::Await(Await::Busy { news, due }));
        }
    }

    async fn look(&mut self, run: RunId, look: Look) -> Found {
        let store = self.store;
        match look {
            Look::Deployment(name) => {
                let at = Scripts::at(&name.flow);
                Found::Deployment(Some(self.deployments[at].clone()))
            }
            Look::Run(run) => {
                let found = store.flow_run(run).await.unwrap();
                Found::Run(found.map(|run| run.snapshot()))
            }
            Look::RunByKey(flow, key) => {
                let found = store.run_by_key(&flow, &key).await.unwrap();
                Found::Run(found.map(|run| run.snapshot()))
            }
            Look::Settled(calls) => Found::Settled(store.settled(run, &calls).await.unwrap()),
        }
    }

    async fn record_step(
        &mut self,
        execution: &mut Execution,
        progress: Progress,
        now: Timestamp,
    ) -> Stays {
        let event = match self.record(execution, progress).await {
            Written::Lost => return Stays::Gone,
            Written::Done(recorded) => Event::Recorded(recorded),
            Written::KeyTaken(progress) => Event::KeyTaken(progress),
        };
        execution.happened(event, &mut self.rng, now);
        if !matches!(execution.step, Some(Step::Await(Await::Parked))) {
            return Stays::Running;
        }
        if self.rng.percent(50) {
            Stays::Parked
        } else {
            Stays::Gone
        }
    }

    async fn end(&mut self, execution: &mut Execution, outcome: Outcome) -> Stays {
        execution.note_events(self.now);
        let outcome = if execution.order == Signal::Cancel || execution.flow.is_cancelled() {
            Err(Failure::cancelled())
        } else {
            outcome
        };
        let retry = &execution.guest.script.retry;
        let progress = match after_attempt(retry, execution.attempt, &outcome, 0.0) {
            Decision::RetryAfter(delay) => {
                let failure = outcome.expect_err("only a failure is tried again");
                execution.flow.try_again(&failure, delay, self.now)
            }
            Decision::End => execution.flow.end(outcome, self.now),
        };
        self.record(execution, progress).await;
        Stays::Gone
    }

    /// The write that everything goes through, with all that may go wrong with it.
    async fn record(&mut self, execution: &mut Execution, mut progress: Progress) -> Written {
        let held = self.holds(execution);
        execution.complete(&mut progress);
        let (id, lease) = (execution.id, progress.lease);
        let wished = format!(
            "{} +{} {:?}",
            lease.epoch,
            progress.entries.len(),
            progress.next
        );
        let fault = if self.faults.on {
            self.rng.below(100)
        } else {
            99
        };
        if fault < 3 {
            trace!(self, "record {} {wished}: lost before", short(id));
            return Written::Lost;
        }
        let recorded = match self.store.record(progress.clone()).await {
            Ok(recorded) => recorded,
            Err(StoreError::Stale { .. }) => {
                trace!(self, "record {} {wished}: stale", short(id));
                assert!(!held, "a lease that is valid was refused");
                return Written::Lost;
            }
            Err(StoreError::KeyTaken { .. }) => {
                trace!(self, "record {} {wished}: the key is taken", short(id));
                return Written::KeyTaken(Box::new(progress));
            }
            Err(err) => panic!("{id} {wished}: {err}"),
        };
        trace!(self, "record {} {wished}: {recorded:?}", short(id));
        if self.rng.percent(10) {
            self.stray.push(progress.clone());
        }
        assert!(held, "a stale lease was written under");
        self.recorded(execution, &progress, recorded).await;
        match fault {
            // It was committed, but the worker cannot know.
            3..=5 => {
                trace!(self, "  its answer is lost");
                Written::Lost
            }
            6..=12 => {
                self.record_again(progress, recorded).await;
                Written::Done(recorded)
            }
            _ => Written::Done(recorded),
        }
    }

    /// The same wish twice changes nothing more.
    async fn record_again(&mut self, mut progress: Progress, recorded: Recorded) {
        for settled in &mut progress.settled {
            settled.at.0 += 1;
        }
        let id = progress.lease.run;
        let must_fail = !progress.entries.is_empty()
            || (!progress.states.is_empty() && recorded == Recorded::Done);
        let again = self.store.record(progress).await;
        trace!(self, "  and again: {again:?}");
        assert!(
            !(must_fail && again.is_ok()),
            "what was recorded could be recorded twice"
        );
        self.ledger.look_at(self.store, id).await;
    }

    async fn recorded(&mut self, execution: &Execution, progress: &Progress, recorded: Recorded) {
        let id = progress.lease.run;
        let stops = match (&progress.next, recorded) {
            (_, Recorded::Paused) => true,
            (Next::Continue, _) => false,
            (Next::Wait { .. }, recorded) => recorded == Recorded::Done,
            _ => true,
        };
        if stops {
            self.holders.remove(&id);
        }
        // As if it had ended before it was paused.
        if matches!(progress.next, Next::End { .. }) {
            self.paused.remove(&id);
        }
        self.ledger.recorded(progress, recorded);
        self.ledger.look_at(self.store, id).await;
        self.ledger.observed(execution, progress);
        if recorded == Recorded::Cancelling {
            self.check_children_of_cancelled(id).await;
        }
    }

    /// What a run had started before it heard of its cancellation is cancelled with it.
    async fn check_children_of_cancelled(&self, id: RunId) {
        let journal = self.store.journal(id).await.unwrap();
        let before = journal
            .iter()
            .take_while(|entry| !matches!(entry.call, Call::Cancelled { .. }));
        for entry in before {
            let Answer::Run { run } = &entry.answer else {
                continue;
            };
            let child = self.store.flow_run(run.id).await.unwrap();
            let child = child.expect("a child is there with the call that made it");
            // Another run may have started it, under the same key; and a subflow ends with it.
            if child.parent != Some(id) || child.within.is_some() {
                continue;
            }
            let goes_on =
                !(child.state.kind.is_terminal() || child.state.kind == StateType::Cancelling);
            // A person may have tried it again since.
            let retried = self.ledger.was_retried(child.id);
            assert!(
                !goes_on || retried,
                "a cancelled run left a child: {child:#?}"
            );
        }
    }

    /// An old wish arrives once more. Whoever sent it has long gone on.
    async fn meet_stray(&mut self) {
        if self.stray.is_empty() {
            return;
        }
        let at = self.rng.below(self.stray.len());
        let progress = self.stray.swap_remove(at);
        let (id, lease) = (progress.lease.run, progress.lease);
        if self.holders.get(&id) == Some(&lease) {
            return;
        }
        let again = self.store.record(progress).await;
        trace!(self, "stray {} {}: {again:?}", short(id), lease.epoch);
        assert!(
            matches!(again, Err(StoreError::Stale { .. })),
            "a stale lease was written under"
        );
    }

    fn holds(&self, execution: &Execution) -> bool {
        self.holders.get(&execution.id) == Some(&execution.lease())
    }

    /// A task of some execution ends.
    async fn compute(&mut self) {
        let computes = |it: &Execution| it.computes();
        let Some(hand) = self.any_hand_that(|hand| hand.running.iter().any(computes)) else {
            return;
        };
        self.now.0 += 1000;
        self.nonce += 1;
        let running = &mut self.hands[hand].running;
        let Some(execution) = running.iter_mut().find(|it| computes(it)) else {
            return;
        };
        let held = self.holders.get(&execution.id) == Some(&execution.lease());
        let (task, attempt, done) = execution.compute(self.nonce, &mut self.rng, self.now);
        if held {
            self.ledger.computes(task, attempt);
        }
        trace!(self, "compute {} {done}", short(execution.id));
    }

    async fn settle_due(&mut self) {
        let now = self.their_now();
        let count = self.rng.between(1, 5) as u32;
        let settled = self.store.settle_due(now, count).await.unwrap();
        if settled > 0 {
            trace!(self, "settle {settled} timers");
        }
    }

    /// A person gives a run one of the things that it asks for. What is acknowledged is kept,
    /// and cannot be given again.
    async fn give(&mut self) {
        let run = self.any_run().await;
        let mut awaited = self.store.awaited_inputs(run.id).await.unwrap();
        if awaited.is_empty() {
            return;
        }
        let input = awaited.swap_remove(self.rng.below(awaited.len()));
        self.nonce += 1;
        let value = Json::trusted(format!(r#"{{"v":0,"nonce":{}}}"#, self.nonce));
        let now = self.their_now();
        let given = self.store.give_input(run.id, input.id, value, now).await;
        trace!(self, "give {} {}: {given:?}", short(run.id), input.key);
        assert_eq!(given, Ok(()));
        self.goes_on(run.id);
        let other = Json::empty_object();
        let again = self.store.give_input(run.id, input.id, other, now).await;
        assert_eq!(again, Err(StoreError::InputNotAwaited { run: run.id }));
        self.ledger.look_at(self.store, run.id).await;
    }

    async fn pass_time(&mut self) {
        let jump = match self.rng.below(10) {
            0 => self.rng.between(0, 2 * LEASE_US as u64),
            1..=4 => self.rng.between(0, 3_000_000),
            _ => self.rng.between(0, 50_000),
        };
        self.now.0 += jump as i64;
    }

    async fn renew(&mut self) {
        for at in 0..self.hands.len() {
            let Hand {
                id,
                renews,
                lease_until,
                ..
            } = self.hands[at];
            if !renews || lease_until.0 - self.now.0 > LEASE_US / 2 {
                continue;
            }
            let until = Timestamp(self.now.0 + LEASE_US);
            match self.store.renew(id, self.now, until).await {
                Ok(()) => self.hands[at].lease_until = until,
                Err(StoreError::NotFound(_)) => {
                    assert!(self.is_given_up(id), "a worker was forgotten");
                    self.hands[at].renews = false;
                }
                Err(err) => panic!("{err}"),
            }
        }
    }

    async fn notice_orders(&mut self) {
        for hand in &mut self.hands {
            for (run, state) in self.store.orders(hand.id).await.unwrap() {
                let ordered = hand.running.iter_mut().filter(|it| it.id == run);
                for execution in ordered {
                    execution.order = execution.order.max(Signal::of(state));
                }
            }
        }
    }

    async fn pause_or_resume(&mut self) {
        let run = self.any_run().await;
        if self.paused.contains(&run.id) {
            let resumed = self.store.resume(run.id, self.now).await;
            trace!(self, "resume {}: {}", short(run.id), resumed.is_ok());
            assert!(resumed.is_ok(), "{resumed:?}");
            self.goes_on(run.id);
            return;
        }
        let paused = self.store.pause(run.id, self.now).await;
        trace!(self, "pause {}: {}", short(run.id), paused.is_ok());
        let kind = run.state.kind;
        let over = kind.is_terminal() || kind == StateType::Cancelling;
        assert_eq!(paused.is_ok(), !over, "{paused:?}");
        if paused.is_ok() {
            self.paused.insert(run.id);
        }
    }

    /// A run that was paused can be claimed. Whoever still has it has no say any more.
    fn goes_on(&mut self, run: RunId) {
        if self.paused.remove(&run) {
            self.holders.remove(&run);
        }
    }

    /// A process ends without a word.
    async fn crash(&mut self) {
        let Some(hand) = self.any_hand() else { return };
        let hand = self.hands.swap_remove(hand);
        trace!(self, "crash {}", short(hand.id));
        if self.rng.percent(50) {
            self.rescue(&[hand.id]).await;
        }
    }

    /// A worker is taken for dead that is not.
    async fn give_up(&mut self) {
        let Some(hand) = self.any_hand() else { return };
        let id = self.hands[hand].id;
        self.rescue(&[id]).await;
    }

    async fn sign_off(&mut self) {
        let Some(hand) = self.any_hand() else { return };
        let id = self.hands[hand].id;
        let given_back = self.store.sign_off(id, self.now).await.unwrap();
        trace!(
            self,
            "sign off {}, giving {} back",
            short(id),
            given_back.len()
        );
        self.ledger.given_up.insert(id);
        self.holders.retain(|_, lease| lease.worker != id);
        // Most stop with that; one that hangs may go on.
        if self.rng.percent(70) {
            self.hands.swap_remove(hand);
        }
    }

    async fn rescue(&mut self, lost: &[WorkerId]) {
        let given_back = self.store.rescue(lost, self.now).await.unwrap();
        let left: HashSet<WorkerId> = match self.store.workers().await {
            Ok(workers) => workers.iter().map(|worker| worker.id).collect(),
            Err(err) => panic!("{err}"),
        };
        for hand in &self.hands {
            assert!(
                left.contains(&hand.id)
                    || self.is_given_up(hand.id)
                    || lost.contains(&hand.id)
                    || hand.lease_until <= self.now,
                "a worker was given up that renews its lease"
            );
        }
        for id in &self.hired {
            if !left.contains(id) && self.ledger.given_up.insert(*id) {
                trace!(self, "rescue from {}", short(id));
            }
        }
        let gone = &self.ledger.given_up;
        self.holders
            .retain(|_, lease| !gone.contains(&lease.worker));
        trace!(self, "rescued {}", given_back.len());
    }

    fn is_given_up(&self, worker: WorkerId) -> bool {
        self.ledger.given_up.contains(&worker)
    }

    fn fall_asleep(&mut self) {
        if let Some(hand) = self.any_hand() {
            self.hands[hand].renews = false;
        }
    }

    /// Its time in memory is over.
    fn unpark(&mut self) {
        if let Some(hand) = self.any_hand() {
            self.hands[hand].parked.clear();
        }
    }

    async fn cancel(&mut self) {
        let run = self.any_run().await;
        if run.state.kind.is_terminal() {
            return;
        }
        let cancelled = self.store.cancel(run.id, self.now).await.unwrap();
        trace!(self, "cancel {}: {cancelled:?}", short(run.id));
        assert!(!matches!(cancelled, Cancellation::Over(_)), "{cancelled:?}");
        // Those below it are cancelled, too.
        for run in self.runs().await {
            if run.state.kind != StateType::Paused {
                self.paused.remove(&run.id);
            }
        }
        self.disturbed = true;
    }

    async fn retry(&mut self) {
        let run = self.any_run().await;
        let from_scratch = self.rng.percent(30);
        match self.store.retry(run.id, from_scratch, self.now).await {
            Ok(retried) => {
                trace!(self, "retry {} from scratch: {from_scratch}", short(run.id));
                assert!(run.state.kind.is_terminal());
                assert_eq!(retried.attempt, run.attempt + 1);
                self.ledger.retried(run.id);
                self.disturbed = true;
            }
            Err(StoreError::NotOver { .. }) => assert!(!run.state.kind.is_terminal()),
            Err(err) => panic!("{err}"),
        }
    }

    fn any_hand(&mut self) -> Option<usize> {
        match self.hands.len() {
            0 => None,
            hands => Some(self.rng.below(hands)),
        }
    }

    fn any_hand_that(&mut self, fits: impl Fn(&Hand) -> bool) -> Option<usize> {
        let hands = 0..self.hands.len();
        let fit: Vec<usize> = hands.filter(|at| fits(&self.hands[*at])).collect();
        match fit.len() {
            0 => None,
            fitting => Some(fit[self.rng.below(fitting)]),
        }
    }

    fn any_running(&mut self, hand: usize) -> Option<usize> {
        match self.hands[hand].running.len() {
            0 => None,
            running => Some(self.rng.below(running)),
        }
    }

    async fn runs(&self) -> Vec<FlowRun> {
        let filter = RunFilter {
            pool: Some(self.pool.clone()),
            ..RunFilter::default()
        };
        self.store.flow_runs(filter).await.unwrap()
    }

    async fn any_run(&mut self) -> FlowRun {
        let mut runs = self.runs().await;
        let at = self.rng.below(runs.len());
        runs.swap_remove(at)
    }

    /// Nothing goes wrong any more: healthy workers take over, and time passes.
    async fn come_to_an_end(&mut self) {
        trace!(self, "nothing goes wrong from here on");
        let zombies = std::mem::take(&mut self.hands);
        self.now.0 += 2 * LEASE_US;
        self.rescue(&[]).await;
        for run in std::mem::take(&mut self.paused) {
            self.store.resume(run, self.now).await.unwrap();
            self.holders.remove(&run);
        }
        self.hire().await;
        self.hire().await;
        for _ in 0..ACTIONS_TO_END {
            match self.rng.below(10) {
                0..=5 => self.work().await,
                6..=8 => self.compute().await,
                _ => self.look_around().await,
            }
            if self.is_busy() {
                continue;
            }
            self.look_around().await;
            let runs = self.runs().await;
            if runs.iter().all(|run| run.state.kind.is_terminal()) {
                return self.laugh_at(zombies).await;
            }
        }
        let unfinished = self.runs().await;
        let unfinished = unfinished
            .iter()
            .filter(|run| !run.state.kind.is_terminal());
        panic!("lost: {:#?}", unfinished.collect::<Vec<_>>());
    }

    /// What a worker does besides executing: it claims, notices what was cancelled, and
    /// sleeps until something is due.
    async fn look_around(&mut self) {
        self.claim().await;
        self.notice_orders().await;
        if self.is_busy() {
            self.now.0 += 200_000;
        } else {
            let due = self.store.next_due(Some(&self.pool), self.now).await;
            self.now = due.unwrap().unwrap_or(self.now).max(self.now);
            self.unpark();
        }
        self.renew().await;
        self.settle_due().await;
        for _ in 0..3 {
            self.give().await;
        }
    }

    fn is_busy(&self) -> bool {
        let mut hands = self.hands.iter();
        hands.any(|hand| !(hand.claimed.is_empty() && hand.running.is_empty()))
    }

    /// Whoever was given up and goes on all the same changes nothing.
    async fn laugh_at(&mut self, zombies: Vec<Hand>) {
        while !self.stray.is_empty() {
            self.meet_stray().await;
        }
        for mut zombie in zombies {
            let claimed = std::mem::take(&mut zombie.claimed);
            zombie.running.append(&mut zombie.parked);
            for mut execution in zombie.running {
                let outcome = Ok(Json::trusted("666"));
                let progress = execution.flow.end(outcome, self.now);
                let written = self.record(&mut execution, progress).await;
                assert!(matches!(written, Written::Lost));
            }
            for claimed in claimed {
                let mut progress = Progress::new(claimed.lease);
                progress.states.push(State::running(1, self.now));
                let stale = self.store.record(progress).await;
                assert!(matches!(stale, Err(StoreError::Stale { .. })), "{stale:?}");
            }
        }
    }

    async fn check_the_end(&mut self) {
        assert_eq!(self.holders, HashMap::new(), "somebody still holds a run");
        let pool = self.store.pool(&self.pool).await.unwrap().unwrap();
        assert_eq!((pool.active, pool.ready, pool.scheduled), (0, 0, 0));
        let runs = self.runs().await;
        for run in &runs {
            self.ledger.look_at(self.store, run.id).await;
            self.ledger.check_history(self.store, run).await;
        }
        self.ledger.check_family(&runs, |child| {
            let parent = runs.iter().find(|run| Some(run.id) == child.parent);
            let parent = parent.expect("a child has a parent");
            let starts = Scripts::at(&child.flow);
            self.scripts.starts(Scripts::at(&parent.flow), starts)
        });
        let crashed = runs.iter().any(|run| run.state.kind == StateType::Crashed);
        let known = !(self.disturbed || crashed);
        for run in &runs {
            let at = Scripts::at(&run.flow);
            match &run.outcome {
                Some(Ok(value)) => assert_eq!(
                    value.value()["v"].as_u64(),
                    Some(self.scripts.value(at)),
                    "{run:#?}"
                ),
                Some(Err(_)) => {}
                None => panic!("without an outcome: {run:#?}"),
            }
            if known {
                let succeeded = run.state.kind == StateType::Completed;
                assert_eq!(succeeded, self.scripts.succeeds(at), "{run:#?}");
            }
        }
    }

    /// Leaves nothing behind that the next simulation in this store could meet.
    async fn clear(&mut self) {
        for worker in std::mem::take(&mut self.hired) {
            self.store.sign_off(worker, self.now).await.unwrap();
        }
        let end = Timestamp(i64::MAX);
        while self.store.settle_due(end, 1000).await.unwrap() > 0 {}
    }
}

/// A clock that stands still.
#[derive(Debug)]
struct Still(Timestamp);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// A run of the simulation's pool, ready now.
fn new_run(flow: &str, id: RunId, pool: &PoolName, now: Timestamp) -> NewRun {
    let mut new = cast::new_run(flow);
    new.run.id = id;
    new.run.name = RunName::trusted("simulated");
    new.run.pool = Some(pool.clone());
    new.run.created = now;
    new.run.scheduled = now;
    new.run.state = State::scheduled(now);
    new
}

/// What the component says of itself that all scripts are flows of.
fn manifest() -> Manifest {
    let schema = || Schema {
        parameters: Json::empty_object(),
        result: Json::empty_object(),
    };
    let flow = |at| FlowDescription {
        name: Scripts::name(at),
        description: None,
        version: None,
        schema: schema(),
        options: FlowOptions::default(),
    };
    Manifest {
        flows: (0..4).map(flow).collect(),
        tasks: vec![TaskDescription {
            name: TaskName::trusted("compute"),
            description: None,
            version: None,
            schema: schema(),
            options: TaskOptions::default(),
        }],
    }
}

fn deployed(script: usize, pool: &PoolName, grants: bool) -> Known {
    let flow = Scripts::name(script);
    let deployment = Deployment {
        name: DeploymentName::default_for(&flow),
        component: cast::new_run(flow.as_str()).run.component,
        pool: pool.clone(),
        parameters: Json::empty_object(),
        tags: Vec::new(),
        grants: if grants { granted() } else { Grants::default() },
        description: None,
        created: at(0),
        updated: at(0),
    };
    let parameters = Parameters::new(&Json::empty_object());
    Known {
        deployment: Arc::new(deployment),
        parameters: Arc::new(parameters.expect("anything fits")),
    }
}

fn granted() -> Grants {
    Grants {
        http: vec!["*".to_owned()],
    }
}

//! The simulated world: a clock, workers with what they keep in memory, and chance, which
//! decides who acts next and what goes wrong.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::execution::{Execution, Wish, new_run};
use super::ledger::Ledger;
use super::rng::Rng;
use super::script::Scripts;
use super::tasks::Doing;
use crate::contract::cast::at;
use crate::{
    Cancellation, Claim, Claimed, Next, Progress, Recorded, RunFilter, Store, StoreError,
    TaskRunFilter,
};
use model::{
    Answer, Call, Failure, FailureKind, FlowRun, Json, Lease, Outcome, PoolName, RunId, State,
    StateName, StateType, Timestamp, WorkPool, Worker, WorkerId,
};
use orchestrator::{Decision, after_attempt};

/// How long a worker's lease lasts.
const LEASE_US: i64 = 10_000_000;
/// Workers at once.
const WORKERS_MAX: usize = 4;
/// What happens while things may go wrong.
const ACTIONS: std::ops::RangeInclusive<u64> = 40..=250;
/// After that, in so many actions everything has to end.
const ACTIONS_TO_END: u32 = 10_000;

/// What may go wrong in this simulation.
struct Faults {
    on: bool,
    cancels: bool,
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
    /// Who may write about a run.
    holders: HashMap<RunId, Lease>,
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

/// What became of a wish to record.
enum Written {
    Done(Recorded),
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
            retries: rng.percent(40),
            losses: rng.percent(80),
        };
        let mut world = Self {
            store,
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
            83..=85 => self.renew().await,
            86..=87 => self.notice_cancelled().await,
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
        let id = RunId(self.rng.uuid());
        let mut new = new_run(Scripts::name(at).as_str(), id, &self.pool, self.now);
        if !self.roots.is_empty() && self.rng.percent(70) {
            let watched = self.roots[self.rng.below(self.roots.len())];
            new.run.parameters = Json::trusted(format!(r#"{{"watch":"{watched}"}}"#));
        }
        self.store.create_runs(vec![new]).await.unwrap();
        self.roots.push(id);
        trace!(self, "create {} s{at}", short(id));
    }

    async fn hire(&mut self) {
        let id = WorkerId(self.rng.uuid());
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
        let claimed = match self.store.claim(claim).await {
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

    /// Nobody holds a slot but those who may write.
    async fn check_slots(&self) {
        let pool = self.store.pool(&self.pool).await.unwrap().unwrap();
        assert_eq!(pool.active, self.holders.len() as u64, "a slot leaked");
    }

    /// Hands a run to what waits for it in memory, or lets it begin.
    fn start(&mut self, hand: usize, claimed: Claimed) {
        let now = self.now;
        let hand = &mut self.hands[hand];
        let parked = hand
            .parked
            .iter()
            .position(|it| it.run.id == claimed.run.id);
        let Some(parked) = parked else {
            hand.claimed.push(claimed);
            return;
        };
        let mut execution = hand.parked.swap_remove(parked);
        if execution.progress.lease.epoch + 1 != claimed.lease.epoch {
            hand.claimed.push(claimed);
            return;
        }
        execution.progress.lease = claimed.lease;
        match claimed.run.state.kind == StateType::Cancelling {
            true => execution.cancel = true,
            false => {
                let running = State::running(execution.run.attempt, now);
                execution.progress.states.push(running);
            }
        }
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
        if self.go_on(&mut execution).await
            && let Some(hand) = self.hands.iter_mut().find(|hand| hand.id == worker)
        {
            match execution.progress.states.is_empty()
                && self.holders.get(&execution.run.id) != Some(&execution.progress.lease)
                && self
                    .ledger
                    .waits(execution.run.id, execution.progress.lease.epoch)
            {
                true => hand.parked.push(execution),
                false => hand.running.push(execution),
            }
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
        let mut execution = Execution::new(&claimed, script, entries, kept, self.now);
        let filter = TaskRunFilter {
            flow_run: Some(id),
            ..TaskRunFilter::default()
        };
        let tasks = self.store.task_runs(filter).await.unwrap();
        let tasks = tasks.into_iter().map(|task| (task.id, task));
        execution.tasks.recorded = tasks.collect();
        self.hands[hand].running.push(execution);
    }

    /// Whether the execution stays in memory.
    async fn go_on(&mut self, execution: &mut Execution) -> bool {
        self.now.0 += 11;
        let now = self.their_now();
        let id = execution.run.id;
        if execution.tasks.is_due(now) {
            // That an attempt has failed is known before the next one begins.
            if execution.tasks.failed && !self.flush(execution).await {
                return false;
            }
            execution.tasks.start_due(now);
        }
        let wish = execution.step(&mut self.rng, &self.pool, now);
        match wish {
            Wish::GoOn | Wish::Tasks => {
                if self.rng.percent(20) && !execution.progress.is_empty() {
                    return self.flush(execution).await;
                }
                if !execution.outside.is_empty() && self.rng.percent(20) {
                    self.look_up(execution).await;
                }
                true
            }
            Wish::Outside(awaited, count, due) => self.wait(execution, awaited, count, due).await,
            Wish::End(outcome) => {
                self.end(execution, outcome).await;
                false
            }
            Wish::Diverged(why) => {
                trace!(self, "diverged {}: {why}", short(id));
                assert!(!self.holds(execution), "{why}");
                false
            }
        }
    }

    async fn flush(&mut self, execution: &mut Execution) -> bool {
        match self.record(execution, Next::Continue).await {
            Written::Done(recorded) => {
                execution.cancel |= recorded == Recorded::Cancelling;
                true
            }
            Written::Lost => false,
        }
    }

    async fn look_up(&mut self, execution: &mut Execution) {
        let outside: Vec<_> = execution.outside.iter().copied().collect();
        let settled = self
            .store
            .settled(execution.run.id, &outside)
            .await
            .unwrap();
        execution.look_up(settled);
    }

    async fn wait(
        &mut self,
        execution: &mut Execution,
        awaited: Vec<model::Seq>,
        count: u32,
        due: Option<Timestamp>,
    ) -> bool {
        let waiting = State::waiting(self.now);
        execution.progress.states.push(waiting);
        let until = self
            .rng
            .percent(10)
            .then(|| Timestamp(self.now.0 + 3_000_000));
        let until = until.into_iter().chain(due).min();
        let next = Next::Wait {
            awaited,
            count,
            until,
        };
        match self.record(execution, next).await {
            Written::Lost | Written::Done(Recorded::Paused) => false,
            Written::Done(Recorded::Done) => self.rng.percent(50),
            Written::Done(Recorded::Ready) => {
                self.look_up(execution).await;
                true
            }
            Written::Done(Recorded::Cancelling) => {
                execution.cancel = true;
                self.look_up(execution).await;
                true
            }
        }
    }

    async fn end(&mut self, execution: &mut Execution, outcome: Outcome) {
        let outcome = match execution.cancel {
            true => Err(Failure::cancelled()),
            false => outcome,
        };
        if outcome.is_err() {
            execution.abandon_tasks(self.now);
        }
        let decision = after_attempt(execution.retry(), execution.run.attempt, &outcome, 0.0);
        let (state, next) = match decision {
            Decision::RetryAfter(delay) => (
                State::new(StateType::Scheduled, StateName::AWAITING_RETRY, self.now),
                Next::Release {
                    at: self.now.after(delay),
                    next_attempt: true,
                },
            ),
            Decision::End => (State::ended(&outcome, self.now), Next::End { outcome }),
        };
        execution.progress.states.push(state);
        self.record(execution, next).await;
    }

    /// The write that everything goes through, with all that may go wrong with it.
    async fn record(&mut self, execution: &mut Execution, next: Next) -> Written {
        let held = self.holds(execution);
        let progress = execution.take_progress(next);
        let (id, lease) = (execution.run.id, progress.lease);
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
            (Next::Continue, _) => false,
            (Next::Wait { .. }, recorded) => recorded == Recorded::Done,
            _ => true,
        };
        if stops {
            self.holders.remove(&id);
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
        self.holders.get(&execution.run.id) == Some(&execution.progress.lease)
    }

    /// A task of some execution ends.
    async fn compute(&mut self) {
        let computes = |it: &Execution| !it.tasks.computing.is_empty();
        let Some(hand) = self.any_hand_that(|hand| hand.running.iter().any(computes)) else {
            return;
        };
        self.now.0 += 1000;
        let now = self.now;
        let running = &mut self.hands[hand].running;
        let Some(execution) = running.iter_mut().find(|it| computes(it)) else {
            return;
        };
        let which = self.rng.below(execution.tasks.computing.len());
        let computing = execution.tasks.computing.swap_remove(which);
        let (seq, id) = (computing.seq, computing.id);
        if self.holders.get(&execution.run.id) == Some(&execution.progress.lease) {
            self.ledger.computes(id, computing.attempt);
        }
        let run = execution.run.id;
        let Doing {
            n, fails, stumbles, ..
        } = computing.doing;
        if computing.attempt <= stumbles {
            let changed = execution.tasks.stumbled(&computing, now);
            execution.progress.task_runs.extend(changed);
            trace!(self, "stumble {} call {seq}", short(run));
            return;
        }
        self.nonce += 1;
        let outcome = match execution.run.attempt <= fails {
            true => Err(Failure::new(
                FailureKind::Error,
                format!("bad luck {}", self.nonce),
            )),
            false => Ok(Json::trusted(format!(
                r#"{{"v":{n},"nonce":{}}}"#,
                self.nonce
            ))),
        };
        execution.task_ended(seq, outcome, now);
        trace!(self, "compute {} call {seq}", short(run));
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

    async fn notice_cancelled(&mut self) {
        for hand in &mut self.hands {
            let told = self.store.orders(hand.id).await.unwrap();
            for execution in &mut hand.running {
                let cancelling = (execution.run.id, StateType::Cancelling);
                execution.cancel |= told.contains(&cancelling);
            }
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
        self.notice_cancelled().await;
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
                execution
                    .progress
                    .states
                    .push(State::ended(&outcome, self.now));
                let written = self.record(&mut execution, Next::End { outcome }).await;
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

//! Those who play in the stories, and the verbs they use.
//!
//! Time is a number of seconds after a fixed moment in the past, so that nothing waits.

use std::fmt::Debug;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::{
    Claim, Claimed, Clock, NewRun, Next, PoolChange, Progress, Recorded, Settled, Store,
    StoreResult,
};
use model::{
    Answer, Awaited, Call, Component, Deployment, DeploymentName, Digest, Entry, Failure,
    FailureKind, FlowName, FlowRun, Grants, InputId, Json, Lease, Manifest, Outcome, PoolName,
    Priority, RunId, RunName, RunRequest, Seq, Settlement, State, StateType, TaskCall, TaskName,
    TaskOptions, Timestamp, Waits, WorkPool, Worker, WorkerId,
};

/// So many seconds into the story.
pub fn at(second: i64) -> Timestamp {
    Timestamp(1_700_000_000_000_000 + second * 1_000_000)
}

/// A clock that a story sets.
#[derive(Debug)]
pub struct SetClock(AtomicI64);

impl SetClock {
    /// Shows this second.
    pub fn new(second: i64) -> Self {
        Self(AtomicI64::new(second))
    }

    pub fn set(&self, second: i64) {
        self.0.store(second, Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        at(self.0.load(Ordering::SeqCst))
    }
}

pub fn pool(name: &str) -> PoolName {
    PoolName::new(name).unwrap()
}

pub fn flow(name: &str) -> FlowName {
    FlowName::new(name).unwrap()
}

pub fn json(text: &str) -> Json {
    Json::parse(text).unwrap()
}

pub fn failure() -> Outcome {
    Err(Failure::new(FailureKind::Error, "it broke"))
}

pub fn component(bytes: &[u8]) -> Component {
    Component {
        digest: Digest::of(bytes),
        manifest: Manifest {
            flows: Vec::new(),
            tasks: Vec::new(),
        },
        size: bytes.len() as u64,
        created: at(0),
    }
}

pub fn deployment(name: &str) -> Deployment {
    Deployment {
        name: name.parse().unwrap(),
        component: Digest::of(b"wasm"),
        pool: PoolName::default_pool(),
        work_queue: None,
        priority: None,
        concurrency: None,
        limits: Vec::new(),
        parameters: Json::empty_object(),
        tags: vec!["nightly".to_owned()],
        grants: Grants::default(),
        description: None,
        created: at(0),
        updated: at(0),
    }
}

/// A run of `flow`, ready at second 0.
pub fn new_run(flow_name: &str) -> NewRun {
    NewRun {
        run: FlowRun {
            id: RunId::generate(),
            name: RunName::generate(),
            flow: flow(flow_name),
            deployment: Some(DeploymentName::default_for(&flow(flow_name))),
            component: Digest::of(b"wasm"),
            pool: Some(PoolName::default_pool()),
            work_queue: None,
            priority: Priority::default(),
            limits: Vec::new(),
            grants: Grants::default(),
            parameters: Json::empty_object(),
            tags: Vec::new(),
            parent: None,
            within: None,
            state: State::scheduled(at(0)),
            attempt: 0,
            epoch: 0,
            created: at(0),
            scheduled: at(0),
            started: None,
            earlier: std::time::Duration::ZERO,
            ended: None,
            outcome: None,
        },
        idempotency_key: None,
        instead_of: None,
        reserved_for: None,
    }
}

pub fn subflow(parent: RunId, name: &str) -> FlowRun {
    FlowRun {
        deployment: None,
        pool: None,
        parent: Some(parent),
        within: Some(parent),
        state: State::running(1, at(1)),
        attempt: 1,
        started: Some(at(1)),
        ..new_run(name).run
    }
}

fn entry(seq: u64, call: Call, answer: Answer) -> Entry {
    Entry {
        seq: Seq(seq),
        call,
        answer,
        at: at(1),
        settled: None,
        identity: None,
    }
}

pub fn task(seq: u64) -> Entry {
    let call = TaskCall {
        task: TaskName::new("extract").unwrap(),
        arguments: Vec::new(),
        wait_for: Vec::new(),
        options: TaskOptions::default(),
        scope: None,
    };
    entry(seq, Call::Task(call), Answer::Accepted)
}

pub fn timer(seq: u64, due: i64) -> Entry {
    let call = Call::Timer { duration_ms: 1 };
    entry(seq, call, Answer::Due { at: at(due) })
}

/// A wish for a boolean.
pub fn input(seq: u64, key: &str, until: Option<i64>) -> Entry {
    let call = Call::Input {
        key: key.to_owned(),
        timeout_ms: until.map(|_| 1),
        scope: None,
    };
    let answer = Answer::Input {
        id: InputId::generate(),
        description: None,
        schema: json(r#"{"type":"boolean"}"#),
        until: until.map(at),
    };
    entry(seq, call, answer)
}

/// The same wish, made by the subflow that began at `scope`.
pub fn within(scope: u64, mut entry: Entry) -> Entry {
    if let Call::Input { scope: made_by, .. } = &mut entry.call {
        *made_by = Some(Seq(scope));
    }
    entry
}

/// The call that began `subflow`.
pub fn begun(seq: u64, subflow: &FlowRun) -> Entry {
    let call = Call::Subflow {
        flow: subflow.flow.clone(),
        parameters: subflow.parameters.clone(),
        scope: None,
    };
    let run = subflow.snapshot();
    entry(seq, call, Answer::Run { run })
}

/// The mark that the flow was told of its cancellation.
pub fn told_to_end(seq: u64) -> Entry {
    entry(seq, Call::Cancelled { wait: 1 }, Answer::Accepted)
}

pub fn watch(seq: u64, run: RunId) -> Entry {
    entry(seq, Call::WatchRun { run }, Answer::Accepted)
}

/// The call that started `child`.
pub fn start(seq: u64, child: &FlowRun) -> Entry {
    let request = RunRequest {
        deployment: format!("{0}/{0}-deployment", child.flow),
        parameters: child.parameters.clone(),
        flow_run_name: None,
        tags: Vec::new(),
        scheduled: None,
        idempotency_key: None,
        work_queue: None,
        as_subflow: true,
        scope: None,
    };
    let run = child.snapshot();
    entry(seq, Call::RunDeployment(request), Answer::Run { run })
}

pub fn refused(seq: u64, run: RunId) -> Entry {
    let failure = Failure::new(FailureKind::NotFound, "no such run");
    entry(seq, Call::WatchRun { run }, Answer::Refused { failure })
}

/// The wait for an input, as people are told.
pub fn waits_for_input(seq: u64, key: &str) -> Waits {
    Waits {
        first: vec![Awaited::Input {
            seq: Seq(seq),
            key: key.to_owned(),
        }],
        count: 1,
        any: false,
    }
}

pub fn settled(seq: u64, second: i64) -> Settled {
    Settled {
        seq: Seq(seq),
        at: at(second),
        settlement: Settlement::Task(Ok(json("1"))),
    }
}

/// A store, the default worker `w1` in the default pool, and short verbs.
pub struct Cast<S> {
    pub store: S,
    pub w1: WorkerId,
}

impl<S: Store> Cast<S> {
    pub async fn on(store: S) -> Self {
        let mut cast = Self {
            store,
            w1: WorkerId::generate(),
        };
        let bytes = b"wasm".to_vec();
        let added = cast.store.put_component(component(&bytes), bytes).await;
        assert_eq!(added, Ok(true));
        cast.w1 = cast.hire("w1", 3600).await;
        cast
    }

    /// A worker of the default pool whose lease ends then.
    pub async fn hire(&self, name: &str, lease_until: i64) -> WorkerId {
        let worker = Worker {
            id: WorkerId::generate(),
            name: name.to_owned(),
            pool: Some(PoolName::default_pool()),
            limit: 8,
            pid: 1,
            host: "here".to_owned(),
            version: Some("1.2.3".to_owned()),
            usage: None,
            started: at(0),
            heartbeat: at(0),
            lease_until: at(lease_until),
        };
        let id = worker.id;
        self.store.register_worker(worker).await.unwrap();
        id
    }

    pub async fn create_pool(&self, name: &str) {
        let pool = WorkPool {
            name: pool(name),
            limit: None,
            paused: false,
            created: at(0),
        };
        self.store.create_pool(pool).await.unwrap();
    }

    pub async fn change_default_pool(&self, change: PoolChange) {
        let pool = PoolName::default_pool();
        self.store.change_pool(&pool, change).await.unwrap();
    }

    pub async fn limit(&self, limit: u32) {
        self.change_default_pool(PoolChange {
            limit: Some(Some(limit)),
            ..PoolChange::default()
        })
        .await;
    }

    pub async fn create(&self, new: NewRun) -> RunId {
        let id = new.run.id;
        let made = self.store.create_runs(vec![new]).await.unwrap();
        assert_eq!(made[0].id, id);
        id
    }

    /// Up to `count` runs of the default pool for this worker.
    pub async fn try_claim(
        &self,
        worker: WorkerId,
        count: u32,
        second: i64,
    ) -> StoreResult<Vec<Claimed>> {
        let claim = Claim {
            worker,
            pool: Some(PoolName::default_pool()),
            queues: Vec::new(),
            count,
            now: at(second),
        };
        self.store.claim(claim).await
    }

    pub async fn claim(&self, count: u32, second: i64) -> Vec<Claimed> {
        self.try_claim(self.w1, count, second).await.unwrap()
    }

    /// The one run that is ready.
    pub async fn claim_only(&self, second: i64) -> Claimed {
        let mut claimed = self.claim(100, second).await;
        assert_eq!(claimed.len(), 1, "ready runs");
        claimed.remove(0)
    }

    /// A run of `flow` that w1 is running since second 1.
    pub async fn running(&self, flow: &str) -> Lease {
        let id = self.create(new_run(flow)).await;
        let claimed = self.claim(100, 0).await;
        let lease = claimed
            .iter()
            .find(|claimed| claimed.run.id == id)
            .expect("it was claimed")
            .lease;
        self.go_on(lease, |progress| {
            progress.states.push(State::running(1, at(1)))
        })
        .await;
        lease
    }

    pub async fn try_record(
        &self,
        lease: Lease,
        fill: impl FnOnce(&mut Progress),
    ) -> StoreResult<Recorded> {
        let mut progress = Progress::new(lease);
        fill(&mut progress);
        self.store.record(progress).await
    }

    pub async fn go_on(&self, lease: Lease, fill: impl FnOnce(&mut Progress)) {
        assert_eq!(self.try_record(lease, fill).await, Ok(Recorded::Done));
    }

    pub async fn wait(&self, lease: Lease, awaited: &[u64], count: u32) -> StoreResult<Recorded> {
        let awaited = awaited.iter().copied().map(Seq).collect();
        self.try_record(lease, |progress| {
            progress.states.push(State::waiting(at(2)));
            progress.next = Next::Wait {
                awaited,
                count,
                until: None,
                waits: Waits::default(),
            };
        })
        .await
    }

    pub async fn end(&self, lease: Lease, outcome: Outcome, second: i64) {
        self.go_on(lease, |progress| {
            progress.states.push(State::ended(&outcome, at(second)));
            progress.next = Next::End { outcome };
        })
        .await;
    }

    pub async fn run(&self, id: RunId) -> FlowRun {
        let run = self.store.flow_run(id).await.unwrap();
        run.expect("the run exists")
    }

    pub async fn state(&self, id: RunId) -> StateType {
        self.run(id).await.state.kind
    }

    /// The history by names: `Scheduled Pending Running`.
    pub async fn history(&self, id: RunId) -> String {
        let history = self.store.history(id).await.unwrap();
        let names: Vec<_> = history.iter().map(|line| &*line.state.name.0).collect();
        names.join(" ")
    }

    /// What the lines of the history say besides their states: `Pending 1 by w1`.
    pub async fn lines(&self, id: RunId) -> String {
        let history = self.store.history(id).await.unwrap();
        let lines = history.iter().map(|line| {
            let by = line.worker.as_ref().map(|worker| format!(" by {worker}"));
            let cause = line.cause.as_ref().map(|cause| format!(" since {cause}"));
            let waits = line.waits.as_ref().map(|waits| format!(" for {waits}"));
            let says: String = [by, cause, waits].into_iter().flatten().collect();
            format!("{} {}{says}", line.state.name, line.attempt)
        });
        lines.collect::<Vec<_>>().join(", ")
    }

    pub async fn settled(&self, run: RunId, calls: &[u64]) -> Vec<u64> {
        let calls: Vec<_> = calls.iter().copied().map(Seq).collect();
        let settled = self.store.settled(run, &calls).await.unwrap();
        settled.iter().map(|settled| settled.seq.0).collect()
    }
}

/// The message of a refusal.
#[track_caller]
pub fn refusal<T: Debug>(result: StoreResult<T>) -> String {
    match result {
        Err(crate::StoreError::Refused(reason)) => reason,
        other => panic!("not refused: {other:?}"),
    }
}

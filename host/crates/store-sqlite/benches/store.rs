//! The store by itself: what a run costs of the writer, in batches of different sizes, with
//! real files and real fsyncs, but without sandboxes.
//!
//! `cargo bench -p orch-host-store-sqlite --bench store [FILTER]`; `TMPDIR` chooses the disk.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use divan::Bencher;
use divan::counter::ItemsCount;
use futures::future::join_all;
use model::testing::SomeIds;
use model::{Answer, Settlement};
use model::{
    Call, Component, Deployment, Digest, Entry, FlowName, Json, Lease, Manifest, PoolName, Seq,
    State, TaskCall, TaskName, TaskOptions, TaskRunId, Timestamp, Worker, WorkerId,
};
use orch_host_store_sqlite::SqliteStore;
use orchestrator::{Start, new_run};
use store::{Catalog as _, Claim, NewRun, Next, Progress, Runs as _, Wakes as _, Workers as _};
use tempfile::TempDir;
use tokio::runtime::Runtime;

fn main() {
    divan::main();
}

/// How many runs are written together.
const BATCHES: [usize; 4] = [1, 10, 100, 1000];

/// A database with a deployment, and a worker to claim for.
struct Bed {
    runtime: Runtime,
    store: Arc<SqliteStore>,
    deployment: Deployment,
    worker: WorkerId,
    _dir: TempDir,
}

impl Bed {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("there is room");
        let runtime = Runtime::new().expect("there are threads");
        let store = SqliteStore::open(dir.path().join("orch.db")).expect("the file is ours");
        let (digest, now) = (Digest::of(b"component"), store.clock().now());
        let deployment = Deployment::plain(&FlowName::trusted("flow"), digest, now);
        let bed = Self {
            runtime,
            store: Arc::new(store),
            deployment,
            worker: WorkerId::generate(),
            _dir: dir,
        };
        bed.wait(bed.set_up(digest))
            .expect("a fresh store takes it");
        bed
    }

    async fn set_up(&self, digest: Digest) -> store::StoreResult<()> {
        let now = self.now();
        let component = Component {
            digest,
            manifest: Manifest {
                flows: Vec::new(),
                tasks: Vec::new(),
            },
            size: 9,
            created: now,
        };
        let store = &self.store;
        store.put_component(component, b"component".into()).await?;
        store.deploy(vec![self.deployment.clone()]).await?;
        store
            .register_worker(Worker {
                id: self.worker,
                name: "bench".to_owned(),
                pool: Some(PoolName::default_pool()),
                limit: 1000,
                pid: std::process::id(),
                host: String::new(),
                version: None,
                usage: None,
                started: now,
                heartbeat: now,
                lease_until: now.after(Duration::from_secs(86_400)),
            })
            .await
    }

    fn now(&self) -> Timestamp {
        self.store.clock().now()
    }

    fn wait<T>(&self, what: impl Future<Output = T>) -> T {
        self.runtime.block_on(what)
    }

    fn new_runs(&self, count: usize) -> Vec<NewRun> {
        let now = self.now();
        let start = || Start::now(&mut SomeIds, Json::empty_object(), now);
        let new = |_| NewRun {
            run: new_run(&self.deployment, start(), now),
            idempotency_key: None,
            instead_of: None,
            reserved_for: None,
        };
        (0..count).map(new).collect()
    }

    fn create(&self, runs: Vec<NewRun>) {
        self.wait(self.store.create_runs(runs)).expect("created");
    }

    fn claim(&self, count: usize) -> Vec<Lease> {
        let claim = Claim {
            worker: self.worker,
            pool: Some(PoolName::default_pool()),
            queues: Vec::new(),
            count: count as u32,
            now: self.now(),
        };
        let claimed = self.wait(self.store.claim(claim)).expect("claimed");
        assert_eq!(claimed.len(), count);
        claimed.into_iter().map(|claimed| claimed.lease).collect()
    }

    /// Records the whole of each run at once: it ran `tasks` tasks, and has completed.
    fn record(&self, leases: Vec<Lease>, tasks: u64) {
        let records = leases
            .into_iter()
            .map(|lease| self.store.record(whole(lease, tasks, self.now())));
        for recorded in self.wait(join_all(records)) {
            recorded.expect("recorded");
        }
    }
}

fn whole(lease: Lease, tasks: u64, now: Timestamp) -> Progress {
    let outcome = Ok(Json::trusted("7"));
    let mut progress = Progress::new(lease);
    progress.states = vec![State::running(1, now), State::ended(&outcome, now)];
    progress.entries = (1..=tasks).map(|n| entry(n, now)).collect();
    progress.next = Next::End { outcome };
    progress
}

fn entry(n: u64, now: Timestamp) -> Entry {
    let call = TaskCall {
        task: TaskName::trusted("add_one"),
        arguments: Vec::new(),
        wait_for: Vec::new(),
        options: TaskOptions::default(),
        scope: None,
    };
    let result = Settlement::Task(Ok(Json::trusted("7")));
    Entry {
        seq: Seq(n),
        call: Call::Task(call),
        answer: Answer::TaskRun {
            id: TaskRunId::generate(),
        },
        at: now,
        settled: Some((now, result)),
        identity: None,
    }
}

/// Runs are created in one transaction.
#[divan::bench(args = BATCHES)]
fn create(bencher: Bencher, count: usize) {
    let bed = Bed::new();
    bencher
        .counter(ItemsCount::new(count))
        .with_inputs(|| bed.new_runs(count))
        .bench_local_values(|runs| bed.create(runs));
}

/// Runs are claimed in one transaction.
#[divan::bench(args = BATCHES)]
fn claim(bencher: Bencher, count: usize) {
    let bed = Bed::new();
    bencher
        .counter(ItemsCount::new(count))
        .with_inputs(|| bed.create(bed.new_runs(count)))
        .bench_local_values(|()| bed.claim(count));
}

/// Claimed runs that did nothing end, each by a record of its own, all queued together.
#[divan::bench(args = BATCHES)]
fn end(bencher: Bencher, count: usize) {
    ended(bencher, count, 0);
}

/// The same with the journal of three tasks.
#[divan::bench(args = BATCHES)]
fn end_with_three_tasks(bencher: Bencher, count: usize) {
    ended(bencher, count, 3);
}

fn ended(bencher: Bencher, count: usize, tasks: u64) {
    let bed = Bed::new();
    bencher
        .counter(ItemsCount::new(count))
        .with_inputs(|| {
            bed.create(bed.new_runs(count));
            bed.claim(count)
        })
        .bench_local_values(|leases| bed.record(leases, tasks));
}

/// Reading a journal back, as an execution does that goes on.
#[divan::bench(args = [100, 1_000, 10_000])]
fn read_journal(bencher: Bencher, length: u64) {
    let bed = Bed::new();
    bed.create(bed.new_runs(1));
    let [lease] = bed.claim(1)[..] else {
        unreachable!("one was claimed")
    };
    bed.record(vec![lease], length);
    bencher
        .counter(ItemsCount::new(length))
        .bench_local(|| bed.wait(bed.store.journal(lease.run)).expect("read").len());
}

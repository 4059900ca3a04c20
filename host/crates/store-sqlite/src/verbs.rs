//! The verbs of the store, joined to the functions that hold their statements.
//!
//! A write goes to the writer, a short read is done where it is asked for, a long one on a
//! thread for blocking work.

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::BoxFuture;
use model::{
    AwaitedInput, CallMade, Component, Deployment, DeploymentName, Digest, Entry, EventCursor,
    FlowName, FlowRun, HistoryLine, IdPrefix, InputId, Json, Lease, LogLine, PoolName, Relative,
    RunFacts, RunId, Seq, StateType, TaskRun, TaskRunId, Timestamp, WorkPool, Worker, WorkerId,
    WorkerUsage,
};
use orchestrator::lifecycle::Why;
use store::texts::TextsApart;
use store::{
    BulkAction, BulkActions, BulkAsked, BulkClaim, BulkId, BulkLease, BulkNext, BulkProgress,
    BulkRecorded, Cancellation, Catalog, Claim, Claimed, Clock, Count, Deployed, EventPage, Events,
    LatestEnds, Listener, LogFilter, LogPlace, NewRun, Offer, OriginTally, Page, PageRequest,
    PoolChange, PoolUse, Pools, Progress, Reading, Recorded, RunFilter, Runs, Settled, StoreResult,
    Tallies, Tallying, TaskRunFilter, Topic, Totals, Wakes, Workers,
};

use super::writer::Tx;
use super::{
    SqliteStore, bulk, components, deleting, deployments, events, inputs, journal, life, listing,
    load, pick, pools, read, texts, totals, workers,
};

/// A journal longer than this is read on a thread for blocking work: parsing it takes
/// longer than the way there.
const INLINE_ENTRIES_MAX: u64 = 200;

/// A longer page of events is read on a thread for blocking work.
const INLINE_EVENTS_MAX: u32 = 500;

/// Runs that are deleted in one commit.
const DELETED_AT_ONCE: usize = 50;

/// Rows that belonged to deleted runs and go in one commit: some milliseconds.
const SWEPT_AT_ONCE: i64 = 2_000;

impl SqliteStore {
    /// Those that have too many subflows for one commit are deleted by several.
    async fn delete_some(&self, runs: Vec<RunId>) -> StoreResult<Vec<StoreResult<()>>> {
        let mut deleted: Vec<StoreResult<()>> = Vec::with_capacity(runs.len());
        let mut next = 0;
        while next < runs.len() {
            let rest = runs[next..].to_vec();
            let mut done = self
                .writer
                .write(move |tx| {
                    let mut done = Vec::with_capacity(rest.len());
                    for run in &rest {
                        match deleting::delete(tx, *run) {
                            Ok(true) => done.push(Ok(())),
                            Ok(false) => break,
                            Err(why) if deleting::is_refusal(&why) => done.push(Err(why)),
                            Err(error) => return Err(error),
                        }
                    }
                    Ok(done)
                })
                .await?;
            next += done.len();
            deleted.append(&mut done);
        }
        Ok(deleted)
    }
}

#[async_trait]
impl Catalog for SqliteStore {
    async fn put_component(&self, component: Component, bytes: Vec<u8>) -> StoreResult<bool> {
        self.writer
            .write(move |tx| components::put(tx, &component, &bytes))
            .await
    }

    async fn component(&self, digest: Digest) -> StoreResult<Option<Component>> {
        self.readers.with(|conn| components::get(conn, digest))
    }

    async fn component_bytes(&self, digest: Digest) -> StoreResult<Option<Vec<u8>>> {
        self.read_long(move |conn| components::bytes(conn, digest))
            .await
    }

    async fn components(&self) -> StoreResult<Vec<Component>> {
        self.read_long(components::all).await
    }

    async fn deploy(&self, deployments: Vec<Deployment>) -> StoreResult<Vec<Deployed>> {
        self.writer
            .write(move |tx| deployments::deploy(tx, &deployments))
            .await
    }

    async fn deployment(&self, name: &DeploymentName) -> StoreResult<Option<Deployment>> {
        self.readers.with(|conn| deployments::get(conn, name))
    }

    async fn deployments(&self, flow: Option<&FlowName>) -> StoreResult<Vec<Deployment>> {
        let flow = flow.cloned();
        self.read_long(move |conn| deployments::list(conn, flow.as_ref()))
            .await
    }

    async fn delete_deployment(&self, name: &DeploymentName) -> StoreResult<bool> {
        let (name, now) = (name.clone(), self.clock.now());
        self.writer
            .write(move |tx| deployments::delete(tx, &name, now))
            .await
    }
}

#[async_trait]
impl Pools for SqliteStore {
    async fn create_pool(&self, pool: WorkPool) -> StoreResult<()> {
        self.writer.write(move |tx| pools::create(tx, &pool)).await
    }

    async fn change_pool(&self, name: &PoolName, change: PoolChange) -> StoreResult<WorkPool> {
        let name = name.clone();
        self.writer
            .write(move |tx| pools::change(tx, &name, change))
            .await
    }

    async fn delete_pool(&self, name: &PoolName) -> StoreResult<()> {
        let name = name.clone();
        self.writer.write(move |tx| pools::delete(tx, &name)).await
    }

    async fn pools(&self) -> StoreResult<Vec<PoolUse>> {
        let now = self.clock.now();
        let leases = self.leases.at(now);
        self.read_long(move |conn| pools::list(conn, now, leases))
            .await
    }

    async fn pool(&self, name: &PoolName) -> StoreResult<Option<PoolUse>> {
        let (name, now) = (name.clone(), self.clock.now());
        let leases = self.leases.at(now);
        self.read_long(move |conn| match pools::get(conn, &name)? {
            Some(pool) => pools::with_use(conn, pool, now, leases).map(Some),
            None => Ok(None),
        })
        .await
    }
}

#[async_trait]
impl Runs for SqliteStore {
    async fn create_runs(&self, runs: Vec<NewRun>) -> StoreResult<Vec<FlowRun>> {
        self.writer.write(move |tx| life::create(tx, &runs)).await
    }

    async fn run_by_key(&self, flow: &FlowName, key: &str) -> StoreResult<Option<FlowRun>> {
        self.readers.with(|conn| load::by_key(conn, flow, key))
    }

    async fn claim(&self, claim: Claim) -> StoreResult<Vec<Claimed>> {
        if !self.readers.with(|conn| pick::is_claimable(conn, &claim))? {
            return Ok(Vec::new());
        }
        self.writer
            .write_ahead(move |tx| life::claim(tx, &claim))
            .await
    }

    fn claim_next(
        &self,
        claim: Claim,
        offer: Arc<Offer>,
    ) -> BoxFuture<'static, StoreResult<Vec<Claimed>>> {
        let waiter = claim.worker.0.as_u128();
        Box::pin(self.writer.write_ahead_when_ready(waiter, move |tx| {
            if offer.is_withdrawn() {
                return Ok(Some((Vec::new(), true)));
            }
            let claim = Claim {
                now: claim.now.max(offer.clock.now()),
                ..claim.clone()
            };
            let claimed = life::claim(tx, &claim)?;
            let more = claimed.len() == claim.count as usize;
            Ok((!claimed.is_empty()).then_some((claimed, more)))
        }))
    }

    async fn journal(&self, run: RunId) -> StoreResult<Vec<Entry>> {
        let len = self.readers.with(|conn| journal::len(conn, run))?;
        match len {
            0 => Ok(Vec::new()),
            1..=INLINE_ENTRIES_MAX => self.readers.with(|conn| journal::entries(conn, run)),
            _ => {
                self.read_long(move |conn| journal::entries(conn, run))
                    .await
            }
        }
    }

    async fn record(&self, progress: Progress) -> StoreResult<Recorded> {
        self.writer
            .write(move |tx| life::record(tx, &progress))
            .await
    }

    async fn settled(&self, run: RunId, calls: &[Seq]) -> StoreResult<Vec<Settled>> {
        self.readers
            .snapshot(|conn| journal::settled(conn, run, calls))
    }

    async fn kept(&self, run: RunId) -> StoreResult<Vec<Entry>> {
        self.readers.with(|conn| journal::kept_of(conn, run))
    }

    async fn retry(&self, run: RunId, from_scratch: bool, now: Timestamp) -> StoreResult<FlowRun> {
        self.writer
            .write(move |tx| life::retry(tx, run, from_scratch, now))
            .await
    }

    async fn cancel(&self, run: RunId, now: Timestamp) -> StoreResult<Cancellation> {
        self.writer
            .write(move |tx| life::cancel(tx, run, now))
            .await
    }

    async fn pause(&self, run: RunId, now: Timestamp) -> StoreResult<FlowRun> {
        self.writer.write(move |tx| life::pause(tx, run, now)).await
    }

    async fn resume(&self, run: RunId, now: Timestamp) -> StoreResult<FlowRun> {
        self.writer
            .write(move |tx| life::resume(tx, run, now))
            .await
    }

    async fn delete_runs(&self, runs: &[RunId]) -> StoreResult<Vec<StoreResult<()>>> {
        let mut deleted = Vec::with_capacity(runs.len());
        for some in runs.chunks(DELETED_AT_ONCE) {
            deleted.append(&mut self.delete_some(some.to_vec()).await?);
        }
        let sweep = |tx: &Tx<'_>| deleting::sweep(tx, SWEPT_AT_ONCE);
        while !self.writer.write(sweep).await? {}
        Ok(deleted)
    }

    async fn awaited_inputs(&self, run: RunId) -> StoreResult<Vec<AwaitedInput>> {
        self.readers.snapshot(|conn| inputs::awaited(conn, run))
    }

    async fn give_input(
        &self,
        run: RunId,
        input: InputId,
        value: Json,
        now: Timestamp,
    ) -> StoreResult<()> {
        self.writer
            .write(move |tx| life::give_input(tx, run, input, &value, now))
            .await
    }

    async fn settle_due(&self, now: Timestamp, count: u32) -> StoreResult<u32> {
        if !self.readers.with(|conn| pick::is_due(conn, now))? {
            return Ok(0);
        }
        self.writer
            .write(move |tx| life::settle_due(tx, now, count))
            .await
    }

    async fn next_due(
        &self,
        pool: Option<&PoolName>,
        now: Timestamp,
    ) -> StoreResult<Option<Timestamp>> {
        self.readers
            .snapshot(|conn| pick::next_due(conn, pool, now))
    }
}

#[async_trait]
impl Workers for SqliteStore {
    async fn register_worker(&self, mut worker: Worker) -> StoreResult<()> {
        worker.lease_until = self.leases.at(worker.lease_until);
        // Before the row: a worker without a lock would look lost.
        let id = worker.id;
        self.presence.enter(id);
        let registered = self
            .writer
            .write(move |tx| workers::register(tx, &worker))
            .await;
        if registered.is_err() {
            self.presence.leave(id);
        }
        registered
    }

    async fn renew(
        &self,
        worker: WorkerId,
        usage: WorkerUsage,
        now: Timestamp,
        until: Timestamp,
    ) -> StoreResult<()> {
        let until = self.leases.at(until);
        self.writer
            .write(move |tx| workers::renew(tx, worker, usage, now, until))
            .await
    }

    async fn sign_off(&self, worker: WorkerId, now: Timestamp) -> StoreResult<Vec<RunId>> {
        let given_back = self
            .writer
            .write(move |tx| life::sign_off(tx, worker, now))
            .await?;
        self.presence.leave(worker);
        Ok(given_back)
    }

    async fn orders(&self, worker: WorkerId) -> StoreResult<Vec<(RunId, StateType)>> {
        self.readers.with(|conn| pick::orders(conn, worker))
    }

    async fn leases(&self, worker: WorkerId) -> StoreResult<Vec<Lease>> {
        self.readers.with(|conn| pick::leases(conn, worker))
    }

    async fn claimed(&self, lease: Lease) -> StoreResult<Claimed> {
        self.readers.snapshot(|conn| life::claimed(conn, lease))
    }

    async fn give_back(&self, lease: Lease, why: Why, now: Timestamp) -> StoreResult<bool> {
        self.writer
            .write(move |tx| life::give_back(tx, lease, &why, now))
            .await
    }

    async fn lost_workers(&self) -> StoreResult<Vec<WorkerId>> {
        Ok(self.presence.lost())
    }

    async fn rescue(&self, lost: &[WorkerId], now: Timestamp) -> StoreResult<Vec<RunId>> {
        let leases = self.leases.at(now);
        let overdue = || self.readers.with(|conn| workers::overdue(conn, leases));
        if lost.is_empty() && overdue()?.is_empty() {
            return Ok(Vec::new());
        }
        let given_up = lost.to_vec();
        let given_back = self
            .writer
            .write(move |tx| life::rescue(tx, &given_up, now, leases))
            .await?;
        self.presence.forget(lost);
        Ok(given_back)
    }

    async fn workers(&self) -> StoreResult<Vec<Worker>> {
        let mut workers = self.readers.with(workers::list)?;
        for worker in &mut workers {
            worker.lease_until = self.leases.shown(worker.lease_until);
        }
        Ok(workers)
    }
}

#[async_trait]
impl Reading for SqliteStore {
    async fn flow_run(&self, id: RunId) -> StoreResult<Option<FlowRun>> {
        self.readers.with(|conn| read::flow_run_by_id(conn, id))
    }

    async fn find_runs(&self, text: &IdPrefix, count: u32) -> StoreResult<Vec<FlowRun>> {
        let text = text.clone();
        self.read_long(move |conn| read::find_runs(conn, &text, count))
            .await
    }

    async fn flow_runs_by_id(&self, ids: &[RunId]) -> StoreResult<Vec<FlowRun>> {
        let ids = ids.to_vec();
        self.read_long(move |conn| read::flow_runs_by_id(conn, &ids))
            .await
    }

    async fn flow_runs(
        &self,
        filter: &RunFilter,
        page: &PageRequest,
    ) -> StoreResult<Page<FlowRun>> {
        let (filter, page) = (filter.clone(), page.clone());
        let (patience, now) = (self.patience, self.clock.now());
        self.read_long(move |conn| listing::flow_runs(conn, patience, &filter, &page, now))
            .await
    }

    async fn count_flow_runs(&self, filter: &RunFilter, max: u64) -> StoreResult<Count> {
        let filter = filter.clone();
        let (patience, now) = (self.patience, self.clock.now());
        self.read_long(move |conn| listing::count_runs(conn, patience, &filter, max, now))
            .await
    }

    async fn texts_apart(&self) -> StoreResult<TextsApart> {
        self.read_long(texts::count).await
    }

    async fn journal_part(
        &self,
        run: RunId,
        after: Option<Seq>,
        count: u32,
    ) -> StoreResult<Vec<Entry>> {
        self.read_long(move |conn| journal::entries_after(conn, run, after, count))
            .await
    }

    async fn latest_ends(
        &self,
        deployments: &[DeploymentName],
        count: u32,
    ) -> StoreResult<LatestEnds> {
        let (deployments, patience) = (deployments.to_vec(), self.patience);
        self.read_long(move |conn| listing::latest_ends(conn, patience, &deployments, count))
            .await
    }

    async fn failed_since(&self, since: Timestamp, count: u32) -> StoreResult<Vec<FlowRun>> {
        self.read_long(move |conn| listing::failed(conn, since, count))
            .await
    }

    async fn count_failed_since(&self, since: Timestamp, max: u64) -> StoreResult<Count> {
        self.read_long(move |conn| listing::count_failed(conn, since, max))
            .await
    }

    async fn child_states(&self, parent: RunId) -> StoreResult<Vec<(StateType, u64)>> {
        self.read_long(move |conn| read::child_states(conn, parent))
            .await
    }

    async fn history(&self, run: RunId) -> StoreResult<Vec<HistoryLine>> {
        self.read_long(move |conn| read::history(conn, run)).await
    }

    async fn histories(&self, runs: &[RunId]) -> StoreResult<Vec<(RunId, Vec<HistoryLine>)>> {
        let runs = runs.to_vec();
        self.read_long(move |conn| {
            let one = |run| Ok((run, read::history(conn, run)?));
            runs.into_iter().map(one).collect()
        })
        .await
    }

    async fn relatives(&self, run: RunId) -> StoreResult<Vec<Relative>> {
        self.read_long(move |conn| read::relatives(conn, run)).await
    }

    async fn calls(&self, run: RunId, attempt: u32) -> StoreResult<Vec<CallMade>> {
        self.read_long(move |conn| journal::calls(conn, run, attempt))
            .await
    }

    async fn task_runs(
        &self,
        filter: &TaskRunFilter,
        page: &PageRequest,
    ) -> StoreResult<Page<TaskRun>> {
        let (filter, page, patience) = (filter.clone(), page.clone(), self.patience);
        self.read_long(move |conn| listing::task_runs(conn, patience, &filter, &page))
            .await
    }

    async fn task_runs_by_id(&self, ids: &[TaskRunId]) -> StoreResult<Vec<TaskRun>> {
        let ids = ids.to_vec();
        self.read_long(move |conn| listing::task_runs_by_id(conn, &ids))
            .await
    }

    async fn open_task_runs(&self, flow_run: RunId) -> StoreResult<Vec<TaskRun>> {
        self.read_long(move |conn| listing::open_task_runs(conn, flow_run))
            .await
    }

    async fn logs(
        &self,
        filter: &LogFilter,
        page: &PageRequest,
    ) -> StoreResult<Page<(LogPlace, LogLine)>> {
        let (filter, page, patience) = (filter.clone(), page.clone(), self.patience);
        self.read_long(move |conn| listing::lines(conn, patience, &filter, &page))
            .await
    }

    async fn count_logs(
        &self,
        filter: &LogFilter,
        after: LogPlace,
        max: u64,
    ) -> StoreResult<Count> {
        let (filter, patience) = (filter.clone(), self.patience);
        self.read_long(move |conn| listing::count_lines(conn, patience, &filter, after, max))
            .await
    }

    async fn inputs_awaited(&self, count: u32) -> StoreResult<Vec<AwaitedInput>> {
        self.read_long(move |conn| inputs::awaited_by_any(conn, count))
            .await
    }
}

#[async_trait]
impl Events for SqliteStore {
    async fn events(&self, after: EventCursor, limit: u32) -> StoreResult<EventPage> {
        if limit <= INLINE_EVENTS_MAX {
            return self.readers.with(|conn| events::page(conn, after, limit));
        }
        self.read_long(move |conn| events::page(conn, after, limit))
            .await
    }

    async fn events_before(
        &self,
        before: Option<EventCursor>,
        limit: u32,
    ) -> StoreResult<EventPage> {
        self.read_long(move |conn| events::page_before(conn, before, limit))
            .await
    }

    async fn newest_event(&self) -> StoreResult<EventCursor> {
        self.readers.with(events::newest)
    }

    async fn run_facts(&self, runs: &[RunId]) -> StoreResult<Vec<RunFacts>> {
        self.readers.with(|conn| events::run_facts(conn, runs))
    }
}

#[async_trait]
impl Totals for SqliteStore {
    async fn tallies(&self, tallying: &Tallying) -> StoreResult<Tallies> {
        let tallying = tallying.clone();
        self.read_long(move |conn| totals::tallies(conn, &tallying))
            .await
    }

    async fn totals_by_origin(&self) -> StoreResult<Vec<OriginTally>> {
        self.readers.with(totals::by_origin)
    }
}

#[async_trait]
impl BulkActions for SqliteStore {
    async fn add_bulk_action(&self, asked: BulkAsked) -> StoreResult<()> {
        self.writer.write(move |tx| bulk::add(tx, &asked)).await
    }

    async fn bulk_action(&self, id: BulkId) -> StoreResult<Option<BulkAction>> {
        self.readers.with(|conn| bulk::get(conn, id))
    }

    async fn bulk_actions(&self, count: u32) -> StoreResult<Vec<BulkAction>> {
        self.read_long(move |conn| bulk::list(conn, count)).await
    }

    async fn claim_bulk_action(
        &self,
        now: Timestamp,
        until: Timestamp,
    ) -> StoreResult<Option<BulkClaim>> {
        if !self.readers.with(|conn| bulk::is_claimable(conn, now))? {
            return Ok(None);
        }
        self.writer
            .write(move |tx| bulk::claim(tx, now, until))
            .await
    }

    async fn record_bulk_action(
        &self,
        claim: BulkLease,
        progress: &BulkProgress,
        next: BulkNext,
    ) -> StoreResult<BulkRecorded> {
        let progress = progress.clone();
        self.writer
            .write(move |tx| bulk::record(tx, claim, &progress, next))
            .await
    }

    async fn stop_bulk_action(
        &self,
        id: BulkId,
        now: Timestamp,
    ) -> StoreResult<Option<BulkAction>> {
        self.writer.write(move |tx| bulk::stop(tx, id, now)).await
    }
}

impl Wakes for SqliteStore {
    fn listen(&self, topic: Topic) -> StoreResult<Box<dyn Listener>> {
        Ok(Box::new(self.hub.listen(topic)?))
    }

    fn look_again(&self) {
        self.writer.nudge().look();
    }

    fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }
}

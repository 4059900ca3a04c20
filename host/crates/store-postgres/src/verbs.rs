//! The verbs of the store, joined to the functions that hold their statements.

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::BoxFuture;
use model::{
    AwaitedInput, CallMade, Component, Deployment, DeploymentName, Digest, Entry, EventCursor,
    FlowName, FlowRun, HistoryLine, IdPrefix, InputId, Json, Lease, LogLine, Next, PoolName,
    Relative, RunFacts, RunId, Seq, StateType, TaskRun, TaskRunId, Timestamp, WorkPool, Worker,
    WorkerId, WorkerUsage,
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

use super::{
    PostgresStore, bulk, components, deleting, deployments, events, inputs, journal, life, listing,
    load, pick, pools, read, texts, totals, workers,
};
use crate::error::Fault;
use crate::load::Ahead;

/// Does a write with values that each try has anew.
macro_rules! write {
    ($store:expr, |$tx:ident $(, $name:ident)*| $body:expr) => {{
        $(let $name = Arc::new($name);)*
        $store.inner.writer.write(move |$tx| {
            $(let $name = Arc::clone(&$name);)*
            async move { $body }
        })
    }};
}
pub(crate) use write;

/// Runs that are deleted in one commit.
const DELETED_AT_ONCE: usize = 50;

#[async_trait]
impl Catalog for PostgresStore {
    async fn put_component(&self, component: Component, bytes: Vec<u8>) -> StoreResult<bool> {
        write!(self, |tx, component, bytes| components::put(
            &tx, &component, &bytes
        )
        .await)
        .await
    }

    async fn component(&self, digest: Digest) -> StoreResult<Option<Component>> {
        self.read(async move |conn| components::get(&conn, digest).await)
            .await
    }

    async fn component_bytes(&self, digest: Digest) -> StoreResult<Option<Vec<u8>>> {
        self.read(async move |conn| components::bytes(&conn, digest).await)
            .await
    }

    async fn components(&self) -> StoreResult<Vec<Component>> {
        self.read(async move |conn| components::all(&conn).await)
            .await
    }

    async fn deploy(&self, deployments: Vec<Deployment>) -> StoreResult<Vec<Deployed>> {
        write!(self, |tx, deployments| deployments::deploy(
            &tx,
            &deployments
        )
        .await)
        .await
    }

    async fn deployment(&self, name: &DeploymentName) -> StoreResult<Option<Deployment>> {
        let name = name.clone();
        self.read(async move |conn| deployments::get(&conn, &name).await)
            .await
    }

    async fn deployments(&self, flow: Option<&FlowName>) -> StoreResult<Vec<Deployment>> {
        let flow = flow.cloned();
        self.read(async move |conn| deployments::list(&conn, flow.as_ref()).await)
            .await
    }

    async fn delete_deployment(&self, name: &DeploymentName) -> StoreResult<bool> {
        let (name, now) = (name.clone(), self.inner.clock.now());
        write!(self, |tx, name| deployments::delete(&tx, &name, now).await).await
    }
}

#[async_trait]
impl Pools for PostgresStore {
    async fn create_pool(&self, pool: WorkPool) -> StoreResult<()> {
        write!(self, |tx, pool| pools::create(&tx, &pool).await).await
    }

    async fn change_pool(&self, name: &PoolName, change: PoolChange) -> StoreResult<WorkPool> {
        let name = name.clone();
        write!(self, |tx, name| pools::change(&tx, &name, change).await).await
    }

    async fn delete_pool(&self, name: &PoolName) -> StoreResult<()> {
        let name = name.clone();
        write!(self, |tx, name| pools::delete(&tx, &name).await).await
    }

    async fn pools(&self) -> StoreResult<Vec<PoolUse>> {
        let now = self.inner.clock.now();
        self.read(async move |conn| pools::list(&conn, now).await)
            .await
    }

    async fn pool(&self, name: &PoolName) -> StoreResult<Option<PoolUse>> {
        let (name, now) = (name.clone(), self.inner.clock.now());
        self.read(async move |conn| match pools::get(&conn, &name).await? {
            Some(pool) => pools::with_use(&conn, pool, now).await.map(Some),
            None => Ok(None),
        })
        .await
    }
}

#[async_trait]
impl Runs for PostgresStore {
    async fn create_runs(&self, runs: Vec<NewRun>) -> StoreResult<Vec<FlowRun>> {
        write!(self, |tx, runs| life::create(&tx, &runs).await).await
    }

    async fn run_by_key(&self, flow: &FlowName, key: &str) -> StoreResult<Option<FlowRun>> {
        let (flow, key) = (flow.clone(), key.to_owned());
        self.read(async move |conn| load::by_key(&conn, &flow, &key).await)
            .await
    }

    async fn claim(&self, claim: Claim) -> StoreResult<Vec<Claimed>> {
        let asked = claim.clone();
        let is_claimable = self.read(async move |conn| pick::is_claimable(&conn, &asked).await);
        if !is_claimable.await? {
            return Ok(Vec::new());
        }
        write!(self, |tx, claim| life::claim(&tx, &claim).await).await
    }

    fn claim_next(
        &self,
        claim: Claim,
        offer: Arc<Offer>,
    ) -> BoxFuture<'static, StoreResult<Vec<Claimed>>> {
        self.inner.hub.hear();
        let waiter = claim.worker.0.as_u128();
        let claiming = self.inner.writer.write_when_ready(waiter, move |tx| {
            let (claim, offer) = (claim.clone(), Arc::clone(&offer));
            async move {
                if offer.is_withdrawn() {
                    return Ok(Some((Vec::new(), true)));
                }
                let claim = Claim {
                    now: claim.now.max(offer.clock.now()),
                    ..claim
                };
                let claimed = life::claim(&tx, &claim).await?;
                let more = claimed.len() == claim.count as usize;
                Ok((!claimed.is_empty()).then_some((claimed, more)))
            }
        });
        Box::pin(claiming)
    }

    async fn journal(&self, run: RunId) -> StoreResult<Vec<Entry>> {
        self.read(async move |conn| journal::entries(&conn, run).await)
            .await
    }

    async fn record(&self, progress: Progress) -> StoreResult<Recorded> {
        let ahead = Ahead {
            run: progress.lease.run,
            ends: matches!(progress.next, Next::End { .. } | Next::Release { .. }),
            settles: progress.settled.iter().map(|it| it.seq).collect(),
        };
        let progress = Arc::new(progress);
        let recording = self.inner.writer.record(ahead, move |tx| {
            let progress = Arc::clone(&progress);
            async move { life::record(&tx, &progress).await }
        });
        recording.await
    }

    async fn settled(&self, run: RunId, calls: &[Seq]) -> StoreResult<Vec<Settled>> {
        let calls = calls.to_vec();
        self.read(async move |conn| journal::settled(&conn, run, &calls).await)
            .await
    }

    async fn kept(&self, run: RunId) -> StoreResult<Vec<Entry>> {
        self.read(async move |conn| journal::kept_of(&conn, run).await)
            .await
    }

    async fn retry(&self, run: RunId, from_scratch: bool, now: Timestamp) -> StoreResult<FlowRun> {
        write!(self, |tx| life::retry(&tx, run, from_scratch, now).await).await
    }

    async fn cancel(&self, run: RunId, now: Timestamp) -> StoreResult<Cancellation> {
        write!(self, |tx| life::cancel(&tx, run, now).await).await
    }

    async fn pause(&self, run: RunId, now: Timestamp) -> StoreResult<FlowRun> {
        write!(self, |tx| life::pause(&tx, run, now).await).await
    }

    async fn resume(&self, run: RunId, now: Timestamp) -> StoreResult<FlowRun> {
        write!(self, |tx| life::resume(&tx, run, now).await).await
    }

    async fn delete_runs(&self, runs: &[RunId]) -> StoreResult<Vec<StoreResult<()>>> {
        let mut deleted = Vec::with_capacity(runs.len());
        for some in runs.chunks(DELETED_AT_ONCE) {
            let some = some.to_vec();
            let done = write!(self, |tx, some| {
                let mut done: Vec<StoreResult<()>> = Vec::with_capacity(some.len());
                for run in some.iter() {
                    done.push(match deleting::delete(&tx, *run).await {
                        Ok(()) => Ok(()),
                        Err(Fault::Told(why)) if deleting::is_refusal(&why) => Err(why),
                        Err(fault) => return Err(fault),
                    });
                }
                Ok(done)
            });
            deleted.append(&mut done.await?);
        }
        Ok(deleted)
    }

    async fn awaited_inputs(&self, run: RunId) -> StoreResult<Vec<AwaitedInput>> {
        self.read(async move |conn| inputs::awaited(&conn, run).await)
            .await
    }

    async fn give_input(
        &self,
        run: RunId,
        input: InputId,
        value: Json,
        now: Timestamp,
    ) -> StoreResult<()> {
        write!(self, |tx, value| {
            life::give_input(&tx, run, input, &value, now).await
        })
        .await
    }

    async fn settle_due(&self, now: Timestamp, count: u32) -> StoreResult<u32> {
        if !self
            .read(async move |conn| pick::is_due(&conn, now).await)
            .await?
        {
            return Ok(0);
        }
        write!(self, |tx| life::settle_due(&tx, now, count).await).await
    }

    async fn next_due(
        &self,
        pool: Option<&PoolName>,
        now: Timestamp,
    ) -> StoreResult<Option<Timestamp>> {
        let pool = pool.cloned();
        self.read(async move |conn| pick::next_due(&conn, pool.as_ref(), now).await)
            .await
    }
}

#[async_trait]
impl Workers for PostgresStore {
    async fn register_worker(&self, worker: Worker) -> StoreResult<()> {
        write!(self, |tx, worker| workers::register(&tx, &worker).await).await
    }

    async fn renew(
        &self,
        worker: WorkerId,
        usage: WorkerUsage,
        now: Timestamp,
        until: Timestamp,
    ) -> StoreResult<()> {
        write!(self, |tx| workers::renew(&tx, worker, usage, now, until)
            .await)
        .await
    }

    async fn sign_off(&self, worker: WorkerId, now: Timestamp) -> StoreResult<Vec<RunId>> {
        write!(self, |tx| life::sign_off(&tx, worker, now).await).await
    }

    async fn orders(&self, worker: WorkerId) -> StoreResult<Vec<(RunId, StateType)>> {
        self.read(async move |conn| pick::orders(&conn, worker).await)
            .await
    }

    async fn leases(&self, worker: WorkerId) -> StoreResult<Vec<Lease>> {
        self.read(async move |conn| pick::leases(&conn, worker).await)
            .await
    }

    async fn claimed(&self, lease: Lease) -> StoreResult<Claimed> {
        self.read(async move |conn| life::claimed(&conn, lease).await)
            .await
    }

    async fn give_back(&self, lease: Lease, why: Why, now: Timestamp) -> StoreResult<bool> {
        write!(self, |tx, why| life::give_back(&tx, lease, &why, now).await).await
    }

    /// Of other machines nothing is known but their leases.
    async fn lost_workers(&self) -> StoreResult<Vec<WorkerId>> {
        Ok(Vec::new())
    }

    async fn rescue(&self, lost: &[WorkerId], now: Timestamp) -> StoreResult<Vec<RunId>> {
        let overdue = self.read(async move |conn| workers::overdue(&conn, now).await);
        if lost.is_empty() && overdue.await?.is_empty() {
            return Ok(Vec::new());
        }
        let lost = lost.to_vec();
        write!(self, |tx, lost| life::rescue(&tx, &lost, now).await).await
    }

    async fn workers(&self) -> StoreResult<Vec<Worker>> {
        self.read(async move |conn| workers::list(&conn).await)
            .await
    }
}

#[async_trait]
impl Reading for PostgresStore {
    async fn flow_run(&self, id: RunId) -> StoreResult<Option<FlowRun>> {
        self.read(async move |conn| read::flow_run_by_id(&conn, id).await)
            .await
    }

    async fn flow_runs_by_id(&self, ids: &[RunId]) -> StoreResult<Vec<FlowRun>> {
        let ids = ids.to_vec();
        self.read(async move |conn| read::flow_runs_by_id(&conn, &ids).await)
            .await
    }

    async fn find_runs(&self, text: &IdPrefix, count: u32) -> StoreResult<Vec<FlowRun>> {
        let text = text.clone();
        self.read(async move |conn| read::find_runs(&conn, &text, count).await)
            .await
    }

    async fn flow_runs(
        &self,
        filter: &RunFilter,
        page: &PageRequest,
    ) -> StoreResult<Page<FlowRun>> {
        let (filter, page, now) = (filter.clone(), page.clone(), self.inner.clock.now());
        self.read(async move |conn| listing::flow_runs(&conn, &filter, &page, now).await)
            .await
    }

    async fn count_flow_runs(&self, filter: &RunFilter, max: u64) -> StoreResult<Count> {
        let (filter, now) = (filter.clone(), self.inner.clock.now());
        self.read(async move |conn| listing::count_runs(&conn, &filter, max, now).await)
            .await
    }

    async fn failed_since(&self, since: Timestamp, count: u32) -> StoreResult<Vec<FlowRun>> {
        self.read(async move |conn| listing::failed(&conn, since, count).await)
            .await
    }

    async fn count_failed_since(&self, since: Timestamp, max: u64) -> StoreResult<Count> {
        self.read(async move |conn| listing::count_failed(&conn, since, max).await)
            .await
    }

    async fn latest_ends(
        &self,
        deployments: &[DeploymentName],
        count: u32,
    ) -> StoreResult<LatestEnds> {
        let deployments = deployments.to_vec();
        self.read(async move |conn| listing::latest_ends(&conn, &deployments, count).await)
            .await
    }

    async fn texts_apart(&self) -> StoreResult<TextsApart> {
        self.read(async move |conn| texts::count(&conn).await).await
    }

    async fn journal_part(
        &self,
        run: RunId,
        after: Option<Seq>,
        count: u32,
    ) -> StoreResult<Vec<Entry>> {
        self.read(async move |conn| journal::entries_after(&conn, run, after, count).await)
            .await
    }

    async fn child_states(&self, parent: RunId) -> StoreResult<Vec<(StateType, u64)>> {
        self.read(async move |conn| read::child_states(&conn, parent).await)
            .await
    }

    async fn history(&self, run: RunId) -> StoreResult<Vec<HistoryLine>> {
        self.read(async move |conn| read::history(&conn, run).await)
            .await
    }

    async fn histories(&self, runs: &[RunId]) -> StoreResult<Vec<(RunId, Vec<HistoryLine>)>> {
        let runs = runs.to_vec();
        self.read(async move |conn| {
            let mut all = Vec::with_capacity(runs.len());
            for run in runs {
                all.push((run, read::history(&conn, run).await?));
            }
            Ok(all)
        })
        .await
    }

    async fn relatives(&self, run: RunId) -> StoreResult<Vec<Relative>> {
        self.read(async move |conn| read::relatives(&conn, run).await)
            .await
    }

    async fn calls(&self, run: RunId, attempt: u32) -> StoreResult<Vec<CallMade>> {
        self.read(async move |conn| journal::calls(&conn, run, attempt).await)
            .await
    }

    async fn task_runs(
        &self,
        filter: &TaskRunFilter,
        page: &PageRequest,
    ) -> StoreResult<Page<TaskRun>> {
        let (filter, page) = (filter.clone(), page.clone());
        self.read(async move |conn| listing::task_runs(&conn, &filter, &page).await)
            .await
    }

    async fn task_runs_by_id(&self, ids: &[TaskRunId]) -> StoreResult<Vec<TaskRun>> {
        let ids = ids.to_vec();
        self.read(async move |conn| listing::task_runs_by_id(&conn, &ids).await)
            .await
    }

    async fn open_task_runs(&self, flow_run: RunId) -> StoreResult<Vec<TaskRun>> {
        self.read(async move |conn| listing::open_task_runs(&conn, flow_run).await)
            .await
    }

    async fn logs(
        &self,
        filter: &LogFilter,
        page: &PageRequest,
    ) -> StoreResult<Page<(LogPlace, LogLine)>> {
        let (filter, page) = (filter.clone(), page.clone());
        self.read(async move |conn| listing::lines(&conn, &filter, &page).await)
            .await
    }

    async fn count_logs(
        &self,
        filter: &LogFilter,
        after: LogPlace,
        max: u64,
    ) -> StoreResult<Count> {
        let filter = filter.clone();
        self.read(async move |conn| listing::count_lines(&conn, &filter, after, max).await)
            .await
    }

    async fn inputs_awaited(&self, count: u32) -> StoreResult<Vec<AwaitedInput>> {
        self.read(async move |conn| inputs::awaited_by_any(&conn, count).await)
            .await
    }
}

#[async_trait]
impl Events for PostgresStore {
    async fn events(&self, after: EventCursor, limit: u32) -> StoreResult<EventPage> {
        self.read(async move |conn| events::page(&conn, after, limit).await)
            .await
    }

    async fn events_before(
        &self,
        before: Option<EventCursor>,
        limit: u32,
    ) -> StoreResult<EventPage> {
        self.read(async move |conn| events::page_before(&conn, before, limit).await)
            .await
    }

    async fn newest_event(&self) -> StoreResult<EventCursor> {
        self.read(async move |conn| events::newest(&conn).await)
            .await
    }

    async fn run_facts(&self, runs: &[RunId]) -> StoreResult<Vec<RunFacts>> {
        let runs = runs.to_vec();
        self.read(async move |conn| events::run_facts(&conn, &runs).await)
            .await
    }
}

#[async_trait]
impl Totals for PostgresStore {
    async fn tallies(&self, tallying: &Tallying) -> StoreResult<Tallies> {
        let tallying = tallying.clone();
        self.read(async move |conn| totals::tallies(&conn, &tallying).await)
            .await
    }

    async fn totals_by_origin(&self) -> StoreResult<Vec<OriginTally>> {
        self.read(async move |conn| totals::by_origin(&conn).await)
            .await
    }
}

#[async_trait]
impl BulkActions for PostgresStore {
    async fn add_bulk_action(&self, asked: BulkAsked) -> StoreResult<()> {
        write!(self, |tx, asked| {
            bulk::add(&tx, &asked);
            Ok(())
        })
        .await
    }

    async fn bulk_action(&self, id: BulkId) -> StoreResult<Option<BulkAction>> {
        self.read(async move |conn| bulk::get(&conn, id).await)
            .await
    }

    async fn bulk_actions(&self, count: u32) -> StoreResult<Vec<BulkAction>> {
        self.read(async move |conn| bulk::list(&conn, count).await)
            .await
    }

    async fn claim_bulk_action(
        &self,
        now: Timestamp,
        until: Timestamp,
    ) -> StoreResult<Option<BulkClaim>> {
        let is_claimable = self.read(async move |conn| bulk::is_claimable(&conn, now).await);
        if !is_claimable.await? {
            return Ok(None);
        }
        write!(self, |tx| bulk::claim(&tx, now, until).await).await
    }

    async fn record_bulk_action(
        &self,
        claim: BulkLease,
        progress: &BulkProgress,
        next: BulkNext,
    ) -> StoreResult<BulkRecorded> {
        let progress = progress.clone();
        write!(self, |tx, progress| bulk::record(
            &tx, claim, &progress, next
        )
        .await)
        .await
    }

    async fn stop_bulk_action(
        &self,
        id: BulkId,
        now: Timestamp,
    ) -> StoreResult<Option<BulkAction>> {
        write!(self, |tx| bulk::stop(&tx, id, now).await).await
    }
}

impl Wakes for PostgresStore {
    fn listen(&self, topic: Topic) -> StoreResult<Box<dyn Listener>> {
        Ok(Box::new(self.inner.hub.listen(topic)))
    }

    fn look_again(&self) {
        self.inner.writer.nudge().look();
    }

    fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }
}

//! A pool, and a worker that does nothing with its runs but end them: for what is about their
//! beginning.

use super::rng::Rng;
use crate::{Claim, Next, Progress, Store};
use model::{
    Claimed, Failure, Json, Lease, PoolName, State, StateType, Timestamp, WorkPool, Worker,
    WorkerId,
};

pub(super) struct Plain<'s, S> {
    pub store: &'s S,
    pub pool: PoolName,
    pub worker: WorkerId,
}

impl<'s, S: Store> Plain<'s, S> {
    pub async fn new(store: &'s S, rng: &mut Rng, pool: PoolName, now: Timestamp) -> Self {
        let created = WorkPool {
            name: pool.clone(),
            limit: None,
            paused: false,
            created: now,
        };
        store.create_pool(created).await.unwrap();
        let id = WorkerId(rng.id());
        let worker = Worker {
            id,
            name: "plain".to_owned(),
            pool: Some(pool.clone()),
            limit: 100,
            pid: 1,
            host: "here".to_owned(),
            version: None,
            usage: None,
            started: now,
            heartbeat: now,
            lease_until: Timestamp(i64::MAX / 2),
        };
        store.register_worker(worker).await.unwrap();
        Self {
            store,
            pool,
            worker: id,
        }
    }

    pub async fn claim(&self, count: u32, now: Timestamp) -> Vec<Claimed> {
        let claim = Claim {
            worker: self.worker,
            pool: Some(self.pool.clone()),
            queues: Vec::new(),
            count,
            now,
        };
        self.store.claim(claim).await.unwrap()
    }

    /// The run of this lease begins and ends.
    pub async fn end(&self, lease: Lease, now: Timestamp) {
        let run = self.store.flow_run(lease.run).await.unwrap().unwrap();
        let mut progress = Progress::new(lease);
        let outcome = if run.state.kind == StateType::Cancelling {
            Err(Failure::cancelled())
        } else {
            if run.state.kind != StateType::Running {
                progress.states.push(State::running(run.attempt, now));
            }
            Ok(Json::null())
        };
        progress.states.push(State::ended(&outcome, now));
        progress.next = Next::End { outcome };
        self.store.record(progress).await.unwrap();
    }

    pub async fn leave(&self, now: Timestamp) {
        self.store.sign_off(self.worker, now).await.unwrap();
    }
}

//! What people do where runs want the same: they change queues, limits and deployments, and start
//! runs that take them.

use super::crowd::Crowd;
use super::founding::{any_limit, any_priority, any_queue};
use super::trace::trace;
use super::watched::Watched;
use super::world::World;
use crate::{LimitChange, QueueChange, Store};
use model::{Concurrency, FlowRun, Json, LimitName, QueueName, RunId};
use orchestrator::{Start, new_run};

impl<S: Store> World<'_, S> {
    /// People change a queue, a limit, or the concurrency of a deployment.
    pub(super) async fn meddle(&mut self) {
        let Some(mut crowd) = self.begin_to_meddle().await else {
            return;
        };
        match self.rng.below(4) {
            0 | 1 => self.change_a_queue(&mut crowd).await,
            _ => self.change_a_limit(&mut crowd).await,
        }
        self.crowd = Some(crowd);
        if self.rng.percent(25) {
            self.clear_cache().await;
        }
        self.look_at_the_crowd().await;
    }

    /// What there was before is known, and that all is to be looked at again: no event tells of limits.
    async fn begin_to_meddle(&mut self) -> Option<Crowd> {
        self.crowd.as_mut()?.newest = None;
        self.look_at_the_crowd().await;
        let mut crowd = self.crowd.take()?;
        crowd.newest = None;
        crowd.moment += 1;
        crowd.clock.set(self.now);
        Some(crowd)
    }

    async fn change_a_queue(&mut self, crowd: &mut Crowd) {
        let rng = &mut self.rng;
        let change = QueueChange {
            priority: rng.percent(20).then(|| any_priority(rng)),
            paused: rng.percent(60).then(|| rng.percent(40)),
            limit: rng.percent(40).then(|| any_limit(rng)),
        };
        let at = rng.below(crowd.queues.len());
        self.set_queue(crowd, at, change).await;
    }

    async fn set_queue(&mut self, crowd: &mut Crowd, at: usize, change: QueueChange) {
        let queue = &mut crowd.queues[at];
        let changed = self.store.change_queue(&self.pool, &queue.name, change);
        *queue = changed.await.unwrap();
        trace!(self, "queue {}: {change:?}", queue.name);
    }

    async fn change_a_limit(&mut self, crowd: &mut Crowd) {
        if crowd.limits.is_empty() {
            return;
        }
        let at = self.rng.below(crowd.limits.len());
        let slots = if crowd.limits[at].is_there && self.rng.percent(15) {
            None
        } else {
            Some(self.rng.between(0, 3) as u32)
        };
        self.set_limit(crowd, at, slots).await;
    }

    /// None: it is deleted.
    async fn set_limit(&mut self, crowd: &mut Crowd, at: usize, slots: Option<u32>) {
        let watched = &mut crowd.limits[at];
        let name = watched.limit.name.clone();
        trace!(self, "limit {name}: {slots:?}");
        let was_there = watched.is_there;
        watched.set(crowd.moment, slots);
        if name.deployment().is_some() {
            return self.redeploy(crowd, &name, slots).await;
        }
        match (was_there, slots) {
            (true, Some(_)) => {
                let change = LimitChange { slots, per: None };
                drop(self.store.change_limit(&name, change).await.unwrap());
            }
            (false, Some(_)) => {
                let limit = watched.limit.clone();
                self.store.create_limit(limit).await.unwrap();
            }
            (_, None) => self.store.delete_limit(&name).await.unwrap(),
        }
    }

    /// With so many slots of its own, or none.
    async fn redeploy(&mut self, crowd: &Crowd, limit: &LimitName, slots: Option<u32>) {
        let name = limit.deployment().expect("it is of one");
        let mut all = self.deployments.iter_mut();
        let known = all.find(|known| known.deployment.name.to_string() == name);
        let known = known.expect("it is deployed");
        let mut deployment = (*known.deployment).clone();
        deployment.concurrency = slots.map(|slots| Concurrency {
            slots,
            ..crowd.own[limit].clone()
        });
        deployment.updated = self.now;
        known.deployment = std::sync::Arc::new(deployment.clone());
        self.store.deploy(vec![deployment]).await.unwrap();
    }

    /// A run of a deployment, as a person asks for it.
    pub(super) fn deployed_run(&mut self, script: usize, id: RunId) -> FlowRun {
        let customer = self.rng.below(2);
        let parameters = Json::trusted(format!(r#"{{"customer":{customer}}}"#));
        let start = Start {
            id,
            ..Start::now(&mut self.rng, parameters, self.now)
        };
        let crowd = self.crowd.as_ref().expect("there is one");
        let start = Start {
            work_queue: any_queue(&mut self.rng, &crowd.queues),
            priority: self.rng.percent(50).then(|| any_priority(&mut self.rng)),
            ..start
        };
        new_run(&self.deployments[script].deployment, start, self.now)
    }

    /// The queues that a worker serves: most serve all.
    pub(super) fn any_served(&mut self) -> Vec<QueueName> {
        match &self.crowd {
            Some(crowd) if self.faults.on && self.rng.percent(35) => {
                let named = any_queue(&mut self.rng, &crowd.queues);
                named.into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    /// People stop: no queue is paused, and every limit has slots.
    pub(super) async fn stop_meddling(&mut self) {
        let Some(mut crowd) = self.begin_to_meddle().await else {
            return;
        };
        for at in 0..crowd.queues.len() {
            let limit = crowd.queues[at].limit.map(|limit| limit.max(1));
            let change = QueueChange {
                priority: None,
                paused: Some(false),
                limit: Some(limit),
            };
            self.set_queue(&mut crowd, at, change).await;
        }
        let is_dead = |watched: &Watched| !watched.is_there || watched.limit.slots == 0;
        let all = 0..crowd.limits.len();
        let dead: Vec<usize> = all.filter(|at| is_dead(&crowd.limits[*at])).collect();
        self.crowd = Some(crowd);
        for at in dead {
            // One after the other, or nobody could tell what somebody got by which.
            let Some(mut crowd) = self.begin_to_meddle().await else {
                return;
            };
            if crowd.limits[at].is_there || self.rng.percent(50) {
                let slots = crowd.limits[at].limit.slots.max(1);
                self.set_limit(&mut crowd, at, Some(slots)).await;
            }
            self.crowd = Some(crowd);
        }
        self.look_at_the_crowd().await;
    }

    /// Leaves no limit, and no deployment, to those who use the store later.
    pub(super) async fn dissolve(&mut self) {
        let Some(crowd) = self.crowd.take() else {
            return;
        };
        for known in &self.deployments {
            let name = &known.deployment.name;
            self.store.delete_deployment(name).await.unwrap();
        }
        for watched in &crowd.limits {
            let name = &watched.limit.name;
            if watched.is_there && name.deployment().is_none() {
                self.store.delete_limit(name).await.unwrap();
            }
        }
    }
}

//! Waiting for the ends of many runs, of which nothing else is told.

use std::collections::VecDeque;
use std::sync::Arc;

use model::{Event, FlowRun, PoolName, RunId};
use store::Store;

use super::FollowRefusal;
use super::run::existing;
use super::stuck::{Executes, Stuck, StuckPools, until};
use crate::stream::{Heard, Hub, Scope, Subscription};

/// Waits for the ends of many runs, of which nothing else is told.
pub struct Ends {
    hub: Arc<Hub>,
    pools: StuckPools,
    /// Of the run that is waited for.
    subscription: Option<Subscription>,
    /// Not told yet.
    stuck: VecDeque<(PoolName, Stuck)>,
}

/// What comes of waiting for the end of a run.
#[derive(Clone, Debug)]
pub enum End {
    /// It waits in a pool that has no worker. Told once of each pool.
    Stuck(PoolName, Stuck),
    Ended(Box<FlowRun>),
}

impl Ends {
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self::on(Hub::new(store))
    }

    /// The same, in a process that follows others as well.
    pub fn on(hub: Arc<Hub>) -> Self {
        Self {
            hub,
            pools: StuckPools::new(Executes::AWorker),
            subscription: None,
            stuck: VecDeque::new(),
        }
    }

    /// The end of the run, or what may keep it from ending.
    pub async fn of(&mut self, id: RunId) -> Result<End, FollowRefusal> {
        // Most have ended by the time it is their turn.
        let run = existing(self.hub.store(), id).await?;
        if run.state.kind.is_terminal() {
            return Ok(End::Ended(Box::new(run)));
        }
        let cursor = self.hub.store().newest_event().await?;
        let scope = Scope::RunAndPools(id);
        // Then only the one of before goes, so that the hub does not end in between.
        let subscription = self.hub.subscribe(scope, cursor).await?;
        self.subscription = Some(subscription);
        loop {
            if let Some((pool, stuck)) = self.stuck.pop_front() {
                return Ok(End::Stuck(pool, stuck));
            }
            let run = existing(self.hub.store(), id).await?;
            if run.state.kind.is_terminal() {
                return Ok(End::Ended(Box::new(run)));
            }
            let stuck = self.pools.look(self.hub.store(), &run).await?;
            if stuck.is_empty() {
                self.hear(id).await?;
            }
            self.stuck.extend(stuck);
        }
    }

    /// Returns once the run may have ended, or a pool may have lost its workers.
    async fn hear(&mut self, id: RunId) -> Result<(), FollowRefusal> {
        let Some(subscription) = &mut self.subscription else {
            return Ok(());
        };
        let matters = |event: &Event| match event {
            Event::FlowRun(it) => it.run == id && it.state.kind.is_terminal(),
            Event::RunDeleted { run, .. } => *run == id,
            Event::Pool { .. } | Event::Worker { .. } => true,
            _ => false,
        };
        loop {
            let Some(heard) = until(self.pools.due(), subscription.next()).await else {
                return Ok(());
            };
            match heard? {
                Heard::Reset => return Ok(()),
                Heard::Events(events) => {
                    if events.iter().any(|told| matters(&told.placed.event)) {
                        return Ok(());
                    }
                }
            }
        }
    }
}

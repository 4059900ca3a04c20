//! What workers do besides executing: they come, claim, hear of orders, renew their leases,
//! stop, and are taken for lost.

use std::collections::HashSet;
use std::sync::Arc;

use super::hand::Hand;
use super::trace::{short, trace};
use super::world::{LEASE_US, World};
use crate::{Claim, Claimed, Clock, Offer, PoolChange, Store, StoreError, StoreResult};
use model::{StateType, Timestamp, Worker, WorkerId, WorkerUsage};
use orchestrator::flow::{Event, Signal};

impl<S: Store> World<'_, S> {
    pub(super) async fn hire(&mut self) {
        let id = WorkerId(self.rng.id());
        let lease_until = Timestamp(self.now.0 + LEASE_US);
        let worker = Worker {
            id,
            name: short(id),
            pool: Some(self.pool.clone()),
            limit: 8,
            pid: 1,
            host: "here".to_owned(),
            version: Some("1.2.3".to_owned()),
            usage: None,
            started: self.now,
            heartbeat: self.now,
            lease_until,
        };
        self.store.register_worker(worker).await.unwrap();
        self.hired.push(id);
        let queues = self.any_served();
        self.hands.push(Hand {
            id,
            queues,
            lease_until,
            claimed: Vec::new(),
            running: Vec::new(),
            parked: Vec::new(),
            renews: true,
        });
        trace!(self, "hire {}", short(id));
    }

    pub(super) async fn claim(&mut self) {
        let Some(hand) = self.any_hand() else { return };
        let worker = self.hands[hand].id;
        let now = self.their_now();
        let claim = Claim {
            worker,
            pool: Some(self.pool.clone()),
            queues: self.hands[hand].queues.clone(),
            count: self.rng.between(1, 3) as u32,
            now,
        };
        let asked = claim.queues.clone();
        let (claimed, at_once) = match self.claimed(claim).await {
            Ok(claimed) => claimed,
            Err(StoreError::NotFound(_)) => {
                assert!(self.is_given_up(worker), "a worker was forgotten");
                return;
            }
            Err(err) => panic!("{err}"),
        };
        if claimed.is_empty() {
            // Others may wait now, or be turned away.
            return self.look_at_the_crowd().await;
        }
        assert!(
            !self.is_given_up(worker),
            "a worker that was given up claims"
        );
        let runs: Vec<_> = claimed.iter().map(|claimed| claimed.run.id).collect();
        for claimed in claimed {
            let Claimed { run, lease, .. } = &claimed;
            trace!(
                self,
                "claim {} {} epoch {}",
                short(worker),
                short(run.id),
                lease.epoch
            );
            // What its clock says is no matter: another's may have woken the run.
            let latest = self.now.max(self.latest);
            self.ledger.claimed(self.store, run, *lease, latest).await;
            let before = self.holders.insert(run.id, *lease);
            assert_eq!(before, None, "a run was claimed that somebody holds");
            self.check_claimed(run, lease.epoch, &asked);
            if self.faults.on && self.rng.percent(3) {
                trace!(self, "  its answer is lost");
                continue;
            }
            self.start(hand, claimed);
        }
        if at_once {
            self.check_order(&runs, &asked, now).await;
        }
        self.look_at_the_crowd().await;
        if self.faults.on && self.rng.percent(20) {
            self.check_slots().await;
        }
        if let Some(limit) = self.limit {
            let held = self.holders.len();
            assert!(held <= limit as usize, "{held} slots of {limit} are taken");
        }
    }

    /// Claims what is there, or waits for what comes up meanwhile.
    /// And whether that was at once.
    pub(super) async fn claimed(&mut self, claim: Claim) -> StoreResult<(Vec<Claimed>, bool)> {
        if !self.rng.percent(30) {
            return Ok((self.store.claim(claim).await?, true));
        }
        let offer = Arc::new(Offer::new(Arc::new(Still(self.now))));
        let claimed = self.store.claim_next(claim, Arc::clone(&offer));
        if self.faults.on && self.roots.len() < self.roots_max() {
            self.create().await;
        }
        // Once this is written it has looked: otherwise a seed would play in two ways.
        let same = PoolChange::default();
        self.store.change_pool(&self.pool, same).await.unwrap();
        offer.withdraw();
        self.store.look_again();
        Ok((claimed.await?, false))
    }

    /// Hands a run to what waits for it in memory, or lets it begin.
    pub(super) fn start(&mut self, hand: usize, claimed: Claimed) {
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

    pub(super) async fn renew(&mut self) {
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
            let usage = WorkerUsage::default();
            match self.store.renew(id, usage, self.now, until).await {
                Ok(()) => self.hands[at].lease_until = until,
                Err(StoreError::NotFound(_)) => {
                    assert!(self.is_given_up(id), "a worker was forgotten");
                    self.hands[at].renews = false;
                }
                Err(err) => panic!("{err}"),
            }
        }
    }

    pub(super) async fn notice_orders(&mut self) {
        for hand in &mut self.hands {
            for (run, state) in self.store.orders(hand.id).await.unwrap() {
                let ordered = hand.running.iter_mut().filter(|it| it.id == run);
                for execution in ordered {
                    execution.order = execution.order.max(Signal::of(state));
                }
            }
        }
    }

    /// A process ends without a word.
    pub(super) async fn crash(&mut self) {
        let Some(hand) = self.any_hand() else { return };
        let hand = self.hands.swap_remove(hand);
        trace!(self, "crash {}", short(hand.id));
        if self.rng.percent(50) {
            self.rescue(&[hand.id]).await;
        }
    }

    /// A worker is taken for dead that is not.
    pub(super) async fn give_up(&mut self) {
        let Some(hand) = self.any_hand() else { return };
        let id = self.hands[hand].id;
        self.rescue(&[id]).await;
    }

    pub(super) async fn sign_off(&mut self) {
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

    pub(super) async fn rescue(&mut self, lost: &[WorkerId]) {
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

    pub(super) fn is_given_up(&self, worker: WorkerId) -> bool {
        self.ledger.given_up.contains(&worker)
    }

    pub(super) fn fall_asleep(&mut self) {
        if let Some(hand) = self.any_hand() {
            self.hands[hand].renews = false;
        }
    }

    /// A worker does nothing at all for a while, perhaps past its lease, and then goes on as if
    /// nothing had been.
    pub(super) fn stand_still_or_go_on(&mut self) {
        if let Some(hand) = self.stopped.pop() {
            trace!(self, "{} goes on", short(hand.id));
            self.hands.push(hand);
        } else if let Some(hand) = self.any_hand() {
            let hand = self.hands.swap_remove(hand);
            trace!(self, "{} stands still", short(hand.id));
            self.stopped.push(hand);
        }
    }

    /// Its time in memory is over.
    pub(super) fn unpark(&mut self) {
        if let Some(hand) = self.any_hand() {
            self.hands[hand].parked.clear();
        }
    }

    /// What a worker does besides executing: it claims, notices what was cancelled, and
    /// sleeps until something is due.
    pub(super) async fn look_around(&mut self) {
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

    pub(super) fn is_busy(&self) -> bool {
        let mut hands = self.hands.iter();
        hands.any(|hand| !(hand.claimed.is_empty() && hand.running.is_empty()))
    }

    pub(super) fn any_hand(&mut self) -> Option<usize> {
        match self.hands.len() {
            0 => None,
            hands => Some(self.rng.below(hands)),
        }
    }

    pub(super) fn any_hand_that(&mut self, fits: impl Fn(&Hand) -> bool) -> Option<usize> {
        let hands = 0..self.hands.len();
        let fit: Vec<usize> = hands.filter(|at| fits(&self.hands[*at])).collect();
        match fit.len() {
            0 => None,
            fitting => Some(fit[self.rng.below(fitting)]),
        }
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

//! A run that ends whatever process it begins in, among others that do not; and workers that forget
//! what they have claimed.
//!
//! Property: nobody but that run ever ends as `Crashed`, however many workers it takes with it, and
//! it does once it has been alone.

use std::collections::HashSet;

use super::trace::{short, trace};
use super::world::World;
use crate::{Claimed, Store, StoreError};
use model::{FlowRun, Lease, RunId, StateType};
use orchestrator::lifecycle::Why;

impl<S: Store> World<'_, S> {
    /// The run begins, and that is the end of its process. In quarantine that is one of its own,
    /// beside its worker.
    pub(super) async fn kills(&mut self, hand: usize, claimed: Claimed) {
        let run = claimed.run.id;
        if !claimed.alone {
            let hand = self.hands.swap_remove(hand);
            trace!(self, "{} kills {}", short(run), short(hand.id));
            self.rescue(&[hand.id]).await;
            return;
        }
        let held = self.holders.get(&run) == Some(&claimed.lease);
        let seen = "its process was ended by signal 9 (SIGKILL)".to_owned();
        let now = self.now;
        let given_back = self.store.give_back(claimed.lease, Why::Alone(seen), now);
        let given_back = given_back.await;
        trace!(self, "{} kills its own process: {given_back:?}", short(run));
        match given_back {
            Ok(_) => {
                assert!(held, "a stale lease was given back");
                self.holders.remove(&run);
            }
            Err(StoreError::Stale { .. }) => assert!(!held, "a lease that is valid was refused"),
            Err(err) => panic!("{err}"),
        }
        self.ledger.look_at(self.store, run).await;
    }

    /// A worker looks for what it has claimed and does not execute, such as a claim whose answer
    /// it never got, and gives it back.
    pub(super) async fn sweep(&mut self) {
        let Some(hand) = self.any_hand() else { return };
        let hand = &self.hands[hand];
        let claimed = hand.claimed.iter().map(|it| it.run.id);
        let executed = hand.running.iter().chain(&hand.parked).map(|it| it.id);
        let here: HashSet<RunId> = claimed.chain(executed).collect();
        let leases = self.store.leases(hand.id).await.unwrap();
        let forgotten: Vec<Lease> = leases
            .into_iter()
            .filter(|lease| !here.contains(&lease.run))
            .collect();
        for lease in forgotten {
            let given_back = self.store.give_back(lease, Why::Forgotten, self.now).await;
            trace!(self, "forgot {}: {given_back:?}", short(lease.run));
            given_back.unwrap();
            self.holders.remove(&lease.run);
            self.ledger.look_at(self.store, lease.run).await;
        }
    }

    pub(super) fn check_guilt(&self, runs: &[FlowRun]) {
        for run in runs {
            let is_killer = Some(run.id) == self.killer;
            if run.state.kind == StateType::Crashed {
                assert!(is_killer, "an innocent run was ended: {run:#?}");
                let message = run.state.message.clone().unwrap_or_default();
                assert!(message.contains("executed alone"), "{message}");
            } else if is_killer {
                // Somebody may have cancelled it before it had ever begun.
                assert_eq!(run.state.kind, StateType::Cancelled, "{run:#?}");
            }
        }
    }
}

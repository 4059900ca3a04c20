//! How a simulation ends: nothing goes wrong any more, everything has to end, and what came of
//! it is compared with what the scripts say.

use std::collections::HashMap;

use super::hand::Hand;
use super::script::Scripts;
use super::trace::trace;
use super::world::{LEASE_US, World};
use super::written::Written;
use crate::{Progress, Store, StoreError};
use model::{Json, State, StateType};

/// After that, in so many actions everything has to end.
const ACTIONS_TO_END: u32 = 10_000;

impl<S: Store> World<'_, S> {
    /// Nothing goes wrong any more: healthy workers take over, and time passes.
    pub(super) async fn come_to_an_end(&mut self) {
        trace!(self, "nothing goes wrong from here on");
        let mut zombies = std::mem::take(&mut self.hands);
        zombies.append(&mut self.stopped);
        // Past every lease, also of those who saw a clock that was set back.
        self.now = self.now.max(self.latest);
        self.now.0 += 2 * LEASE_US;
        self.rescue(&[]).await;
        self.stop_meddling().await;
        for run in std::mem::take(&mut self.paused) {
            self.store.resume(run, self.now).await.unwrap();
            self.holders.remove(&run);
        }
        for _ in 0..ACTIONS_TO_END {
            while self.hands.len() < 2 {
                self.hire().await;
            }
            if self.crowd.is_some() && self.rng.below(200) == 0 {
                self.clear_cache().await;
            }
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

    /// A worker that was given up and goes on all the same changes nothing.
    pub(super) async fn laugh_at(&mut self, zombies: Vec<Hand>) {
        while !self.stray.is_empty() {
            self.meet_stray().await;
        }
        for mut zombie in zombies {
            let claimed = std::mem::take(&mut zombie.claimed);
            zombie.running.append(&mut zombie.parked);
            for mut execution in zombie.running {
                let outcome = Ok(Json::trusted("666"));
                let progress = execution.flow.end(outcome, self.now);
                let written = self.record(&mut execution, progress).await;
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

    pub(super) async fn check_the_end(&mut self) {
        assert_eq!(self.holders, HashMap::new(), "somebody still holds a run");
        let pool = self.store.pool(&self.pool).await.unwrap().unwrap();
        assert_eq!((pool.active, pool.ready, pool.scheduled), (0, 0, 0));
        let runs = self.runs().await;
        for run in &runs {
            self.ledger.look_at(self.store, run.id).await;
            self.ledger.check_history(self.store, run).await;
            self.ledger.check_artifacts(self.store, run).await;
        }
        self.check_the_stream(&runs).await;
        self.ledger.check_family(&runs, |child| {
            let parent = runs.iter().find(|run| Some(run.id) == child.parent);
            let parent = parent.expect("a child has a parent");
            let starts = Scripts::at(&child.flow);
            self.scripts.starts(Scripts::at(&parent.flow), starts)
        });
        self.check_guilt(&runs);
        let known = !self.disturbed && self.killer.is_none();
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
}

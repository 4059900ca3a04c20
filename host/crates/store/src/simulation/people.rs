//! What people do: they start runs, give input, pause, resume, cancel and retry.

use super::catalog::new_run;
use super::script::Scripts;
use super::trace::{short, trace};
use super::world::World;
use crate::{Cancellation, Store, StoreError};
use model::{FlowRun, Json, RunId, StateType};

impl<S: Store> World<'_, S> {
    pub(super) async fn create(&mut self) {
        let at = self.rng.below(self.scripts.0.len());
        let id = RunId(self.rng.id());
        let mut new = new_run(Scripts::name(at).as_str(), id, &self.pool, self.now);
        if self.crowd.is_some() {
            // A run that waits for another may stand before it in a line, so none watches any.
            new.run = self.deployed_run(at, id);
        } else if !self.roots.is_empty() && self.rng.percent(70) {
            let watched = self.roots[self.rng.below(self.roots.len())];
            new.run.parameters = Json::trusted(format!(r#"{{"watch":"{watched}"}}"#));
        }
        self.store.create_runs(vec![new]).await.unwrap();
        self.roots.push(id);
        if self.faults.kills && self.rng.percent(50) {
            self.killer.get_or_insert(id);
        }
        trace!(self, "create {} s{at}", short(id));
    }

    /// A person gives a run one of the things that it asks for. What is acknowledged is kept,
    /// and cannot be given again.
    pub(super) async fn give(&mut self) {
        let run = self.any_run().await;
        let mut awaited = self.store.awaited_inputs(run.id).await.unwrap();
        if awaited.is_empty() {
            return;
        }
        let input = awaited.swap_remove(self.rng.below(awaited.len()));
        self.nonce += 1;
        let value = Json::trusted(format!(r#"{{"v":0,"nonce":{}}}"#, self.nonce));
        let now = self.their_now();
        let given = self.store.give_input(run.id, input.id, value, now).await;
        trace!(self, "give {} {}: {given:?}", short(run.id), input.key);
        assert_eq!(given, Ok(()));
        self.goes_on(run.id);
        let other = Json::empty_object();
        let again = self.store.give_input(run.id, input.id, other, now).await;
        assert_eq!(again, Err(StoreError::InputNotAwaited { run: run.id }));
        self.ledger.look_at(self.store, run.id).await;
    }

    pub(super) async fn pause_or_resume(&mut self) {
        let run = self.any_run().await;
        if self.paused.contains(&run.id) {
            let resumed = self.store.resume(run.id, self.now).await;
            trace!(self, "resume {}: {}", short(run.id), resumed.is_ok());
            assert!(resumed.is_ok(), "{resumed:?}");
            self.goes_on(run.id);
            return;
        }
        let paused = self.store.pause(run.id, self.now).await;
        trace!(self, "pause {}: {}", short(run.id), paused.is_ok());
        let kind = run.state.kind;
        let over = kind.is_terminal() || kind == StateType::Cancelling;
        assert_eq!(paused.is_ok(), !over, "{paused:?}");
        if paused.is_ok() {
            self.gives_way(&run);
            self.paused.insert(run.id);
        }
    }

    /// A run that was paused can be claimed. A worker that still executes it can record nothing any more.
    pub(super) fn goes_on(&mut self, run: RunId) {
        if self.paused.remove(&run) {
            self.holders.remove(&run);
        }
    }

    pub(super) async fn cancel(&mut self) {
        let run = self.any_run().await;
        let cancelled = self.store.cancel(run.id, self.now).await.unwrap();
        trace!(self, "cancel {}: {cancelled:?}", short(run.id));
        let was_over = matches!(cancelled, Cancellation::Over(_) | Cancellation::Below(_));
        assert_eq!(was_over, run.state.kind.is_terminal(), "{cancelled:?}");
        // Those below it are cancelled, too.
        let runs = self.runs().await;
        self.forget_paused(&runs);
        self.disturbed = true;
    }

    pub(super) fn forget_paused(&mut self, runs: &[FlowRun]) {
        for run in runs {
            if run.state.kind != StateType::Paused {
                self.paused.remove(&run.id);
            }
        }
    }

    pub(super) async fn retry(&mut self) {
        let run = self.any_run().await;
        let from_scratch = self.rng.percent(30);
        match self.store.retry(run.id, from_scratch, self.now).await {
            Ok(retried) => {
                trace!(self, "retry {} from scratch: {from_scratch}", short(run.id));
                assert!(run.state.kind.is_terminal());
                assert_eq!(retried.attempt, run.attempt + 1);
                self.ledger.retried(run.id);
                self.disturbed = true;
            }
            Err(StoreError::NotOver { .. } | StoreError::Cancelling { .. }) => {
                assert!(!run.state.kind.is_terminal());
            }
            Err(err) => panic!("{err}"),
        }
    }
}

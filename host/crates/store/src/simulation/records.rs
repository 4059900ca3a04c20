//! The write that every execution goes through, with all that may go wrong with it.

use super::driver::Execution;
use super::trace::{short, trace};
use super::world::World;
use super::written::Written;
use crate::{Next, Progress, Recorded, Store, StoreError};
use model::{Answer, Call, RunId, StateType};

impl<S: Store> World<'_, S> {
    /// The write that everything goes through, with all that may go wrong with it.
    pub(super) async fn record(
        &mut self,
        execution: &mut Execution,
        mut progress: Progress,
    ) -> Written {
        let held = self.holds(execution);
        execution.complete(&mut progress);
        let (id, lease) = (execution.id, progress.lease);
        let wished = format!(
            "{} +{} {:?}",
            lease.epoch,
            progress.entries.len(),
            progress.next
        );
        let fault = if self.faults.on {
            self.rng.below(100)
        } else {
            99
        };
        if fault < 3 {
            trace!(self, "record {} {wished}: lost before", short(id));
            return Written::Lost;
        }
        let recorded = match self.store.record(progress.clone()).await {
            Ok(recorded) => recorded,
            Err(StoreError::Stale { .. }) => {
                trace!(self, "record {} {wished}: stale", short(id));
                assert!(!held, "a lease that is valid was refused");
                return Written::Lost;
            }
            Err(StoreError::KeyTaken { .. }) => {
                trace!(self, "record {} {wished}: the key is taken", short(id));
                return Written::KeyTaken(Box::new(progress));
            }
            Err(err) => panic!("{id} {wished}: {err}"),
        };
        trace!(self, "record {} {wished}: {recorded:?}", short(id));
        if self.rng.percent(10) {
            self.stray.push(progress.clone());
        }
        assert!(held, "a stale lease was written under");
        self.recorded(execution, &progress, recorded).await;
        match fault {
            // It was committed, but the worker cannot know.
            3..=5 => {
                trace!(self, "  its answer is lost");
                Written::Lost
            }
            6..=12 => {
                self.record_again(progress, recorded).await;
                Written::Done(recorded)
            }
            _ => Written::Done(recorded),
        }
    }

    /// The same wish twice changes nothing more.
    pub(super) async fn record_again(&mut self, mut progress: Progress, recorded: Recorded) {
        for settled in &mut progress.settled {
            settled.at.0 += 1;
        }
        let id = progress.lease.run;
        let must_fail = !progress.entries.is_empty()
            || (!progress.states.is_empty() && recorded == Recorded::Done);
        let again = self.store.record(progress).await;
        trace!(self, "  and again: {again:?}");
        assert!(
            !(must_fail && again.is_ok()),
            "what was recorded could be recorded twice"
        );
        self.ledger.look_at(self.store, id).await;
    }

    pub(super) async fn recorded(
        &mut self,
        execution: &Execution,
        progress: &Progress,
        recorded: Recorded,
    ) {
        let id = progress.lease.run;
        let stops = match (&progress.next, recorded) {
            (_, Recorded::Paused) => true,
            (Next::Continue, _) => false,
            (Next::Wait { .. }, recorded) => recorded == Recorded::Done,
            _ => true,
        };
        if stops {
            self.holders.remove(&id);
        }
        // As if it had ended before it was paused.
        if matches!(progress.next, Next::End { .. }) {
            self.paused.remove(&id);
        }
        self.note_taken(execution, progress);
        self.note_results(execution, progress);
        self.ledger.recorded(progress, recorded);
        self.ledger.look_at(self.store, id).await;
        self.ledger.observed(execution, progress);
        if recorded == Recorded::Cancelling {
            self.check_children_of_cancelled(id).await;
        }
    }

    /// What a run had started before it heard of its cancellation is cancelled with it.
    pub(super) async fn check_children_of_cancelled(&self, id: RunId) {
        let journal = self.store.journal(id).await.unwrap();
        let before = journal
            .iter()
            .take_while(|entry| !matches!(entry.call, Call::Cancelled { .. }));
        for entry in before {
            let Answer::Run { run } = &entry.answer else {
                continue;
            };
            let child = self.store.flow_run(run.id).await.unwrap();
            let child = child.expect("a child is there with the call that made it");
            // Another run may have started it, under the same key; and a subflow ends with it.
            if child.parent != Some(id) || child.within.is_some() {
                continue;
            }
            let goes_on =
                !(child.state.kind.is_terminal() || child.state.kind == StateType::Cancelling);
            // A person may have tried it again since.
            let retried = self.ledger.was_retried(child.id);
            assert!(
                !goes_on || retried,
                "a cancelled run left a child: {child:#?}"
            );
        }
    }

    /// An old wish arrives once more. Its sender has long gone on.
    pub(super) async fn meet_stray(&mut self) {
        if self.stray.is_empty() {
            return;
        }
        let at = self.rng.below(self.stray.len());
        let progress = self.stray.swap_remove(at);
        let (id, lease) = (progress.lease.run, progress.lease);
        if self.holders.get(&id) == Some(&lease) {
            return;
        }
        let again = self.store.record(progress).await;
        trace!(self, "stray {} {}: {again:?}", short(id), lease.epoch);
        assert!(
            matches!(again, Err(StoreError::Stale { .. })),
            "a stale lease was written under"
        );
    }

    pub(super) fn holds(&self, execution: &Execution) -> bool {
        self.holders.get(&execution.id) == Some(&execution.lease())
    }
}

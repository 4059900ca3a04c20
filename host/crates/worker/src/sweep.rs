//! The search for runs that this process has under lease and does not execute.

use std::sync::Arc;

use tracing::warn;

use super::shared::Shared;
use model::Lease;
use orchestrator::lifecycle::Why;
use store::{StoreError, StoreResult};

/// Looks for runs that the database has under a lease of this worker, and that nobody executes: the
/// host has lost them. Such a run would be `Running` for ever.
#[derive(Default)]
pub(super) struct Sweep {
    /// Not executed when it was looked last. A claim that is on its way is there, too.
    missed: Vec<Lease>,
}

impl Sweep {
    /// Gives back what was missed twice in a row. It counts as a loss without progress, so that a
    /// run that the host always loses is tried alone in the end.
    pub async fn look(&mut self, shared: &Arc<Shared>) -> StoreResult<()> {
        let leases = shared.store.leases(shared.config.id).await?;
        let mut missed = leases;
        missed.retain(|lease| shared.executing.lease(lease.run).is_none());
        let (twice, once) = missed
            .into_iter()
            .partition(|lease| self.missed.contains(lease));
        self.missed = once;
        let twice: Vec<Lease> = twice;
        for lease in twice {
            let given_back = shared
                .store
                .give_back(lease, Why::Forgotten, shared.now())
                .await;
            match given_back {
                Ok(_) => warn!(
                    run = %lease.run,
                    "a run was leased to this worker, but not executed; it was given back"
                ),
                Err(StoreError::Stale { .. }) => {}
                Err(err) => return Err(err),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execution::Stop;
    use crate::guarded::guarded;
    use crate::testing::Place;
    use model::{RunName, StateType};

    #[tokio::test]
    async fn what_nobody_executes_is_given_back_once_it_was_missed_twice() {
        let place = Place::new().await;
        let lost = place.running().await;
        let executed = place.running().await;
        place.shared.executing.enter(executed);
        let mut sweep = Sweep::default();
        sweep.look(&place.shared).await.unwrap();
        // Its claim may have been on its way.
        assert_eq!(place.state(lost).await.kind, StateType::Running);
        sweep.look(&place.shared).await.unwrap();
        let state = place.state(lost).await;
        assert_eq!(state.kind, StateType::Scheduled);
        let said = "worker `w1` did not execute it any more";
        assert_eq!(state.message.as_deref(), Some(said));
        assert_eq!(place.state(executed).await.kind, StateType::Running);
    }

    /// A panic is that of a future in place of an execution: the host has none that a test could
    /// ask for.
    #[tokio::test]
    async fn a_panic_ends_its_run_and_nothing_else() {
        let place = Place::new().await;
        let (lease, other) = (place.running().await, place.running().await);
        let name: RunName = "unlucky".parse().unwrap();
        let panics = async { panic!("no such page") };
        let stop = guarded(Arc::clone(&place.shared), lease, name, panics).await;
        assert!(matches!(stop, Stop::Ended), "{stop:?}");
        let state = place.state(lease).await;
        assert_eq!(state.kind, StateType::Crashed);
        let said = "orch-host panicked while it executed the run: no such page";
        assert_eq!(state.message.as_deref(), Some(said));
        assert!(place.shared.executing.lease(lease.run).is_none());
        assert_eq!(place.state(other).await.kind, StateType::Running);
    }

    #[tokio::test]
    async fn a_panic_after_a_resumption_ends_the_run_under_its_new_lease() {
        let place = Place::new().await;
        let first = place.running().await;
        let shared = Arc::clone(&place.shared);
        let name: RunName = "unlucky".parse().unwrap();
        let resumed = place.claimed_again(first).await;
        let panics = {
            let shared = Arc::clone(&shared);
            async move {
                shared.executing.resumed(resumed);
                panic!("later")
            }
        };
        guarded(shared, first, name, panics).await;
        assert_eq!(place.state(resumed).await.kind, StateType::Crashed);
    }
}

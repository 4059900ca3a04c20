//! Whether runs wait where nobody works, and what to type then.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::cli::context::Context;
use model::{FlowRun, PoolName, StateType};
use store::RunFilter;

/// The least time between two looks.
const LOOK_MIN: Duration = Duration::from_secs(1);
/// Children looked at.
const CHILDREN_MAX: u32 = 100;

/// Who executes the run that is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// This process.
    Ours,
    /// A worker of its pool.
    AWorkers,
}

/// Warns once of each pool where something waits in vain.
pub struct Lonely<'a> {
    cx: &'a Context,
    whose: Whose,
    looked: Option<Instant>,
    warned: BTreeSet<PoolName>,
}

impl<'a> Lonely<'a> {
    pub fn new(cx: &'a Context, whose: Whose) -> Self {
        Self {
            cx,
            whose,
            looked: None,
            warned: BTreeSet::new(),
        }
    }

    /// Looks at the run and its children.
    pub async fn look(&mut self, run: &FlowRun) -> anyhow::Result<()> {
        if self.looked.is_some_and(|at| at.elapsed() < LOOK_MIN) {
            return Ok(());
        }
        let mut waiting = self
            .cx
            .store
            .flow_runs(RunFilter {
                states: vec![StateType::Scheduled],
                parent: Some(run.id),
                count: CHILDREN_MAX,
                ..RunFilter::default()
            })
            .await?;
        if self.whose == Whose::AWorkers {
            waiting.push(run.clone());
        }
        if !waiting.is_empty() {
            self.looked = Some(Instant::now());
        }
        let now = self.cx.now();
        for run in waiting {
            let waits = run.state.kind == StateType::Scheduled && run.scheduled <= now;
            if let (true, Some(pool)) = (waits, &run.pool) {
                self.warn_of(pool).await?;
            }
        }
        Ok(())
    }

    /// Says what keeps the runs of a pool from being executed, if anything does.
    pub async fn warn_of(&mut self, name: &PoolName) -> anyhow::Result<()> {
        if self.warned.contains(name) {
            return Ok(());
        }
        let Some(pool) = self.cx.store.pool(name).await? else {
            return Ok(());
        };
        if pool.pool.paused {
            self.cx.out.warn(
                &format!("work pool `{name}` is paused"),
                &format!("`orch-host work-pool resume {name}` lets its workers go on"),
            );
        } else if pool.workers == 0 {
            self.cx.out.warn(
                &format!("no worker pulls from work pool `{name}`, so its runs wait"),
                &format!("start one in another terminal: `orch-host worker --pool {name}`"),
            );
        } else {
            return Ok(());
        }
        self.warned.insert(name.clone());
        Ok(())
    }
}

/// Says what keeps the runs of a pool from being executed, if there is a pool and anything
/// does.
pub async fn warn_of_pool(cx: &Context, pool: Option<&PoolName>) -> anyhow::Result<()> {
    match pool {
        Some(pool) => Lonely::new(cx, Whose::AWorkers).warn_of(pool).await,
        None => Ok(()),
    }
}

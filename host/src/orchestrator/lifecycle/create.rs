//! How runs come into being.

use super::plan::{Change, Need, News, Plan};
use super::refusal::{Broken, Refusal};
use crate::model::{NewRun, StateType};

/// What must hold of new runs before any is created: somebody can claim each of them.
pub fn create_needs(runs: &[NewRun]) -> Result<Plan<'_>, Refusal> {
    let mut plan = Plan::default();
    // Most go to the same pool.
    let mut needed = None;
    for new in runs {
        let run = &new.run;
        if run.state.kind != StateType::Scheduled {
            let (run, state) = (run.id, run.state.kind);
            return Err(Broken::NotScheduled { run, state }.into());
        }
        let pool = run.pool.as_ref().ok_or(Broken::NoPool(run.id))?;
        if needed != Some(pool) {
            plan.need(Need::Pool(pool));
            needed = Some(pool);
        }
        if let Some(worker) = new.reserved_for {
            plan.need(Need::Worker(worker));
        }
    }
    Ok(plan)
}

/// A run of a deployment or a file, ready from its time on.
pub fn create(new: &NewRun) -> Plan<'_> {
    let mut plan = Plan::default();
    add(&mut plan, new);
    plan
}

pub(super) fn add<'p>(plan: &mut Plan<'p>, new: &'p NewRun) {
    plan.change(Change::AddRun {
        run: &new.run,
        key: new.idempotency_key.as_deref(),
        reserved_for: new.reserved_for,
        ready_at: Some(new.run.scheduled),
    });
    plan.tell(News::READY);
}

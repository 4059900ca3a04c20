//! How runs come into being.

use super::plan::{AddRun, Change, Need, News, Plan};
use super::refusal::{Broken, Refusal};
use model::{NewRun, StateType};

/// What must hold of new runs before any is created: each can be claimed by some worker.
pub fn create_needs(runs: &[NewRun]) -> Result<Plan<'_>, Refusal> {
    for new in runs {
        check(new)?;
    }
    let mut plan = Plan::default();
    add_needs(&mut plan, runs);
    Ok(plan)
}

pub(super) fn check(new: &NewRun) -> Result<(), Broken> {
    let run = &new.run;
    if run.state.kind != StateType::Scheduled {
        let (run, state) = (run.id, run.state.kind);
        return Err(Broken::NotScheduled { run, state });
    }
    if run.pool.is_none() {
        return Err(Broken::NoPool(run.id));
    }
    Ok(())
}

pub(super) fn add_needs<'p>(plan: &mut Plan<'p>, runs: &'p [NewRun]) {
    // Most go to the same pool.
    let mut needed = None;
    for new in runs {
        let pool = new.run.pool.as_ref();
        if let Some(name) = pool.filter(|_| needed != pool) {
            plan.need(Need::Pool(name));
            needed = pool;
        }
        if let Some(worker) = new.reserved_for {
            plan.need(Need::Worker(worker));
        }
    }
}

/// A run of a deployment or a file, ready from its time on.
pub fn create(new: &NewRun) -> Plan<'_> {
    let mut plan = Plan::default();
    add(&mut plan, new);
    plan
}

pub(super) fn add<'p>(plan: &mut Plan<'p>, new: &'p NewRun) {
    plan.change(Change::AddRun(AddRun {
        run: &new.run,
        key: new.idempotency_key.as_deref(),
        reserved_for: new.reserved_for,
        ready_at: Some(new.run.scheduled),
    }));
    plan.tell(News::READY);
}

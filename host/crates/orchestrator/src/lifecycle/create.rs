//! How runs come into being.

use super::head::Head;
use super::plan::{AddRun, Change, Need, News, Plan};
use super::question::Replacing;
use super::refusal::{Broken, Refusal};
use crate::is_same_request;
use crate::kept::is_worth_taking;
use model::{FlowRun, NewRun, StateType};

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

/// Whether a run that was created earlier answers the request for a new one with its idempotency
/// key: both ask for the same.
pub fn is_answered_by(new: &NewRun, earlier: &FlowRun) -> Result<(), Refusal> {
    is_same_request(&earlier.parameters, &new.run.parameters).map_err(|other| {
        Refusal::OtherRequest {
            key: new.idempotency_key.clone().unwrap_or_default(),
            run: earlier.id,
            other,
        }
    })
}

impl Replacing {
    /// `None`: it was deleted. A run that goes on after all, or has completed, keeps its key, and
    /// the new one is refused.
    pub fn answered(self, head: Option<Head>) -> Plan<'static> {
        let mut plan = Plan::default();
        if let Some(head) = head.filter(|head| !is_worth_taking(head.state)) {
            plan.change(Change::ReleaseKey { run: head.key });
        }
        plan
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

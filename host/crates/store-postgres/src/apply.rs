//! Carries out plans: needs what must be there, applies changes, and asks on.
//!
//! What a change does to the rows stands in the file of its table; nothing here or there looks at
//! the state of a run.

use futures::future::BoxFuture;

use super::answer::{answer, need};
use super::{artifacts, cache, inputs, journal, logs, permits, runs, task_runs};
use crate::error::Pg;
use crate::tx::Tx;
use model::Recorded;
use orchestrator::lifecycle::{Change, Plan, RunKey, Step, Target};
use store::StoreError;

/// Carries out a plan, and the plans that follow from its questions. What a record comes to.
pub(crate) fn carry_out<'t>(tx: &'t Tx, plan: Plan<'t>) -> BoxFuture<'t, Pg<Option<Recorded>>> {
    Box::pin(async move {
        tx.tell(plan.news);
        let mut recorded = plan.recorded;
        let mut added = Vec::new();
        for step in plan.steps {
            match step {
                Step::Need(it) => need(tx, &it).await?,
                Step::Do(change) => apply(tx, change, &mut added).await?,
                Step::Ask(question) => {
                    let next = answer(tx, question).await?;
                    recorded = carry_out(tx, next).await?.or(recorded);
                }
            }
        }
        Ok(recorded)
    })
}

/// `added`: the runs that the plan has made so far.
async fn apply(tx: &Tx, change: Change<'_>, added: &mut Vec<RunKey>) -> Pg<()> {
    match change {
        Change::AddRun(it) => added.push(runs::insert(tx, it).await?),
        Change::AddEndedRun {
            new,
            state,
            outcome,
            says,
        } => added.push(runs::insert_ended(tx, new, state, outcome, says).await?),
        Change::AddEntry(it) => {
            let target = it.watches.map(|target| key_of(target, added));
            journal::add_entry(tx, &it, target.transpose()?).await?;
        }
        Change::Settle {
            run,
            seq,
            at,
            settlement,
            keep,
        } => journal::settle(tx, run, seq, at, &settlement, keep).await?,
        Change::CountDown { run, left } => runs::count_down(tx, run, left),
        Change::Wake { run, at } => runs::wake(tx, run, at),
        Change::ForgetWatchers { target } => journal::forget_watchers(tx, target),
        Change::PutTaskRun { run, task_run } => task_runs::put(tx, run, task_run),
        Change::PutArtifacts { run, id, artifacts } => {
            artifacts::put(tx, run, id, artifacts).await?;
        }
        Change::AddLogs { run, id, lines } => logs::add(tx, run, id, lines).await?,
        Change::Await { run, calls, epoch } => journal::mark_awaited(tx, run, &calls, epoch),
        Change::Advance(it) => runs::advance(tx, it),
        Change::Leave(it) => runs::leave(tx, it),
        Change::Claim(it) => runs::claim(tx, &it),
        Change::Enter(it) => runs::enter(tx, &it),
        Change::GiveUp(it) => runs::give_up(tx, &it),
        Change::Reopen(it) => runs::reopen(tx, &it),
        Change::Keep { run, identities } => journal::keep(tx, run, &identities),
        Change::ForgetKept { run } => journal::forget_kept(tx, run),
        Change::Remember { run, attempt } => journal::remember(tx, run, attempt),
        Change::ReleaseKey { run } => runs::release_key(tx, run).await?,
        Change::EmptyJournal { run } => journal::empty(tx, run),
        Change::End(it) => runs::end(tx, it).await?,
        Change::GiveBack { run, at, what } => permits::give_back(tx, run, what, at).await?,
        Change::AskPermit { run, asked } => permits::ask_for(tx, run, asked).await?,
        Change::Cache(results) => cache::put(tx, results).await?,
        Change::EndTaskRuns { run, id, line } => {
            task_runs::end_open(tx, run, id, &line).await?;
            inputs::forget(tx, run);
        }
    }
    Ok(())
}

fn key_of(target: Target, added: &[RunKey]) -> Pg<RunKey> {
    match target {
        Target::Run(key) => Ok(key),
        Target::Added(n) => added.get(n).copied().ok_or_else(|| {
            StoreError::Refused(format!("a call watches run {n} of those that it made")).into()
        }),
    }
}

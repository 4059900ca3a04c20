//! The rows of runs: `flow_runs`, `flow_run_specs` and `flow_run_states`.

use std::borrow::Cow;

use super::blocks;
use super::columns::{AsJson, list};
use super::queues;
use super::sql::{Sql, params};
use super::texts;
use super::writer::Tx;
use model::{NewRun, Outcome, RunId, State, Timestamp, micros};
use orchestrator::lifecycle::{
    AddRun, Advance, Claim, End, Enter, GiveUp, Leave, OriginKey, Reopen, RunKey, Says, Tally,
};
use store::StoreResult;
use store::changes::Whose;

pub(super) fn insert(tx: &Tx<'_>, it: AddRun<'_>) -> StoreResult<RunKey> {
    let origin = tx.totals().origins().of(tx, it.run)?;
    insert_of(tx, it, origin)
}

fn insert_of(tx: &Tx<'_>, it: AddRun<'_>, origin: OriginKey) -> StoreResult<RunKey> {
    let run = it.run;
    tx.run(
        "INSERT INTO flow_runs (id, state, state_name, state_message, state_at, states,
             attempt, epoch, started, pool, ready_at, reserved_for, origin, line, limited)
         VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        params![
            run.id,
            run.state.kind,
            run.state.name,
            run.state.message,
            run.state.at,
            run.attempt,
            run.epoch.cast_signed(),
            run.started,
            run.pool,
            it.ready_at,
            it.reserved_for,
            origin,
            queues::line_of(tx, run)?,
            !run.limits.is_empty()
        ],
    )?;
    let no = RunKey(tx.last_insert_rowid());
    tx.run(
        "INSERT INTO flow_run_specs (no, name, flow, deployment, component, work_queue,
             grants, tags, parent, within, idempotency_key, created, scheduled, parameters,
             limits)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
        params![
            no,
            run.name,
            run.flow,
            run.deployment,
            run.component,
            run.work_queue,
            (!run.grants.is_empty()).then_some(AsJson(&run.grants)),
            list(&run.tags),
            run.parent,
            run.within,
            it.key,
            run.created,
            run.scheduled,
            *texts::put(tx, no, &run.parameters)?,
            (!run.limits.is_empty()).then_some(AsJson(&run.limits))
        ],
    )?;
    add_state(tx, no, 1, &run.state, &it.says())?;
    tx.changes().created(run);
    blocks::reached(tx, no)?;
    Ok(no)
}

/// A run that ends as it begins: it is never ready.
pub(super) fn insert_ended(
    tx: &Tx<'_>,
    new: &NewRun,
    state: State,
    outcome: Outcome,
    says: Says<'_>,
) -> StoreResult<RunKey> {
    let added = AddRun {
        run: &new.run,
        key: new.idempotency_key.as_deref(),
        reserved_for: new.reserved_for,
        ready_at: None,
    };
    let origin = tx.totals().origins().of(tx, &new.run)?;
    let run = insert_of(tx, added, origin)?;
    let ended = End {
        run,
        id: new.run.id,
        within: new.run.within,
        origin,
        passed: &[],
        state: Cow::Owned(state),
        says,
        outcome: Cow::Owned(outcome),
        tally: Tally {
            states: 2,
            ..Tally::default()
        },
    };
    end(tx, ended)?;
    Ok(run)
}

/// A run that is no subflow.
fn whole(id: RunId, says: &Says<'_>) -> Whose {
    Whose {
        id,
        within: None,
        attempt: says.attempt,
    }
}

/// A line of the run's history; `n` counts from 1.
fn add_state(tx: &Tx<'_>, run: RunKey, n: u64, state: &State, says: &Says<'_>) -> StoreResult<()> {
    tx.run(
        "INSERT INTO flow_run_states
             (run, n, state, name, message, at, attempt, worker, cause, waits)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        params![
            run,
            n,
            state.kind,
            state.name,
            state.message,
            state.at,
            says.attempt,
            says.worker,
            says.cause.as_deref().map(AsJson),
            says.waits.map(AsJson)
        ],
    )?;
    Ok(())
}

/// The last lines of a history that has `states` lines with them. Those that were only passed
/// say their attempt.
fn add_last(
    tx: &Tx<'_>,
    run: RunKey,
    whose: Whose,
    states: u64,
    passed: &[State],
    last: &State,
    says: &Says<'_>,
) -> StoreResult<()> {
    let first = states - passed.len() as u64;
    let in_passing = Says::of(says.attempt);
    for (state, n) in passed.iter().zip(first..) {
        add_state(tx, run, n, state, &in_passing)?;
        tx.changes().entered(whose, n, state);
    }
    add_state(tx, run, states, last, says)?;
    tx.changes().entered(whose, states, last);
    Ok(())
}

/// Leaves alone what the indexes hold.
pub(super) fn advance(tx: &Tx<'_>, it: Advance<'_>) -> StoreResult<()> {
    let Tally {
        states,
        started,
        journal_len,
        logged,
    } = it.tally;
    let Some((state, passed)) = it.states.split_last() else {
        tx.run(
            "UPDATE flow_runs SET started = ?2, journal_len = ?3, logged = ?4 WHERE no = ?1",
            params![it.run, started, journal_len, logged],
        )?;
        return Ok(());
    };
    tx.run(
        "UPDATE flow_runs SET state = ?2, state_name = ?3, state_message = ?4,
             state_at = ?5, states = ?6, started = ?7, journal_len = ?8, logged = ?9
         WHERE no = ?1",
        params![
            it.run,
            state.kind,
            state.name,
            state.message,
            state.at,
            states,
            started,
            journal_len,
            logged
        ],
    )?;
    let whose = whole(it.id, &it.says);
    add_last(tx, it.run, whose, states, passed, state, &it.says)
}

/// The epoch stays, so that it can be told what the run waits for.
pub(super) fn leave(tx: &Tx<'_>, it: Leave<'_>) -> StoreResult<()> {
    tx.run(
        "UPDATE flow_runs SET state = ?2, state_name = ?3, state_message = ?4, state_at = ?5,
             states = ?6, started = ?7, journal_len = ?8, logged = ?9, ready_at = ?10,
             wake_after = ?11, attempt = ?12, earlier = earlier + ?13, worker = NULL
         WHERE no = ?1",
        params![
            it.run,
            it.state.kind,
            it.state.name,
            it.state.message,
            it.state.at,
            it.tally.states,
            it.tally.started,
            it.tally.journal_len,
            it.tally.logged,
            it.ready_at,
            it.missing,
            it.attempt,
            micros(it.spent)
        ],
    )?;
    let whose = whole(it.id, &it.says);
    let states = it.tally.states;
    add_last(tx, it.run, whose, states, it.passed, it.state, &it.says)
}

pub(super) fn claim(tx: &Tx<'_>, it: &Claim) -> StoreResult<()> {
    tx.run(
        "UPDATE flow_runs SET state = ?2, state_name = ?3, state_message = ?4, state_at = ?5,
             states = ?6, attempt = ?7, epoch = ?8, worker = ?9, ready_at = NULL,
             wake_after = NULL
         WHERE no = ?1",
        params![
            it.run,
            it.state.kind,
            it.state.name,
            it.state.message,
            it.state.at,
            it.states,
            it.attempt,
            it.epoch,
            it.worker
        ],
    )?;
    if it.is_new_line {
        let says = it.says();
        let whose = whole(it.id, &says);
        add_last(tx, it.run, whose, it.states, &[], &it.state, &says)?;
    }
    Ok(())
}

pub(super) fn enter(tx: &Tx<'_>, it: &Enter) -> StoreResult<()> {
    tx.run(
        "UPDATE flow_runs SET state = ?2, state_name = ?3, state_message = ?4, state_at = ?5,
             states = ?6, ready_at = ?7, crashes = ?8, wake_after = NULL,
             worker = CASE WHEN ?9 THEN worker END,
             reserved_for = CASE WHEN ?10 THEN reserved_for END,
             lost_attempt = ?11, lost_steps = ?12
         WHERE no = ?1",
        params![
            it.run,
            it.state.kind,
            it.state.name,
            it.state.message,
            it.state.at,
            it.states,
            it.ready_at,
            it.losses.count,
            it.keeps_lease,
            it.keeps_reservation,
            it.losses.at.attempt,
            it.losses.at.steps
        ],
    )?;
    let whose = whole(it.id, &it.says);
    add_last(tx, it.run, whose, it.states, &[], &it.state, &it.says)
}

pub(super) fn give_up(tx: &Tx<'_>, it: &GiveUp) -> StoreResult<()> {
    tx.run(
        "UPDATE flow_runs SET worker = NULL,
             reserved_for = CASE WHEN ?2 THEN reserved_for END,
             ready_at = coalesce(?3, ready_at), started = ?4, journal_len = ?5, logged = ?6,
             crashes = ?7, lost_attempt = ?8, lost_steps = ?9
         WHERE no = ?1",
        params![
            it.run,
            it.keeps_reservation,
            it.ready_at,
            it.tally.started,
            it.tally.journal_len,
            it.tally.logged,
            it.losses.count,
            it.losses.at.attempt,
            it.losses.at.steps
        ],
    )?;
    Ok(())
}

pub(super) fn release_key(tx: &Tx<'_>, run: RunKey) -> StoreResult<()> {
    tx.run(
        "UPDATE flow_run_specs SET idempotency_key = NULL WHERE no = ?1",
        [run],
    )?;
    Ok(())
}

pub(super) fn reopen(tx: &Tx<'_>, it: &Reopen) -> StoreResult<()> {
    tx.totals().reopened(it.was);
    tx.run(
        "UPDATE flow_runs SET state = ?2, state_name = ?3, state_message = ?4, state_at = ?5,
             states = ?6, started = ?7, journal_len = ?8, logged = ?9, attempt = ?10,
             ready_at = ?11, earlier = earlier + ?12, crashes = 0, lost_attempt = 0,
             lost_steps = 0, ended = NULL, outcome = NULL, reserved_for = NULL
         WHERE no = ?1",
        params![
            it.run,
            it.state.kind,
            it.state.name,
            it.state.message,
            it.state.at,
            it.tally.states,
            it.tally.started,
            it.tally.journal_len,
            it.tally.logged,
            it.attempt,
            it.ready_at,
            micros(it.spent)
        ],
    )?;
    let says = it.says();
    let whose = whole(it.id, &says);
    add_last(tx, it.run, whose, it.tally.states, &[], &it.state, &says)
}

pub(super) fn end(tx: &Tx<'_>, it: End<'_>) -> StoreResult<()> {
    tx.totals().ended(it.ended());
    tx.run(
        "UPDATE flow_runs SET state = ?2, state_name = ?3, state_message = ?4, state_at = ?5,
             ended = ?5, outcome = ?6, states = ?7, started = ?8, journal_len = ?9,
             logged = ?10, worker = NULL, ready_at = NULL, wake_after = NULL
         WHERE no = ?1",
        params![
            it.run,
            it.state.kind,
            it.state.name,
            it.state.message,
            it.state.at,
            AsJson(&*texts::put(tx, it.run, &*it.outcome)?),
            it.tally.states,
            it.tally.started,
            it.tally.journal_len,
            it.tally.logged
        ],
    )?;
    let whose = Whose {
        within: it.within,
        ..whole(it.id, &it.says)
    };
    let states = it.tally.states;
    add_last(tx, it.run, whose, states, it.passed, &it.state, &it.says)
}

pub(super) fn count_down(tx: &Tx<'_>, run: RunKey, left: u64) -> StoreResult<()> {
    tx.run(
        "UPDATE flow_runs SET wake_after = ?2 WHERE no = ?1",
        params![run, left],
    )?;
    Ok(())
}

pub(super) fn wake(tx: &Tx<'_>, run: RunKey, at: Timestamp) -> StoreResult<()> {
    tx.run(
        "UPDATE flow_runs SET wake_after = 0, ready_at = ?2 WHERE no = ?1",
        params![run, at],
    )?;
    Ok(())
}

/// The same of one that waits, and has been left by its worker. A run that is executed, or stopped by
/// a person, is not ready by that.
pub(super) fn wake_waiting(tx: &Tx<'_>, run: RunKey, at: Timestamp) -> StoreResult<()> {
    tx.run(
        "UPDATE flow_runs SET wake_after = 0, ready_at = ?2
         WHERE no = ?1 AND state = 'WAITING' AND worker IS NULL",
        params![run, at],
    )?;
    Ok(())
}

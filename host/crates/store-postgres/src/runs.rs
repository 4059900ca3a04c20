//! The rows of runs: `flow_runs`, `flow_run_specs` and `flow_run_states`.

use std::borrow::Cow;

use super::columns::{AsJson, Value, list};
use super::origins;
use super::queues;
use super::sql::{Conn, params};
use super::texts;
use crate::error::Pg;
use crate::tx::Tx;
use model::{NewRun, Outcome, RunId, State, Timestamp, micros};
use orchestrator::lifecycle::{
    AddRun, Advance, Claim, End, Enter, GiveUp, Leave, Losses, OriginKey, Reopen, RunKey, Says,
    Tally,
};
use store::changes::Whose;

mod tables;

use tables::{
    ADVANCED, CLAIMED, COUNTED, COUNTED_DOWN, ENDED, ENTERED, GIVEN_UP, LEFT, REOPENED, RUNS,
    SPECS, STATES, WOKEN,
};

pub(crate) async fn insert(tx: &Tx, it: AddRun<'_>) -> Pg<RunKey> {
    let origin = origins::of(tx, it.run).await?;
    insert_of(tx, it, origin).await
}

async fn insert_of(tx: &Tx, it: AddRun<'_>, origin: OriginKey) -> Pg<RunKey> {
    let run = it.run;
    let no = RunKey(tx.run_number().await?);
    let line = queues::line_of(tx, run).await?;
    if let Some(within) = run.within {
        tx.known(|known| known.begins_subflow(within));
    }
    tx.bulk(
        &RUNS,
        params![
            no,
            run.id,
            run.state.kind,
            run.state.name,
            run.state.message,
            run.state.at,
            1_i64,
            run.attempt,
            run.epoch,
            run.started,
            run.pool,
            it.ready_at,
            it.reserved_for,
            origin,
            line,
            !run.limits.is_empty()
        ],
    );
    let parameters = texts::put(tx, no, &run.parameters).await?;
    tx.bulk(
        &SPECS,
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
            *parameters,
            (!run.limits.is_empty()).then_some(AsJson(&run.limits))
        ],
    );
    add_state(tx, no, 1, &run.state, &it.says());
    tx.change(|changes| changes.created(run));
    Ok(no)
}

/// A run that ends as it begins: it is never ready.
pub(crate) async fn insert_ended(
    tx: &Tx,
    new: &NewRun,
    state: State,
    outcome: Outcome,
    says: Says<'_>,
) -> Pg<RunKey> {
    let added = AddRun {
        run: &new.run,
        key: new.idempotency_key.as_deref(),
        reserved_for: new.reserved_for,
        ready_at: None,
    };
    let origin = origins::of(tx, &new.run).await?;
    let run = insert_of(tx, added, origin).await?;
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
    end(tx, ended).await?;
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
fn add_state(tx: &Tx, run: RunKey, n: u64, state: &State, says: &Says<'_>) {
    tx.bulk(
        &STATES,
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
    );
}

/// The last lines of a history that has `states` lines with them. Those that were only passed
/// say their attempt.
fn add_last(
    tx: &Tx,
    run: RunKey,
    whose: Whose,
    states: u64,
    passed: &[State],
    last: &State,
    says: &Says<'_>,
) {
    let first = states - passed.len() as u64;
    let in_passing = Says::of(says.attempt);
    for (state, n) in passed.iter().zip(first..) {
        add_state(tx, run, n, state, &in_passing);
        tx.change(|changes| changes.entered(whose, n, state));
    }
    add_state(tx, run, states, last, says);
    tx.change(|changes| changes.entered(whose, states, last));
}

pub(crate) fn advance(tx: &Tx, it: Advance<'_>) {
    tx.known(|known| known.changed(it.run));
    let Some((state, passed)) = it.states.split_last() else {
        let mut row = params![it.run];
        row.append(&mut counts(&it.tally));
        return tx.bulk(&COUNTED, row);
    };
    let states = it.tally.states;
    let mut row = in_state(it.run, state, states);
    row.append(&mut counts(&it.tally));
    tx.bulk(&ADVANCED, row);
    let whose = whole(it.id, &it.says);
    add_last(tx, it.run, whose, states, passed, state, &it.says);
}

/// Gives up the lease.
pub(crate) fn leave(tx: &Tx, it: Leave<'_>) {
    tx.known(|known| known.changed(it.run));
    let states = it.tally.states;
    let mut row = in_state(it.run, it.state, states);
    row.append(&mut counts(&it.tally));
    row.append(&mut params![it.ready_at, it.missing, it.attempt]);
    row.append(&mut params![micros(it.spent)]);
    tx.bulk(&LEFT, row);
    let whose = whole(it.id, &it.says);
    add_last(tx, it.run, whose, states, it.passed, it.state, &it.says);
}

pub(crate) fn claim(tx: &Tx, it: &Claim) {
    tx.known(|known| known.changed(it.run));
    let mut row = in_state(it.run, &it.state, it.states);
    row.append(&mut params![it.attempt, it.epoch, it.worker]);
    tx.bulk(&CLAIMED, row);
    if it.is_new_line {
        let says = it.says();
        let whose = whole(it.id, &says);
        add_last(tx, it.run, whose, it.states, &[], &it.state, &says);
    }
}

pub(crate) fn enter(tx: &Tx, it: &Enter) {
    tx.known(|known| known.changed(it.run));
    let mut row = in_state(it.run, &it.state, it.states);
    row.append(&mut params![it.ready_at]);
    row.append(&mut lost(&it.losses));
    row.append(&mut params![it.keeps_lease, it.keeps_reservation]);
    tx.bulk(&ENTERED, row);
    let whose = whole(it.id, &it.says);
    add_last(tx, it.run, whose, it.states, &[], &it.state, &it.says);
}

pub(crate) fn give_up(tx: &Tx, it: &GiveUp) {
    tx.known(|known| known.changed(it.run));
    let mut row = params![it.run];
    row.append(&mut counts(&it.tally));
    row.append(&mut lost(&it.losses));
    row.append(&mut params![it.keeps_reservation, it.ready_at]);
    tx.bulk(&GIVEN_UP, row);
}

/// Done at once: the key is free for whoever asks next.
pub(crate) async fn release_key(tx: &Tx, run: RunKey) -> Pg<()> {
    tx.query(
        "UPDATE flow_run_specs SET idempotency_key = NULL WHERE no = $1",
        params![run],
    )
    .await?;
    Ok(())
}

pub(crate) fn reopen(tx: &Tx, it: &Reopen) {
    tx.known(|known| known.changed(it.run));
    tx.count_end(|ends| ends.reopened(it.was));
    let states = it.tally.states;
    let mut row = in_state(it.run, &it.state, states);
    row.append(&mut counts(&it.tally));
    row.append(&mut params![it.attempt, it.ready_at]);
    row.append(&mut params![micros(it.spent)]);
    tx.bulk(&REOPENED, row);
    let says = it.says();
    let whose = whole(it.id, &says);
    add_last(tx, it.run, whose, states, &[], &it.state, &says);
}

pub(crate) async fn end(tx: &Tx, it: End<'_>) -> Pg<()> {
    tx.known(|known| known.changed(it.run));
    tx.count_end(|ends| ends.ended(it.ended()));
    let states = it.tally.states;
    let mut row = in_state(it.run, &it.state, states);
    row.append(&mut counts(&it.tally));
    let outcome = texts::put(tx, it.run, &*it.outcome).await?;
    row.append(&mut params![AsJson(&*outcome)]);
    tx.bulk(&ENDED, row);
    let whose = Whose {
        within: it.within,
        ..whole(it.id, &it.says)
    };
    add_last(tx, it.run, whose, states, it.passed, &it.state, &it.says);
    Ok(())
}

pub(crate) fn count_down(tx: &Tx, run: RunKey, left: u64) {
    tx.known(|known| known.counted_down(run, left));
    tx.bulk(&COUNTED_DOWN, params![run, left]);
}

pub(crate) fn wake(tx: &Tx, run: RunKey, at: Timestamp) {
    tx.known(|known| known.counted_down(run, 0));
    tx.bulk(&WOKEN, params![run, at]);
}

/// The same of one that waits, and has been left by its worker. A run that is executed, or stopped by
/// a person, is not ready by that.
pub(crate) fn wake_waiting(tx: &Tx, run: RunKey, at: Timestamp) {
    tx.known(|known| known.changed(run));
    tx.run(
        "UPDATE flow_runs SET wake_after = 0, ready_at = $2
         WHERE no = $1 AND state = 'WAITING' AND worker IS NULL",
        params![run, at],
    );
}

/// The columns with which a run's row says its state.
fn in_state(run: RunKey, state: &State, states: u64) -> Vec<Value> {
    params![run, state.kind, state.name, state.message, state.at, states]
}

/// The columns that count its losses.
fn lost(losses: &Losses) -> Vec<Value> {
    params![losses.count, losses.at.attempt, losses.at.steps]
}

/// The columns that count what it has done.
fn counts(tally: &Tally) -> Vec<Value> {
    params![tally.started, tally.journal_len, tally.logged]
}

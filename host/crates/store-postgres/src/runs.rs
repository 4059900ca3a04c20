//! The rows of runs: `flow_runs`, `flow_run_specs` and `flow_run_states`.

use std::borrow::Cow;

use super::columns::{AsJson, list};
use super::origins;
use super::sql::params;
use crate::error::Pg;
use crate::tx::{Table, Tx};
use model::{NewRun, Outcome, RunId, State, Timestamp};
use orchestrator::lifecycle::{
    AddRun, Advance, Claim, End, Enter, GiveUp, Leave, OriginKey, Reopen, RunKey, Says, Tally,
};
use store::changes::Whose;

static RUNS: Table = Table {
    name: "flow_runs",
    columns: &[
        ("no", "bigint"),
        ("id", "uuid"),
        ("state", "text"),
        ("state_name", "text"),
        ("state_message", "text"),
        ("state_at", "bigint"),
        ("states", "bigint"),
        ("attempt", "bigint"),
        ("epoch", "bigint"),
        ("started", "bigint"),
        ("pool", "text"),
        ("ready_at", "bigint"),
        ("reserved_for", "uuid"),
        ("origin", "bigint"),
    ],
    conflict: "",
};

static SPECS: Table = Table {
    name: "flow_run_specs",
    columns: &[
        ("no", "bigint"),
        ("name", "text"),
        ("flow", "text"),
        ("deployment", "text"),
        ("component", "bytea"),
        ("work_queue", "text"),
        ("grants", "text"),
        ("tags", "text"),
        ("parent", "uuid"),
        ("within", "uuid"),
        ("idempotency_key", "text"),
        ("created", "bigint"),
        ("scheduled", "bigint"),
        ("parameters", "text"),
    ],
    conflict: "",
};

static STATES: Table = Table {
    name: "flow_run_states",
    columns: &[
        ("run", "bigint"),
        ("n", "bigint"),
        ("state", "text"),
        ("name", "text"),
        ("message", "text"),
        ("at", "bigint"),
        ("attempt", "bigint"),
        ("worker", "uuid"),
        ("cause", "text"),
        ("waits", "text"),
    ],
    conflict: "",
};

pub(crate) async fn insert(tx: &Tx, it: AddRun<'_>) -> Pg<RunKey> {
    let origin = origins::of(tx, it.run).await?;
    insert_of(tx, it, origin).await
}

async fn insert_of(tx: &Tx, it: AddRun<'_>, origin: OriginKey) -> Pg<RunKey> {
    let run = it.run;
    let no = RunKey(tx.run_number().await?);
    if let Some(within) = run.within {
        tx.known(|known| known.begins_subflow(within));
    }
    tx.insert(
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
            origin
        ],
    );
    tx.insert(
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
            run.parameters
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
    end(tx, ended);
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
    tx.insert(
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

/// Leaves alone what the indexes hold.
pub(crate) fn advance(tx: &Tx, it: Advance<'_>) {
    tx.known(|known| known.changed(it.run));
    let Tally {
        states,
        started,
        journal_len,
        logged,
    } = it.tally;
    let Some((state, passed)) = it.states.split_last() else {
        tx.run(
            "UPDATE flow_runs SET started = $2, journal_len = $3, logged = $4 WHERE no = $1",
            params![it.run, started, journal_len, logged],
        );
        return;
    };
    tx.run(
        "UPDATE flow_runs SET state = $2, state_name = $3, state_message = $4,
             state_at = $5, states = $6, started = $7, journal_len = $8, logged = $9
         WHERE no = $1",
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
    );
    let whose = whole(it.id, &it.says);
    add_last(tx, it.run, whose, states, passed, state, &it.says);
}

/// Gives up the lease.
pub(crate) fn leave(tx: &Tx, it: Leave<'_>) {
    tx.known(|known| known.changed(it.run));
    tx.run(
        "UPDATE flow_runs SET state = $2, state_name = $3, state_message = $4, state_at = $5,
             states = $6, started = $7, journal_len = $8, logged = $9, ready_at = $10,
             wake_after = $11, attempt = $12, worker = NULL
         WHERE no = $1",
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
            it.attempt
        ],
    );
    let whose = whole(it.id, &it.says);
    let states = it.tally.states;
    add_last(tx, it.run, whose, states, it.passed, it.state, &it.says);
}

pub(crate) fn claim(tx: &Tx, it: &Claim) {
    tx.known(|known| known.changed(it.run));
    tx.run(
        "UPDATE flow_runs SET state = $2, state_name = $3, state_message = $4, state_at = $5,
             states = $6, attempt = $7, epoch = $8, worker = $9, ready_at = NULL,
             wake_after = NULL
         WHERE no = $1",
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
    );
    if it.is_new_line {
        let says = it.says();
        let whose = whole(it.id, &says);
        add_last(tx, it.run, whose, it.states, &[], &it.state, &says);
    }
}

pub(crate) fn enter(tx: &Tx, it: &Enter) {
    tx.known(|known| known.changed(it.run));
    tx.run(
        "UPDATE flow_runs SET state = $2, state_name = $3, state_message = $4, state_at = $5,
             states = $6, ready_at = $7, crashes = $8, wake_after = NULL,
             worker = CASE WHEN $9 THEN worker END,
             reserved_for = CASE WHEN $10 THEN reserved_for END
         WHERE no = $1",
        params![
            it.run,
            it.state.kind,
            it.state.name,
            it.state.message,
            it.state.at,
            it.states,
            it.ready_at,
            it.crashes,
            it.keeps_lease,
            it.keeps_reservation
        ],
    );
    let whose = whole(it.id, &it.says);
    add_last(tx, it.run, whose, it.states, &[], &it.state, &it.says);
}

pub(crate) fn give_up(tx: &Tx, it: &GiveUp) {
    tx.known(|known| known.changed(it.run));
    tx.run(
        "UPDATE flow_runs SET worker = NULL,
             reserved_for = CASE WHEN $2 THEN reserved_for END,
             ready_at = coalesce($3, ready_at), started = $4, journal_len = $5, logged = $6
         WHERE no = $1",
        params![
            it.run,
            it.keeps_reservation,
            it.ready_at,
            it.tally.started,
            it.tally.journal_len,
            it.tally.logged
        ],
    );
}

pub(crate) fn reopen(tx: &Tx, it: &Reopen) {
    tx.known(|known| known.changed(it.run));
    tx.count_end(|ends| ends.reopened(it.was));
    tx.run(
        "UPDATE flow_runs SET state = $2, state_name = $3, state_message = $4, state_at = $5,
             states = $6, started = $7, journal_len = $8, logged = $9, attempt = $10,
             ready_at = $11, crashes = 0, ended = NULL, outcome = NULL, reserved_for = NULL
         WHERE no = $1",
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
            it.ready_at
        ],
    );
    let says = it.says();
    let whose = whole(it.id, &says);
    add_last(tx, it.run, whose, it.tally.states, &[], &it.state, &says);
}

pub(crate) fn end(tx: &Tx, it: End<'_>) {
    tx.known(|known| known.changed(it.run));
    tx.count_end(|ends| ends.ended(it.ended()));
    tx.run(
        "UPDATE flow_runs SET state = $2, state_name = $3, state_message = $4, state_at = $5,
             ended = $5, outcome = $6, states = $7, started = $8, journal_len = $9,
             logged = $10, worker = NULL, ready_at = NULL, wake_after = NULL
         WHERE no = $1",
        params![
            it.run,
            it.state.kind,
            it.state.name,
            it.state.message,
            it.state.at,
            AsJson(&*it.outcome),
            it.tally.states,
            it.tally.started,
            it.tally.journal_len,
            it.tally.logged
        ],
    );
    let whose = Whose {
        within: it.within,
        ..whole(it.id, &it.says)
    };
    let states = it.tally.states;
    add_last(tx, it.run, whose, states, it.passed, &it.state, &it.says);
}

pub(crate) fn count_down(tx: &Tx, run: RunKey, left: u64) {
    tx.run(
        "UPDATE flow_runs SET wake_after = $2 WHERE no = $1",
        params![run, left],
    );
}

pub(crate) fn wake(tx: &Tx, run: RunKey, at: Timestamp) {
    tx.run(
        "UPDATE flow_runs SET wake_after = 0, ready_at = $2 WHERE no = $1",
        params![run, at],
    );
}

//! Who may claim, what a claim does, and what must be there before a run is created.

use super::record::child;
use super::*;
use model::WorkPool;

#[track_caller]
fn has_room(limit: Option<u32>, paused: bool, active: u64, expect: u32) {
    let pool = WorkPool {
        name: PoolName::default_pool(),
        limit,
        paused,
        created: at(0),
    };
    let found = room(&pool, 4, || Ok::<_, ()>(active));
    assert_eq!(found, Ok(expect), "{limit:?} {paused} {active}");
}

#[test]
fn a_pool_has_room_up_to_its_limit() {
    has_room(None, false, 1000, 4);
    has_room(Some(10), false, 3, 4);
    has_room(Some(5), false, 3, 2);
    has_room(Some(5), false, 5, 0);
    // Its limit was lowered while they ran.
    has_room(Some(2), false, 5, 0);
    has_room(Some(0), false, 0, 0);
    has_room(None, true, 0, 0);
}

/// A run in this state, of this attempt and epoch, with three lines of history.
#[track_caller]
fn claims(state: StateType, attempt: u32, expect: &str) {
    let mut run = child(Seq(1)).run;
    (run.state.kind, run.attempt, run.epoch) = (state, attempt, 5);
    let candidate = Candidate {
        key: RunKey(70),
        run,
        tally: Tally {
            states: 3,
            journal_len: 2,
            ..Tally::default()
        },
        losses: Losses::default(),
    };
    let (claimed, plan) = claim(candidate, id(1), NOW).unwrap();
    assert_eq!(claimed.lease.epoch, 6);
    assert_eq!(claimed.journal_len, 2);
    let (name, attempt) = (&claimed.run.state.name, claimed.run.attempt);
    let shown = format!("{name}, attempt {attempt}: {}", show(&plan));
    assert_eq!(shown, expect, "{state}");
}

#[test]
fn a_claim_raises_the_epoch_and_begins_the_first_attempt() {
    let pending = "claim PENDING epoch 6 (4 states); tell change";
    claims(
        StateType::Scheduled,
        0,
        &format!("Pending, attempt 1: {pending}"),
    );
    claims(
        StateType::Scheduled,
        2,
        &format!("Pending, attempt 2: {pending}"),
    );
    claims(
        StateType::Waiting,
        1,
        &format!("Resuming, attempt 1: {pending}"),
    );
    // It is claimed for its clean-up, and stays what it is.
    claims(
        StateType::Cancelling,
        1,
        "Scheduled, attempt 1: claim CANCELLING epoch 6 (3 states); tell change",
    );
}

#[track_caller]
fn needs(runs: &[NewRun], expect: &str) {
    assert_eq!(show_result(create_needs(runs)), expect);
}

#[test]
fn somebody_must_be_able_to_claim_a_new_run() {
    let new = || child(Seq(1));
    needs(&[], "");
    needs(&[new(), new()], "need pool default-pool");
    let mut elsewhere = new();
    elsewhere.run.pool = Some(PoolName::trusted("gpu"));
    needs(&[new(), elsewhere], "need pool default-pool; need pool gpu");
    let reserved = NewRun {
        reserved_for: Some(id(1)),
        ..new()
    };
    needs(&[reserved], "need pool default-pool; need worker");

    let mut nowhere = new();
    nowhere.run.pool = None;
    let run = nowhere.run.id;
    needs(
        &[new(), nowhere],
        &format!("broken: new flow run {run} has no work pool"),
    );
    let mut running = new();
    running.run.state.kind = StateType::Running;
    needs(
        &[running],
        &format!("broken: new flow run {run} is RUNNING, not SCHEDULED"),
    );
}

#[test]
fn a_new_run_is_ready_from_its_time_on() {
    assert_eq!(
        show(&create(&child(Seq(1)))),
        "add run ready at 40; tell ready"
    );
}

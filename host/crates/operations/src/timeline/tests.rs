//! Timelines as drawings: a story in a few lines, and the rows as people see them.

mod limits;
mod property;
mod story;

use super::*;
use story::{draw, story, story_of};

/// Draws `text` on 40 columns; the last column is the end of the span.
#[track_caller]
fn check(text: &str, expect: &str) {
    check_as(text, &Wish::default(), expect);
}

#[track_caller]
fn check_as(text: &str, wish: &Wish, expect: &str) {
    let wish = Wish {
        width: 40.0,
        ..wish.clone()
    };
    let drawn = draw(&timeline(&story_of(text, wish.attempt), &wish));
    let lines = |text: &str| {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        lines.collect::<Vec<_>>().join("\n")
    };
    assert_eq!(lines(&drawn), lines(expect), "\n{drawn}");
}

#[test]
fn a_run_is_queued_claimed_and_executed() {
    check(
        "run 0 scheduled, 10 pending, 20 running, 40 completed
         1 task load 20 20-40 ok",
        "run    ..........::::::::::####################
         load-1                     ####################
         critical: load-1 20, queue 20",
    );
}

#[test]
fn a_task_waits_for_its_needs_and_for_its_next_attempt() {
    check(
        "run 0 running, 40 completed
         1 task extract 0 0-10 ok
         2 task load 0 10-20 fail, 30-40 ok <- 1",
        "run       ########################################
         extract-1 ##########
         load-2    ::::::::::xxxxxxxxxx----------##########
         critical: load-2 30, extract-1 10",
    );
}

#[test]
fn what_goes_on_is_open() {
    check(
        "now 40
         run 0 running
         1 task load 10 10-20 fail, retry 60
         2 task store 20 30-",
        "run     #######################################>
         load-1            xxxxxxxxxx------------------->
         store-2                     ::::::::::#########>
         critical: load-1 30, flow 10",
    );
}

#[test]
fn a_wait_is_a_thin_line_and_an_idle_gap_is_folded() {
    let text = "
        run 0 running, 10 waiting timer 2, 1010 pending, 1020 running, 1030 completed
        1 task load 0 0-10 ok
        2 timer 10-1010";
    let wish = Wish {
        fold: false,
        ..Wish::default()
    };
    check_as(
        text,
        &wish,
        "run          ---------------------------------------#
         load-1       #
         timer of 1ms ---------------------------------------
         critical: timer of 1ms 1000, flow 20, load-1 10",
    );
    let wish = Wish::default();
    let wide = Wish {
        width: 54.0,
        ..wish
    };
    let drawn = timeline(&story(text), &wide);
    let folds: Vec<_> = drawn.axis.folds().map(|it| (it.from.0, it.to.0)).collect();
    assert_eq!(folds, [(10, 1010)]);
    assert_eq!(drawn.axis.place(Timestamp(1020)), 44.0);
}

#[test]
fn what_is_executed_for_long_is_not_folded() {
    let text = "
        run 0 running, 5 waiting task 1, 995 pending, 1000 running, 1010 completed
        1 task load 0 5-995 ok";
    let drawn = timeline(&story(text), &Wish::default());
    assert_eq!(drawn.axis.folds().count(), 0);
}

#[test]
fn subflows_and_children_stand_in_their_scopes() {
    check(
        "run 0 running, 40 completed
         1 subflow check 0-20 ok
         2 task load 0 0-10 ok in 1
         3 child etl/nightly 10 20-30 fail in 1
         4 task store 30 30-40 ok",
        "run           ########################################
         check         ####################
         load-2      ##########
         etl/nightly           ..........xxxxxxxxxx
         store-4                                     ##########
         critical: etl/nightly 20, load-2 10, store-4 10",
    );
}

#[test]
fn a_lost_worker_leaves_a_tick() {
    check(
        "run 0 pending, 4 running, 12 rescued, 20 pending, 24 running, 40 completed
         1 task load 4 4-24 lost, 24-36 ok",
        "run    ::::########|.......::::################
         load-1     ########|:::::::::::############
         critical: load-1 32, flow 4, queue 4",
    );
}

#[test]
fn a_pause_a_cancellation_and_a_crash_have_their_own_look() {
    check(
        "run 0 running, 10 paused, 20 scheduled, 22 pending, 24 running, 30 cancelling, 40 cancelled",
        "run ##########==========..::######cccccccccc
         critical: flow 40",
    );
    check(
        "run 0 pending, 10 running, 40 crashed",
        "run ::::::::::zzzzzzzzzzzzzzzzzzzzzzzzzzzzzz
         critical: flow 30, queue 10",
    );
}

/// Of an attempt that is over its journal is gone. Its tasks, children and timers are found by
/// their times.
const TWO_ATTEMPTS: &str = "
    run 0 running, 20 again, 30 pending, 34 running, 50 completed
    1 task load 2 2-18 fail
    1 task load 36 36-46 ok
    3 child etl/nightly 4 8-16 ok
    past 2 timer 4-12";

#[test]
fn the_last_attempt_is_drawn_unless_another_is_asked_for() {
    check(
        TWO_ATTEMPTS,
        "run    -------------::::::#####################
         load-1                      ##############
         critical: queue 14, load-1 10, flow 6",
    );
}

#[test]
fn an_attempt_that_failed_is_drawn_from_what_was_kept() {
    let first = Wish {
        attempt: Some(1),
        ..Wish::default()
    };
    check_as(
        TWO_ATTEMPTS,
        &first,
        "run         xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
         load-1          xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
         etl/nightly         ........################
         timer of 0s         ----------------
         critical: load-1 16, flow 4",
    );
}

#[test]
fn a_group_is_one_row_and_opens_with_what_failed() {
    let text = "
        run 0 running, 40 completed
        1 task load 0 0-4 ok
        2 task load 0 0-8 ok
        3 task load 0 0-12 ok
        4 task load 0 0-16 ok
        5 task load 0 0-20 ok
        6 task load 0 0-24 ok
        7 task load 0 0-28 ok
        8 task load 0 0-10 fail
        9 task store 28 28-40 ok";
    check(
        text,
        "run        ########################################
         load x8 !1 8888877776x554444333322221111
         store-9                                ############
         critical: load-7 28, store-9 12",
    );
    let open = Wish {
        opened: vec![(1, 100)],
        ..Wish::default()
    };
    check_as(
        text,
        &open,
        "run        ########################################
         load x8 !1 8888877776x554444333322221111
         load-8   xxxxxxxxxx
         load-7   ############################
         load-6   ########################
         load-5   ####################
         load-4   ################
         load-3   ############
         load-2   ########
         load-1   ####
         store-9                                ############
         critical: load-7 28, store-9 12",
    );
    let failed = Wish {
        show: Show::Failed,
        ..Wish::default()
    };
    check_as(
        text,
        &failed,
        "run    ########################################
         load-8 xxxxxxxxxx
         critical: load-7 28, store-9 12",
    );
}

#[test]
fn what_an_earlier_attempt_has_done_is_a_mark() {
    check(
        "run 0 running, 10 again, 20 running, 60 completed
         1 task load 2 2-8 ok
         kept 2 load 20 1
         3 task store 20 20-60 ok",
        "run     --------################################
         load-1          k
         store-3         ################################
         critical: store-3 40, queue 10",
    );
}

#[test]
fn a_zoom_shows_a_part() {
    let part = Wish {
        from: Some(Timestamp(20)),
        to: Some(Timestamp(40)),
        ..Wish::default()
    };
    check_as(
        "run 0 running, 80 completed
         1 task load 0 10-30 ok
         2 task store 30 50-80 ok",
        &part,
        "run     ########################################
         load-1  ####################
         store-2                     ::::::::::::::::::::
         critical: store-2 50, load-1 30",
    );
}

//! What a worker that is gone, or that gives a run back, leaves behind.

use super::*;

#[track_caller]
fn gives_back(run: &str, why: Why, expect: &str) {
    let (plan, is_claimable) = give_back(&head(run), 0, "w1", &why, NOW).unwrap();
    let shown = format!(
        "{}: {}",
        if is_claimable { "ready" } else { "not ready" },
        show(&plan)
    );
    assert_eq!(shown, expect, "{run}");
}

/// How many losses count afterwards, and what history says.
#[track_caller]
fn counts(run: &str, settled: u64, why: Why, expect: (u32, &str)) {
    let (plan, _) = give_back(&head(run), settled, "w1", &why, NOW).unwrap();
    let (count, message) = match &plan.steps[..] {
        [Step::Do(Change::Enter(it))] => (it.losses.count, it.state.message.clone()),
        [Step::Do(Change::GiveUp(it))] => (it.losses.count, None),
        [Step::Do(Change::GiveUp(_)), Step::Do(Change::End(it)), ..] => {
            (0, it.state.message.clone())
        }
        _ => panic!("{}", show(&plan)),
    };
    assert_eq!((count, &*message.unwrap_or_default()), expect, "{run}");
}

fn alone() -> Why {
    Why::Alone("its process was ended by signal 11 (SIGSEGV)".to_owned())
}

#[test]
fn what_was_executed_goes_back_to_its_pool() {
    let rescued = "ready: enter SCHEDULED ready at 100; tell ready";
    for run in ["PENDING leased", "RUNNING leased entries=2"] {
        gives_back(run, Why::Lost, rescued);
        gives_back(run, Why::Stopped, rescued);
        gives_back(run, Why::Forgotten, rescued);
        gives_back(run, Why::Unable("no process".to_owned()), rescued);
    }
}

#[test]
fn a_worker_that_stops_costs_nothing() {
    let run = "RUNNING leased losses=1";
    counts(run, 0, Why::Stopped, (1, "worker `w1` stopped"));
    let unable = Why::Unable("no process".to_owned());
    let said = "worker `w1` could not execute it: no process";
    counts(run, 0, unable, (1, said));
}

#[test]
fn what_is_lost_again_without_progress_is_tried_alone() {
    let first = "worker `w1` was lost";
    counts("RUNNING leased", 0, Why::Lost, (1, first));
    let second =
        "worker `w1` was lost, the second time without progress; the run will be tried alone";
    counts("RUNNING leased losses=1", 0, Why::Lost, (2, second));
    let forgotten = "worker `w1` did not execute it any more, \
                     the second time without progress; the run will be tried alone";
    counts("RUNNING leased losses=1", 0, Why::Forgotten, (2, forgotten));
}

#[test]
fn company_never_ends_a_run() {
    let again = "worker `w1` was lost, 8 times without progress; the run will be tried alone";
    counts("RUNNING leased losses=7", 0, Why::Lost, (8, again));
    counts("CANCELLING leased losses=7", 0, Why::Lost, (8, ""));
}

#[test]
fn progress_clears_it() {
    // An outcome more.
    let lost = "worker `w1` was lost";
    counts("RUNNING leased losses=5", 1, Why::Lost, (1, lost));
    let alone_but = "its process was ended by signal 11 (SIGSEGV) while it was executed alone, \
                     but the run had made progress";
    counts("RUNNING leased losses=2", 1, alone(), (1, alone_but));
}

#[test]
fn a_new_attempt_is_progress_even_with_a_shorter_journal() {
    let before = Losses {
        count: 2,
        at: Reached {
            attempt: 1,
            steps: 9,
        },
    };
    let now = Reached {
        attempt: 2,
        steps: 1,
    };
    assert_eq!(before.and(now).count, 1);
}

#[test]
fn what_is_lost_alone_without_progress_crashes() {
    let ends = "not ready: give up; end CRASHED (line 4); who watches?; end task runs CRASHED; \
                open subflows?; tell ready";
    for state in ["PENDING", "RUNNING", "CANCELLING"] {
        gives_back(&format!("{state} leased losses=2"), alone(), ends);
    }
    let said = "its process was ended by signal 11 (SIGSEGV) while it was executed alone; \
                its worker was lost twice before";
    counts("RUNNING leased losses=2", 0, alone(), (0, said));
    // A person has stopped it, and decides what becomes of it.
    let stays = "not ready: give up; tell ready";
    gives_back("PAUSED leased losses=2", alone(), stays);
}

#[test]
fn what_nobody_executed_keeps_its_state() {
    // Somebody else goes on with the clean-up.
    gives_back(
        "CANCELLING leased",
        Why::Lost,
        "ready: give up ready at 100; tell ready",
    );
    // These were reserved. The slot of a paused run that was leased is free, too.
    gives_back("SCHEDULED", Why::Lost, "ready: give up; tell ready");
    counts("SCHEDULED losses=1", 0, Why::Lost, (1, ""));
    gives_back("PAUSED leased", Why::Lost, "not ready: give up; tell ready");
    gives_back(
        "WAITING entries=1",
        Why::Lost,
        "not ready: give up; tell ready",
    );
}

//! What a worker that is gone leaves behind.

use super::*;
use model::CRASH_RETRIES;

#[track_caller]
fn gives_back(run: &str, why: Why, expect: &str) {
    let (plan, is_claimable) = give_back(&head(run), "w1", why, NOW).unwrap();
    let shown = format!(
        "{}: {}",
        if is_claimable { "ready" } else { "not ready" },
        show(&plan)
    );
    assert_eq!(shown, expect, "{run}");
}

#[test]
fn what_was_executed_goes_back_to_its_pool() {
    let rescued = "ready: enter SCHEDULED ready at 100; tell ready";
    for run in ["PENDING leased", "RUNNING leased entries=2"] {
        gives_back(run, Why::Lost, rescued);
        gives_back(run, Why::Stopped, rescued);
    }
}

#[test]
fn only_a_lost_worker_counts_as_a_crash() {
    let crashes = |why| {
        let (plan, _) = give_back(&head("RUNNING leased crashes=2"), "w1", why, NOW).unwrap();
        match &plan.steps[..] {
            [Step::Do(Change::Enter(it))] => (it.crashes, it.state.message.clone().unwrap()),
            _ => panic!("{}", show(&plan)),
        }
    };
    assert_eq!(crashes(Why::Lost), (3, "worker `w1` was lost".to_owned()));
    assert_eq!(crashes(Why::Stopped), (2, "worker `w1` stopped".to_owned()));
}

#[test]
fn what_loses_too_many_workers_crashes() {
    let run = format!("RUNNING leased crashes={CRASH_RETRIES}");
    gives_back(
        &run,
        Why::Lost,
        "not ready: give up; end CRASHED (line 4); who watches?; end task runs CRASHED; \
         open subflows?; tell ready",
    );
    // One that stops of its own accord costs nothing.
    gives_back(
        &run,
        Why::Stopped,
        "ready: enter SCHEDULED ready at 100; tell ready",
    );
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
    gives_back("PAUSED leased", Why::Lost, "not ready: give up; tell ready");
    gives_back(
        "WAITING entries=1",
        Why::Lost,
        "not ready: give up; tell ready",
    );
}

//! How calls settle and runs end, and who hears of it.

use super::*;

fn open(awaited: Option<u64>, state: &str, missing: Option<u64>) -> Option<OpenCall> {
    let waiter = Waiter {
        state: state.parse().unwrap(),
        epoch: 5,
        missing,
    };
    Some(OpenCall {
        keep: true,
        awaited,
        waiter: awaited.map(|_| waiter),
    })
}

#[track_caller]
fn settles(call: Option<OpenCall>, expect: &str) {
    let mut due = due(RunKey(70), Seq(1), at(9), false);
    let Some(Step::Ask(Question::Settling(settling))) = due.steps.pop() else {
        panic!("a timer asks for its call");
    };
    assert_eq!(show(&settling.answered(call)), expect);
}

#[test]
fn a_call_settles_once_and_wakes_whoever_waited_for_it_last() {
    settles(None, "");
    settles(open(None, "RUNNING", None), "settle 1");
    settles(open(Some(5), "WAITING", Some(2)), "settle 1; 1 left");
    settles(
        open(Some(5), "WAITING", Some(1)),
        "settle 1; wake at 9; tell ready",
    );
}

#[test]
fn what_was_awaited_under_an_earlier_epoch_does_not_count() {
    settles(open(Some(4), "WAITING", Some(1)), "settle 1");
    settles(open(Some(5), "WAITING", Some(0)), "settle 1");
    // A paused run is not woken: whoever resumes it makes it ready.
    settles(open(Some(5), "PAUSED", None), "settle 1");
}

#[test]
fn an_input_that_nobody_gave_in_time_is_not_kept() {
    let mut due = due(RunKey(70), Seq(1), at(9), true);
    let Some(Step::Ask(Question::Settling(settling))) = due.steps.pop() else {
        panic!("an input asks for its call");
    };
    let plan = settling.answered(open(None, "RUNNING", None));
    assert_eq!(show(&plan), "settle 1");
}

/// The plans after the end of a run, by what is asked.
fn ends(outcome: &Outcome, watchers: Vec<Watcher>, subflows: Vec<Head>) -> String {
    let mut progress = Progress::new(lease());
    progress.states.push(State::ended(outcome, NOW));
    progress.next = model::Next::End {
        outcome: outcome.clone(),
    };
    let plan = super::super::record(Some(head("RUNNING leased")), &progress).unwrap();
    let mut parts = vec![show(&plan)];
    for step in plan.steps {
        match step {
            Step::Ask(Question::WatchersOf(it)) => {
                let watchers = (!watchers.is_empty()).then(|| Watchers {
                    name: RunName::trusted("silver-otter"),
                    flow: FlowName::trusted("etl"),
                    deployment: None,
                    calls: watchers.clone(),
                });
                parts.push(show(&it.answered(watchers)));
            }
            Step::Ask(Question::OpenSubflows(it)) => {
                parts.push(show_result(it.answered(subflows.clone())));
            }
            Step::Ask(Question::SlotFreed(it)) => parts.push(show(&it.answered(true))),
            _ => {}
        }
    }
    parts.retain(|part| !part.is_empty());
    parts.join(" | ")
}

#[test]
fn an_end_frees_its_slot() {
    assert_eq!(
        ends(&done(), Vec::new(), Vec::new()),
        "end COMPLETED (line 4); who watches?; open subflows?; limited pool?; tell change; \
         = Done | tell ready"
    );
}

#[test]
fn task_runs_of_a_run_that_failed_end_with_it() {
    assert_eq!(
        ends(&failed(), Vec::new(), Vec::new()),
        "end FAILED (line 4); who watches?; end task runs FAILED; open subflows?; \
         limited pool?; tell change; = Done | tell ready"
    );
}

#[test]
fn each_watcher_is_told_and_one_that_watches_twice_waits_for_one_less_each_time() {
    let watcher = |seq, call| Watcher {
        run: RunKey(80),
        seq: Seq(seq),
        call,
    };
    let twice = || open(Some(5), "WAITING", Some(2));
    let told = ends(
        &done(),
        vec![watcher(1, twice()), watcher(2, twice()), watcher(3, None)],
        Vec::new(),
    );
    let told = told.split(" | ").nth(1).unwrap();
    assert_eq!(
        told,
        "settle 1 kept; 1 left; settle 2 kept; wake at 100; forget watchers; tell ready"
    );
}

/// The next attempt takes the child that this one has started, and watches others anew. One that
/// has failed may have been mended by then.
#[test]
fn only_whoever_started_a_run_keeps_it() {
    let watching = |keep| {
        let call = OpenCall {
            keep,
            ..OpenCall::default()
        };
        let watcher = Watcher {
            run: RunKey(80),
            seq: Seq(1),
            call: Some(call),
        };
        let told = |outcome| ends(outcome, vec![watcher], Vec::new());
        [told(&done()), told(&failed())].map(|told| told.contains("settle 1 kept"))
    };
    assert_eq!(watching(true), [true, true]);
    assert_eq!(watching(false), [false, false]);
}

#[test]
fn subflows_end_with_the_run_around_them() {
    let part = || vec![head("RUNNING")];
    // One that was dropped is cancelled; otherwise they share the failure.
    let dropped = ends(&done(), Vec::new(), part());
    assert!(
        dropped.contains("| end CANCELLED (line 4); who watches?"),
        "{dropped}"
    );
    let failed = ends(&failed(), Vec::new(), part());
    assert!(
        failed.contains("| end FAILED (line 4); who watches?"),
        "{failed}"
    );
}

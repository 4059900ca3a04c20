//! Cancel, pause, resume, retry, and input.

use super::*;

#[track_caller]
fn cancels(run: &str, expect: &str) {
    let shown = match cancel(&head(run), NOW) {
        Ok((plan, cancellation)) => format!("{cancellation:?}: {}", show(&plan)),
        Err(refusal) => show_result(Err(refusal)),
    };
    assert_eq!(shown, expect, "{run}");
}

#[test]
fn what_has_not_begun_is_cancelled_at_once() {
    let ends = "Done: end CANCELLED (line 4); who watches?; end task runs CANCELLED; \
                open subflows?; tell change";
    cancels("SCHEDULED", ends);
    cancels("PAUSED", ends);
    // Its worker was lost before it had called anything.
    cancels("SCHEDULED begun losses=1", ends);
}

#[test]
fn what_has_begun_is_told_and_may_clean_up() {
    let told = "Told: enter CANCELLING leased; tell ready";
    cancels("PENDING leased", told);
    cancels("RUNNING leased entries=2", told);
    // Nobody executes these, so they are to be claimed.
    let to_claim = "Told: enter CANCELLING leased ready at 100; tell ready";
    cancels("WAITING entries=1", to_claim);
    cancels("PAUSED entries=1", to_claim);
    cancels("CANCELLING leased", "Told: ");
}

#[test]
fn a_family_is_cancelled_from_a_whole_run_that_may_be_over() {
    let family = [subject("RUNNING leased").head];
    let told = cancellation(&subject("RUNNING leased"), &family);
    assert_eq!(told, Ok(Cancellation::Told));
    let below = cancellation(&subject("FAILED"), &family);
    assert!(matches!(below, Ok(Cancellation::Below(_))), "{below:?}");
    let over = cancellation(&subject("COMPLETED"), &[]);
    assert!(matches!(over, Ok(Cancellation::Over(_))), "{over:?}");
    let part = Subject {
        within: Some(id(8)),
        ..subject("RUNNING")
    };
    let (run, within) = (run_id(), id(8));
    let refusal = Refusal::Subflow { run, within };
    assert_eq!(cancellation(&part, &family), Err(refusal));
}

#[track_caller]
fn pauses(run: &str, expect: &str) {
    assert_eq!(show_result(pause(&subject(run), NOW)), expect, "{run}");
}

#[test]
fn whoever_executes_a_paused_run_keeps_it_until_its_next_record() {
    pauses("SCHEDULED", "enter PAUSED leased; tell ready");
    pauses("RUNNING leased", "enter PAUSED leased; tell ready");
    pauses("COMPLETED", "over: COMPLETED");
    pauses("PAUSED", "paused already");
    pauses("CANCELLING leased", "being cancelled");
}

#[track_caller]
fn resumes(run: &str, second: i64, expect: &str) {
    let shown = show_result(resume(&subject(run), at(second)));
    assert_eq!(shown, expect, "{run}");
}

#[test]
fn a_paused_run_is_ready_at_once_unless_it_has_never_begun() {
    resumes(
        "PAUSED begun",
        50,
        "enter SCHEDULED ready at 50; tell ready",
    );
    resumes("PAUSED begun", 1, "enter SCHEDULED ready at 1; tell ready");
    // It is scheduled for second 2.
    resumes("PAUSED", 1, "enter SCHEDULED ready at 2; tell ready");
    resumes("RUNNING leased", 50, "not paused: RUNNING");
    resumes("COMPLETED", 50, "not paused: COMPLETED");
}

#[track_caller]
fn retries(run: &str, from_scratch: bool, expect: &str) {
    let shown = show_result(retry(&subject(run), from_scratch, NOW));
    assert_eq!(shown, expect, "{run}");
}

#[test]
fn a_run_that_is_over_is_tried_again() {
    let again = "reopen SCHEDULED attempt 2 ready at 100; tell ready";
    for run in [
        "COMPLETED",
        "FAILED entries=9",
        "CRASHED losses=4",
        "CANCELLED",
    ] {
        retries(
            run,
            false,
            &format!("what to keep?; remember attempt 1; empty journal; {again}"),
        );
        retries(
            run,
            true,
            &format!("forget kept; remember attempt 1; empty journal; {again}"),
        );
    }
    retries("RUNNING leased", false, "not over: RUNNING");
    retries("CANCELLING", true, "being cancelled");
}

#[test]
fn a_new_attempt_counts_only_its_history_on() {
    let subject = subject("FAILED begun entries=9");
    let plan = retry(&subject, false, NOW).unwrap();
    let Some(Step::Do(Change::Reopen(reopen))) = plan.steps.last() else {
        panic!("{}", show(&plan));
    };
    let fresh = Tally {
        states: 4,
        ..Tally::default()
    };
    assert_eq!(reopen.tally, fresh);
}

#[test]
fn input_settles_its_call_and_a_paused_run_goes_on_with_it() {
    let give = |run| show_result(give_input(&subject(run), Seq(1), Json::null(), NOW));
    assert_eq!(give("WAITING entries=1"), "open call 1?; tell ready");
    assert_eq!(give("RUNNING leased entries=1"), "open call 1?; tell ready");
    assert_eq!(
        give("PAUSED begun entries=1"),
        "open call 1?; enter SCHEDULED ready at 100; tell ready"
    );
}

#[test]
fn what_is_over_or_being_cancelled_takes_no_input() {
    for state in StateType::ALL {
        let takes_none = state.is_terminal() || state == StateType::Cancelling;
        assert_eq!(awaits_input(state), !takes_none, "{state}");
    }
}

/// Nobody can claim what somebody executes, whatever a person does to it.
#[test]
fn no_run_is_both_ready_and_leased() {
    for state in StateType::ALL {
        for more in ["", " leased", " leased entries=1", " begun entries=1"] {
            let run = format!("{state}{more}");
            let cancelled = cancel(&head(&run), NOW).map(|(plan, _)| plan);
            let paused = pause(&subject(&run), NOW);
            let resumed = resume(&subject(&run), NOW);
            for plan in [cancelled, paused, resumed].into_iter().flatten() {
                for step in &plan.steps {
                    if let Step::Do(Change::Enter(it)) = step {
                        let is_leased = it.keeps_lease && run.contains("leased");
                        assert!(!(is_leased && it.ready_at.is_some()), "{run}: {it:?}");
                        assert!(state.may_become(it.state.kind), "{run}: {it:?}");
                    }
                }
            }
        }
    }
}

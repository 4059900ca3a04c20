//! What a run under lease may record, and where it goes with that.

use proptest::{collection::vec, prelude::*, sample::select};

use super::*;
use model::{Next, Waits};

/// A record of these states, calls and children, in words: `RUNNING task mark child`.
/// `ends`, `fails`, `waits`, `retries` and `stops` say where it goes.
#[track_caller]
fn progress(journal_len: u64, words: &str) -> Progress {
    let mut progress = Progress::new(lease());
    for word in words.split_whitespace() {
        let seq = Seq(journal_len + progress.entries.len() as u64 + 1);
        match word {
            "task" => progress
                .entries
                .push(entry(seq, Call::WaitAny, Answer::Accepted)),
            "mark" => {
                let call = Call::Cancelled { wait: 1 };
                progress.entries.push(entry(seq, call, Answer::Accepted));
            }
            "child" => {
                let child = child(seq);
                progress.entries.push(started(seq, &child.run));
                progress.children.push(child);
            }
            "ends" | "fails" => {
                let outcome = if word == "ends" { done() } else { failed() };
                progress.states.push(State::ended(&outcome, at(50)));
                progress.next = Next::End { outcome };
            }
            "waits" => {
                progress.states.push(State::waiting(at(50)));
                progress.next = Next::Wait {
                    awaited: vec![Seq(1), Seq(2)],
                    count: 2,
                    until: None,
                    waits: Waits::default(),
                };
            }
            "retries" | "stops" => {
                progress.states.push(State::scheduled(at(50)));
                progress.next = Next::Release {
                    at: at(60),
                    failed: (word == "retries").then(|| failed().unwrap_err()),
                };
            }
            state => {
                let kind = state.parse().unwrap();
                let name = model::StateName::RUNNING;
                progress.states.push(State::new(kind, name, at(40)));
            }
        }
    }
    progress
}

fn entry(seq: Seq, call: Call, answer: Answer) -> Entry {
    Entry {
        seq,
        call,
        answer,
        at: at(40),
        settled: None,
        identity: None,
    }
}

pub(super) fn child(seq: Seq) -> NewRun {
    NewRun {
        run: FlowRun {
            id: id(20 + seq.0 as u32),
            name: RunName::trusted("silver-otter"),
            flow: FlowName::trusted("part"),
            deployment: None,
            component: model::Digest::of(b"wasm"),
            pool: Some(PoolName::default_pool()),
            work_queue: None,
            priority: model::Priority::default(),
            limits: Vec::new(),
            grants: model::Grants::default(),
            parameters: Json::empty_object(),
            tags: Vec::new(),
            parent: Some(run_id()),
            within: None,
            state: State::scheduled(at(40)),
            attempt: 0,
            epoch: 0,
            created: at(40),
            scheduled: at(40),
            started: None,
            earlier: std::time::Duration::ZERO,
            ended: None,
            outcome: None,
        },
        idempotency_key: None,
        instead_of: None,
        reserved_for: None,
    }
}

fn started(seq: Seq, child: &FlowRun) -> Entry {
    let request = RunRequest {
        deployment: "part/part-deployment".to_owned(),
        parameters: Json::empty_object(),
        flow_run_name: None,
        tags: Vec::new(),
        scheduled: None,
        idempotency_key: None,
        work_queue: None,
        as_subflow: true,
        scope: None,
    };
    let run = child.snapshot();
    entry(seq, Call::RunDeployment(request), Answer::Run { run })
}

#[track_caller]
fn records(run: &str, record: &str, expect: &str) {
    let head = head(run);
    let progress = progress(head.tally.journal_len, record);
    let shown = show_result(super::super::record(Some(head), &progress));
    assert_eq!(shown, expect, "{run}, {record}");
}

#[test]
fn a_run_goes_on_under_its_lease() {
    records("PENDING leased", "", "= Done");
    records(
        "PENDING leased",
        "RUNNING task",
        "add entry 1; advance to RUNNING (4 states, 1 entries); tell change; = Done",
    );
    records(
        "RUNNING leased entries=4",
        "task task",
        "add entry 5; add entry 6; advance (3 states, 6 entries); tell change; = Done",
    );
}

#[test]
fn a_late_record_of_an_earlier_owner_is_refused() {
    let nothing = Progress::new(lease());
    let refused = |head| show_result(super::super::record(head, &nothing));
    assert_eq!(refused(None), "stale");
    assert_eq!(refused(Some(head("RUNNING"))), "stale");
    let claimed_since = Head {
        epoch: 6,
        ..head("RUNNING leased")
    };
    assert_eq!(refused(Some(claimed_since)), "stale");
    let other = Head {
        worker: Some(id(2)),
        ..head("RUNNING leased")
    };
    assert_eq!(refused(Some(other)), "stale");
}

#[test]
fn what_the_transition_table_lacks_is_refused() {
    let run = run_id();
    records(
        "PENDING leased",
        "ends",
        &format!("broken: flow run {run} cannot go from PENDING to COMPLETED"),
    );
    records(
        "RUNNING leased",
        "COMPLETED",
        &format!("broken: flow run {run}: in state COMPLETED it cannot go on"),
    );
}

#[test]
fn what_was_never_called_cannot_be_awaited() {
    let run = run_id();
    records(
        "RUNNING leased entries=1",
        "waits",
        &format!("broken: flow run {run}: it waits for 2, which it never called"),
    );
    let mut progress = progress(2, "waits");
    if let Next::Wait { count, .. } = &mut progress.next {
        *count = 3;
    }
    let refused = super::super::record(Some(head("RUNNING leased entries=2")), &progress);
    assert_eq!(
        show_result(refused),
        format!("broken: flow run {run}: it waits for more calls than it names")
    );
}

/// What becomes of a wish to wait for calls 1 and 2 when so many of them are open.
#[track_caller]
fn waits(open: &[u64], expect: &str) {
    let progress = progress(2, "task waits");
    let head = head("RUNNING leased entries=2");
    let mut plan = super::super::record(Some(head), &progress).unwrap();
    let Some(Step::Ask(Question::Waiting(it))) = plan.steps.pop() else {
        panic!("a wish to wait asks what is open");
    };
    let open = open.iter().copied().map(Seq).collect();
    assert_eq!(show(&it.answered(open, false)), expect);
}

#[test]
fn a_run_waits_unless_enough_has_settled() {
    waits(
        &[1, 2],
        "await 2; leave WAITING attempt 1 missing 2; limited pool?",
    );
    waits(
        &[2],
        "await 1; leave WAITING attempt 1 missing 1; limited pool?",
    );
    // Then it never was in the state that it wanted to wait in.
    waits(&[], "advance (3 states, 3 entries); = Ready");
}

#[test]
fn a_new_attempt_begins_with_an_empty_journal() {
    records(
        "RUNNING leased entries=2",
        "retries",
        "leave SCHEDULED attempt 2 ready at 60; what to keep?; remember attempt 1; empty journal; tell ready; = Done",
    );
    records(
        "RUNNING leased entries=2",
        "stops",
        "leave SCHEDULED attempt 1 ready at 60; tell ready; = Done",
    );
}

#[test]
fn what_is_marked_is_kept_under_a_name() {
    let called = |seq, duration_ms, keep| crate::Called {
        seq: Seq(seq),
        call: Call::Input {
            key: "approval".to_owned(),
            timeout_ms: Some(duration_ms),
            scope: None,
        },
        keep,
    };
    let keeps = |journal| {
        let run = RunKey(70);
        show(&Keeping { run }.answered(Vec::new(), journal))
    };
    assert_eq!(
        keeps(vec![
            called(1, 5, true),
            called(2, 7, false),
            called(3, 5, true)
        ]),
        "keep 1 3"
    );
    assert_eq!(keeps(vec![called(1, 5, false)]), "");
    assert_eq!(keeps(Vec::new()), "");
}

#[test]
fn a_cancelled_run_ends_as_such_wherever_it_wants_to_go() {
    let ends = "end CANCELLED (line 4); who watches?; end task runs CANCELLED; \
                open subflows?; limited pool?; tell change; = Done";
    for wish in ["ends", "fails", "retries", "stops"] {
        records("CANCELLING leased begun", wish, ends);
    }
    records("CANCELLING leased", "", "= Cancelling");
    // It keeps its slot while it cleans up.
    records(
        "CANCELLING leased begun entries=2",
        "task waits",
        "add entry 3; advance (3 states, 3 entries); tell change; = Cancelling",
    );
}

#[test]
fn a_paused_run_keeps_what_it_did_and_gives_up_its_lease() {
    for wish in ["", "RUNNING", "waits", "retries"] {
        let head = head("PAUSED leased begun entries=2");
        let progress = progress(2, &format!("task {wish}"));
        let plan = super::super::record(Some(head), &progress).unwrap();
        assert_eq!(
            show(&plan),
            "add entry 3; give up; limited pool?; tell change; = Paused"
        );
    }
    // Only its end stays its end.
    records(
        "PAUSED leased",
        "RUNNING ends",
        "end COMPLETED (line 4); who watches?; open subflows?; limited pool?; tell change; \
         = Done",
    );
}

/// Whoever replays it must begin at the same time.
#[test]
fn what_was_stopped_before_it_said_so_has_begun() {
    for run in ["CANCELLING leased", "PAUSED leased"] {
        let progress = progress(0, "RUNNING task");
        let plan = super::super::record(Some(head(run)), &progress).unwrap();
        let started = plan.steps.iter().find_map(|step| match step {
            Step::Do(Change::Advance(it)) => it.tally.started,
            Step::Do(Change::GiveUp(it)) => it.tally.started,
            _ => None,
        });
        assert_eq!(started, Some(at(40)), "{run}");
    }
}

#[test]
fn children_are_added_before_the_calls_that_watch_them() {
    records(
        "RUNNING leased",
        "child",
        "need pool default-pool; add run ready at 40; add entry 1 watching kept; \
         advance (3 states, 1 entries); tell ready; = Done",
    );
}

/// What a run that is being cancelled records; `is_told`: by an earlier record.
#[track_caller]
fn cleans_up(record: &str, is_told: bool, expect: &str) {
    let progress = progress(0, record);
    let mut plan = super::super::record(Some(head("CANCELLING leased")), &progress).unwrap();
    let Some(Step::Ask(Question::Cleaning(it))) = plan.steps.pop() else {
        panic!("{}", show(&plan));
    };
    let shown = show_result(it.answered(is_told));
    let steps = shown.split("; ").filter(|part| part.starts_with("add"));
    assert_eq!(steps.collect::<Vec<_>>().join("; "), expect, "{record}");
}

#[test]
fn children_from_before_the_flow_was_told_are_cancelled_with_it() {
    cleans_up(
        "child",
        false,
        "add run CANCELLED; add entry 1 settled kept",
    );
    cleans_up(
        "child mark child",
        false,
        "add run CANCELLED; add run ready at 40; add entry 1 settled kept; add entry 2; \
         add entry 3 watching kept",
    );
    // It was told earlier: what it starts now belongs to its clean-up, and lives.
    cleans_up(
        "child",
        true,
        "add run ready at 40; add entry 1 watching kept",
    );
}

#[test]
fn a_run_that_is_no_child_outlives_whoever_started_it() {
    let mut progress = progress(0, "child");
    progress.children[0].run.parent = None;
    let mut plan = super::super::record(Some(head("CANCELLING leased")), &progress).unwrap();
    let Some(Step::Ask(Question::Cleaning(it))) = plan.steps.pop() else {
        panic!("{}", show(&plan));
    };
    let shown = show_result(it.answered(false));
    assert!(shown.contains("add run ready at 40"), "{shown}");
}

#[test]
fn a_settlement_stands_beside_its_entry() {
    let mut progress = progress(0, "task");
    let settlement = Settlement::Task(done());
    progress.entries[0].settled = Some((at(41), settlement));
    let plan = super::super::record(Some(head("RUNNING leased")), &progress).unwrap();
    assert_eq!(
        show(&plan),
        "add entry 1 settled kept; advance (3 states, 1 entries); tell change; = Done"
    );
    assert_eq!(plan.recorded, Some(Recorded::Done));
}

/// All changes that a record comes to, with so many of its awaited calls open.
fn changes<'p>(plan: Plan<'p>, open: u64) -> Vec<Change<'p>> {
    let mut all = Vec::new();
    for step in plan.steps {
        match step {
            Step::Do(change) => all.push(change),
            Step::Ask(Question::Waiting(it)) => {
                let open = (1..=open).map(Seq).collect();
                all.extend(changes(it.answered(open, false), 0));
            }
            Step::Ask(Question::Cleaning(it)) => {
                all.extend(changes(it.answered(false).unwrap(), 0));
            }
            _ => {}
        }
    }
    all
}

proptest! {
    #[test]
    fn a_record_goes_along_arrows_and_moves_a_run_once(
        state in select(&["PENDING", "RUNNING", "CANCELLING", "PAUSED"]),
        did in vec(select(&["task", "child", "mark", "RUNNING", "WAITING", "SCHEDULED"]), 0..4),
        goes in select(&["", "ends", "fails", "waits", "retries", "stops"]),
        open in 0..=2_u64,
    ) {
        let run = head(&format!("{state} leased entries=2"));
        let progress = progress(2, &format!("{} {goes}", did.join(" ")));
        let Ok(plan) = super::super::record(Some(run.clone()), &progress) else {
            return Ok(());
        };
        // What ends while it is paused ends as if that had come before.
        let mut at = if run.state == StateType::Paused { StateType::Running } else { run.state };
        let (mut moves, mut lines) = (0, run.tally.states);
        for change in changes(plan, open) {
            let (states, tally) = match change {
                Change::Advance(it) => (it.states.to_vec(), it.tally),
                Change::Leave(it) => {
                    moves += 1;
                    prop_assert!(it.ready_at.is_some() || it.missing > Some(0), "lost: {it:?}");
                    ([it.passed, &[it.state.clone()][..]].concat(), it.tally)
                }
                Change::End(it) => {
                    moves += 1;
                    prop_assert!(it.state.kind.is_terminal());
                    ([it.passed, &[it.state.into_owned()][..]].concat(), it.tally)
                }
                Change::GiveUp(it) => {
                    moves += 1;
                    prop_assert_eq!(it.ready_at, None);
                    (Vec::new(), it.tally)
                }
                _ => continue,
            };
            for state in &states {
                prop_assert!(at.may_become(state.kind), "{at} to {}", state.kind);
                at = state.kind;
            }
            lines += states.len() as u64;
            prop_assert_eq!(tally.states, lines, "the history has another length");
        }
        prop_assert!(moves <= 1);
        prop_assert_eq!(moves == 0, at.holds_slot() && state != "PAUSED");
    }
}

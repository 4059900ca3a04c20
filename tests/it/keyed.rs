//! Idempotency keys, and what becomes of a child that failed: within one parent a new attempt
//! tries anew; from outside, a key means the run that has it.

use test_support::{Home, Ran};

use super::{deploy, flow_runs, home, inspect, start, text, wait_until, watch, worker};

const CHILD: &str = "as-the-variable-says";

fn set_fails(home: &Home, fails: bool) {
    home.run(["variable", "set", "fails", &fails.to_string()])
        .ok();
}

/// A home where the child fails.
fn failing() -> Home {
    let home = home();
    deploy(&home, "retries", &[]);
    set_fails(&home, true);
    home
}

/// The states of all children, the oldest first.
fn children(home: &Home) -> Vec<String> {
    let runs = flow_runs(home, &["--flow", CHILD]);
    let states = runs.iter().rev();
    states
        .map(|run| text(&run["state"]["type"]).to_owned())
        .collect()
}

/// Asks for the child from outside, under a key.
fn run_keyed(home: &Home, n: &str, key: &str) -> Ran {
    let n = format!("n={n}");
    home.run([
        "deployment",
        "run",
        CHILD,
        "-p",
        &n,
        "--idempotency-key",
        key,
    ])
}

fn retry(home: &Home, run: &str) -> Ran {
    home.run(["flow-run", "retry", run, "--watch"])
}

#[test]
fn a_new_attempt_starts_a_child_anew_whose_key_a_failed_one_had() {
    for flow in ["has-a-child-with-a-key", "has-it-in-a-part"] {
        let home = failing();
        let _worker = worker(&home, &[]);
        let parent = start(&home, flow, &["-p", "n=7", "-p", "key=july"]);
        wait_until(&home, &parent, "FAILED");
        // It fails again, and each attempt tries anew.
        retry(&home, &parent).fails(1);
        set_fails(&home, false);
        assert_eq!(retry(&home, &parent).ok().stdout, "7\n");
        assert_eq!(children(&home), ["FAILED", "FAILED", "COMPLETED"]);
        // One that has completed is not started again, not even from scratch.
        home.run(["flow-run", "retry", &parent, "--from-scratch", "--watch"])
            .ok();
        assert_eq!(children(&home).len(), 3);
        // The key is that of the run that came last.
        let again = run_keyed(&home, "7", "july").ok();
        let latest = flow_runs(&home, &["--flow", CHILD]);
        assert_eq!(again.stdout.trim(), text(&latest[0]["id"]));
    }
}

/// A run that others have started belongs to nobody's attempts.
#[test]
fn a_key_from_outside_means_the_first_run() {
    let home = failing();
    let _worker = worker(&home, &[]);
    let start_keyed = |n: &str, key: &str| run_keyed(&home, n, key);
    let first = start_keyed("7", "july").ok().stdout.trim().to_owned();
    wait_until(&home, &first, "FAILED");
    set_fails(&home, false);
    assert_eq!(start_keyed("7", "july").ok().stdout.trim(), first);
    let parent = start(
        &home,
        "has-a-child-with-a-key",
        &["-p", "n=7", "-p", "key=july"],
    );
    wait_until(&home, &parent, "FAILED");
    retry(&home, &parent).fails(1);
    assert_eq!(children(&home), ["FAILED"]);
    // A person can mend it for all who have the key.
    retry(&home, &first).ok();
    assert_eq!(retry(&home, &parent).ok().stdout, "7\n");
}

#[test]
fn other_parameters_under_a_used_key_are_refused() {
    let home = failing();
    set_fails(&home, false);
    let _worker = worker(&home, &[]);
    let run = |n: &str| run_keyed(&home, n, "july");
    let first = run("7").ok().stdout.trim().to_owned();
    let refused = run("8").fails(2);
    assert!(
        refused.stderr.contains(&format!(
            "the idempotency key `july` is that of flow run {first}, and its parameter `n` is `7`, \
             where `8` is asked for now"
        )),
        "{refused}"
    );
    assert!(
        refused
            .stderr
            .contains("hint: give a new run a key of its own"),
        "{refused}"
    );
    let parent = watch(
        &home,
        "has-a-child-with-a-key",
        &["-p", "n=8", "-p", "key=july"],
    )
    .fails(1);
    assert!(
        parent
            .stderr
            .contains("its parameter `n` is `7`, where `8` is asked for now"),
        "{parent}"
    );
    assert_eq!(children(&home).len(), 1);
}

#[test]
fn an_empty_key_is_no_key() {
    let home = failing();
    let _worker = worker(&home, &[]);
    let refused = run_keyed(&home, "7", "").fails(2);
    assert!(
        refused.stderr.contains("--idempotency-key <KEY>"),
        "{refused}"
    );
    let parent = watch(
        &home,
        "has-a-child-with-a-key",
        &["-p", "n=7", "-p", "key="],
    )
    .fails(1);
    assert!(
        parent.stderr.contains("an idempotency key cannot be empty"),
        "{parent}"
    );
    assert!(children(&home).is_empty());
}

#[test]
fn within_an_attempt_a_key_means_one_child() {
    let home = failing();
    let _worker = worker(&home, &[]);
    let ran = watch(&home, "asks-twice", &["-p", "key=july"]).ok();
    let ids: Vec<String> = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(ids[0], ids[1]);
    assert_eq!(children(&home), ["FAILED"]);
}

/// It failed, a person has retried it, and it completed: its result is there.
#[test]
fn a_child_that_was_mended_by_hand_is_not_started_again() {
    let home = failing();
    let _worker = worker(&home, &[]);
    let parent = start(&home, "has-a-child", &["-p", "n=7"]);
    wait_until(&home, &parent, "FAILED");
    set_fails(&home, false);
    let child = text(&flow_runs(&home, &["--flow", CHILD])[0]["id"]).to_owned();
    retry(&home, &child).ok();
    assert_eq!(retry(&home, &parent).ok().stdout, "7\n");
    assert_eq!(children(&home), ["COMPLETED"]);
    assert_eq!(inspect(&home, &parent)["attempt"], 2);
}

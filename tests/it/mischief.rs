//! Whatever a guest does ends at a named limit: its run fails with a clear message, and the
//! worker and every other run go on.

use serde_json::{Value, json};
use test_support::{Home, Worker, eventually};

use super::{SOON, deploy, flow_runs, home, inspect, start, text, watch, worker};

/// A worker with low limits for guests that would go on for long.
fn mischief(limits: &[&str]) -> (Home, Worker) {
    let home = home();
    deploy(&home, "mischief", &[]);
    deploy(&home, "bench", &[]);
    let worker = worker(&home, limits);
    (home, worker)
}

/// The flow fails with this message; then the same worker goes on with the next run.
#[track_caller]
fn check(home: &Home, flow: &str, more: &[&str], said: &str) {
    let ran = watch(home, flow, more).fails(1);
    assert!(ran.stderr.contains(said), "{flow}: {said:?} in {ran}");
    watch(home, "three-tasks", &[]).ok();
}

#[test]
fn what_ends_badly_fails_with_a_message() {
    let (home, worker) = mischief(&[]);
    let panicked = "panicked at tests/guests/mischief/src/lib.rs:13:20: told to panic";
    check(&home, "flow-panic", &[], panicked);
    check(&home, "task-panic", &[], panicked);
    let trapped = "trapped: wasm `unreachable` instruction executed";
    check(&home, "flow-trap", &[], trapped);
    check(&home, "task-trap", &[], trapped);
    let exited = "called `exit`: a flow or task ends by returning";
    check(&home, "flow-exit", &[], exited);
    check(&home, "task-exit", &[], exited);
    let stuck = "stuck: the code awaits something that nothing can ever complete";
    check(&home, "flow-stuck", &[], stuck);
    let nested = "task `calls_a_task` cannot call task `misbehaving_task`: only flows start tasks";
    check(&home, "task-in-task", &[], nested);

    worker.sigint();
    assert_eq!(worker.wait(), 0, "the worker itself is well");
}

#[test]
fn what_takes_too_much_ends_at_a_limit() {
    let (home, _worker) = mischief(&["--compute-limit", "1s"]);
    let recursed = "recursed too deep";
    check(&home, "flow-recurse", &[], recursed);
    check(&home, "task-recurse", &[], recursed);
    let looped = "computed for 1s without a pause, which is the limit on";
    check(&home, "flow-loop", &[], looped);
    check(&home, "task-loop", &[], looped);
    let hoarded = "the limit on memory is 256.00 MiB";
    check(&home, "flow-allocate", &[], hoarded);
    check(&home, "task-allocate", &[], hoarded);
    assert!(flow_runs(&home, &["--state", "CRASHED"]).is_empty());
}

#[test]
fn what_says_too_much_ends_at_a_limit() {
    let (home, _worker) = mischief(&[]);
    let quiet = &["--level", "error"];
    let flooded = "logged too much; the limit on the log of one execution is 16.00 MiB";
    check(&home, "flow-log", quiet, flooded);
    check(&home, "task-log", quiet, flooded);
    check(&home, "flow-print", quiet, flooded);
    check(&home, "task-print", quiet, flooded);
}

#[test]
fn what_is_too_large_is_refused_or_cut() {
    let (home, _worker) = mischief(&[]);
    let huge = &["-p", "megabytes=33"];
    let too_large = "is 33.00 MiB; the limit on a JSON text is 32.00 MiB";
    check(
        &home,
        "flow-huge",
        huge,
        &format!("the flow's result {too_large}"),
    );
    check(
        &home,
        "task-huge",
        huge,
        &format!("the result of task `huge` {too_large}"),
    );

    // A message and a log line are for people: their beginning is enough.
    let ran = watch(&home, "flow-huge-error", huge).fails(1);
    assert!(ran.stderr.len() < 20_000, "{} bytes", ran.stderr.len());
    let failed = &flow_runs(&home, &["--flow", "flow-huge-error"])[0];
    let message = text(&failed["failure"]["message"]);
    assert!(message.starts_with("xxx") && message.ends_with("x…"));

    let ran = watch(&home, "flow-huge-line", huge).ok();
    assert!(ran.stderr.len() < 70_000, "{} bytes", ran.stderr.len());
    assert!(ran.stderr.contains("x…\n"));
}

#[test]
fn what_starts_without_end_ends_at_a_limit() {
    let (home, _worker) = mischief(&["--calls-limit", "100"]);
    let too_many = "made too many calls; the limit on a flow run is 100";
    check(&home, "flow-submit-without-end", &[], too_many);
    check(&home, "flow-timers-without-end", &[], too_many);
}

/// Not after each other, but at the same time: more loops than this machine has processors.
#[test]
fn a_guest_that_loops_takes_nobody_elses_turn() {
    let (home, worker) = mischief(&["--compute-limit", "1h"]);
    let processors = std::thread::available_parallelism().unwrap().get();
    let loops: Vec<String> = ["flow-loop", "task-loop"]
        .into_iter()
        .cycle()
        .take(processors + 2)
        .map(|flow| start(&home, flow, &[]))
        .collect();
    eventually(SOON, || {
        let said = worker.stderr();
        loops
            .iter()
            .all(|run| said.contains(&format!("executing run={run}")))
    });
    watch(&home, "three-tasks", &[]).ok();
    watch(&home, "fan-out", &["-p", "n=3"]).ok();
    for run in &loops {
        let run = inspect(&home, run);
        assert!(run["ended"].is_null(), "{run}");
    }
}

/// Every mischief, and what its run fails with.
const MISCHIEF: [(&str, &[&str], &str); 22] = [
    ("flow-panic", &[], "told to panic"),
    ("task-panic", &[], "told to panic"),
    ("flow-trap", &[], "trapped: wasm `unreachable`"),
    ("task-trap", &[], "trapped: wasm `unreachable`"),
    ("flow-exit", &[], "called `exit`"),
    ("task-exit", &[], "called `exit`"),
    ("flow-stuck", &[], "stuck: "),
    ("task-in-task", &[], "only flows start tasks"),
    ("flow-recurse", &[], "recursed too deep"),
    ("task-recurse", &[], "recursed too deep"),
    ("flow-loop", &[], "computed for 2s without a pause"),
    ("task-loop", &[], "computed for 2s without a pause"),
    ("flow-allocate", &[], "the limit on memory is 256.00 MiB"),
    ("task-allocate", &[], "the limit on memory is 256.00 MiB"),
    ("flow-log", &[], "logged too much"),
    ("task-log", &[], "logged too much"),
    ("flow-print", &[], "logged too much"),
    ("task-print", &[], "logged too much"),
    (
        "flow-huge",
        &["-p", "megabytes=33"],
        "the limit on a JSON text is 32.00 MiB",
    ),
    (
        "task-huge",
        &["-p", "megabytes=33"],
        "the limit on a JSON text is 32.00 MiB",
    ),
    ("flow-submit-without-end", &[], "made too many calls"),
    ("flow-timers-without-end", &[], "made too many calls"),
];

/// What anybody else does, and what comes of it: tasks, many tasks, runs, runs that start
/// runs, timers, subflows, retries.
fn well_behaved() -> [(&'static str, &'static [&'static str], Value); 7] {
    [
        ("three-tasks", &[], json!(3)),
        ("map", &["-p", "n=20"], json!(210)),
        ("fan-out", &["-p", "n=3"], json!(3)),
        ("nest", &["-p", "depth=2"], json!(2)),
        ("sleeper", &["-p", "ms=300"], Value::Null),
        ("subflow", &[], json!(12)),
        ("flaky-task", &["-p", "failures=2"], json!(3)),
    ]
}

#[test]
fn all_mischief_at_once_harms_none_of_fifty_others() {
    let home = home();
    // In this order: two of them have a flow `map`, and the last one stays.
    for component in ["forms", "mischief", "bench", "nesting", "retries"] {
        deploy(&home, component, &[]);
    }
    let worker = worker(&home, &["--compute-limit", "2s", "--calls-limit", "300"]);
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    let mut others = well_behaved().into_iter().cycle();
    let mut some = |count| {
        for (flow, more, result) in others.by_ref().take(count) {
            good.push((start(&home, flow, more), flow, result));
        }
    };
    // Among each other, not one after the other.
    for (flow, more, said) in MISCHIEF {
        some(2);
        bad.push((start(&home, flow, more), flow, said));
    }
    some(6);
    assert_eq!(good.len(), 50);

    let unfinished = || {
        flow_runs(&home, &[])
            .iter()
            .any(|run| run["ended"].is_null())
    };
    eventually(SOON, || !unfinished());
    for (id, flow, result) in &good {
        let run = inspect(&home, id);
        assert_eq!(run["state"]["type"], "COMPLETED", "{flow}: {run}");
        assert_eq!(run["result"], *result, "{flow}");
    }
    for (id, flow, said) in &bad {
        let run = inspect(&home, id);
        assert_eq!(run["state"]["type"], "FAILED", "{flow}: {run}");
        let message = text(&run["failure"]["message"]);
        assert!(message.contains(said), "{flow}: {said:?} in {message:?}");
    }
    // One process from the beginning to the end, and it has let go of what it was made to hold.
    let (now, most) = (worker.kilobytes("VmRSS"), worker.kilobytes("VmHWM"));
    println!("{} MiB now, {} MiB at most", now >> 10, most >> 10);
    assert!(now < 512 << 10 && most < 1536 << 10, "{now} {most}");
    worker.sigint();
    assert_eq!(worker.wait(), 0);
}

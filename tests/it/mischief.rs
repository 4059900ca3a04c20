//! Whatever a guest does ends at a named limit: its run fails with a clear message, and the
//! worker and every other run go on.

use super::{deploy, flow_runs, home, worker};

#[test]
fn a_guest_that_misbehaves_fails_alone_with_a_message() {
    let home = home();
    deploy(&home, "mischief", &[]);
    deploy(&home, "bench", &[]);
    let worker = worker(&home, &["--compute-limit", "1s"]);

    for (how, said) in [
        ("panic", "panicked at tests/guests/mischief/src/lib.rs"),
        ("panic", "told to panic"),
        ("trap", "trapped: wasm `unreachable` instruction executed"),
        ("exit", "called `exit(3)`"),
        (
            "recurse",
            "recursed too deep; the limit on the stack is 512 KiB",
        ),
        (
            "loop",
            "computed for 1s without a pause, which is the limit on",
        ),
        ("allocate", "the limit on memory is 256"),
        (
            "log",
            "logged too much; the limit on the log of one execution is",
        ),
        (
            "print",
            "logged too much; the limit on the log of one execution is",
        ),
    ] {
        for place in ["flow", "task"] {
            let deployment = format!("{place}-{how}/{place}-{how}-deployment");
            let ran = home
                .run(["deployment", "run", &deployment, "--watch"])
                .fails(1);
            assert!(
                ran.stderr.contains(said),
                "{place}-{how}: {said:?} in:\n{}",
                ran.stderr
            );
            // The same worker goes on with the next run.
            let next = [
                "deployment",
                "run",
                "three-tasks/three-tasks-deployment",
                "--watch",
            ];
            home.run(next).ok();
        }
    }
    for (flow, said) in [
        (
            "flow-huge",
            "the flow's result is 5.00 MiB; the limit on a JSON text is 4.00 MiB",
        ),
        (
            "task-huge",
            "the result of task `huge` is 5.00 MiB; the limit on a JSON text is 4.00 MiB",
        ),
    ] {
        let deployment = format!("{flow}/{flow}-deployment");
        let args = [
            "deployment",
            "run",
            &deployment,
            "-p",
            "megabytes=5",
            "--watch",
        ];
        let ran = home.run(args).fails(1);
        assert!(ran.stderr.contains(said), "{said:?} in:\n{}", ran.stderr);
    }
    let failed = flow_runs(&home, &["--state", "FAILED"]);
    assert_eq!(failed.len(), 20);
    worker.sigint();
    assert_eq!(worker.wait(), 0);
}

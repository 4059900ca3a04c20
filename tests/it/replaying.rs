//! Replaying every run of a deployment: what a team asks before it deploys a new build.

use std::fs;

use test_support::{Home, guest};

use super::{deploy, home, start, text, wait_until, worker};

/// The guest of the stories, with another call in place of one.
fn changed_build(home: &Home) -> String {
    let mut bytes = fs::read(guest("retries")).unwrap();
    let (before, after) = (b"variable-says/as-the", b"variable-sayz/as-the");
    let at = bytes
        .windows(before.len())
        .position(|part| part == before)
        .expect("it starts a run of that deployment");
    bytes[at..at + after.len()].copy_from_slice(after);
    let path = home.path().join("changed.wasm");
    fs::write(&path, bytes).unwrap();
    path.display().to_string()
}

#[test]
fn a_new_build_is_tried_against_every_run() {
    let home = home();
    deploy(&home, "retries", &[]);
    home.run(["variable", "set", "fails", "false"]).ok();
    let _worker = worker(&home, &[]);
    let runs = ["n=1", "n=2", "n=3"].map(|n| start(&home, "has-a-child", &["-p", n]));
    for run in &runs {
        wait_until(&home, run, "COMPLETED");
    }
    let replay = ["flow-run", "replay", "--deployment", "has-a-child"];
    let same = home.run(replay).ok();
    assert_eq!(
        (&*same.stdout, &*same.stderr),
        ("", "Replayed 3 flow runs: all the same\n")
    );

    let changed = changed_build(&home);
    let with_it = [&replay[..], &["--component", &changed]].concat();
    let diverged = home.run(&with_it).fails(1);
    assert_eq!(diverged.stdout.lines().count(), 4, "{diverged}");
    for run in &runs {
        assert!(diverged.stdout.contains(run), "{diverged}");
    }
    assert!(
        diverged.stdout.contains("replay diverged at call 1"),
        "{diverged}"
    );
    assert!(
        diverged
            .stderr
            .contains("error: 3 of 3 flow runs would diverge"),
        "{diverged}"
    );
    let json = home
        .run([&with_it[..], &["-o", "json"]].concat())
        .fails(1)
        .json();
    assert_eq!(json.as_array().unwrap().len(), 3);
    assert_eq!(json[0]["diverged"], true);
    // One of them alone says the same.
    home.run(["flow-run", "replay", &runs[0], "--component", &changed])
        .fails(1);
}

/// It did not come to its end by itself, so it may go on where its journal stops.
#[test]
fn a_run_that_was_cut_off_is_the_same_so_far() {
    let home = home();
    deploy(&home, "retries", &[]);
    let _worker = worker(&home, &[]);
    let waits = start(&home, "takes-a-while", &["-p", "n=1"]);
    let cancelled = start(&home, "takes-a-while", &["-p", "n=2"]);
    for run in [&waits, &cancelled] {
        wait_until(&home, run, "WAITING");
    }
    home.run(["flow-run", "cancel", &cancelled]).ok();
    wait_until(&home, &cancelled, "CANCELLED");
    // It has not begun.
    start(&home, "takes-a-while", &["-p", "n=3", "--in", "1h"]);
    let replay = ["flow-run", "replay", "--deployment", "takes-a-while"];
    let same = home
        .run([&replay[..], &["-o", "json"]].concat())
        .ok()
        .json();
    let ids: Vec<&str> = same
        .as_array()
        .unwrap()
        .iter()
        .map(|it| text(&it["run"]))
        .collect();
    assert_eq!(ids, [&cancelled[..], &waits]);
}

#[test]
fn what_is_to_be_replayed_is_said_once() {
    let home = home();
    deploy(&home, "retries", &[]);
    for args in [
        &["flow-run", "replay"][..],
        &["flow-run", "replay", "x", "--deployment", "has-a-child"],
    ] {
        let refused = home.run(args).fails(2);
        assert!(refused.stderr.contains("hint: "), "{refused}");
    }
    let unknown = home
        .run(["flow-run", "replay", "--deployment", "has-a-chidl"])
        .fails(2);
    assert!(
        unknown.stderr.contains("did you mean `has-a-child`?"),
        "{unknown}"
    );
    let other = guest("bench").display().to_string();
    let refused = home
        .run([
            "flow-run",
            "replay",
            "--deployment",
            "has-a-child",
            "--component",
            &other,
        ])
        .fails(2);
    assert!(
        refused.stderr.contains("there is no flow `has-a-child`"),
        "{refused}"
    );
}

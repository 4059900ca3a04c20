//! `orch-host bench`: that it measures and leaves nothing behind. How fast it is, is no matter
//! of a test.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use test_support::{Home, Ran, Worker, eventually, guest};

use super::{SOON, cold_home, text};

fn bench(home: &Home, args: &[&str]) -> Command {
    let component = guest("bench").display().to_string();
    // It is found beside the other.
    guest("bench_outside");
    let mut command = home.cmd(["bench", "--component", &component]);
    command.args(args);
    command
}

/// What is left of the bench's own directories.
fn left(home: &Home) -> Vec<String> {
    let entries = fs::read_dir(home.path()).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "stdin")
        .collect()
}

fn processes_of(home: &Home) -> usize {
    test_support::processes_of(home.path()).len()
}

#[test]
fn a_bench_measures_and_leaves_nothing_behind() {
    let home = cold_home();
    let rows = [
        "empty",
        "serial-500-outside",
        "example",
        "start",
        "resume",
        "finished",
        "followed",
        "follow",
        "api-read",
        "api-start",
    ];
    let more = ["--rounds", "1", "--round", "10ms", "--finished", "2000"];
    let mut command = bench(&home, &[&rows[..], &more, &["-o", "json"]].concat());
    let ran = command.output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}");
    let report: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert!(report["machine"]["cores"].as_u64().unwrap() > 0);
    let measured = report["rows"].as_array().unwrap();
    let names: Vec<&str> = measured.iter().map(|row| text(&row["name"])).collect();
    assert_eq!(names, rows);
    for row in measured {
        let figures = row["figures"].as_array().unwrap();
        assert!(!figures.is_empty(), "{row}");
        for figure in figures {
            let value = |name: &str| figure[name].as_f64().unwrap();
            assert!(value("min") > 0.0, "{row}");
            assert!(value("min") <= value("median") && value("median") <= value("max"));
        }
    }
    assert_eq!(left(&home), Vec::<String>::new());
    assert_eq!(processes_of(&home), 0);
}

/// Interrupts it once so many processes belong to it, itself included.
#[track_caller]
fn interrupt_at(home: &Home, bench: Command, processes: usize) {
    let bench = Worker::of(bench);
    eventually(SOON, || processes_of(home) == processes);
    bench.sigint();
    eventually(SOON, || bench.has_ended());
    // Before `wait`, which would kill what it has started.
    assert_eq!(processes_of(home), 0);
    assert_eq!(bench.wait(), 130);
    assert_eq!(left(home), Vec::<String>::new());
}

#[test]
fn an_interrupted_bench_takes_its_processes_with_it() {
    let home = cold_home();
    // The bench and its worker.
    interrupt_at(&home, bench(&home, &["idle"]), 2);
}

#[test]
fn a_bench_says_how_to_build_what_it_lacks() {
    let home = cold_home();
    let ran = home.run(["bench", "--component", "absent.wasm"]).fails(2);
    assert_eq!(
        ran.stderr,
        "error: the component with the measured flows, `absent.wasm`, cannot be read: \
         No such file or directory (os error 2)\n\
         hint: build it with `cargo build --release --target wasm32-wasip2 -p bench -p bench_outside`\n"
    );
    let ran = home.run(["bench", "no-such-row"]).fails(2);
    assert!(ran.stderr.contains("suspended-10k"), "{ran}");
}

/// The program under test, which may as well be the other build.
const THIS: &str = env!("CARGO_BIN_EXE_orch-host");

/// Compares short rounds with `other`.
#[track_caller]
fn against(home: &Home, other: &Path, args: &[&str]) -> Ran {
    let other = other.display().to_string();
    let component = guest("bench").display().to_string();
    let usual = ["bench", "-q", "--round", "10ms", "--component", &component];
    home.run([&usual[..], &["--against", &other], args].concat())
}

/// A script that stands for another build.
fn script(text: &str) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("other");
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    (dir, path)
}

#[test]
fn two_builds_are_compared_by_ratios() {
    let home = cold_home();
    let rows = ["three-tasks-granted", "three-tasks-outside"];
    let args = [&rows[..], &["--rounds", "2", "-o", "json"]].concat();
    let report = against(&home, THIS.as_ref(), &args).ok().json();
    assert_eq!(report["other"], THIS);
    assert_eq!(report["left_out"], Value::Array(Vec::new()));
    let compared = report["rows"].as_array().unwrap();
    let names: Vec<&str> = compared.iter().map(|row| text(&row["name"])).collect();
    assert_eq!(names, rows);
    for row in compared {
        assert_eq!(row["pairs"], 2);
        let figures = row["figures"].as_array().unwrap();
        assert_eq!(figures.len(), 2, "{row}");
        for figure in figures {
            for spread in ["this", "other", "ratio"] {
                let value = |name: &str| figure[spread][name].as_f64().unwrap();
                assert!(value("min") > 0.0, "{row}");
                assert!(value("min") <= value("median") && value("median") <= value("max"));
            }
        }
    }
    assert_eq!(left(&home), Vec::<String>::new());
    assert_eq!(processes_of(&home), 0);
}

#[test]
fn a_comparison_is_a_table_that_says_how_to_read_it() {
    let home = cold_home();
    let component = guest("bench").display().to_string();
    let args = [
        "bench",
        "empty",
        "--rounds",
        "1",
        "--round",
        "10ms",
        "--component",
    ];
    let ran = home
        .run([&args[..], &[&component, "--against", THIS]].concat())
        .ok();
    let mut lines = ran.stdout.lines().map(|line| line.split_whitespace());
    let header = [
        "WORK", "PAIRS", "FIGURE", "THIS", "OTHER", "RATIO", "MIN", "MAX",
    ];
    assert!(lines.next().unwrap().eq(header), "{ran}");
    let row: Vec<&str> = lines.next().unwrap().collect();
    assert_eq!(
        row[..7],
        ["empty", "flow,", "many", "at", "once", "1", "throughput"]
    );
    assert!(ran.stderr.contains("Pair 1 of 1\n"), "{ran}");
    assert!(ran.stderr.contains(&format!("`{THIS}`")), "{ran}");
    assert!(
        ran.stderr.contains("above 1, this program is better"),
        "{ran}"
    );
}

/// The other build looks when this one has last written: twice in a row the same, where it
/// ends one pair and begins the next.
#[test]
fn two_builds_swap_places_after_each_pair() {
    let home = cold_home();
    let (dir, other) = script(&format!(
        "stat -c %y \"$ORCH_HOME/../a/stdout\" >> \"${{0}}.log\" 2>&1\nexec {THIS} \"$@\""
    ));
    against(&home, &other, &["empty", "--rounds", "3"]).ok();
    let log = fs::read_to_string(dir.path().join("other.log")).unwrap();
    let log: Vec<&str> = log.lines().collect();
    assert_eq!(log.len(), 3, "{log:?}");
    assert!(log[0].contains("No such file"), "{log:?}");
    assert!(log[0] != log[1] && log[1] == log[2], "{log:?}");
}

#[test]
fn a_row_that_an_older_build_does_not_know_is_left_out() {
    let home = cold_home();
    let refusal = "error: invalid value 'start' for '[ROW]...'";
    let (_dir, other) = script(&format!(
        "[ \"$2\" = start ] && echo \"{refusal}\" >&2 && exit 2\nexec {THIS} \"$@\""
    ));
    let args = ["start", "empty", "--rounds", "2", "-o", "json"];
    let report = against(&home, &other, &args).ok().json();
    let left_out = serde_json::json!([{"name": "start", "figure": null}]);
    assert_eq!(report["left_out"], left_out);
    assert_eq!(report["rows"][0]["name"], "empty");
    assert_eq!(report["rows"].as_array().unwrap().len(), 1);
}

#[test]
fn a_build_that_knows_none_of_the_rows_cannot_be_compared() {
    let home = cold_home();
    let (_dir, other) = script("echo \"error: invalid value '$2' for '[ROW]...'\" >&2; exit 2");
    let ran = against(&home, &other, &["start", "empty", "-o", "json"]).fails(2);
    let other = other.display();
    assert_eq!(
        ran.stderr,
        format!(
            "error: `{other}` does not know `start`, `empty`\n\
             hint: name a row that `{other} bench --help` lists\n"
        )
    );
    assert_eq!(ran.stdout, "");
}

#[test]
fn what_is_no_build_of_this_program_is_named() {
    const HINT: &str = "hint: `--against` takes another build of orch-host";
    let home = cold_home();
    let check = |other: &Path, expect: &str, hint: &str| {
        let ran = against(&home, other, &["empty"]).fails(2);
        let other = other.display();
        assert_eq!(
            ran.stderr,
            format!("error: `{other}` {expect}\n{HINT}{hint}\n")
        );
        assert_eq!(ran.stdout, "");
        assert_eq!(left(&home), Vec::<String>::new());
    };
    let such_as = ", such as `../other/target/release/orch-host`";
    let silent = "gave no figures at `bench empty`; it printed nothing";
    check("/bin/true".as_ref(), silent, such_as);
    let missing = "cannot be started: No such file or directory (os error 2)";
    check("./absent/orch-host".as_ref(), missing, such_as);

    let (_dir, talks) = script("echo good day");
    let talkative = "gave no figures at `bench empty`; it printed: good day";
    check(&talks, talkative, such_as);
    let (_dir, fails) = script("echo no room >&2; exit 70");
    let failed = "failed with exit code 70 at `bench empty`; it printed: no room";
    let alone = format!("; `{} bench empty` should work by itself", fails.display());
    check(&fails, failed, &alone);
}

#[test]
fn an_interrupted_comparison_takes_both_builds_with_it() {
    let home = cold_home();
    // The comparison, the build that it measures, and the worker of that.
    interrupt_at(&home, bench(&home, &["idle", "--against", THIS]), 3);
}

#[test]
fn a_build_that_does_not_stop_is_killed_with_all_its_processes() {
    let home = cold_home();
    let (_dir, other) = script("trap '' TERM\nsleep 600");
    let other = other.display().to_string();
    interrupt_at(&home, bench(&home, &["idle", "--against", &other]), 3);
}

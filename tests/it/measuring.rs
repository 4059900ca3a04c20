//! `orch-host bench`: that it measures and leaves nothing behind. How fast it is, is no matter
//! of a test.

use std::fs;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use test_support::{Home, eventually, guest};

use super::{SOON, home, text};

fn bench(home: &Home, args: &[&str]) -> Command {
    let component = guest("bench").display().to_string();
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

/// The processes that have this home, besides this one's children that have ended.
fn processes_of(home: &Home) -> usize {
    let home = format!("ORCH_HOME={}", home.path().display());
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let environments = processes.filter_map(|it| fs::read(it.path().join("environ")).ok());
    environments
        .filter(|it| String::from_utf8_lossy(it).contains(&home))
        .count()
}

#[test]
fn a_bench_measures_and_leaves_nothing_behind() {
    let home = home();
    let rows = ["empty", "example", "start", "resume", "finished"];
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

#[test]
fn an_interrupted_bench_takes_its_processes_with_it() {
    let home = home();
    let mut child = bench(&home, &["idle"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // The bench and its worker.
    eventually(SOON, || processes_of(&home) == 2);
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(processes_of(&home), 0);
    assert_eq!(left(&home), Vec::<String>::new());
}

#[test]
fn a_bench_says_how_to_build_what_it_lacks() {
    let home = home();
    let ran = home.run(["bench", "--component", "absent.wasm"]).fails(2);
    assert_eq!(
        ran.stderr,
        "error: the component with the measured flows, `absent.wasm`, cannot be read: \
         No such file or directory (os error 2)\n\
         hint: build it with `cargo build --release --target wasm32-wasip2 -p bench`\n"
    );
    let ran = home.run(["bench", "no-such-row"]).fails(2);
    assert!(ran.stderr.contains("suspended-10k"), "{ran}");
}

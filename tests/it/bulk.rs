//! Many runs from one command: `deployment run NAME --from-file FILE.jsonl`.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use serde_json::Value;
use test_support::{Home, Ran, eventually};

use super::{SOON, deploy, flow_runs, home, list, text, worker};

/// More than two transactions make.
const MANY: usize = 1_234;

/// A home with `doubling`, which takes an integer `n`, and `echo`.
fn forms() -> Home {
    let home = home();
    deploy(&home, "forms", &["--flow", "doubling"]);
    deploy(&home, "forms", &["--flow", "echo"]);
    home
}

fn numbers(count: usize) -> String {
    (1..=count).map(|n| format!("{{\"n\": {n}}}\n")).collect()
}

/// Starts runs of `doubling` from a file with these lines.
#[track_caller]
fn from_file(home: &Home, lines: impl AsRef<[u8]>, more: &[&str]) -> Ran {
    fs::write(home.path().join("runs.jsonl"), lines).unwrap();
    let mut args = vec!["deployment", "run", "doubling", "--from-file", "runs.jsonl"];
    args.extend(more);
    home.run(args)
}

/// The same from stdin.
#[track_caller]
fn from_stdin(home: &Home, lines: impl AsRef<[u8]>, more: &[&str]) -> Ran {
    let mut args = vec!["deployment", "run", "doubling", "--from-file", "-"];
    args.extend(more);
    home.feed(args, lines)
}

/// The parameter `n` of each run, in the order in which the runs were created.
#[track_caller]
fn parameters(home: &Home) -> Vec<u64> {
    let runs = flow_runs(home, &[]);
    let n = |run: &Value| run["parameters"]["n"].as_u64().unwrap();
    runs.iter().rev().map(n).collect()
}

#[test]
fn each_line_is_a_run_and_its_id_is_printed() {
    let home = forms();
    for ran in [
        from_file(&home, numbers(MANY), &[]).ok(),
        from_stdin(&home, numbers(MANY), &[]).ok(),
    ] {
        let ids: BTreeSet<&str> = ran.stdout.lines().collect();
        assert_eq!(ids.len(), MANY);
        assert!(
            ran.stderr
                .contains("Created 1234 flow runs of `doubling/doubling-deployment`"),
            "{ran}"
        );
        assert!(
            ran.stderr
                .contains("no worker pulls from work pool `default-pool`"),
            "{ran}"
        );
    }
    let expect: Vec<u64> = (1..=MANY as u64).collect();
    assert_eq!(parameters(&home), [expect.clone(), expect].concat());
}

#[test]
fn json_is_a_run_a_line() {
    let home = forms();
    let ran = from_file(
        &home,
        "{\"n\": 1}\n\n{\"n\": 2}",
        &["-o", "json", "-t", "bulk"],
    )
    .ok();
    let runs: Vec<Value> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let [first, second] = &runs[..] else {
        panic!("{ran}")
    };
    assert_eq!(first["parameters"]["n"], 1);
    assert_eq!(second["parameters"]["n"], 2);
    assert_eq!(second["state"]["type"], "SCHEDULED");
    assert_eq!(second["tags"][0], "bulk");
}

/// Of a file nothing is created that has a wrong line, however late it comes.
#[test]
fn a_wrong_line_of_a_file_starts_nothing() {
    let home = forms();
    let check = |line: &[u8], error: &str, hint: &str| {
        let lines = [numbers(MANY).as_bytes(), line, b"\n{\"n\": 1}\n"].concat();
        let ran = from_file(&home, lines, &[]).fails(2);
        let error = format!("error: line 1235 of `runs.jsonl`: {error}");
        assert!(ran.stderr.contains(&error), "{ran}");
        assert!(ran.stderr.contains(&format!("hint: {hint}")), "{ran}");
        assert_eq!(ran.stdout, "");
    };
    let each = "each line is a JSON object of parameters, such as `{\"item_id\": 7}`";
    let takes = "flow `doubling` takes n: integer";
    check(b"{\"n\": 1", "it is not JSON: EOF while parsing", each);
    check(b"[1]", "it is no JSON object", each);
    check(b"\xff\xfe", "it is not UTF-8", each);
    check(
        b"{\"n\": \"x\"}",
        "parameter `n` is `\"x\"`: expected an integer",
        takes,
    );
    check(b"{\"m\": 1, \"n\": 1}", "unknown parameter `m`", takes);
    check(b"{}", "parameter `n` is missing", "pass it: `-p n=VALUE`");
    let long = format!("{{\"n\": {}}}", "1".repeat(32 << 20));
    check(
        long.as_bytes(),
        "it is longer than 32 MiB",
        "parameters are that large at most",
    );
    assert!(flow_runs(&home, &[]).is_empty());
}

/// Stdin cannot be read twice: what comes before the wrong line has been started.
#[test]
fn a_wrong_line_of_stdin_says_what_was_started() {
    let home = forms();
    let lines = numbers(MANY) + "{\"n\": true}\n" + &numbers(3);
    let ran = from_stdin(&home, lines, &[]).fails(2);
    assert_eq!(ran.stdout.lines().count(), MANY);
    assert!(
        ran.stderr
            .contains("Created 1234 flow runs of `doubling/doubling-deployment`\nerror: line 1235 of stdin: parameter `n` is `true`"),
        "{ran}"
    );
    assert_eq!(flow_runs(&home, &[]).len(), MANY);
}

#[test]
fn what_has_no_lines_starts_nothing() {
    let home = forms();
    let error = "error: `runs.jsonl` has no lines\nhint: each line is a JSON object";
    for empty in ["", "\n \n"] {
        let ran = from_file(&home, empty, &[]).fails(2);
        assert!(ran.stderr.contains(error), "{ran}");
        let ran = from_stdin(&home, empty, &[]).fails(2);
        assert!(ran.stderr.contains("error: stdin has no lines"), "{ran}");
    }
    for absent in ["absent.jsonl", "."] {
        let ran = home.run(["deployment", "run", "doubling", "--from-file", absent]);
        let ran = ran.fails(2);
        assert!(
            ran.stderr
                .contains(&format!("error: `{absent}` cannot be read")),
            "{ran}"
        );
        assert!(ran.stderr.contains("hint: name a file"), "{ran}");
    }
    assert!(flow_runs(&home, &[]).is_empty());
}

/// Lines go over what was typed.
#[test]
fn parameters_of_the_command_are_below_each_line() {
    let home = forms();
    from_file(&home, "{}\n{\"n\": 8}\n", &["-p", "n=7"]).ok();
    assert_eq!(parameters(&home), [7, 8]);
}

#[test]
fn the_same_command_again_starts_nothing_twice() {
    let home = forms();
    let key = &["--idempotency-key", "july"];
    let first = from_file(&home, numbers(3), key).ok();
    // More lines, as of a file that has grown, and the earlier ones from elsewhere.
    let again = from_stdin(&home, numbers(5), key).ok();
    assert!(again.stdout.starts_with(&first.stdout), "{again}");
    assert!(
        again.stderr.contains(
            "Created 2 flow runs of `doubling/doubling-deployment`; 3 were there already"
        ),
        "{again}"
    );
    assert_eq!(parameters(&home), [1, 2, 3, 4, 5]);
    // Another key is another wish.
    from_file(&home, numbers(1), &["--idempotency-key", "august"]).ok();
    assert_eq!(flow_runs(&home, &[]).len(), 6);
}

/// A command that was killed is given again with the same key.
#[test]
fn a_killed_command_is_given_again() {
    let home = forms();
    let key = ["--idempotency-key", "k"];
    let mut command = home.cmd(["deployment", "run", "doubling", "--from-file", "-"]);
    let mut child = command
        .args(key)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(numbers(MANY).as_bytes()).unwrap();
    stdin.flush().unwrap();
    // It has not seen the end, and starts what it has.
    eventually(SOON, || flow_runs(&home, &[]).len() >= 1000);
    child.kill().unwrap();
    child.wait().unwrap();
    let started = flow_runs(&home, &[]).len();
    assert!(started < MANY);

    let ran = from_file(&home, numbers(MANY), &key).ok();
    let said = format!(
        "Created {} flow runs of `doubling/doubling-deployment`; {started} were there already",
        MANY - started
    );
    assert!(ran.stderr.contains(&said), "{ran}");
    let expect: Vec<u64> = (1..=MANY as u64).collect();
    assert_eq!(parameters(&home), expect);
}

/// Whoever reads only the first ids, as `head` does, does not stop the others.
#[test]
fn a_closed_stdout_does_not_stop_it() {
    let home = forms();
    fs::write(home.path().join("runs.jsonl"), numbers(MANY)).unwrap();
    let mut child = home
        .cmd(["deployment", "run", "doubling", "--from-file", "runs.jsonl"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
    assert_eq!(flow_runs(&home, &[]).len(), MANY);
}

#[test]
fn watched_runs_print_their_results_in_order() {
    let home = forms();
    let _worker = worker(&home, &[]);
    let ran = from_file(&home, numbers(50), &["--watch"]).ok();
    let expect: String = (1..=50).map(|n| format!("{}\n", 2 * n)).collect();
    assert_eq!(ran.stdout, expect);
    assert!(ran.stderr.contains("50 of 50 flow runs completed"), "{ran}");
}

#[test]
fn watched_runs_fail_together_if_one_fails() {
    let home = forms();
    let _worker = worker(&home, &[]);
    let lines = "{\"value\": \"a\"}\n{\"value\": \"b\", \"fail\": \"no\"}\n{\"value\": \"c\"}\n";
    let ran = home.feed(
        ["deployment", "run", "echo", "--from-file", "-", "--watch"],
        lines,
    );
    let ran = ran.fails(1);
    assert_eq!(ran.stdout, "\"a\"\n\"c\"\n");
    assert!(ran.stderr.contains("failed after"), "{ran}");
    assert!(
        ran.stderr.contains("2 of 3 flow runs completed, 1 failed"),
        "{ran}"
    );
    let states: Vec<String> = list(&home, &["flow-run", "ls"])
        .iter()
        .map(|run| text(&run["state"]["type"]).to_owned())
        .collect();
    assert_eq!(states, ["COMPLETED", "FAILED", "COMPLETED"]);
}

#[test]
fn ten_thousand_tasks_or_children_of_a_flow_take_little_memory() {
    let home = home();
    deploy(&home, "bench", &[]);
    let worker = worker(&home, &[]);
    let ended = |flow: &str| {
        let args = ["deployment", "run", flow, "-p", "n=10000", "--watch"];
        let ran = home.run(args).ok();
        ran.stdout.trim().to_owned()
    };
    // The sum of 1 to 10,000.
    assert_eq!(ended("map"), "50005000");
    assert_eq!(ended("fan-out"), "10000");
    let most = worker.kilobytes("VmHWM");
    assert!(most < 512 << 10, "{most} KiB");
}

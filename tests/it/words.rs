//! What the program says: what is listed and what is left out, names that are mistyped, values that
//! do not fit, and what a guest says that a terminal would obey.

use std::process::Stdio;

use serde_json::Value;
use test_support::{Home, eventually, guest};

use super::{
    SOON, deploy, flow_runs, home, inspect, json, on_terminal, start, state, text, wait_until,
    watch, worker,
};

fn retries() -> Home {
    let home = home();
    deploy(&home, "retries", &[]);
    home
}

#[test]
fn a_listing_says_what_it_leaves_out() {
    let home = retries();
    for _ in 0..17 {
        start(&home, "gives-back", &[]);
    }
    let listed = home.run(["flow-run", "ls"]).ok();
    assert_eq!(listed.stdout.lines().count(), 16, "{listed}");
    assert_eq!(
        listed.stderr,
        "hint: these are the newest 15; `--limit 0` shows all of them\n"
    );
    let all = home.run(["flow-run", "ls", "--limit", "0"]).ok();
    assert_eq!((all.stdout.lines().count(), &*all.stderr), (18, ""));
    let exactly = home.run(["flow-run", "ls", "--limit", "17"]).ok();
    assert_eq!(exactly.stderr, "");
}

#[test]
fn a_run_that_is_planned_says_when_it_starts() {
    let home = retries();
    start(&home, "gives-back", &["--in", "3days"]);
    let listed = home.run(["flow-run", "ls"]).ok();
    assert!(
        listed.stdout.contains("starts in 2d") || listed.stdout.contains("starts in 3d"),
        "{listed}"
    );
    let far = home
        .run(["deployment", "run", "gives-back", "--in", "1000000y"])
        .fails(2);
    assert!(
        far.stderr.contains("more than a hundred years from now"),
        "{far}"
    );
    assert_eq!(flow_runs(&home, &[]).len(), 1);
}

#[test]
fn a_filter_that_finds_nothing_may_be_mistyped() {
    let home = retries();
    let flow = home.run(["flow-run", "ls", "--flow", "gives-bakc"]).ok();
    assert_eq!(
        flow.stderr,
        "There are no such flow runs\nhint: there is no deployed flow `gives-bakc`: did you mean \
         `gives-back`?\n"
    );
    let pool = home.run(["flow-run", "ls", "--pool", "defualt-pool"]).ok();
    assert!(
        pool.stderr.contains("did you mean `default-pool`?"),
        "{pool}"
    );
    // A flow that is there and has no runs is spelled well.
    let none = home.run(["flow-run", "ls", "--flow", "gives-back"]).ok();
    assert_eq!(none.stderr, "There are no such flow runs\n");
}

#[test]
fn a_parent_shows_the_children_that_failed() {
    let home = retries();
    home.run(["variable", "set", "fails", "true"]).ok();
    let _worker = worker(&home, &[]);
    let parent = start(&home, "has-a-child", &["-p", "n=7"]);
    wait_until(&home, &parent, "FAILED");
    let shown = home.run(["flow-run", "inspect", &parent]).ok();
    assert!(
        shown.stdout.contains("Children that did not complete"),
        "{shown}"
    );
    let child = &flow_runs(&home, &["--flow", "as-the-variable-says"])[0];
    assert!(shown.stdout.contains(text(&child["id"])), "{shown}");
    assert!(shown.stdout.contains("1 failed"), "{shown}");
    let all = format!("`orch-host flow-run ls --parent {parent} --limit 0` lists all children");
    assert!(shown.stderr.contains(&all), "{shown}");
}

#[test]
fn a_pool_that_would_execute_nothing_is_refused() {
    let home = home();
    let refused = home
        .run(["work-pool", "create", "gpu", "--limit", "0"])
        .fails(2);
    assert!(refused.stderr.contains("`work-pool pause`"), "{refused}");
    let refused = home
        .run(["work-pool", "set-limit", "default-pool", "0"])
        .fails(2);
    assert!(refused.stderr.contains("`work-pool pause`"), "{refused}");
    assert_eq!(
        json(&home, &["work-pool", "ls"]).as_array().unwrap().len(),
        1
    );
}

/// Programs get the thing as it is then.
#[test]
fn what_a_command_has_changed_is_json_for_programs() {
    let home = retries();
    let changed = |args: &[&str]| {
        let json = [args, &["-o", "json"]].concat();
        home.run(json).ok().json()
    };
    assert_eq!(changed(&["work-pool", "create", "gpu"])["name"], "gpu");
    assert_eq!(changed(&["work-pool", "set-limit", "gpu", "3"])["limit"], 3);
    assert_eq!(changed(&["variable", "set", "x", "1"])["value"], 1);
    let run = start(&home, "gives-back", &[]);
    let of_run = |verb: &str| changed(&["flow-run", verb, &run])["state"]["type"].clone();
    assert_eq!(of_run("pause"), "PAUSED");
    assert_eq!(of_run("resume"), "SCHEDULED");
    assert_eq!(of_run("cancel"), "CANCELLED");
    assert_eq!(of_run("retry"), "SCHEDULED");
    // What is as it was keeps its times.
    let wasm = guest("retries").display().to_string();
    let deployed = json(&home, &["deployment", "inspect", "gives-back"]);
    let again = changed(&["deploy", &wasm, "--flow", "gives-back"]);
    assert_eq!(again[0]["outcome"], "unchanged");
    assert_eq!(again[0]["updated"], deployed["updated"]);
}

/// It means the same for a program, and nothing to a terminal.
#[test]
fn nothing_that_a_guest_says_is_obeyed_by_a_terminal() {
    let home = retries();
    let _worker = worker(&home, &[]);
    let evil = "a\u{9b}2Jb\u{202e}c\u{7f}";
    let ran = watch(&home, "gives-back", &["-p", &format!("text={evil}")]).ok();
    assert!(ran.stdout.is_ascii(), "{ran}");
    assert_eq!(serde_json::from_str::<String>(&ran.stdout).unwrap(), evil);
    let shown = home.run(["flow-run", "ls", "-o", "json"]).ok();
    assert!(shown.stdout.is_ascii(), "{shown}");
    assert_eq!(shown.json()[0]["parameters"]["text"], evil);
    let wrong = home
        .run(["flow-run", "inspect", "a\u{1b}[2Jb\u{202e}"])
        .fails(2);
    assert!(wrong.stderr.is_ascii(), "{wrong}");
    assert!(!wrong.stderr.contains('\u{1b}'), "{wrong}");
}

#[test]
fn a_last_line_without_a_break_is_no_less_a_line() {
    let home = retries();
    let _worker = worker(&home, &[]);
    for panics in ["false", "true"] {
        let run = start(&home, "prints-a-word", &["-p", &format!("panics={panics}")]);
        super::eventually(super::SOON, || !inspect(&home, &run)["ended"].is_null());
        let logs = home.run(["flow-run", "logs", &run]).ok();
        assert!(logs.stdout.contains("a word"), "{logs}");
    }
    let silent = start(&home, "gives-back", &[]);
    wait_until(&home, &silent, "COMPLETED");
    let logs = home.run(["flow-run", "logs", &silent]).ok();
    assert_eq!(
        (&*logs.stdout, &*logs.stderr),
        ("", "There are no such lines\n")
    );
}

#[test]
fn a_value_fits_its_type_or_is_refused_with_what_would_fit() {
    let home = retries();
    let _worker = worker(&home, &[]);
    let ok = |typed: &[&str]| watch(&home, "takes-numbers", typed).ok().stdout;
    let huge = u128::MAX.to_string();
    let digits = format!("huge={huge}");
    let base = [
        "-p",
        "small=255",
        "-p",
        "wide=-9223372036854775808",
        "-p",
        &digits,
    ];
    assert_eq!(ok(&base), format!("\"255 -9223372036854775808 {huge} \"\n"));
    let refused = |more: &str| {
        // In place of the parameter of this name.
        let (name, _) = more.split_once('=').unwrap();
        let others = base
            .iter()
            .filter(|it| **it != "-p" && !it.starts_with(name));
        let others = others.flat_map(|it| ["-p", *it]);
        let args: Vec<&str> = others.chain(["-p", more]).collect();
        let args = [&["deployment", "run", "takes-numbers"], &args[..]].concat();
        home.run(args).fails(2).stderr
    };
    for (typed, said) in [
        ("small=256", "256 is above the maximum 255"),
        ("small=7.0", "write it without a point or an exponent: 7"),
        (
            "wide=9223372036854775808",
            "is above the maximum 9223372036854775807",
        ),
        ("wide=1e3", "write it without a point or an exponent: 1000"),
        ("huge=-1", "-1 is below the minimum 0"),
        ("day=2026-02-30", "it is not a date, such as `2026-10-01`"),
    ] {
        let stderr = refused(typed);
        assert!(stderr.contains(said), "{typed}: {stderr}");
    }
    let choice = home
        .run(["deployment", "run", "goes", "-p", "speed=fats"])
        .fails(2);
    assert!(
        choice
            .stderr
            .contains("it is none of `\"fast\"`, `\"slow\"`"),
        "{choice}"
    );
    // A text that looks like something else is a text where one is taken.
    for typed in ["123", "true", "1e5"] {
        let ran = watch(&home, "gives-back", &["-p", &format!("text={typed}")]).ok();
        assert_eq!(ran.stdout, format!("\"{typed}\"\n"));
    }
    assert_eq!(
        watch(&home, "gives-back", &["-p", "text=null"]).ok().stdout,
        "null\n"
    );
}

/// Some editors put one there.
#[test]
fn a_mark_of_the_byte_order_is_no_part_of_json() {
    let home = retries();
    let file = home.path().join("lines.jsonl");
    std::fs::write(&file, "\u{feff}{\"text\": \"a\"}\n{\"text\": \"b\"}\n").unwrap();
    let file = file.to_str().unwrap();
    home.run(["deployment", "run", "gives-back", "--from-file", file])
        .ok();
    std::fs::write(home.path().join("one.json"), "\u{feff}{\"text\": \"c\"}").unwrap();
    let one = format!("@{}", home.path().join("one.json").display());
    home.run(["deployment", "run", "gives-back", "--params", &one])
        .ok();
    let runs = flow_runs(&home, &[]);
    let mut texts: Vec<&str> = runs
        .iter()
        .map(|run| text(&run["parameters"]["text"]))
        .collect();
    texts.sort_unstable();
    assert_eq!(texts, ["a", "b", "c"]);
}

#[test]
fn a_wait_that_cannot_end_is_refused_or_named() {
    let home = retries();
    let _worker = worker(&home, &[]);
    let own = watch(&home, "waits-for-itself", &[]).fails(1);
    assert!(
        own.stderr
            .contains("cannot wait for itself: it would never end"),
        "{own}"
    );

    let parent = start(&home, "waits-in-a-circle", &[]);
    super::eventually(super::SOON, || {
        flow_runs(&home, &["--state", "WAITING"]).len() == 2
    });
    let child = &flow_runs(&home, &["--flow", "waits-for"])[0];
    let details = json(&home, &["flow-run", "inspect", &parent]);
    assert_eq!(details["circle"], Value::from(vec![text(&child["name"])]));
    let shown = home.run(["flow-run", "inspect", &parent]).ok();
    let name = text(&child["name"]);
    let expect =
        format!("it waits for `{name}`, which waits for it: none of them goes on by itself");
    assert!(shown.stdout.contains(&expect), "{shown}");
    home.run(["flow-run", "cancel", &parent]).ok();
    wait_until(&home, &parent, "CANCELLED");
}

/// What it is told of ends with a worker only.
#[test]
fn who_cancels_is_told_that_nobody_lets_the_run_clean_up() {
    let home = retries();
    let first = worker(&home, &[]);
    let run = start(&home, "takes-a-while", &["-p", "n=1"]);
    wait_until(&home, &run, "WAITING");
    first.sigint();
    first.wait();
    let cancelled = home.run(["flow-run", "cancel", &run]).ok();
    assert!(
        cancelled
            .stderr
            .contains("no worker pulls from work pool `default-pool`"),
        "{cancelled}"
    );
    assert_eq!(state(&home, &run), "CANCELLING");
}

/// What was said is told where it was said, also when the whole run is long over.
#[test]
fn states_and_lines_of_a_run_are_told_by_time() {
    let home = home();
    deploy(&home, "process_item", &[]);
    let _worker = worker(&home, &[]);
    watch(&home, "process-item", &["-p", "item_id=7"]).ok();
    let run = text(&flow_runs(&home, &[])[0]["id"]).to_owned();
    let told = home.run(["flow-run", "watch", &run]).ok().stderr;
    let lines: Vec<(&str, &str)> = told
        .lines()
        .filter_map(|line| line.split_once(" | "))
        .collect();
    assert!(lines.is_sorted_by_key(|(at, _)| *at), "{told}");
    let what = |part: &str| lines.iter().position(|(_, line)| line.contains(part));
    assert!(what("Running") < what("INFO"), "{told}");
    assert_eq!(what("Completed"), Some(lines.len() - 1), "{told}");
}

/// A command on a terminal of so many columns.
fn shown_on(home: &Home, columns: u16, command: &str) -> String {
    let program = env!("CARGO_BIN_EXE_orch-host");
    let typed = format!("stty cols {columns}; {program} {command} --color never");
    let mut terminal = on_terminal(home, &typed);
    let shown = terminal.stdin(Stdio::null()).output().unwrap();
    assert!(shown.status.success());
    String::from_utf8(shown.stdout).unwrap()
}

#[test]
fn a_listing_fits_the_terminal() {
    let home = home();
    deploy(&home, "process_item", &["--tag", &"long-".repeat(30)]);
    deploy(&home, "bench", &[]);
    let reason = "-p item_id=7 --tag x".split(' ');
    let start = ["deployment", "run", "process-item"].into_iter();
    home.run(start.chain(reason)).ok();
    let id = text(&flow_runs(&home, &[])[0]["id"]).to_owned();
    home.run(["flow-run", "cancel", &id]).ok();
    for columns in [80, 100, 160] {
        for listing in ["flow-run ls", "deployment ls", "component ls"] {
            let shown = shown_on(&home, columns, listing);
            let widths = shown.lines().map(|line| line.trim_end().chars().count());
            let widest = widths.max().unwrap();
            assert!(
                widest <= usize::from(columns),
                "{widest} of {columns}\n{shown}"
            );
        }
        let shown = shown_on(&home, columns, "flow-run ls");
        let beginning = &id[..13];
        assert!(columns == 80 || shown.contains(beginning), "{shown}");
        let wide = shown_on(&home, columns, "flow-run ls -o wide");
        assert!(wide.contains(&id), "{wide}");
    }
    // For a program nothing is cut.
    let listed = home.run(["deployment", "ls"]).ok().stdout;
    assert!(listed.contains(&"long-".repeat(30)), "{listed}");
}

#[test]
fn a_mistyped_name_of_a_run_is_met_with_the_nearest() {
    let home = retries();
    start(&home, "gives-back", &["--name", "silver-otter"]);
    let refused = home.run(["flow-run", "inspect", "silver-ottr"]).fails(2);
    let expect = "error: no flow run has the id or the name `silver-ottr`\nhint: did you mean \
                  `silver-otter`?\n";
    assert_eq!(refused.stderr, expect);
    let long = "x".repeat(100_000);
    let refused = home.run(["flow-run", "inspect", &long]).fails(2);
    assert!(!refused.stderr.contains("did you mean"));
}

/// Two programs would read it in two ways.
#[test]
fn a_name_that_stands_twice_in_an_object_is_refused() {
    let home = home();
    let twice = r#"{"a": 1, "a": 2}"#;
    let refused = home.run(["variable", "set", "x", twice]).fails(2);
    let why = "the name `a` stands twice in an object at line 1 column 12";
    assert!(refused.stderr.contains(why), "{refused}");
    assert_eq!(json(&home, &["variable", "ls"]), serde_json::json!([]));
}

/// Whoever looks later is told what whoever has started the run was warned of.
#[test]
fn a_run_that_is_held_back_by_its_pool_says_so() {
    let home = home();
    deploy(&home, "bench", &["--flow", "sleeper"]);
    let reasons = || home.run(["flow-run", "ls"]).ok().stdout;
    let first = start(&home, "sleeper", &["-p", "ms=3600000"]);
    assert!(reasons().contains("work pool `default-pool` has no worker"));
    home.run(["work-pool", "set-limit", "default-pool", "1"])
        .ok();
    let _worker = worker(&home, &[]);
    wait_until(&home, &first, "WAITING");
    home.run(["work-pool", "pause", "default-pool"]).ok();
    let second = start(&home, "sleeper", &["-p", "ms=1"]);
    assert!(reasons().contains("work pool `default-pool` is paused"));
    let inspected = home.run(["flow-run", "inspect", &second]).ok().stdout;
    assert!(
        inspected.contains("reason      work pool `default-pool` is paused"),
        "{inspected}"
    );
}

#[test]
fn an_attempt_that_failed_is_told_of_while_the_next_one_is_awaited() {
    let home = retries();
    let _worker = worker(&home, &[]);
    let run = start(&home, "leaves-one-behind", &[]);
    eventually(SOON, || {
        let said = home.run(["flow-run", "logs", &run]).ok().stdout;
        let what = "failed in attempt 1: it was to fail; tried again after 1h";
        said.contains("WARN") && said.contains(what)
    });
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let home = retries();
    for (command, expect) in [
        (
            "flow-run retry --state completed --yes",
            "error: a filter of `flow-run retry` means runs in other states\nhint: these are \
             `Failed`, `Crashed`, `Cancelled`\n",
        ),
        (
            "deployment run gives-back -p a=1 -p a=2",
            "error: parameter `a` is given twice\nhint: a list is one value: `-p 'a=[1, 2]'`\n",
        ),
        (
            "flow-run cancel --flow givs-back --yes",
            "There are no such flow runs\nhint: there is no deployed flow `givs-back`: did you mean \
             `gives-back`?\n",
        ),
    ] {
        let said = home.run(command.split(' '));
        assert_eq!(said.stderr, expect, "{command}");
    }
}

//! Runs make artifacts for people to look at.

use serde_json::{Value, json};
use test_support::Home;

use super::{
    deploy, eventually, home, inspect, json, list, start, state, task_runs, text, wait_until,
    watch, worker,
};

/// Starts a run that makes one of every kind, and waits until it asks a person.
fn shown(home: &Home, day: &str) -> String {
    let run = start(home, "show", &["-p", &format!("day={day}")]);
    eventually(super::SOON, || {
        matches!(&*state(home, &run), "PAUSED" | "WAITING")
    });
    run
}

fn go_on(home: &Home, run: &str) {
    home.run(["flow-run", "resume", run, "--input", "true"])
        .ok();
    wait_until(home, run, "COMPLETED");
}

fn of_run(home: &Home, run: &str) -> Vec<(String, Value)> {
    let mut found: Vec<_> = list(home, &["artifact", "ls", "--flow-run", run])
        .into_iter()
        .map(|it| (text(&it["key"]).to_owned(), it["data"].clone()))
        .collect();
    found.reverse();
    found
}

#[test]
fn artifacts_are_made_once_however_often_a_flow_is_replayed() {
    let home = home();
    deploy(&home, "kept", &[]);
    let first = worker(&home, &[]);
    let run = shown(&home, "Monday");
    first.sigkill();
    let before = of_run(&home, &run);
    let keys: Vec<_> = before.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "report",
            "orders-read",
            "orders",
            "shop",
            "chart",
            "report-done"
        ]
    );
    assert_eq!(before[1].1, json!(100.0));
    assert_eq!(
        before[2].1[0],
        json!({"id": 2, "customer": "Å <b>", "total": 9.5})
    );
    assert_eq!(before[5].1, json!(50.0));

    // Another worker replays what was, and goes on.
    let _second = worker(&home, &[]);
    go_on(&home, &run);
    let after = of_run(&home, &run);
    assert_eq!(after.len(), before.len() + 1);
    assert_eq!(after[5], ("report-done".to_owned(), json!(100.0)));
    assert_eq!(
        after[6],
        ("report".to_owned(), json!("# Monday\n\n**All** of it"))
    );
    home.run(["flow-run", "replay", &run]).ok();
    assert_eq!(of_run(&home, &run), after);
    let journal = home.run(["flow-run", "inspect", &run, "--journal"]).ok();
    assert!(
        journal.stdout.contains("make markdown artifact `report`"),
        "{journal}"
    );
}

#[test]
fn people_look_at_artifacts_by_key_and_by_run() {
    let home = home();
    deploy(&home, "kept", &[]);
    let _worker = worker(&home, &[]);
    let nothing = home.run(["artifact", "ls"]).ok();
    assert!(
        nothing.stderr.contains("There are no such artifacts"),
        "{nothing}"
    );
    let monday = shown(&home, "Monday");
    go_on(&home, &monday);
    let tuesday = shown(&home, "Tuesday");

    let latest = list(&home, &["artifact", "ls"]);
    let keys: Vec<_> = latest.iter().map(|it| text(&it["key"])).collect();
    assert_eq!(
        keys,
        [
            "chart",
            "orders",
            "orders-read",
            "report",
            "report-done",
            "shop"
        ]
    );
    assert!(
        latest
            .iter()
            .all(|it| it["flow_run"] == *tuesday || it["key"] == "chart")
    );
    let versions = list(&home, &["artifact", "ls", "--key", "report"]);
    let runs: Vec<_> = versions.iter().map(|it| text(&it["flow_run"])).collect();
    assert_eq!(runs, [&*tuesday, &monday, &monday]);
    let task = text(&task_runs(&home, &monday)[0]["id"]).to_owned();
    assert_eq!(
        list(&home, &["artifact", "ls", "--task-run", &task]).len(),
        3
    );

    let orders = home.run(["artifact", "inspect", "orders"]).ok().stdout;
    for line in [
        "description  Of Tuesday",
        "id  customer  total",
        "2   Å <b>     9.5",
        "Versions",
    ] {
        assert!(orders.contains(line), "{line}: {orders}");
    }
    let first = text(&versions[2]["id"]);
    let report = home.run(["artifact", "inspect", first]).ok().stdout;
    assert!(report.contains("# Monday\n\nNot *all*"), "{report}");
    let chart = json(&home, &["artifact", "inspect", "chart"]);
    assert_eq!(chart["data"], "https://shop.example/chart.png");
    assert_eq!(chart["flow"], "chart");
    let run = home.run(["flow-run", "inspect", &monday]).ok().stdout;
    assert!(
        run.contains("Artifacts\n") && run.contains("orders-read"),
        "{run}"
    );
    assert_eq!(
        inspect(&home, &monday)["artifacts"]
            .as_array()
            .unwrap()
            .len(),
        7
    );

    for (args, words) in [
        (
            ["artifact", "inspect", "nothing"].as_slice(),
            "there is no artifact `nothing`",
        ),
        (
            &["artifact", "inspect", "a/b"],
            "there is no artifact `a/b`",
        ),
        (&["artifact", "ls", "--key", ""], "cannot be empty"),
        (&["artifact", "ls", "--flow-run", "nothing"], "nothing"),
        (&["artifact", "ls", "--task-run", "x"], "invalid value 'x'"),
        (
            &["artifact", "ls", "--key", "a", "--flow-run", "b"],
            "cannot be used with",
        ),
    ] {
        let refused = home.run(args).fails(2);
        assert!(refused.stderr.contains(words), "{refused}");
    }

    // They go with their run.
    go_on(&home, &tuesday);
    home.run(["flow-run", "delete", &tuesday]).ok();
    assert_eq!(list(&home, &["artifact", "ls", "--key", "report"]).len(), 2);
}

#[test]
fn what_is_no_artifact_is_refused_with_a_reason() {
    let home = home();
    deploy(&home, "kept", &[]);
    let _worker = worker(&home, &[]);
    let not_list = "the table of artifact `t`: it is no list of objects";
    let not_percent = "the progress of an artifact in percent is";
    for (how, kind, words) in [
        ("no-table", "invalid", not_list),
        ("no-list", "invalid", not_list),
        (
            "ftp",
            "invalid",
            "artifact `l`: `ftp://shop.example` is no http or https address",
        ),
        (
            "script",
            "invalid",
            "artifact `i`: `javascript:alert(1)` is no http",
        ),
        ("over", "invalid", not_percent),
        ("nan", "invalid", not_percent),
        ("key", "invalid", "contains '/'"),
        ("no-key", "invalid", "cannot be empty"),
        (
            "large",
            "limit",
            "the text of an artifact is 1048577 bytes; the limit is 1048576",
        ),
        (
            "many",
            "limit",
            "the limit on one execution is 10000 artifacts",
        ),
        (
            "much",
            "limit",
            "the limit on one execution is 64.00 MiB of artifacts",
        ),
    ] {
        let run = start(&home, "make-wrong", &["-p", &format!("how={how}")]);
        wait_until(&home, &run, "FAILED");
        let task = &task_runs(&home, &run)[0];
        let failure = &task["attempts"][0]["failure"];
        assert_eq!(failure["kind"], kind, "{how}: {failure}");
        assert!(
            text(&failure["message"]).contains(words),
            "{how}: {failure}"
        );
    }
    // A flow has the same limits.
    let refused = watch(&home, "wrong-of-flow", &["-p", "how=many"]).fails(1);
    assert!(refused.stderr.contains("10000 artifacts"), "{refused}");
    let refused = watch(&home, "wrong-of-flow", &["-p", "how=ftp"]).fails(1);
    assert!(refused.stderr.contains("`ftp://shop.example`"), "{refused}");
}

//! A database is backed up while it is used, and put back; and a doctor looks at it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;
use test_support::{Home, eventually};

use super::{
    SOON, deploy, everything, flow_runs, inspect, json, list, own_home, shlex, start, text,
    wait_until, watch, worker,
};

/// The path of a file beside the database of a home.
fn beside(home: &Home, name: &str) -> String {
    home.path().join(name).display().to_string()
}

/// What a home holds, but for its workers.
fn held(home: &Home) -> Vec<Value> {
    let mut all = everything(home);
    all.remove(5);
    all
}

#[test]
fn a_backup_that_is_made_under_load_is_put_back_and_goes_on() {
    let home = own_home();
    deploy(
        &home,
        "bench",
        &["--flow", "three-tasks", "--flow", "sleeper"],
    );
    deploy(&home, "blobs", &["--flow", "report"]);
    let file = beside(&home, "copy.db");
    let (waiting, report) = {
        let _worker = worker(&home, &[]);
        let report = start(&home, "report", &["-p", r#"texts=["one","two"]"#]);
        wait_until(&home, &report, "COMPLETED");
        let waiting = start(&home, "sleeper", &["-p", "ms=3000"]);
        wait_until(&home, &waiting, "WAITING");
        for _ in 0..30 {
            start(&home, "three-tasks", &[]);
        }
        // Runs begin and end meanwhile.
        let said = home.run(["backup", &file]).ok().stderr;
        assert!(said.starts_with(&format!("Wrote `{file}`: ")), "{said}");
        assert!(said.contains("blobs"), "{said}");
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(!fs::exists(format!("{file}.partial")).unwrap());
        (waiting, report)
    };

    let other = own_home();
    let said = other.run(["restore", &file]).ok().stderr;
    assert!(said.contains("Restored `sqlite:"), "{said}");
    assert_eq!(
        list(&other, &["deployment", "ls"]),
        list(&home, &["deployment", "ls"])
    );
    assert_eq!(
        inspect(&other, &report)["result"],
        inspect(&home, &report)["result"]
    );
    let result = inspect(&other, &report)["result"].to_string();
    let at = result.find("blake3:").expect("a blob");
    let digest = &result[at..at + "blake3:".len() + 64];
    let blob = |home: &Home| home.run(["blob", "get", digest]).ok().stdout;
    assert_eq!(blob(&other), blob(&home));
    // What was executed at that moment is taken up, and what waited goes on.
    let _worker = worker(&other, &[]);
    eventually(SOON, || {
        let runs = flow_runs(&other, &[]);
        runs.iter().all(|run| run["state"]["type"] == "COMPLETED")
    });
    wait_until(&other, &waiting, "COMPLETED");
    watch(&other, "three-tasks", &[]).ok();
}

#[test]
fn what_cannot_be_backed_up_or_put_back_is_told_and_nothing_changes() {
    let home = own_home();
    let file = beside(&home, "copy.db");
    let check = |home: &Home, args: &[&str], expect: &str, hint: &str| {
        let said = home.run(args).fails(2).stderr;
        assert!(said.contains(expect), "{args:?}: {said}");
        assert!(said.contains(hint), "{args:?}: {said}");
    };
    check(
        &home,
        &["backup", &file],
        "error: there is no database at `sqlite:",
        "hint: `orch-host database status`",
    );
    deploy(&home, "bench", &["--flow", "empty"]);
    start(&home, "empty", &[]);
    home.run(["backup", &file]).ok();
    let before = held(&home);
    check(
        &home,
        &["backup", &file],
        "error: there is something at `",
        "hint: nothing is ever written over",
    );
    check(
        &home,
        &["restore", &file],
        "error: there is something at `",
        "hint: nothing is ever written over",
    );
    assert_eq!(held(&home), before);

    let other = own_home();
    let garbage = beside(&other, "garbage.db");
    fs::write(&garbage, [7; 10_000]).unwrap();
    let missing = beside(&other, "missing.db");
    check(
        &other,
        &["restore", &missing],
        "error: there is no file `",
        "hint: give what `orch-host backup FILE` has written",
    );
    check(
        &home,
        &["backup", &beside(&home, "nowhere/copy.db")],
        "nowhere`",
        "hint: make it, or give another file",
    );
    let ran = other.run(["restore", &garbage]);
    assert!(ran.stderr.contains("error: "), "{ran}");
    // One that was damaged on its way.
    let damaged = beside(&other, "damaged.db");
    let mut bytes = fs::read(&file).unwrap();
    let page = bytes.len() / 8192 * 4096;
    bytes[page..page + 4096].fill(0xAB);
    fs::write(&damaged, bytes).unwrap();
    let ran = other.run(["restore", &damaged]);
    assert!(ran.stderr.contains("error: "), "{ran}");
    assert!(!fs::exists(other.path().join("orch.db")).unwrap());
    other.run(["restore", &file]).ok();
    assert_eq!(held(&other), before);
    if let Some(database) = test_support::database() {
        let url = database.url();
        let far = own_home().with_database(url);
        check(
            &far,
            &["backup", &missing],
            "is a PostgreSQL database",
            "hint: `pg_dump ",
        );
        check(
            &far,
            &["restore", &file],
            "is a PostgreSQL database",
            "hint: `pg_restore`",
        );
    }
}

#[test]
fn a_doctor_says_what_is_wrong_and_what_to_do() {
    let home = own_home();
    let mode = |mode| {
        fs::set_permissions(home.path(), fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(0o700);
    let findings = |code| -> Vec<Value> {
        let ran = home.run(["doctor", "-o", "json"]);
        let ran = if code == 0 { ran.ok() } else { ran.fails(code) };
        ran.json().as_array().unwrap().clone()
    };
    let of = |findings: &[Value], what: &str| -> String {
        let all = findings.iter().filter(|it| it["what"] == what);
        all.map(|it| {
            let hint = it.get("hint").map_or("", |hint| text(hint));
            format!(
                "{}: {} ({hint})\n",
                text(&it["verdict"]),
                text(&it["found"])
            )
        })
        .collect()
    };
    let fresh = findings(0);
    assert!(of(&fresh, "database").contains("is empty"), "{fresh:?}");
    deploy(&home, "bench", &["--flow", "empty"]);
    let all = findings(0);
    assert!(
        of(&all, "database").starts_with("good: `sqlite:"),
        "{all:?}"
    );
    assert!(of(&all, "data directory").starts_with("good: "), "{all:?}");
    assert_eq!(
        of(&all, "work that waits"),
        "good: nothing waits in vain ()\n"
    );
    start(&home, "empty", &[]);
    let all = findings(1);
    assert_eq!(
        of(&all, "work that waits"),
        "broken: 1 run in work pool `default-pool`, which has no worker (`orch-host worker --pool \
         default-pool`)\n"
    );
    home.run(shlex("work-pool pause default-pool")).ok();
    home.run(shlex("limit create db --slots 1")).ok();
    mode(0o755);
    let all = findings(0);
    assert!(
        of(&all, "work that waits")
            .starts_with("note: 1 run in work pool `default-pool`, which is paused"),
        "{all:?}"
    );
    assert!(
        of(&all, "data directory").contains("(`chmod 700 "),
        "{all:?}"
    );
    let said = home.run(["doctor"]).ok().stdout;
    assert!(said.contains("note   work that waits: 1 run in"), "{said}");
    assert!(
        said.contains("       hint: `orch-host work-pool resume default-pool`"),
        "{said}"
    );
    mode(0o700);

    let conn = rusqlite::Connection::open(home.path().join("orch.db")).unwrap();
    conn.pragma_update(None, "user_version", 9999).unwrap();
    drop(conn);
    let all = findings(1);
    assert!(
        of(&all, "database").contains("install the newer orch-host"),
        "{all:?}"
    );
    let _ = json(&own_home(), &["doctor"]);
}

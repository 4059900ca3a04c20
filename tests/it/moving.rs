//! A database is copied to another engine and back.

mod random;

use std::fs;

use insta_cmd::assert_cmd_snapshot;
use serde_json::{Value, json};
use test_support::{Home, Ran, Server, eventually};

use super::databases::{on, version};
use super::inputs::start_suspended;
use super::{
    SOON, deploy, everything, inspect, json, own_home, start, state, steady, text, wait_until,
    watch, worker,
};

/// The address of the file that a home makes by itself.
fn file_of(home: &Home) -> String {
    format!("sqlite:{}", home.path().join("orch.db").display())
}

fn copy(home: &Home, from: &str, to: &str) -> Ran {
    home.run(["database", "copy", from, to])
}

/// Runs in all states in which runs can be left for long.
struct Cast {
    /// Each with its name here.
    runs: Vec<(&'static str, String)>,
}

impl Cast {
    fn play(home: &Home) -> Self {
        home.run(["work-pool", "create", "later", "--limit", "3"])
            .ok();
        deploy(home, "forms", &["--tag", "a tag"]);
        deploy(home, "forms", &["--flow", "echo", "--pool", "later"]);
        deploy(home, "inputs", &[]);
        deploy(home, "retries", &[]);
        let worker = worker(home, &[]);
        for flow in ["says-things", "fails", "direct-call"] {
            watch(home, flow, &[]);
        }
        let failed = super::flow_runs(home, &["--flow", "fails"])[0].clone();
        let failed = text(&failed["id"]).to_owned();
        home.run(["flow-run", "retry", &failed]).ok();
        eventually(SOON, || {
            let run = inspect(home, &failed);
            run["attempt"] == 2 && run["state"]["type"] == "FAILED"
        });
        watch(home, "flaky-task", &["-p", "failures=2"]).ok();
        let cancelled = start(home, "echo", &["-p", "value=no"]);
        home.run(["flow-run", "cancel", &cancelled]).ok();
        let asks = start_suspended(home, "release", &["-p", "version=v7"]);
        let waits = start(home, "runs-and-waits", &[]);
        eventually(SOON, || {
            super::flow_runs(home, &["--parent", &waits]).len() == 1
        });
        wait_until(home, &waits, "WAITING");
        // Longer than the rest of this takes, on any machine that can do anything.
        let sleeps = start(home, "sleeps", &["-p", "ms=20000"]);
        wait_until(home, &sleeps, "WAITING");
        worker.sigint();
        assert_eq!(worker.wait(), 0);
        let scheduled = start(home, "echo", &["-p", "value=1", "--in", "1h"]);
        // Stands apart from its run.
        let large = format!("value={}", "large ".repeat(20_000));
        start(home, "echo", &["-p", &large, "--in", "1h"]);
        let mut runs = vec![
            ("asks", asks),
            ("waits", waits),
            ("sleeps", sleeps),
            ("scheduled", scheduled),
        ];
        for run in super::flow_runs(home, &[]) {
            runs.push(("any", text(&run["id"]).to_owned()));
        }
        Self { runs }
    }

    fn run(&self, name: &str) -> &str {
        let found = self.runs.iter().find(|(of, _)| *of == name);
        &found.unwrap().1
    }

    /// All that can be seen of the runs, and of the database.
    #[track_caller]
    fn seen(&self, home: &Home) -> Value {
        let of_run = |run: &str| {
            json!([
                json(home, &["flow-run", "inspect", run, "--journal"]),
                home.run(["flow-run", "logs", run, "-o", "json"])
                    .ok()
                    .stdout,
                super::task_runs(home, run),
            ])
        };
        let runs: Vec<Value> = self.runs.iter().map(|(_, run)| of_run(run)).collect();
        json!([runs, everything(home)])
    }

    /// What was suspended ends as it should.
    #[track_caller]
    fn end(&self, home: &Home) {
        let _workers = [worker(home, &[]), home.worker(["--pool", "later"])];
        let [asks, waits, sleeps] = ["asks", "waits", "sleeps"].map(|name| self.run(name));
        let given = r#"{"approved": true, "note": "moved"}"#;
        home.run(["flow-run", "resume", asks, "--input", given])
            .ok();
        for run in [asks, waits, sleeps] {
            wait_until(home, run, "COMPLETED");
        }
        assert_eq!(inspect(home, asks)["result"], "v7: true (moved)");
        assert_eq!(inspect(home, waits)["result"], "hi");
        assert_eq!(state(home, self.run("scheduled")), "SCHEDULED");
    }
}

#[test]
fn runs_move_to_postgresql_and_go_on_there() {
    let Some(database) = test_support::database() else {
        return;
    };
    let here = own_home();
    let cast = Cast::play(&here);
    let token = here.run(["token", "create", "ops", "--role", "admin"]);
    let token = token.ok().stdout.trim().to_owned();
    let before = cast.seen(&here);
    let file = fs::read(here.path().join("orch.db")).unwrap();

    let ran = copy(&here, &file_of(&here), &database.url()).ok();
    assert!(ran.stderr.contains("all tables are the same"), "{ran}");
    assert!(ran.stderr.contains("do not start workers on"), "{ran}");
    let there = on(&database.url());
    assert_eq!(cast.seen(&there), before);
    assert_eq!(cast.seen(&here), before, "the original is as it was");
    assert_eq!(
        fs::read(here.path().join("orch.db")).unwrap(),
        file,
        "the file is the same, byte by byte"
    );

    // Those who may use the server still may, and the past is told from its beginning.
    let server = Server::start(&there, &[]);
    let path = format!("/v1/flow-runs/{}/events", cast.run("asks"));
    let answer = server.plain("GET", &path).token(&token).send();
    let events = answer.ok().json();
    assert_eq!(events["items"][0]["flow_run"]["state"]["type"], "SCHEDULED");
    drop(server);

    cast.end(&there);
    // Numbers go on after those that came over: the newest is the first of the list.
    let newest = start(&there, "direct-call", &[]);
    assert_eq!(super::flow_runs(&there, &[])[0]["id"], newest);
    // What was begun is not begun again: the same bytes are known.
    let again = deploy(&there, "retries", &[]);
    let is_known = |line: &str| line.starts_with("unchanged ");
    assert!(again.stdout.lines().all(is_known), "{again}");
}

#[test]
fn runs_move_back_to_a_file_and_go_on_there() {
    let Some(database) = test_support::database() else {
        return;
    };
    let here = on(&database.url());
    let cast = Cast::play(&here);
    // The last number is not given again, although its run is gone.
    let last = start(&here, "echo", &["-p", "value=1", "--in", "1h"]);
    here.run(["flow-run", "cancel", &last]).ok();
    here.run(["flow-run", "delete", &last]).ok();
    let before = cast.seen(&here);
    let there = own_home();
    copy(&here, &database.url(), &file_of(&there)).ok();
    assert_eq!(cast.seen(&there), before);
    cast.end(&there);
    let numbers = rusqlite::Connection::open(there.path().join("orch.db")).unwrap();
    let newest = start(&there, "direct-call", &[]);
    assert_eq!(super::flow_runs(&there, &[])[0]["id"], newest);
    let highest: i64 = numbers
        .query_row("SELECT max(no) FROM flow_runs", [], |row| row.get(0))
        .unwrap();
    let given = database.sql("SELECT last_value FROM orch_host.run_numbers");
    assert!(highest > given.trim().parse().unwrap());
}

/// A follower whose place is of the old database is told so, and does not miss anything in silence.
#[test]
fn a_place_in_the_events_of_the_old_database_is_too_old_in_the_new_one() {
    let Some(database) = test_support::database() else {
        return;
    };
    let here = own_home();
    deploy(&here, "forms", &["--flow", "echo"]);
    start(&here, "echo", &["-p", "value=1", "--in", "1h"]);
    let server = Server::start(&here, &[]);
    let old = server.get("/v1/events")["items"].clone();
    let cursors: Vec<String> = old.as_array().unwrap().iter().map(cursor).collect();
    assert!(!cursors.is_empty());
    drop(server);
    copy(&here, &file_of(&here), &database.url()).ok();
    let back = here.path().join("back.db");
    let back = format!("sqlite:{}", back.display());
    copy(&here, &database.url(), &back).ok();
    for url in [database.url(), back] {
        let there = on(&url);
        let server = Server::start(&there, &[]);
        for cursor in &cursors {
            let path = format!("/v1/events?after={cursor}");
            server.ask("GET", &path).send().problem(410, "too-old");
        }
        // All is told, at other places.
        let mut told = server.get("/v1/events")["items"].clone();
        assert_eq!(told.as_array().unwrap().len(), cursors.len());
        for (told, old) in told.as_array_mut().unwrap().iter_mut().zip(&cursors) {
            let place = cursor(told);
            assert!(!cursors.contains(&place));
            // From each of which one can go on.
            let path = format!("/v1/events?after={place}");
            server.ask("GET", &path).send().ok();
            told["cursor"] = json!(old);
        }
        assert_eq!(told, old, "{url}");
    }
}

fn cursor(event: &Value) -> String {
    text(&event["cursor"]).to_owned()
}

#[test]
fn a_copy_that_is_killed_is_continued_and_nobody_uses_it_before() {
    let Some(database) = test_support::database() else {
        return;
    };
    let here = own_home();
    deploy(&here, "forms", &[]);
    for flow in ["says-things", "direct-call"] {
        let worker = worker(&here, &[]);
        watch(&here, flow, &[]).ok();
        worker.sigint();
        worker.wait();
    }
    let before = everything(&here);
    let there = on(&database.url());
    there.run(["database", "migrate"]).ok();
    let role = format!("reader_{}", std::process::id());
    database.sql(&format!(
        "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA orch_host TO {role};
         GRANT SELECT ON ALL TABLES IN SCHEMA orch_host TO {role}"
    ));
    let reader = on(&database.url().replace("orch@", &format!("{role}@")));
    // It comes so far, and not further: nobody may write to this table.
    let lock = database.hold("LOCK TABLE orch_host.logs IN SHARE MODE");
    let (from, to) = (file_of(&here), database.url());
    let copying = here.start(["database", "copy", &from, &to]);
    eventually(SOON, || {
        database
            .sql("SELECT count(*) FROM orch_host.task_runs")
            .trim()
            != "0"
    });
    copying.sigkill();

    let _steady = steady(&here);
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"postgres://\w+@127\.0\.0\.1:\d+/orch_\d+", "[POSTGRES]");
    let _more = settings.bind_to_scope();
    let refused = [
        there.cmd(["worker"]),
        there.cmd(["deployment", "ls"]),
        there.cmd(["database", "migrate"]),
        // Also to who may not look at how far it is.
        reader.cmd(["deployment", "ls"]),
        there.cmd(["database", "copy", &to, "sqlite:other.db"]),
    ];
    insta::allow_duplicates!(for mut command in refused {
        assert_cmd_snapshot!(command, @r"
        success: false
        exit_code: 2
        ----- stdout -----

        ----- stderr -----
        error: the database `[POSTGRES]` is half a copy of `sqlite:[HOME]/orch.db`
        hint: `orch-host database copy sqlite:[HOME]/orch.db [POSTGRES]` finishes it
        ");
    });
    for home in [&there, &reader] {
        let status = json(home, &["database", "status"]);
        assert_eq!(status["state"], "half-copied");
        assert_eq!(status["copy_of"], from.as_str());
    }
    // Nor does another database go there.
    let other = own_home();
    other.run(["database", "migrate"]).ok();
    let ran = copy(&other, &file_of(&other), &to).fails(2);
    assert!(ran.stderr.contains("is half a copy of `sqlite:"), "{ran}");
    assert!(
        ran.stderr
            .contains("hint: `orch-host database copy sqlite:"),
        "{ran}"
    );

    drop(lock);
    let ran = copy(&here, &from, &to).ok();
    assert!(
        ran.stderr.contains("before this command was given again"),
        "{ran}"
    );
    assert_eq!(everything(&there), before);
    assert_eq!(json(&there, &["database", "status"])["state"], "current");
}

#[test]
fn what_a_killed_worker_had_is_rescued_on_the_other_side() {
    let Some(database) = test_support::database() else {
        return;
    };
    let here = own_home();
    deploy(&here, "process_item", &[]);
    let gone = worker(&here, &[]);
    let run = start(&here, "process-item", &["-p", "item_id=1"]);
    wait_until(&here, &run, "RUNNING");
    // While it is alive, its runs stay.
    let ran = copy(&here, &file_of(&here), &database.url()).fails(2);
    assert!(ran.stderr.contains("is in use: worker `"), "{ran}");
    assert!(ran.stderr.contains("hint: stop its workers"), "{ran}");
    gone.sigkill();
    // Its lease has not ended, but its machine knows that it is gone.
    copy(&here, &file_of(&here), &database.url()).ok();
    let there = on(&database.url());
    assert_eq!(state(&there, &run), "RUNNING");
    let _worker = worker(&there, &[]);
    wait_until(&there, &run, "COMPLETED");
    assert_eq!(
        inspect(&there, &run)["attempt"],
        1,
        "a lost worker costs none"
    );
}

#[test]
fn what_cannot_be_copied_is_told() {
    let home = own_home();
    deploy(&home, "nesting", &[]);
    let at = |name: &str| format!("sqlite:{}", home.path().join(name).display());
    let (here, new) = (at("orch.db"), at("new.db"));
    #[track_caller]
    fn check(home: &Home, from: &str, to: &str, code: i32, expect: &str) {
        let ran = copy(home, from, to).fails(code);
        let said = ran.stderr.replace(home.path().to_str().unwrap(), "HOME");
        let said: Vec<&str> = said.lines().map(str::trim).collect();
        let expect: Vec<&str> = expect.lines().map(str::trim).collect();
        assert_eq!(said, expect);
    }
    let refused = |from: &str, to: &str, expect: &str| check(&home, from, to, 2, expect);
    refused(
        &at("none.db"),
        &new,
        "error: there is no database to copy at `sqlite:HOME/none.db`
         hint: name the database that holds your runs first, then the empty one",
    );
    refused(
        &here,
        "sqlite:orch.db",
        "error: `sqlite:HOME/orch.db` and `sqlite:HOME/orch.db` are the same database
         hint: name another database to copy to",
    );
    fs::write(home.path().join("empty.db"), "").unwrap();
    refused(
        &at("empty.db"),
        &new,
        "error: there is no database to copy at `sqlite:HOME/empty.db`
         hint: name the database that holds your runs first, then the empty one",
    );
    fs::write(
        home.path().join("notes.txt"),
        "these are notes, no database",
    )
    .unwrap();
    refused(
        &at("notes.txt"),
        &new,
        "error: `HOME/notes.txt` is not a database of this program, or it is damaged: file is not a database
         hint: restore the file, or name another with `--database sqlite:PATH`",
    );
    refused(
        "orch.db",
        &new,
        "error: `orch.db` is no database: it is no URL: write `sqlite:orch.db`
         hint: write `sqlite:PATH` for one machine, or `postgres://USER@HOST/DATABASE` for many",
    );
    refused(
        &here,
        "postgres://me:secret@host",
        "error: `postgres://me:***@host` is no database: the address of a PostgreSQL database is wrong: it names no database: write `postgres://HOST/DATABASE`
         hint: write `sqlite:PATH` for one machine, or `postgres://USER@HOST/DATABASE` for many",
    );
    let ran = copy(&home, &here, "postgres://me:secret@127.0.0.1:1/flows").fails(70);
    assert!(
        ran.stderr.contains("`postgres://me@127.0.0.1:1/flows`"),
        "{ran}"
    );
    assert!(ran.stderr.contains("hint: does its server run"), "{ran}");
    assert!(!home.path().join("new.db").exists(), "nothing was made");

    copy(&home, &here, &new).ok();
    refused(
        &here,
        &new,
        "error: `sqlite:HOME/new.db` is not empty: its table `components` has 1 row
         hint: copy to an empty database: nothing is ever mixed or written over",
    );
    let known: i64 = version(&home, "orch.db");
    let set = |version: i64| {
        let conn = rusqlite::Connection::open(home.path().join("new.db")).unwrap();
        conn.pragma_update(None, "user_version", version).unwrap();
    };
    set(99);
    let newer = format!(
        "error: the database `HOME/new.db` was written by a newer version (its schema is 99, this program knows {known})
         hint: install the version that wrote it, or name another with `--database sqlite:PATH`"
    );
    refused(&new, &at("newest.db"), &newer);
    refused(&here, &new, &newer);
    set(1);
    let older = format!(
        "error: the database `HOME/new.db` is of an earlier version (its schema is 1, this program knows {known})
         hint: `orch-host database migrate --database sqlite:HOME/new.db` brings it to this version; the owner of its tables has to run it"
    );
    refused(&new, &at("newest.db"), &older);
    refused(&here, &new, &older);
    assert!(!home.path().join("newest.db").exists(), "nothing was made");
}

/// All columns of all tables, whatever they hold.
#[test]
fn any_content_survives_the_way_there_and_back() {
    let Some(database) = test_support::database() else {
        return;
    };
    let home = own_home();
    home.run(["database", "migrate"]).ok();
    let back = home.path().join("back.db");
    random::fill(&home.path().join("orch.db"), 40);
    copy(&home, &file_of(&home), &database.url()).ok();
    let url = format!("sqlite:{}", back.display());
    copy(&home, &database.url(), &url).ok();
    let before = random::rows(&home.path().join("orch.db"));
    let after = random::rows(&back);
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before, after);
    }
    assert_eq!(before.len(), after.len());
}

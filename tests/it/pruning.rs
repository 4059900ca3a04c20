//! Runs that have been over for long are deleted, by families.

use serde_json::json;
use test_support::{Home, Ran, Server, eventually};

use super::{
    SOON, deploy, everything, flow_runs, inspect, json as shown, list, own_home, start, wait_until,
    watch, worker,
};

/// A home, and a way to change its database.
struct Place {
    home: Home,
    sql: Box<dyn Fn(&str) -> i64>,
}

impl Place {
    /// One on each engine that is installed.
    fn all() -> Vec<Self> {
        let new = || own_home();
        let home = new();
        let file = home.path().join("orch.db");
        let mut places = vec![Self {
            home,
            sql: Box::new(move |sql| {
                let conn = rusqlite::Connection::open(&file).unwrap();
                if sql.starts_with("SELECT") {
                    conn.query_row(sql, [], |row| row.get(0)).unwrap()
                } else {
                    conn.execute(sql, []).unwrap() as i64
                }
            }),
        }];
        if let Some(database) = test_support::database() {
            places.push(Self {
                home: new().with_database(database.url()),
                sql: Box::new(move |sql| {
                    let said = database.sql(&format!("SET search_path = orch_host; {sql}"));
                    said.trim().parse().unwrap_or_default()
                }),
            });
        }
        places
    }

    /// Makes all that has ended, and is named, 40 days older.
    fn age(&self, only: &str) {
        let days = 40 * 86_400 * 1_000_000_i64;
        for (table, column) in [("flow_runs", "ended"), ("flow_run_specs", "created")] {
            (self.sql)(&format!(
                "UPDATE {table} SET {column} = {column} - {days} WHERE no IN (
                     SELECT r.no FROM flow_runs r JOIN flow_run_specs s ON s.no = r.no
                     WHERE r.ended IS NOT NULL AND {only})"
            ));
        }
    }

    fn prune(&self, more: &[&str]) -> Ran {
        self.home
            .run([&["prune", "--older-than", "30d"], more].concat())
    }

    fn count(&self, table: &str) -> i64 {
        (self.sql)(&format!("SELECT count(*) FROM {table}"))
    }
}

/// A parent with its child, a failed run, and one that completed; all are over, and one is held.
fn play(place: &Place) -> String {
    let home = &place.home;
    deploy(home, "forms", &[]);
    let worker = worker(home, &[]);
    watch(home, "runs-and-waits", &[]).ok();
    watch(home, "fails", &[]);
    watch(home, "says-things", &[]).ok();
    worker.sigint();
    worker.wait();
    start(home, "echo", &["-p", "value=held", "--in", "1h"])
}

#[test]
fn old_families_go_with_all_that_belongs_to_them_and_the_rest_stays() {
    for place in Place::all() {
        let held = play(&place);
        let ran = place.prune(&[]).ok();
        assert_eq!(ran.stderr, "Deleted 0 flow runs\n");
        place.age("true");
        let before = everything(&place.home);
        let ran = place.prune(&["--dry-run"]).ok();
        assert_eq!(
            ran.stderr,
            "Would delete 4 flow runs: 3 COMPLETED, 1 FAILED\n"
        );
        assert_eq!(everything(&place.home), before, "nothing was deleted");
        let told = shown(
            &place.home,
            &["prune", "--older-than", "30d", "--keep-failed"],
        );
        assert_eq!(
            (
                &told["flow_runs"],
                &told["families"],
                &told["families_kept"]
            ),
            (&json!(3), &json!(2), &json!(1)),
            "{told}"
        );
        assert_eq!(told["by_state"], json!({"COMPLETED": 3}));
        let left = flow_runs(&place.home, &[]);
        assert_eq!(left.len(), 2);
        let ran = place.prune(&["--state", "failed"]).ok();
        assert_eq!(ran.stderr, "Deleted 1 flow run: 1 FAILED\n");
        assert_eq!(inspect(&place.home, &held)["state"]["type"], "SCHEDULED");
        for table in ["journal", "logs", "task_runs", "journal_kept"] {
            assert_eq!(place.count(table), 0, "{table}");
        }
        let ran = place.prune(&[]).ok();
        assert_eq!(ran.stderr, "Deleted 0 flow runs\n", "the second time");
    }
}

#[test]
fn a_family_stays_as_long_as_any_of_it_is_young_or_not_over() {
    for place in Place::all() {
        play(&place);
        place.age("s.flow = 'runs-and-waits'");
        let ran = place.prune(&[]).ok();
        let stays = "1 family stays: it is not over, not old enough, or not meant";
        assert_eq!(ran.stderr, format!("Deleted 0 flow runs; {stays}\n"));
        place.age("s.flow = 'echo'");
        // Its child begins anew.
        let child = flow_runs(&place.home, &["--flow", "echo", "--state", "completed"]);
        let child = super::text(&child[0]["id"]).to_owned();
        place.home.run(["flow-run", "retry", &child]).ok();
        let ran = place.prune(&[]).ok();
        assert_eq!(ran.stderr, format!("Deleted 0 flow runs; {stays}\n"));
        let worker = worker(&place.home, &[]);
        wait_until(&place.home, &child, "COMPLETED");
        worker.sigint();
        worker.wait();
        // Without its parent it is a family of its own.
        let parent = flow_runs(&place.home, &["--flow", "runs-and-waits"]);
        let parent = super::text(&parent[0]["id"]).to_owned();
        place.home.run(["flow-run", "delete", &parent]).ok();
        place.age("s.flow = 'echo'");
        let ran = place.prune(&[]).ok();
        assert_eq!(ran.stderr, "Deleted 1 flow run: 1 COMPLETED\n");
    }
}

#[test]
fn old_runs_are_deleted_through_a_server_too() {
    for place in Place::all() {
        play(&place);
        place.age("true");
        let server = Server::start(&place.home, &[]);
        let far = own_home();
        std::fs::write(far.path().join("token"), &server.token).unwrap();
        let url = format!("http://{}", server.address);
        let prune = |args: &[&str]| far.run([&["prune", "--server", &url], args].concat());
        let ran = prune(&["--older-than", "30d"]).ok();
        assert_eq!(ran.stderr, "Deleted 4 flow runs: 3 COMPLETED, 1 FAILED\n");
        assert_eq!(flow_runs(&place.home, &[]).len(), 1);
    }
}

#[test]
fn what_cannot_be_meant_is_told() {
    let home = own_home();
    #[track_caller]
    fn check(home: &Home, args: &[&str], expect: &str) {
        let ran = home.run([&["prune"], args].concat()).fails(2);
        assert!(ran.stderr.contains(expect), "{ran}");
    }
    for span in ["30x", "-5d", "", "soon"] {
        check(
            &home,
            &["--older-than", span],
            &format!(
                "error: `--older-than`: `{span}` is no duration such as `500ms`, `30s` or `1h 30m`\n\
                 hint: write how long ago, such as `--older-than 30d`\n"
            ),
        );
    }
    check(
        &home,
        &["--older-than", "30"],
        "error: `--older-than`: `30` has no unit; `30s`, `30m` and `30h` have one\n",
    );
    check(
        &home,
        &["--older-than", "1d", "--state", "running"],
        "error: a run that is `RUNNING` is not over\n\
         hint: `--state` takes `completed`, `failed`, `crashed` or `cancelled`\n",
    );
    check(
        &home,
        &["--older-than", "1d", "--state", "gone"],
        "invalid value 'gone'",
    );
    check(&home, &[], "--older-than");
    // However long ago that was.
    home.run(["prune", "--older-than", "9999years"]).ok();
}

/// A worker follows the rule when it starts, and each hour.
#[test]
fn a_rule_deletes_by_itself_what_has_been_over_for_long_and_what_only_that_used() {
    for place in Place::all() {
        let home = &place.home;
        deploy(home, "bench", &["--flow", "empty"]);
        deploy(home, "forms", &["--flow", "echo"]);
        deploy(home, "declares", &["--flow", "doubles-twice"]);
        let old = {
            let _worker = worker(home, &[]);
            watch(home, "echo", &["-p", "value=old"]).ok();
            watch(home, "empty", &[]).ok();
            watch(home, "doubles-twice", &["-p", "n=1"]).ok();
            flow_runs(home, &["--flow", "echo"])[0]["id"].clone()
        };
        let said = home.run(["prune", "show"]).ok().stderr;
        assert!(said.starts_with("Nothing is deleted by itself"), "{said}");
        let set = ["prune", "set", "--older-than", "30d", "--keep-failed"];
        let said = home.run(set).ok().stderr;
        let rule = "Each hour goes what has been over for more than 30d, unless a run of its \
                    family has failed";
        assert_eq!(said.trim_end(), rule);
        assert_eq!(home.run(["prune", "show"]).ok().stdout.trim_end(), rule);
        place.age("s.flow IN ('echo', 'doubles-twice')");
        for flow in ["echo", "doubles-twice"] {
            let deployment = format!("{flow}/{flow}-deployment");
            home.run(["deployment", "delete", &deployment]).ok();
        }
        let cached = || list(home, &["cache", "ls"]).len();
        assert_eq!(cached(), 1);
        // Before anything was run of it, a component is as old as it is.
        (place.sql)("UPDATE components SET created = 0");
        let _worker = worker(home, &[]);
        eventually(SOON, || list(home, &["component", "ls"]).len() == 1);
        eventually(SOON, || cached() == 0);
        let runs = flow_runs(home, &[]);
        assert_eq!(runs.len(), 1, "{runs:?}");
        assert_ne!(runs[0]["id"], old);
        assert_eq!(runs[0]["flow"], "empty");
        home.run(["prune", "unset"]).ok();
        assert_eq!(
            home.run(["prune", "show", "-o", "json"]).ok().stdout,
            "null\n"
        );
    }
}

#[test]
fn what_is_no_rule_is_refused() {
    let home = own_home();
    home.run(["prune", "set", "--older-than", "30d"]).ok();
    let rule = || shown(&home, &["prune", "show"]);
    let before = rule();
    let refused = |args: &[&str], expect: &str| {
        let said = home.run(args).fails(2).stderr;
        assert!(said.contains(expect), "{args:?}: {said}");
        assert!(said.contains("hint: "), "{args:?}: {said}");
    };
    refused(
        &["prune", "set", "--older-than", "10s"],
        "what ended less than a minute ago is not deleted by itself",
    );
    refused(
        &["prune", "set", "--older-than", "soon"],
        "`--older-than`: ",
    );
    refused(
        &["prune", "set", "--older-than", "1d", "--state", "running"],
        "a run that is `RUNNING` is not over",
    );
    assert_eq!(rule(), before);
    let server = Server::start(&home, &[]);
    assert_eq!(server.get("/v1/prune-rule"), before);
    let put = |body: &serde_json::Value| server.ask("PUT", "/v1/prune-rule").json(body).send();
    put(&json!({"older_than_ms": 1})).problem(422, "invalid-request");
    put(&json!({"older_than": "30d"})).problem(400, "malformed");
    assert_eq!(put(&json!({"older_than_ms": 86_400_000})).status, 200);
    let deleted = server.ask("DELETE", "/v1/prune-rule").send();
    assert_eq!(deleted.status, 204, "{deleted:?}");
    server
        .ask("GET", "/v1/prune-rule")
        .send()
        .problem(404, "not-found");
}

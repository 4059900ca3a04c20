//! Runs that are made by the clock: each slot makes one, whatever else happens.

use serde_json::{Value, json};
use test_support::{Home, Server, eventually, guest};

use super::{
    SOON, deploy, everything, flow_runs, home, list, own_home, shlex, steady, text, wait_until,
    worker,
};

/// A home with a deployment of a flow that does nothing.
fn with_empty() -> Home {
    let home = home();
    deploy(&home, "bench", &["--flow", "empty"]);
    home
}

/// A home with a deployment of a flow that sleeps for a minute unless told otherwise.
fn with_sleeper(ms: &str) -> Home {
    let home = home();
    let ms = format!("ms={ms}");
    deploy(&home, "bench", &["--flow", "sleeper", "-p", &ms]);
    home
}

fn schedules(home: &Home) -> Vec<Value> {
    list(home, &["schedule", "ls"])
}

/// When runs should have started, in seconds, the earliest first.
fn slots(home: &Home) -> Vec<i64> {
    let runs = flow_runs(home, &[]);
    let second = |run: &Value| {
        let at: jiff::Timestamp = text(&run["scheduled"]).parse().unwrap();
        assert_eq!(at.subsec_nanosecond(), 0, "a slot: {run}");
        at.as_second()
    };
    let mut slots: Vec<i64> = runs.iter().map(second).collect();
    slots.sort_unstable();
    slots
}

const ANCHOR: [&str; 2] = ["--anchor", "2026-01-01T00:00:00Z"];

fn every_second(home: &Home, flow: &str, more: &[&str]) {
    let create = ["schedule", "create", flow, "--interval", "1s"];
    home.run(create.iter().chain(&ANCHOR).chain(more)).ok();
}

/// Two workers and a server each have a scheduler, and one of the workers is killed.
#[test]
fn a_slot_makes_one_run_whoever_looks() {
    let home = with_empty();
    let killed = worker(&home, &[]);
    let _worker = worker(&home, &[]);
    let _server = Server::start(&home, &[]);
    every_second(&home, "empty", &[]);
    eventually(SOON, || slots(&home).len() >= 3);
    killed.sigkill();
    let before = slots(&home).len();
    eventually(SOON, || slots(&home).len() >= before + 4);
    home.run(["schedule", "pause", "empty"]).ok();
    let slots = slots(&home);
    let consecutive: Vec<i64> = (slots[0]..).take(slots.len()).collect();
    assert_eq!(slots, consecutive);
    let run = &flow_runs(&home, &[])[0];
    wait_until(&home, text(&run["id"]), "COMPLETED");
    let history = super::inspect(&home, text(&run["id"]))["history"].clone();
    assert_eq!(history[0]["message"], "schedule `default`");
    let schedule = &schedules(&home)[0];
    assert_eq!(schedule["last_run"], run["id"]);
}

#[test]
fn a_schedule_is_paused_resumed_and_deleted() {
    let home = with_empty();
    let created = home.run([
        "schedule",
        "create",
        "empty",
        "--name",
        "mornings",
        "--cron",
        "0 9 * * 1-5",
        "--timezone",
        "Europe/Berlin",
    ]);
    let said = created.ok().stderr;
    assert!(
        said.starts_with(
            "Created schedule `mornings` of `empty/empty-deployment`: the first run is at 20"
        ),
        "{said}"
    );
    assert!(said.contains(" 09:00:00 CE"), "{said}");
    let next = home.run(["schedule", "next", "empty", "--count", "3"]).ok();
    assert_eq!(next.stdout.lines().count(), 3);
    assert!(
        next.stdout
            .lines()
            .all(|line| line.contains(" 09:00:00 CE"))
    );
    // A rule that names no second means none.
    let rule = "schedule create empty --name rule --rrule FREQ=DAILY;BYHOUR=9;BYMINUTE=30";
    home.run(shlex(rule)).ok();
    let next = home.run(shlex("schedule next empty rule --count 3")).ok();
    assert!(
        next.stdout
            .lines()
            .all(|line| line.contains(" 09:30:00 UTC")),
        "{next}"
    );
    home.run(shlex("schedule delete empty rule")).ok();
    let soon = home.run(shlex("schedule create empty --name often --interval 10d"));
    soon.ok();
    let which = home.run(["schedule", "pause", "empty"]).fails(2).stderr;
    assert!(
        which.contains("hint: say which: `empty mornings`, `empty often`"),
        "{which}"
    );
    let deployment = &list(&home, &["deployment", "ls"])[0];
    assert_eq!(deployment["next_slot"], schedules(&home)[0]["next"]);
    let shown = home.run(["deployment", "ls"]).ok().stdout;
    assert!(
        shown.contains("NEXT RUN") && shown.contains(" in "),
        "{shown}"
    );
    home.run(shlex("schedule delete empty often")).ok();
    home.run(["schedule", "pause", "empty", "mornings"]).ok();
    assert_eq!(schedules(&home)[0]["paused"], true);
    let deployment = &list(&home, &["deployment", "ls"])[0];
    assert_eq!(deployment["next_slot"], Value::Null);
    let again = home.run(["schedule", "pause", "empty"]).ok();
    assert_eq!(
        again.stderr,
        "Schedule `mornings` of `empty/empty-deployment` was paused already\n"
    );
    home.run(["schedule", "resume", "empty"]).ok();
    let listed = home.run(["schedule", "ls"]).ok().stdout;
    assert!(listed.contains("cron `0 9 * * 1-5`"), "{listed}");
    home.run(["schedule", "delete", "empty", "mornings"]).ok();
    assert!(schedules(&home).is_empty());
    assert!(flow_runs(&home, &[]).is_empty(), "none was due");
}

/// What a deployment is deployed with is what it has; what a person has added stays.
#[test]
fn deploying_again_replaces_the_schedules_of_before() {
    let home = with_empty();
    let path = guest("bench").display().to_string();
    let deploy = |more: &[&str]| {
        let args = ["deploy", &path, "--flow", "empty"];
        home.run(args.iter().chain(more)).ok().stdout
    };
    every_second(&home, "empty", &["--name", "mine", "--paused"]);
    let names = || -> Vec<String> {
        let all = schedules(&home);
        all.iter().map(|it| text(&it["name"]).to_owned()).collect()
    };
    let daily = [
        "--cron",
        "0 2 * * *",
        "--interval",
        "6h",
        "--anchor",
        ANCHOR[1],
    ];
    assert_eq!(
        deploy(&daily),
        "updated empty/empty-deployment (schedules)\n"
    );
    assert_eq!(names(), ["default", "default-2", "mine"]);
    assert_eq!(deploy(&daily), "unchanged empty/empty-deployment\n");
    home.run(["schedule", "pause", "empty", "default"]).ok();
    let id = schedules(&home)[0]["id"].clone();
    assert_eq!(
        deploy(&["--cron", "0 3 * * *"]),
        "updated empty/empty-deployment (schedules)\n"
    );
    assert_eq!(names(), ["default", "mine"]);
    let default = &schedules(&home)[0];
    assert_eq!((&default["id"], &default["paused"]), (&id, &json!(true)));
    // An interval without an anchor begins when it is deployed first.
    let often = ["--interval", "6h"];
    assert_eq!(
        deploy(&often),
        "updated empty/empty-deployment (schedules)\n"
    );
    assert_eq!(deploy(&often), "unchanged empty/empty-deployment\n");
    assert_eq!(deploy(&[]), "updated empty/empty-deployment (schedules)\n");
    assert_eq!(names(), ["mine"]);
    home.run(["deployment", "delete", "empty/empty-deployment"])
        .ok();
    assert!(names().is_empty());
}

#[test]
fn a_slot_waits_for_the_run_before_or_takes_its_place() {
    let home = with_sleeper("60000");
    let _worker = worker(&home, &[]);
    let live = || {
        let runs = flow_runs(&home, &[]);
        let is_live = |run: &&Value| run["ended"].is_null();
        runs.iter().filter(is_live).count()
    };
    every_second(&home, "sleeper", &["--overlap", "queue"]);
    eventually(SOON, || schedules(&home)[0]["held"] == true);
    assert_eq!(flow_runs(&home, &[]).len(), 1);
    let first = text(&flow_runs(&home, &[])[0]["id"]).to_owned();
    home.run(["flow-run", "cancel", &first]).ok();
    eventually(SOON, || flow_runs(&home, &[]).len() == 2);
    home.run(["schedule", "delete", "sleeper"]).ok();

    every_second(&home, "sleeper", &["--overlap", "cancel-previous"]);
    eventually(SOON, || {
        assert!(
            live() <= 2,
            "the one that waits from before, and one of this"
        );
        flow_runs(&home, &["-s", "CANCELLED"]).len() >= 3
    });
    home.run(["schedule", "delete", "sleeper"]).ok();

    every_second(&home, "sleeper", &["--overlap", "skip"]);
    let made = flow_runs(&home, &[]).len();
    eventually(SOON, || flow_runs(&home, &[]).len() == made + 1);
    let next = || text(&schedules(&home)[0]["next"]).to_owned();
    let before = next();
    eventually(SOON, || next() > before);
    assert_eq!(flow_runs(&home, &[]).len(), made + 1);
}

/// An hour in which nothing ran, by what the database says.
#[test]
fn slots_that_were_missed_are_caught_up_with_as_the_schedule_says() {
    let home = own_home();
    deploy(&home, "bench", &["--flow", "empty"]);
    for catch_up in ["none", "latest", "all"] {
        let more = ["--name", catch_up, "--catch-up", catch_up];
        let create = ["schedule", "create", "empty", "--interval", "10m"];
        home.run(create.iter().chain(&ANCHOR).chain(&more)).ok();
    }
    let conn = rusqlite::Connection::open(home.path().join("orch.db")).unwrap();
    // The slot before the next one may have come within the last minute.
    let hour = 3_600_000_000_i64;
    let next: i64 = conn
        .query_row("SELECT min(next_slot) FROM schedules", [], |row| row.get(0))
        .unwrap();
    conn.execute("UPDATE schedules SET next_slot = next_slot - ?1", [hour])
        .unwrap();
    drop(conn);
    let _worker = worker(&home, &[]);
    eventually(SOON, || {
        let all = schedules(&home);
        all.iter().all(|it| {
            let at: jiff::Timestamp = text(&it["next"]).parse().unwrap();
            at.as_microsecond() >= next
        })
    });
    let made = |name: &str| {
        let runs = flow_runs(&home, &[]);
        let of_it = format!("schedule `{name}`");
        let is_of = |run: &&Value| {
            let history = super::inspect(&home, text(&run["id"]))["history"].clone();
            history[0]["message"] == *of_it
        };
        runs.iter().filter(is_of).count()
    };
    assert!(made("none") <= 1, "only one that was not missed");
    assert_eq!(made("latest"), 1);
    assert_eq!(made("all"), 6);
}

#[test]
fn what_is_no_schedule_is_refused_and_nothing_changes() {
    let home = with_empty();
    deploy(&home, "bench", &["--flow", "sleeper"]);
    let _steady = steady(&home);
    let before = everything(&home);
    let check = |command: &str, expect: &str| {
        let args = shlex(command);
        let ran = home.run(args).fails(2);
        assert_eq!(ran.stderr, expect, "{command}");
        assert_eq!(ran.stdout, "", "{command}");
    };
    let cron = "hint: at 9 from Monday to Friday is `0 9 * * 1-5`\n";
    check(
        "schedule create empty --cron '0 9 * * * 1-5'",
        &format!(
            "error: the cron line `0 9 * * * 1-5` has 6 fields; it takes 5: minute, hour, day of \
             the month, month, day of the week\n{cron}"
        ),
    );
    check(
        "schedule create empty --cron '0 0 31 2 *'",
        "error: cron `0 0 31 2 *` is never due\nhint: a schedule has to have a slot that is to \
         come\n",
    );
    check(
        "schedule create empty --cron @daily --timezone Europe/Berlni",
        "error: there is no time zone `Europe/Berlni`\nhint: did you mean `Europe/Berlin`?\n",
    );
    check(
        "schedule create empty --interval 0s",
        "error: an interval of 0s is too short: the shortest is 1s\nhint: an interval is a \
         span, such as `15m`\n",
    );
    check(
        "schedule create empty --rrule FREQ=SECONDLY",
        "error: the rrule `FREQ=SECONDLY` repeats every second and has no end\nhint: give it a \
         `COUNT` or an `UNTIL`, or the schedule an end\n",
    );
    check(
        "schedule create empty",
        "error: when are its runs to be?\nhint: give `--cron LINE`, `--interval SPAN` or `--rrule \
         RULE`\n",
    );
    check(
        "schedule create empty --cron @daily --interval 1h",
        "error: a schedule has one of cron, interval and rrule\nhint: a deployment may have \
         several schedules, each with a `--name`\n",
    );
    check(
        "schedule create sleeper --cron @daily",
        "error: parameter `ms` is missing: expected an integer of at least 0\nhint: \
         pass it: `-p ms=VALUE`\n",
    );
    check(
        "schedule create emtpy --cron @daily",
        "error: there is no deployed flow `emtpy`\nhint: did you mean `empty`?\n",
    );
    check(
        "schedule pause empty",
        "error: `empty` has no schedule\nhint: `orch-host schedule create empty --cron LINE` makes \
         one\n",
    );
    let ran = home.run(shlex("schedule create empty --interval 1h --anchor noon"));
    let said = ran.fails(2).stderr;
    assert!(
        said.contains("`noon` is no time such as `2026-10-01T12:00:00Z`"),
        "{said}"
    );
    let ran = home.run(shlex("schedule create empty --interval 1h --overlap wait"));
    let said = ran.fails(2).stderr;
    assert!(
        said.contains("`wait` is none of `allow`, `skip`, `queue`, `cancel-previous`"),
        "{said}"
    );
    let path = guest("bench").display().to_string();
    let wrong = ["deploy", &path, "--name", "other", "--cron", "0 9 * *"];
    let said = home.run(wrong).fails(2).stderr;
    assert!(said.contains("`0 9 * *` has 4 fields"), "{said}");
    assert!(schedules(&home).is_empty());
    assert_eq!(everything(&home), before);
    // A name that is taken, and one that nothing has.
    home.run(shlex("schedule create empty --cron @daily")).ok();
    check(
        "schedule create empty --cron @hourly",
        "error: deployment `empty/empty-deployment` has a schedule `default` already\nhint: give \
         another name: a deployment may have several schedules\n",
    );
    check(
        "schedule delete empty defualt",
        "error: `empty` has no schedule `defualt`\nhint: did you mean `default`?\n",
    );
}

#[test]
fn the_api_makes_schedules_and_shows_their_slots() {
    let home = with_empty();
    let server = Server::start(&home, &[]);
    let place = "/v1/deployments/empty/empty-deployment/schedules";
    let create = json!({"name": "mornings", "cron": "0 9 * * 1-5", "timezone": "Europe/Berlin"});
    let made = server.ask("POST", place).json(&create).send();
    assert_eq!(made.status, 201, "{made:?}");
    let made = made.json();
    let path = format!("/v1/schedules/{}", text(&made["id"]));
    assert_eq!(server.get(&path), made);
    assert_eq!(server.get("/v1/schedules")["items"][0], made);
    let of = server.get("/v1/schedules?deployment=empty/empty-deployment");
    assert_eq!(of["items"][0], made);
    let slots = server.get(&format!("{path}/slots?limit=2"));
    assert_eq!(slots["items"].as_array().unwrap().len(), 2);
    assert_eq!(slots["items"][0]["at"], made["next"]);
    let paused = server.post(&format!("{path}/pause"), &json!({}));
    assert_eq!(paused["paused"], true);
    let resumed = server.post(&format!("{path}/resume"), &json!({}));
    assert_eq!(resumed["paused"], false);

    let refused = |body: &Value, pointer: &str, detail: &str| {
        let answer = server.ask("POST", place).json(body).send();
        let problem = answer.problem(422, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
        assert!(text(&problem["detail"]).contains(detail), "{problem}");
        assert!(problem["hint"].is_string(), "{problem}");
    };
    refused(&json!({"cron": "0 9 * * * *"}), "/cron", "has 6 fields");
    refused(
        &json!({"cron": "@daily", "timezone": "Mars"}),
        "/timezone",
        "there is no time zone `Mars`",
    );
    refused(&json!({"interval_ms": 0}), "/interval_ms", "too short");
    refused(&json!({"rrule": "FREQ=OFTEN"}), "/rrule", "`FREQ=OFTEN`");
    refused(&json!({}), "", "has none");
    refused(
        &json!({"cron": "@daily", "rrule": "FREQ=DAILY"}),
        "",
        "has several",
    );
    let deleted = server.ask("DELETE", &path).send();
    assert_eq!(deleted.status, 204, "{deleted:?}");
    server.ask("GET", &path).send().problem(404, "not-found");
}

#[test]
fn what_a_flow_declares_is_what_its_deployment_has_unless_it_is_told_otherwise() {
    let home = home();
    home.run(["limit", "create", "database", "--slots", "5"])
        .ok();
    let said = deploy(&home, "declares", &[]);
    assert_eq!(said.stderr.matches("warning").count(), 0, "{said}");
    let declared = |home: &Home| {
        let all = schedules(home);
        let rule = |it: &Value| {
            let kinds = [&it["cron"], &it["interval_ms"]];
            let kind = kinds.into_iter().find(|kind| !kind.is_null()).unwrap();
            format!("{} {kind} {}", text(&it["name"]), text(&it["timezone"]))
        };
        all.iter().map(rule).collect::<Vec<_>>()
    };
    assert_eq!(
        declared(&home),
        [
            r#"default "0 9 * * 1-5" Europe/Berlin"#,
            "default-2 1000 UTC",
        ]
    );
    let deployments = list(&home, &["deployment", "ls"]);
    for deployment in &deployments {
        let declared = match text(&deployment["name"]) {
            "declares/declares-deployment" => json!(["database"]),
            _ => Value::Null,
        };
        assert_eq!(deployment["limits"], declared, "{deployment}");
    }

    // A run of a slot knows which one it is.
    let _worker = worker(&home, &[]);
    eventually(SOON, || flow_runs(&home, &["-s", "COMPLETED"]).len() >= 2);
    home.run(["schedule", "pause", "declares", "default-2"])
        .ok();
    for run in flow_runs(&home, &["-s", "COMPLETED"]) {
        let at: jiff::Timestamp = text(&run["scheduled"]).parse().unwrap();
        assert_eq!(run["result"], at.as_second(), "{run}");
    }

    let path = guest("declares").display().to_string();
    let again = home.run(["deploy", &path, "--flow", "declares"]).ok();
    assert_eq!(again.stdout, "unchanged declares/declares-deployment\n");
    let own = ["deploy", &path, "--flow", "declares", "--cron", "@daily"];
    home.run(own.iter().chain(&["--no-limits"])).ok();
    assert_eq!(declared(&home), [r#"default "@daily" UTC"#]);
    let deployments = list(&home, &["deployment", "ls"]);
    assert_eq!(deployments[0].get("limits"), None);
    let none = ["deploy", &path, "--flow", "declares", "--no-schedules"];
    home.run(none).ok();
    assert!(schedules(&home).is_empty());
}

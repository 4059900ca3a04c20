//! Limits across runs, and deployments with a concurrency.

use serde_json::{Value, json};
use test_support::{Home, Server, eventually, guest};

use super::visitor::Visitor;
use super::{
    SOON, deploy, everything, flow_runs, home, inspect, list, shlex, start, state, steady, text,
    wait_until, worker,
};

/// Deploys a flow that sleeps for a minute.
fn deploy_sleeper(home: &Home, more: &str) {
    let mut args = shlex("--flow sleeper -p ms=60000");
    args.extend(shlex(more));
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    deploy(home, "bench", &args);
}

fn limit(home: &Home, name: &str) -> Value {
    let limits = list(home, &["limit", "ls"]);
    let found = limits.iter().find(|limit| limit["name"] == name);
    found
        .unwrap_or_else(|| panic!("no limit {name}: {limits:?}"))
        .clone()
}

/// How many of these runs have begun and are not over.
fn under_way(home: &Home) -> usize {
    let runs = flow_runs(home, &[]);
    let is = |run: &&Value| !run["started"].is_null() && run["ended"].is_null();
    runs.iter().filter(is).count()
}

#[test]
fn no_more_runs_than_a_limit_has_slots_on_two_workers_one_of_which_is_killed() {
    let home = home();
    home.run(shlex("limit create db --slots 3")).ok();
    let mut args = shlex("--flow sleeper -p ms=100 --limit db");
    args.extend(shlex("--name quick"));
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    deploy(&home, "bench", &args);
    let killed = worker(&home, &[]);
    let _worker = worker(&home, &[]);
    for _ in 0..60 {
        start(&home, "sleeper", &[]);
    }
    let mut seen = 0;
    let mut killed = Some(killed);
    eventually(SOON, || {
        let now = under_way(&home);
        assert!(now <= 3, "{now} at once");
        seen = seen.max(now);
        let over = flow_runs(&home, &["-s", "COMPLETED"]).len();
        if over >= 10
            && let Some(worker) = killed.take()
        {
            worker.sigkill();
        }
        over == 60
    });
    assert!(seen > 0);
    assert_eq!(limit(&home, "db")["taken"], 0);
}

#[test]
fn a_run_that_waits_says_for_what_and_goes_on_in_its_turn() {
    let home = home();
    home.run(shlex("limit create db --slots 1")).ok();
    deploy_sleeper(&home, "--limit db");
    let _worker = worker(&home, &[]);
    let first = start(&home, "sleeper", &[]);
    wait_until(&home, &first, "WAITING");
    let second = start(&home, "sleeper", &[]);
    eventually(SOON, || limit(&home, "db")["waiting"] == 1);
    let waits = &inspect(&home, &second)["state"];
    assert_eq!(waits["name"], "AwaitingConcurrencySlot");
    assert_eq!(waits["message"], "limit `db` has no free slot");
    let shown = home.run(shlex("limit inspect db")).ok().stdout;
    assert!(shown.contains("has it, "), "{shown}");
    assert!(shown.contains("waits, "), "{shown}");
    home.run(["flow-run", "cancel", &first]).ok();
    wait_until(&home, &second, "WAITING");
    home.run(shlex("limit set db --slots 2")).ok();
    let third = start(&home, "sleeper", &[]);
    wait_until(&home, &third, "WAITING");
}

#[test]
fn a_deployment_has_one_run_for_each_value_of_a_parameter() {
    let home = home();
    // Runs are counted by how long they sleep, which here is who they are for.
    deploy_sleeper(&home, "--concurrency 1 --concurrency-key ms");
    let shown = home.run(shlex("deployment inspect sleeper")).ok().stdout;
    assert!(
        shown.contains("1 at once for each ms, others wait"),
        "{shown}"
    );
    let _worker = worker(&home, &[]);
    let one = start(&home, "sleeper", &["-p", "ms=60001"]);
    wait_until(&home, &one, "WAITING");
    let same = start(&home, "sleeper", &["-p", "ms=60001"]);
    let other = start(&home, "sleeper", &["-p", "ms=60002"]);
    wait_until(&home, &other, "WAITING");
    assert_eq!(state(&home, &same), "SCHEDULED");
    home.run(["flow-run", "cancel", &one]).ok();
    wait_until(&home, &same, "WAITING");

    deploy_sleeper(&home, "--concurrency 1 --collision cancel-new");
    let turned_away = start(&home, "sleeper", &["-p", "ms=60001"]);
    let all_one = start(&home, "sleeper", &["-p", "ms=60003"]);
    // Those from before are counted in lines of their own, which nothing of now is in.
    wait_until(&home, &turned_away, "WAITING");
    wait_until(&home, &all_one, "CANCELLED");
    let failure = &inspect(&home, &all_one)["failure"];
    assert_eq!(
        failure["message"],
        "as many runs of `sleeper/sleeper-deployment` are under way as its concurrency allows"
    );

    deploy_sleeper(&home, "--concurrency 1 --collision cancel-old");
    let newest = start(&home, "sleeper", &[]);
    wait_until(&home, &turned_away, "CANCELLED");
    wait_until(&home, &newest, "WAITING");
}

#[test]
fn a_rate_limit_starts_so_many_within_its_time() {
    let home = home();
    home.run(shlex("limit create api --slots 2 --per 2s")).ok();
    deploy(&home, "bench", &["--flow", "empty", "--limit", "api"]);
    let _worker = worker(&home, &[]);
    for _ in 0..5 {
        start(&home, "empty", &[]);
    }
    eventually(SOON, || flow_runs(&home, &["-s", "COMPLETED"]).len() == 5);
    let mut begun: Vec<jiff::Timestamp> = flow_runs(&home, &[])
        .iter()
        .map(|run| text(&run["started"]).parse().unwrap())
        .collect();
    begun.sort_unstable();
    for (one, third) in begun.iter().zip(&begun[2..]) {
        let apart = third.duration_since(*one).as_secs_f64();
        assert!(apart > 1.5, "three within {apart} s");
    }
}

#[test]
fn what_is_no_limit_is_refused_and_nothing_changes() {
    let home = home();
    deploy_sleeper(&home, "");
    home.run(shlex("limit create database --slots 2")).ok();
    let _steady = steady(&home);
    let before = everything(&home);
    let check = |command: &str, expect: &str| {
        let ran = home.run(shlex(command)).fails(2);
        assert_eq!(ran.stderr, expect, "{command}");
        assert_eq!(ran.stdout, "", "{command}");
    };
    check(
        "limit create database --slots 1",
        "error: limit `database` exists already\nhint: `orch-host limit set database --slots N` \
         changes it\n",
    );
    check(
        "limit create api --slots 1 --per 0s",
        "error: a rate limit of 0s limits nothing\nhint: give a span such as `1m`, or none for a \
         limit of how many at once\n",
    );
    check(
        "limit delete databse",
        "error: there is no limit `databse`\nhint: did you mean `database`?\n",
    );
    check(
        "limit inspect gpu",
        "error: there is no limit `gpu`\nhint: create it: `orch-host limit create gpu --slots N`\n",
    );
    let path = guest("bench").display().to_string();
    let deploys = format!("deploy {path} --flow sleeper --concurrency 1 --concurrency-key");
    check(
        &format!("{deploys} mss"),
        "error: flow `sleeper` has no parameter `mss` by which its runs could be counted \
         apart\nhint: did you mean `ms`?\n",
    );
    let says = |command: &str, expect: &str| {
        let said = home.run(shlex(command)).fails(2).stderr;
        assert!(said.contains(expect), "{command}: {said}");
    };
    says("limit create x --slots 0", "0 is not in 1..");
    says("limit create x", "--slots <N>");
    says("limit set database", "<--slots <N>|--per <DURATION>>");
    says(&format!("deploy {path} --concurrency 0"), "0 is not in 1..");
    says(
        &format!("deploy {path} --concurrency 1 --collision wait"),
        "`wait` is none of `enqueue`, `cancel-new`, `cancel-old`",
    );
    says(
        &format!("deploy {path} --concurrency-key ms"),
        "--concurrency <N>",
    );
    assert_eq!(everything(&home), before);
    let said = home
        .run(["deploy", &path, "--flow", "sleeper", "--limit", "db"])
        .ok();
    assert!(
        said.stderr.contains(
            "warning: there is no limit `db` yet, so it limits nothing\nhint: `orch-host limit \
             create db --slots N` makes it"
        ),
        "{said}"
    );
}

#[test]
fn the_api_makes_changes_and_deletes_limits() {
    let home = home();
    deploy_sleeper(&home, "");
    let server = Server::start(&home, &[]);
    let make = |body: Value| server.ask("POST", "/v1/limits").json(&body).send();
    let made = make(json!({"name": "api", "slots": 100, "per_ms": 60000}));
    assert_eq!(made.status, 201, "{made:?}");
    let made = made.json();
    assert_eq!(server.get("/v1/limits")["items"][0], made);
    assert_eq!(server.get("/v1/limits/api")["permits"], json!([]));
    let change = |body: Value| {
        let ask = server
            .ask("PATCH", "/v1/limits/api")
            .header("If-Match", "*");
        ask.json(&body).send()
    };
    let changed = change(json!({"slots": 4, "per_ms": null})).json();
    assert_eq!(
        (&changed["slots"], &changed["per_ms"]),
        (&json!(4), &Value::Null)
    );
    let refused = |answer: test_support::Answer, pointer: &str| {
        let problem = answer.problem(422, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
        assert!(problem["hint"].is_string(), "{problem}");
    };
    refused(make(json!({"name": "x", "slots": 0})), "/slots");
    refused(
        make(json!({"name": "x", "slots": 1, "per_ms": 0})),
        "/per_ms",
    );
    refused(change(json!({"slots": 0})), "/slots");
    // What nobody could have is told before what was changed meanwhile.
    let stale = server.ask("PATCH", "/v1/limits/api");
    let stale = stale.header("If-Match", "\"old\"");
    refused(stale.clone().json(&json!({"slots": 0})).send(), "/slots");
    let stale = stale.json(&json!({"slots": 5})).send();
    stale.problem(412, "changed");
    make(json!({"name": "api", "slots": 1})).problem(409, "exists");
    let path = "/v1/deployments/sleeper/sleeper-deployment";
    let edit = |body: Value| {
        server
            .ask("PATCH", path)
            .header("If-Match", "*")
            .json(&body)
            .send()
    };
    let edited = edit(json!({"concurrency": {"slots": 2, "collision": "cancel-new"}})).json();
    assert_eq!(edited["concurrency"]["slots"], 2, "{edited}");
    refused(
        edit(json!({"concurrency": {"slots": 0}})),
        "/concurrency/slots",
    );
    refused(
        edit(json!({"concurrency": {"slots": 1, "keys": ["x"]}})),
        "/concurrency/keys",
    );
    // What is wrong in itself is told before that it was changed meanwhile.
    let stale = server.ask("PATCH", path).header("If-Match", "\"old\"");
    let stale = stale.json(&json!({"concurrency": {"slots": 0}})).send();
    refused(stale, "/concurrency/slots");
    let deleted = server.ask("DELETE", "/v1/limits/api").send();
    assert_eq!(deleted.status, 204, "{deleted:?}");
    server
        .ask("GET", "/v1/limits/api")
        .send()
        .problem(404, "not-found");
}

/// A home with the flows of `declares`, whose tasks may leave files in a directory of it.
fn with_limited_tasks(slots: u32) -> (Home, std::path::PathBuf) {
    let home = home();
    home.run(["limit", "create", "database", "--slots", &slots.to_string()])
        .ok();
    let busy = home.path().join("busy");
    std::fs::create_dir(&busy).unwrap();
    let grant = format!("{}:/busy", busy.display());
    deploy(
        &home,
        "declares",
        &["--dir", &grant, "--no-schedules", "--no-limits"],
    );
    (home, busy)
}

/// A killed worker leaves its files; they are not of tasks that run.
#[test]
fn no_more_tasks_than_a_limit_has_slots_on_two_workers_one_of_which_is_killed() {
    let (home, busy) = with_limited_tasks(5);
    let killed = worker(&home, &[]);
    let _worker = worker(&home, &[]);
    let runs = [(); 10].map(|()| start(&home, "fans-out", &["-p", "count=100", "-p", "ms=3"]));
    let mut most = 0;
    let mut killed = Some(killed);
    eventually(SOON * 2, || {
        let now = limit(&home, "database")["taken"].as_u64().unwrap();
        assert!(now <= 5, "{now} at once");
        most = most.max(now);
        if killed.is_some() {
            let busy = std::fs::read_dir(&busy).unwrap().count();
            assert!(busy <= 5, "{busy} at once");
        }
        let done = super::list(&home, &["task-run", "ls", "--limit", "0"]).len();
        if done > 200
            && let Some(worker) = killed.take()
        {
            worker.sigkill();
        }
        runs.iter().all(|run| state(&home, run) == "COMPLETED")
    });
    assert!(killed.is_none() && most > 0);
    for run in &runs {
        assert_eq!(inspect(&home, run)["result"], 4950);
    }
    let database = limit(&home, "database");
    assert_eq!(
        (&database["taken"], &database["waiting"]),
        (&json!(0), &json!(0))
    );
}

#[test]
fn a_task_that_waits_holds_no_slot_of_its_pool_and_none_of_its_limit_until_its_retry() {
    let (home, _busy) = with_limited_tasks(1);
    home.run(shlex("work-pool set-limit default-pool 1")).ok();
    let _worker = worker(&home, &["--park", "0s"]);
    let holder = start(&home, "fans-out", &["-p", "count=1", "-p", "ms=1500"]);
    eventually(SOON, || limit(&home, "database")["taken"] == 1);
    // The pool has one slot, which the holder has.
    let waits = start(&home, "fans-out", &["-p", "count=2", "-p", "ms=1"]);
    wait_until(&home, &holder, "COMPLETED");
    wait_until(&home, &waits, "COMPLETED");

    let retries = start(&home, "retries-a-limited-task", &[]);
    wait_until(&home, &retries, "WAITING");
    assert_eq!(limit(&home, "database")["taken"], 0);
    let other = start(&home, "fans-out", &["-p", "count=1", "-p", "ms=1"]);
    wait_until(&home, &other, "COMPLETED");
    wait_until(&home, &retries, "COMPLETED");
    assert_eq!(inspect(&home, &retries)["result"], 2);
}

#[test]
fn a_limit_says_what_of_each_run_takes_its_slots() {
    let (home, _busy) = with_limited_tasks(2);
    deploy_sleeper(&home, "--limit database");
    let server = Server::start(&home, &["--worker"]);
    start(&home, "fans-out", &["-p", "count=1", "-p", "ms=60000"]);
    eventually(SOON, || limit(&home, "database")["taken"] == 1);
    takes(&home, 1, 60_000);
    eventually(SOON, || limit(&home, "database")["taken"] == 2);
    start(&home, "sleeper", &[]);
    eventually(SOON, || limit(&home, "database")["waiting"] == 1);

    let shown = server.get("/v1/limits/database");
    let permits = shown["permits"].as_array().unwrap();
    let by: Vec<&Value> = permits.iter().map(|it| &it["taken_by"]).collect();
    assert_eq!(by, ["task", "code", "flow-run"]);
    let task = &permits[0]["task_run"];
    let id = text(&task["id"]);
    assert_eq!(
        server.get(&format!("/v1/task-runs/{id}"))["name"],
        task["name"]
    );
    assert_eq!(permits[1]["task_run"], Value::Null);

    let name = text(&task["name"]);
    let said = home.run(shlex("limit inspect database")).ok().stdout;
    let visitor = Visitor::new(&server, &server.token);
    let page = visitor.get("/limits/database").ok().text();
    assert!(page.contains(&format!("/task-runs/{id}")), "{page}");
    for words in [&format!("task {name}"), "its code", "the run"] {
        assert!(said.contains(words), "{words}: {said}");
        assert!(page.contains(words), "{words}: {page}");
    }
}

/// Whatever becomes of a run, its tasks give back what they have.
#[test]
fn runs_that_are_cancelled_paused_and_deleted_give_back_the_slots_of_their_tasks() {
    let (home, _busy) = with_limited_tasks(2);
    let first = worker(&home, &[]);
    let run = |ms: &str| start(&home, "fans-out", &["-p", "count=4", "-p", ms]);
    let long = run("ms=60000");
    eventually(SOON, || limit(&home, "database")["taken"] == 2);
    let waits = run("ms=1");
    eventually(SOON, || limit(&home, "database")["waiting"] == 6);
    wait_until(&home, &waits, "WAITING");
    home.run(["flow-run", "pause", &waits]).ok();
    eventually(SOON, || limit(&home, "database")["waiting"] == 2);
    home.run(["flow-run", "cancel", &long]).ok();
    wait_until(&home, &long, "CANCELLED");
    let database = limit(&home, "database");
    assert_eq!(
        (&database["taken"], &database["waiting"]),
        (&json!(0), &json!(0))
    );
    home.run(["flow-run", "resume", &waits]).ok();
    wait_until(&home, &waits, "COMPLETED");
    // A worker that stops leaves nothing behind, either.
    let long = run("ms=60000");
    eventually(SOON, || limit(&home, "database")["taken"] == 2);
    first.sigint();
    eventually(SOON, || first.stderr().contains("it finishes"));
    first.sigint();
    first.wait();
    assert_eq!(limit(&home, "database")["taken"], 0);
    home.run(["flow-run", "cancel", &long]).ok();
}

/// A home with the flows of `declares`, and a limit of so many slots that their code takes.
fn with_code_that_takes(slots: u32) -> Home {
    let home = home();
    home.run(["limit", "create", "database", "--slots", &slots.to_string()])
        .ok();
    deploy(&home, "declares", &["--no-schedules", "--no-limits"]);
    home
}

fn takes(home: &Home, slots: u32, ms: u32) -> String {
    let (slots, ms) = (format!("slots={slots}"), format!("ms={ms}"));
    start(home, "takes", &["-p", &slots, "-p", &ms])
}

#[test]
fn code_takes_slots_in_the_order_of_arrival_and_waits_without_a_slot_of_the_pool() {
    let home = with_code_that_takes(3);
    // One run at a time: who waits for slots is in nobody's way.
    let _worker = worker(&home, &["--limit", "1"]);
    let first = takes(&home, 2, 60_000);
    eventually(SOON, || limit(&home, "database")["taken"] == 2);
    let two = takes(&home, 2, 10);
    eventually(SOON, || limit(&home, "database")["waiting"] == 1);
    // There would be one for it, but it came later.
    let one = takes(&home, 1, 10);
    eventually(SOON, || limit(&home, "database")["waiting"] == 2);
    let waits = &inspect(&home, &two)["state"];
    assert_eq!(
        (&waits["name"], &waits["message"]),
        (&json!("Waiting"), &json!("waits for limit `database`"))
    );
    home.run(["flow-run", "cancel", &first]).ok();
    wait_until(&home, &two, "COMPLETED");
    wait_until(&home, &one, "COMPLETED");
    assert_eq!(limit(&home, "database")["taken"], 0);
    // More than there are: all of them.
    let all = takes(&home, 9, 10);
    wait_until(&home, &all, "COMPLETED");
    let none = takes(&home, 0, 10);
    wait_until(&home, &none, "FAILED");
    assert_eq!(
        inspect(&home, &none)["failure"]["message"],
        "no slots are asked of limit `database`: at least 1 is"
    );
    home.run(shlex("limit delete database")).ok();
    let without = takes(&home, 1, 10);
    wait_until(&home, &without, "COMPLETED");
    let replayed = home.run(["flow-run", "replay", &two]).ok();
    assert!(replayed.stdout.contains("calls"), "{replayed}");
}

#[test]
fn a_flow_has_its_slots_also_after_its_worker_was_killed() {
    let home = with_code_that_takes(1);
    let killed = worker(&home, &[]);
    let first = takes(&home, 1, 3_000);
    eventually(SOON, || limit(&home, "database")["taken"] == 1);
    let second = takes(&home, 1, 10);
    eventually(SOON, || limit(&home, "database")["waiting"] == 1);
    killed.sigkill();
    let _worker = worker(&home, &[]);
    eventually(SOON, || {
        let database = limit(&home, "database");
        assert!(database["taken"].as_u64() <= Some(1), "{database}");
        state(&home, &second) == "COMPLETED"
    });
    let said = |run: &str, what: &str| {
        let lines = list(&home, &["flow-run", "logs", run]);
        let line = lines.iter().find(|line| line["message"] == what);
        text(&line.unwrap_or_else(|| panic!("no `{what}` in {lines:?}"))["at"]).to_owned()
    };
    assert!(said(&first, "gave them back") <= said(&second, "has them"));
}

#[test]
fn slots_are_given_back_by_who_fails_and_by_who_is_in_a_hurry() {
    let home = with_code_that_takes(1);
    let _worker = worker(&home, &[]);
    let fails = start(&home, "drops-them", &[]);
    eventually(SOON, || {
        inspect(&home, &fails)["state"]["name"] == "AwaitingRetry"
    });
    assert_eq!(limit(&home, "database")["taken"], 0);
    wait_until(&home, &fails, "COMPLETED");

    let holder = takes(&home, 1, 60_000);
    eventually(SOON, || limit(&home, "database")["taken"] == 1);
    start(&home, "is-in-a-hurry", &[]);
    eventually(SOON, || limit(&home, "database")["waiting"] == 1);
    eventually(SOON, || limit(&home, "database")["waiting"] == 0);
    home.run(["flow-run", "cancel", &holder]).ok();
    eventually(SOON, || limit(&home, "database")["taken"] == 0);

    let run = start(&home, "lets-a-task-take", &[]);
    wait_until(&home, &run, "FAILED");
    let message = text(&inspect(&home, &run)["failure"]["message"]).to_owned();
    assert!(
        message.contains("cannot take slots of `database` in its code: it declares them"),
        "{message}"
    );
}

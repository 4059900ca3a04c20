//! Queues of work pools: what goes first, who takes what, and how many at once.

use serde_json::{Value, json};
use test_support::{Home, Server, eventually};

use super::{
    SOON, deploy, everything, flow_runs, home, inspect, list, shlex, start, steady, text,
    wait_until, watch, worker,
};

fn with_flows() -> Home {
    let home = home();
    deploy(&home, "bench", &["--flow", "empty", "--flow", "sleeper"]);
    home
}

fn queue(home: &Home, name: &str) -> Value {
    let queues = list(home, &["work-queue", "ls"]);
    let found = queues.iter().find(|queue| queue["name"] == name);
    found
        .unwrap_or_else(|| panic!("no queue {name}: {queues:?}"))
        .clone()
}

/// The names of all runs that have begun, in the order in which they did.
fn begun(home: &Home) -> Vec<String> {
    let mut runs = flow_runs(home, &[]);
    runs.retain(|run| !run["started"].is_null());
    runs.sort_by_key(|run| text(&run["started"]).to_owned());
    runs.iter()
        .map(|run| text(&run["name"]).to_owned())
        .collect()
}

#[test]
fn runs_go_by_the_priority_of_their_queue_and_their_own() {
    let home = with_flows();
    home.run(shlex("work-queue create urgent --priority 1"))
        .ok();
    home.run(shlex("work-pool pause default-pool")).ok();
    let named = |name: &str, more: &str| {
        let args = shlex(&format!("deployment run empty --name {name} {more}"));
        home.run(args).ok();
    };
    named("first-come", "");
    named("second-come", "");
    named("sooner", "--priority 10");
    named("urgent-later", "--queue urgent --priority 90");
    named("urgent", "--queue urgent");
    assert_eq!(queue(&home, "urgent")["ready"], 2);
    let held = home.run(shlex("flow-run inspect urgent-later")).ok().stdout;
    assert!(
        held.contains("work pool `default-pool` is paused"),
        "{held}"
    );
    home.run(shlex("work-pool resume default-pool")).ok();
    let _worker = worker(&home, &["--limit", "1"]);
    eventually(SOON, || begun(&home).len() == 5);
    assert_eq!(
        begun(&home),
        [
            "urgent",
            "urgent-later",
            "sooner",
            "first-come",
            "second-come"
        ]
    );
}

/// A flow of forms starts a run in a queue by `run_deployment(..).work_queue(..)`.
#[test]
fn a_worker_takes_the_queues_that_it_is_told_and_a_child_goes_where_its_parent_says() {
    let home = with_flows();
    deploy(
        &home,
        "forms",
        &["--flow", "work-queue", "--flow", "echo", "--priority", "7"],
    );
    for name in ["q", "other"] {
        home.run(["work-queue", "create", name]).ok();
    }
    let _worker = worker(&home, &["--queue", "q", "--queue", "default"]);
    let other = start(&home, "empty", &["--queue", "other"]);
    let parent = start(&home, "work-queue", &["-p", "name=q", "--priority", "3"]);
    wait_until(&home, &parent, "COMPLETED");
    let runs = flow_runs(&home, &["--flow", "echo"]);
    assert_eq!(runs[0]["work_queue"], "q");
    assert_eq!(
        runs[0]["priority"], 7,
        "that of its deployment: {}",
        runs[0]
    );
    assert_eq!(super::state(&home, &other), "SCHEDULED");
    let wrong = start(&home, "work-queue", &["-p", "name=qq"]);
    wait_until(&home, &wrong, "FAILED");
    let failure = &inspect(&home, &wrong)["failure"];
    assert!(
        text(&failure["message"])
            .contains("work pool `default-pool` has no queue `qq`: did you mean `q`?"),
        "{failure}"
    );
}

#[test]
fn a_queue_is_paused_and_has_a_limit_of_its_own() {
    let home = with_flows();
    home.run(shlex("work-queue create few --limit 1 --paused"))
        .ok();
    deploy(
        &home,
        "bench",
        &["--flow", "sleeper", "--queue", "few", "-p", "ms=60000"],
    );
    let _worker = worker(&home, &[]);
    // Whoever starts one is told.
    let warning = "warning: queue `few` of work pool `default-pool` is paused\nhint: `orch-host \
        work-queue resume few --pool default-pool` lets its runs start\n";
    let runs = [(); 3].map(|()| {
        let said = home.run(["deployment", "run", "sleeper"]).ok();
        assert!(said.stderr.ends_with(warning), "{}", said.stderr);
        said.stdout.trim().to_owned()
    });
    watch(&home, "empty", &[]);
    let held = home.run(["flow-run", "inspect", &runs[0]]).ok().stdout;
    assert!(
        held.contains("queue `few` of work pool `default-pool` is paused"),
        "{held}"
    );
    let said = home.run(shlex("work-queue resume few")).ok().stderr;
    assert_eq!(
        said,
        "Resumed work queue `few` of `default-pool`: priority 50, limit 1\n"
    );
    wait_until(&home, &runs[0], "WAITING");
    // A run that waits holds no slot.
    for run in &runs {
        wait_until(&home, run, "WAITING");
    }
    let few = queue(&home, "few");
    assert_eq!((&few["active"], &few["ready"]), (&json!(0), &json!(0)));
}

#[test]
fn what_is_no_queue_is_refused_and_nothing_changes() {
    let home = with_flows();
    home.run(shlex("work-queue create urgent --priority 1"))
        .ok();
    let _steady = steady(&home);
    let before = everything(&home);
    let check = |command: &str, expect: &str| {
        let ran = home.run(shlex(command)).fails(2);
        assert_eq!(ran.stderr, expect, "{command}");
        assert_eq!(ran.stdout, "", "{command}");
    };
    check(
        "work-queue create urgent",
        "error: work pool `default-pool` has a queue `urgent` already\nhint: `orch-host \
         work-queue set urgent --pool default-pool` changes it\n",
    );
    check(
        "work-queue create more --pool gpu",
        "error: work pool `gpu` does not exist\nhint: create it: `orch-host work-pool create gpu`\n",
    );
    check(
        "work-queue pause urgnet",
        "error: work pool `default-pool` has no queue `urgnet`\nhint: did you mean `urgent`?\n",
    );
    check(
        "work-queue delete default",
        "error: the queue `default` of a work pool cannot be deleted\nhint: runs that name no \
         queue are in it; `orch-host work-queue pause default --pool default-pool` lets them wait\n",
    );
    check(
        "deployment run empty --queue slow",
        "error: work pool `default-pool` has no queue `slow`\nhint: create it: `orch-host \
         work-queue create slow --pool default-pool`\n",
    );
    check(
        "worker --queue slow",
        "error: work pool `default-pool` has no queue `slow`\nhint: create it: `orch-host \
         work-queue create slow --pool default-pool`\n",
    );
    let says = |command: &str, expect: &str| {
        let said = home.run(shlex(command)).fails(2).stderr;
        assert!(said.contains(expect), "{command}: {said}");
    };
    let no_priority = |what: &str| {
        format!("`{what}` is no priority: it is a number from 1, which goes first, to 100")
    };
    says("work-queue create x --priority 0", &no_priority("0"));
    says("work-queue create x --priority 101", &no_priority("101"));
    says("deployment run empty --priority high", &no_priority("high"));
    says(
        "work-queue set urgent --limit 0",
        "with 0 nothing would ever start",
    );
    says("work-queue set urgent", "<--priority <N>|--limit <N>>");
    says("work-queue create a/b", "which is not allowed");
    let path = test_support::guest("bench").display().to_string();
    let ran = home.run(["deploy", &path, "--flow", "empty", "--queue", "slow"]);
    let said = ran.fails(2).stderr;
    assert!(
        said.contains("work pool `default-pool` has no queue `slow`"),
        "{said}"
    );
    assert_eq!(everything(&home), before);

    home.run(["deploy", &path, "--flow", "empty", "--queue", "urgent"])
        .ok();
    start(&home, "empty", &[]);
    check(
        "work-queue delete urgent",
        "error: work queue `urgent` of `default-pool` is still used by 1 deployment and 1 \
         unfinished run\nhint: deploy with another queue and let its runs end: `orch-host \
         work-queue ls --pool default-pool` counts those of `urgent`\n",
    );
}

#[test]
fn the_api_makes_changes_and_deletes_queues() {
    let home = with_flows();
    let server = Server::start(&home, &[]);
    let place = "/v1/work-pools/default-pool/queues";
    let made = server
        .ask("POST", place)
        .json(&json!({"name": "urgent", "priority": 1, "limit": 4}))
        .send();
    assert_eq!(made.status, 201, "{made:?}");
    let path = format!("{place}/urgent");
    let made = made.json();
    assert_eq!(server.get(&path), made);
    let listed = server.get(place);
    let names: Vec<_> = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["name"])
        .collect();
    assert_eq!(names, ["urgent", "default"]);

    let change = json!({"limit": null, "paused": true});
    let answer = server.ask("PATCH", &path).json(&change).send();
    answer.problem(428, "precondition-required");
    let changed = server
        .ask("PATCH", &path)
        .header("If-Match", "*")
        .json(&change)
        .send();
    let changed = changed.json();
    assert_eq!(
        (&changed["priority"], &changed["limit"], &changed["paused"]),
        (&json!(1), &Value::Null, &json!(true))
    );
    let runs = "/v1/deployments/empty/empty-deployment/runs";
    let started = server.post(runs, &json!({"work_queue": "urgent", "priority": 2}));
    assert_eq!(
        (&started["work_queue"], &started["priority"]),
        (&json!("urgent"), &json!(2))
    );
    let answer = server
        .ask("POST", runs)
        .json(&json!({"work_queue": "urgnet"}))
        .send();
    let problem = answer.problem(404, "not-found");
    assert_eq!(problem["hint"], "did you mean `urgent`?");
    let answer = server
        .ask("POST", runs)
        .json(&json!({"priority": 0}))
        .send();
    let problem = answer.problem(400, "malformed");
    assert!(
        text(&problem["detail"]).contains("`0` is no priority"),
        "{problem}"
    );
    server.ask("DELETE", &path).send().problem(409, "in-use");
    server
        .ask("GET", &format!("{place}/none"))
        .send()
        .problem(404, "not-found");
    home.run(["flow-run", "cancel", text(&started["id"])]).ok();
    let deleted = server.ask("DELETE", &path).send();
    assert_eq!(deleted.status, 204, "{deleted:?}");
}

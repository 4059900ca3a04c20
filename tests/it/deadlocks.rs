//! Runs that wait for each other's slots.

use serde_json::{Value, json};
use test_support::{Home, Server, eventually};

use super::visitor::Visitor;
use super::{SOON, deploy, home, list, shlex, start, state, text, wait_until, worker};

fn home_with_limits() -> Home {
    let home = home();
    home.run(shlex("limit create db --slots 1")).ok();
    home.run(shlex("limit create api --slots 1")).ok();
    home
}

fn waiting(home: &Home, limit: &str) -> Value {
    let limits = list(home, &["limit", "ls"]);
    let found = limits.iter().find(|it| it["name"] == limit);
    found.unwrap()["waiting"].clone()
}

/// A parent has `db`, and waits for a child that wants `api`. Nobody has that, but one stands before
/// the child that wants `db`, too.
#[test]
fn a_child_passes_who_waits_for_its_parent() {
    let home = home_with_limits();
    home.run(shlex("work-pool create late")).ok();
    deploy(
        &home,
        "forms",
        &["--flow", "runs-and-waits", "--limit", "db"],
    );
    deploy(
        &home,
        "forms",
        &["--flow", "echo", "--limit", "api", "--pool", "late"],
    );
    deploy(
        &home,
        "bench",
        &["--flow", "empty", "--limit", "api", "--limit", "db"],
    );
    let first = worker(&home, &["--park", "0s"]);
    let parent = start(&home, "runs-and-waits", &[]);
    wait_until(&home, &parent, "WAITING");
    let both = start(&home, "empty", &[]);
    eventually(SOON, || waiting(&home, "db") == 1);
    assert_eq!(waiting(&home, "api"), 1);
    // Now the child finds it there.
    let late = home.worker(["--pool", "late"]).wait_until_ready();
    wait_until(&home, &parent, "COMPLETED");
    wait_until(&home, &both, "COMPLETED");
    assert_eq!(waiting(&home, "api"), 0);
    let said = format!("{}{}", late.stderr(), first.stderr());
    assert!(said.contains("passed others that wait for slots"), "{said}");
}

#[test]
fn runs_that_want_what_the_other_has_are_told_until_one_is_cancelled() {
    let home = home_with_limits();
    deploy(&home, "declares", &["--no-schedules", "--no-limits"]);
    let server = Server::start(&home, &[]);
    let _worker = worker(&home, &["--park", "0s"]);
    let deadlocked = || server.get("/v1/deadlocked-runs")["items"].clone();
    let doctor = || home.run(["doctor"]);
    assert_eq!(deadlocked(), json!([]));
    let takes = |first: &str, second: &str| {
        let (first, second) = (format!("first={first}"), format!("second={second}"));
        let args = ["-p", &first, "-p", &second, "-p", "ms=500"];
        start(&home, "takes-in-turn", &args)
    };
    let one = takes("db", "api");
    let other = takes("api", "db");
    eventually(SOON, || deadlocked().as_array().unwrap().len() == 2);
    let found = deadlocked();
    let of = |run: &str| {
        let all = found.as_array().unwrap();
        all.iter().find(|it| it["flow_run"] == run).unwrap().clone()
    };
    assert_eq!(of(&one)["has"], json!(["db"]));
    assert_eq!(of(&one)["waits_for"], json!(["api"]));
    assert_eq!(of(&other)["has"], json!(["api"]));

    let said = doctor();
    let name = text(&of(&one)["name"]).to_owned();
    let words = format!("`{name}` has `db` and waits for `api`");
    assert!(
        said.stdout
            .contains("2 flow runs wait for each other for ever"),
        "{said}"
    );
    assert!(said.stdout.contains(&words), "{said}");
    assert!(said.stdout.contains("orch-host flow-run cancel "), "{said}");
    let page = Visitor::new(&server, &server.token)
        .get("/limits")
        .ok()
        .text();
    assert!(
        page.contains("2 flow runs wait for slots that nobody gives back"),
        "{page}"
    );
    assert!(
        page.contains(&format!("orch-host flow-run cancel {one}")),
        "{page}"
    );

    home.run(["flow-run", "cancel", &one]).ok();
    wait_until(&home, &other, "COMPLETED");
    assert_eq!(state(&home, &one), "CANCELLED");
    assert_eq!(deadlocked(), json!([]));
    assert!(!doctor().stdout.contains("wait for each other"));
}

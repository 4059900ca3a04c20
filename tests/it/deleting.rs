//! Runs are deleted, one by one.

use serde_json::json;
use test_support::{Home, Server};

use super::visitor::Visitor;
use super::{deploy, flow_runs, home, inspect, start, text};

/// A run of the tests that starts in an hour.
#[track_caller]
fn held(home: &Home) -> String {
    start(home, "echo", &["-p", "value=held", "--in", "1h"])
}

#[test]
fn runs_that_are_over_are_deleted_at_the_command_line() {
    let home = home();
    deploy(&home, "forms", &["--flow", "echo"]);
    let (first, second) = (held(&home), held(&home));
    let refused = home.run(["flow-run", "delete", &first]).fails(2);
    let hint = format!("hint: cancel it first: `orch-host flow-run cancel {first}`");
    assert!(
        refused.stderr.contains("is not over: it is Scheduled") && refused.stderr.contains(&hint),
        "{refused}"
    );
    for run in [&first, &second] {
        home.run(["flow-run", "cancel", run]).ok();
    }
    // A mistyped one deletes nothing.
    home.run(["flow-run", "delete", &first, "nobody"]).fails(2);
    inspect(&home, &first);
    let ran = home.run(["flow-run", "delete", &first, &second, &first]);
    let ran = ran.ok();
    assert!(ran.stderr.ends_with("Deleted 2 flow runs\n"), "{ran}");
    assert_eq!(ran.stderr.lines().count(), 3, "{ran}");
    home.run(["flow-run", "inspect", &first]).fails(2);
    assert_eq!(flow_runs(&home, &[]).len(), 0);
}

#[test]
fn a_run_is_deleted_over_http_by_an_admin() {
    let home = home();
    deploy(&home, "forms", &["--flow", "echo"]);
    let server = Server::start(&home, &[]);
    let operator = home.run(["token", "create", "ops", "--role", "operator"]);
    let operator = operator.ok().stdout.trim().to_owned();
    let run = held(&home);
    let path = format!("/v1/flow-runs/{run}");
    let delete = server.ask("DELETE", &path);
    let problem = delete.send().problem(409, "wrong-state");
    assert!(
        text(&problem["hint"]).contains("cancel it first"),
        "{problem}"
    );
    server.post(&format!("{path}/cancel"), &json!({}));
    let forbidden = server.plain("DELETE", &path).token(&operator).send();
    forbidden.problem(403, "forbidden");
    assert_eq!(delete.send().status, 204);
    delete.send().problem(404, "not-found");
    server.ask("GET", &path).send().problem(404, "not-found");
}

#[test]
fn a_page_asks_before_it_deletes_and_offers_that_to_admins() {
    let home = home();
    deploy(&home, "forms", &["--flow", "echo"]);
    let server = Server::start(&home, &[]);
    let operator = home.run(["token", "create", "ops", "--role", "operator"]);
    let operator = operator.ok().stdout.trim().to_owned();
    let operator = Visitor::new(&server, &operator);
    let admin = Visitor::new(&server, &server.token);
    let run = held(&home);
    let page = format!("/flow-runs/{run}");
    let delete = format!("{page}/delete");
    assert!(!admin.get(&page).ok().text().contains(&delete));
    home.run(["flow-run", "cancel", &run]).ok();
    assert!(admin.get(&page).ok().text().contains(&delete));
    assert!(!operator.get(&page).ok().text().contains(&delete));
    assert_eq!(operator.get(&delete).status, 403);
    assert_eq!(operator.post(&delete, "").status, 403);

    let asked = admin.get(&delete).ok().text();
    assert!(asked.contains("This cannot be undone."), "{asked}");
    inspect(&home, &run);
    let done = admin.post(&delete, "");
    assert_eq!(
        (done.status, done.header("location")),
        (303, Some("/flow-runs"))
    );
    assert_eq!(admin.get(&page).status, 404);
}

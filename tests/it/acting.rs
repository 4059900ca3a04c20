//! Actions on many runs, which the server goes on with after its answer.

use serde_json::{Value, json};
use test_support::{Home, Server, eventually};

use super::visitor::Visitor;
use super::{SOON, deploy, flow_runs, home, text};

const DEPLOYMENT: &str = "/v1/deployments/echo/echo-deployment";

#[track_caller]
fn ground() -> (Home, Server) {
    let home = home();
    deploy(&home, "forms", &["--flow", "echo"]);
    let server = Server::start(&home, &[]);
    (home, server)
}

/// So many runs that start long after the story. Their ids.
#[track_caller]
fn scheduled(server: &Server, count: usize) -> Vec<String> {
    let run = json!({"parameters": {"value": "x"}, "scheduled": "2100-01-01T00:00:00Z"});
    let mut ids = Vec::new();
    while ids.len() < count {
        let some = (count - ids.len()).min(1_000);
        let runs = json!({"runs": vec![run.clone(); some]});
        let made = server.post(&format!("{DEPLOYMENT}/runs/batch"), &runs);
        let made = made.as_array().unwrap().iter();
        ids.extend(made.map(|it| text(&it["run"]["id"]).to_owned()));
    }
    ids
}

/// Asks for an action. Its path.
#[track_caller]
fn ask(server: &Server, action: &Value) -> String {
    let asked = server.ask("POST", "/v1/bulk-actions").json(action).send();
    assert_eq!(asked.status, 202, "{asked:?}");
    let place = asked.header("location").unwrap().to_owned();
    let id = text(&asked.json()["id"]).to_owned();
    assert_eq!(place, format!("/v1/bulk-actions/{id}"));
    place
}

/// Waits until it has ended.
#[track_caller]
fn ended(server: &Server, place: &str) -> Value {
    eventually(SOON, || server.get(place)["state"] != "RUNNING");
    server.get(place)
}

/// How many runs are in this state.
#[track_caller]
fn count(home: &Home, state: &str) -> usize {
    flow_runs(home, &["--state", state]).len()
}

#[test]
fn all_that_a_filter_lets_through_are_cancelled_and_none_that_comes_later() {
    let (home, server) = ground();
    scheduled(&server, 1_200);
    let seen = server.get("/v1/flow-runs?state=SCHEDULED&flow=echo&limit=1");
    let later = scheduled(&server, 3);
    let filter = json!({"state": ["SCHEDULED"], "flow": ["echo"]});
    let place = ask(
        &server,
        &json!({"action": "cancel", "filter": filter, "newest": seen["newest"]}),
    );
    let action = ended(&server, &place);
    assert_eq!(
        (&action["state"], &action["done"], &action["skipped"]),
        (&json!("DONE"), &json!(1_200), &json!(0)),
        "{action}"
    );
    assert_eq!(
        (&action["by"], &action["filter"]),
        (&json!("local"), &filter)
    );
    assert_eq!(count(&home, "CANCELLED"), 1_200);
    let mut left: Vec<_> = flow_runs(&home, &["--state", "SCHEDULED"]);
    left.sort_by_key(|run| text(&run["id"]).to_owned());
    let left: Vec<_> = left.iter().map(|run| text(&run["id"])).collect();
    let mut later: Vec<_> = later.iter().map(String::as_str).collect();
    later.sort_unstable();
    assert_eq!(left, later);
    let listed = server.get("/v1/bulk-actions");
    assert_eq!(listed["items"], json!([action]));
}

/// A run that is tried again begins its next attempt, so one that is done twice has one more.
#[test]
fn a_killed_server_goes_on_with_it_and_does_each_run_once() {
    let (home, server) = ground();
    scheduled(&server, 1_200);
    let all = json!({"action": "cancel", "filter": {}});
    ended(&server, &ask(&server, &all));
    let place = ask(
        &server,
        &json!({"action": "retry", "filter": {"state": ["CANCELLED"]}}),
    );
    // In the middle, or at the begin or the end: it has to come out the same.
    eventually(SOON, || count(&home, "SCHEDULED") > 0);
    server.process.sigkill();

    let server = Server::start(&home, &[]);
    let action = ended(&server, &place);
    assert_eq!(action["state"], "DONE", "{action}");
    // Those that it was done to before the server was killed are counted, too.
    assert_eq!(
        (&action["done"], &action["skipped"]),
        (&json!(1_200), &json!(0))
    );
    let runs = flow_runs(&home, &[]);
    assert_eq!(runs.len(), 1_200);
    for run in &runs {
        assert_eq!(
            (&run["state"]["type"], &run["attempt"]),
            (&json!("SCHEDULED"), &json!(1)),
            "{run}"
        );
    }
}

#[test]
fn what_is_stopped_does_no_more() {
    let (home, server) = ground();
    scheduled(&server, 3_000);
    let place = ask(&server, &json!({"action": "pause", "filter": {}}));
    let stopped = server.post(&format!("{place}/stop"), &json!({}));
    // It may have ended before.
    assert_ne!(stopped["state"], "RUNNING");
    let again = server.post(&format!("{place}/stop"), &json!({}));
    assert_eq!(again["state"], stopped["state"]);
    // The batch under way is finished, and counted.
    let paused = || count(&home, "PAUSED");
    eventually(SOON, || server.get(&place)["done"] == paused());
    let so_far = paused();
    // Whatever comes after it is worked on now.
    let next = ask(
        &server,
        &json!({"action": "cancel", "filter": {"state": ["PAUSED"]}}),
    );
    let next = ended(&server, &next);
    assert_eq!(next["done"], so_far);
    assert_eq!(server.get(&place)["done"], so_far);
    assert_eq!(count(&home, "SCHEDULED"), 3_000 - so_far);
}

#[test]
fn what_goes_on_is_not_deleted_and_the_action_says_why() {
    let (home, server) = ground();
    let ids = scheduled(&server, 3);
    server.post(&format!("/v1/flow-runs/{}/cancel", ids[0]), &json!({}));
    let delete = json!({"action": "delete", "runs": ids});
    let operator = home.run(["token", "create", "ops", "--role", "operator"]);
    let operator = operator.ok().stdout.trim().to_owned();
    let asked = server.plain("POST", "/v1/bulk-actions").token(&operator);
    let problem = asked.json(&delete).send().problem(403, "forbidden");
    assert_eq!(
        problem["hint"],
        "`delete` of many runs needs the role admin"
    );

    let action = ended(&server, &ask(&server, &delete));
    assert_eq!((&action["runs"], &action["done"]), (&json!(3), &json!(1)));
    let reason = json!([{
        "reason": "not-over",
        "state": "SCHEDULED",
        "text": "it is not over: Scheduled",
        "count": 2,
        "examples": ids[1..],
    }]);
    assert_eq!(action["reasons"], reason);
    assert_eq!(flow_runs(&home, &[]).len(), 2);
}

#[test]
fn an_action_on_nothing_or_on_what_is_no_filter_is_refused() {
    let (_home, server) = ground();
    let id = scheduled(&server, 1).remove(0);
    let refused = |body: Value| {
        let ask = server.ask("POST", "/v1/bulk-actions").json(&body);
        let problem = ask.send().problem(400, "invalid-query");
        text(&problem["detail"]).to_owned()
    };
    let cancel = |more: Value| {
        let mut body = json!({"action": "cancel"});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        refused(body)
    };
    assert_eq!(cancel(json!({})), "neither `runs` nor `filter` is given");
    assert_eq!(
        cancel(json!({"runs": [id], "filter": {}})),
        "both `runs` and `filter` are given"
    );
    assert_eq!(cancel(json!({"runs": []})), "no flow run is named");
    assert_eq!(
        cancel(json!({"filter": {"limit": 3}})),
        "`limit` is no filter"
    );
    assert_eq!(
        cancel(json!({"filter": {"state": ["asleep"]}})),
        "`asleep` is not a state"
    );
    assert_eq!(
        cancel(json!({"runs": [id], "from_scratch": true})),
        "`from_scratch` does not go with `cancel`"
    );
    let strange = server.get("/v1/flow-runs?flow=other")["newest"].clone();
    let body = json!({"action": "cancel", "filter": {}, "newest": strange});
    let ask = server.ask("POST", "/v1/bulk-actions").json(&body);
    ask.send().problem(400, "invalid-cursor");
    assert_eq!(server.get("/v1/bulk-actions")["items"], json!([]));
    let missing = "/v1/bulk-actions/01920000-0000-7000-8000-000000000001";
    server.ask("GET", missing).send().problem(404, "not-found");
    let ask = server.ask("POST", &format!("{missing}/stop"));
    ask.send().problem(404, "not-found");
}

#[test]
fn a_page_asks_with_the_filter_in_words_and_shows_how_far_it_is() {
    let (home, server) = ground();
    let ids = scheduled(&server, 3);
    let token = |name: &str, role: &str| {
        let made = home.run(["token", "create", name, "--role", role]).ok();
        made.stdout.trim().to_owned()
    };
    let operator = Visitor::new(&server, &token("ops", "operator"));
    let viewer = Visitor::new(&server, &token("reader", "viewer"));
    let all = "action=cancel&which=all&filter=state%3DSCHEDULED%26state%3DLate%26flow%3Decho";
    assert_eq!(viewer.post("/flow-runs/bulk", all).status, 403);
    assert_eq!(viewer.post("/bulk-actions", all).status, 403);
    let delete = "action=delete&which=all&filter=";
    assert_eq!(operator.post("/flow-runs/bulk", delete).status, 403);
    assert_eq!(operator.post("/bulk-actions", delete).status, 403);
    assert_eq!(
        operator.post("/flow-runs/bulk", "action=cancel").status,
        400
    );

    let asked = operator.post("/flow-runs/bulk", all).ok().text();
    for words in [
        "Cancel all flow runs that match?",
        "State: SCHEDULED or Late",
        "Flow: echo",
    ] {
        assert!(asked.contains(words), "{words}: {asked}");
    }
    // Runs that come after the question are not meant.
    let (_, newest) = asked.split_once("name=\"newest\" value=\"").unwrap();
    let (newest, _) = newest.split_once('"').unwrap();
    let later = scheduled(&server, 1).remove(0);
    let begun = operator.post("/bulk-actions", &format!("{all}&newest={newest}"));
    assert_eq!(begun.status, 303, "{begun:?}");
    let page = begun.header("location").unwrap();
    let action = ended(&server, &format!("/v1{page}"));
    assert_eq!((&action["done"], &action["by"]), (&json!(3), &json!("ops")));
    let shown = viewer.get(page).ok().text();
    assert!(
        shown.contains("State: SCHEDULED or Late; Flow: echo") && !shown.contains(">Stop<"),
        "{shown}"
    );
    assert!(viewer.get("/bulk-actions").ok().text().contains(page));

    let ticked = format!("action=resume&which=ticked&id={}&id={later}", ids[0]);
    let asked = operator.post("/flow-runs/bulk", &ticked).ok().text();
    assert!(asked.contains("Resume 2 flow runs?"), "{asked}");
    let begun = operator.post("/bulk-actions", &ticked);
    let page = begun.header("location").unwrap();
    let action = ended(&server, &format!("/v1{page}"));
    assert_eq!(action["skipped"], 2);
    let shown = viewer.get(page).ok().text();
    assert!(shown.contains("it is not paused: Cancelled"), "{shown}");
    assert!(shown.contains(&format!("/flow-runs/{later}")), "{shown}");
}

//! The API as programs use it: what a command does, over HTTP.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};
use test_support::{Answer, Server, eventually, guest};

use super::{SOON, deploy, home, json as printed, start, text, worker};

/// Uploads a component of the tests and deploys its flows.
#[track_caller]
fn deployed(server: &Server, component: &str) -> Value {
    let wasm = fs::read(guest(component)).unwrap();
    let ask = server.ask("POST", "/v1/components");
    let uploaded = ask.body("application/wasm", wasm).send();
    assert_eq!(uploaded.status, 201, "{uploaded:?}");
    let digest = uploaded.json()["digest"].clone();
    server.post("/v1/deployments", &json!({"component": digest}))
}

#[track_caller]
fn wait_until(server: &Server, run: &str, state: &str) -> Value {
    let path = format!("/v1/flow-runs/{run}");
    eventually(SOON, || server.get(&path)["state"]["type"] == state);
    server.get(&path)
}

#[test]
fn a_component_is_uploaded_deployed_run_and_read() {
    let home = home();
    let server = Server::start(&home, &["--worker"]);
    let made = deployed(&server, "process_item");
    let name = text(&made[0]["name"]);
    assert_eq!(
        (text(&made[0]["outcome"]), name),
        ("created", "process-item/process-item-deployment")
    );

    // The same bytes again change nothing.
    let wasm = fs::read(guest("process_item")).unwrap();
    let ask = server.ask("POST", "/v1/components");
    let again = ask.body("application/wasm", wasm).send();
    assert_eq!(again.status, 200, "{again:?}");

    let ask = server.ask("POST", &format!("/v1/deployments/{name}/runs"));
    let wrong = ask
        .clone()
        .json(&json!({"parameters": {"item_id": "seven"}}));
    let problem = wrong.send().problem(422, "invalid-parameters");
    assert_eq!(problem["errors"][0]["pointer"], "/parameters/item_id");
    let typed = ["deployment", "run", name, "-p", "item_id=seven"];
    let said = home.run(typed).fails(2).stderr;
    assert!(
        said.contains(text(&problem["detail"])) && said.contains(text(&problem["hint"])),
        "{said}"
    );

    let started =
        ask.json(&json!({"parameters": {"item_id": 7}, "name": "otter", "tags": ["api"]}));
    let started = started.send();
    assert_eq!(started.status, 201, "{started:?}");
    let run = started.json();
    let id = text(&run["id"]);
    assert_eq!(
        started.header("location"),
        Some(&*format!("/v1/flow-runs/{id}"))
    );
    wait_until(&server, id, "RUNNING");
    assert_eq!(server.get("/v1/flow-runs/otter")["id"], id);
    let cancelled = server.ask("POST", "/v1/flow-runs/otter/cancel").send().ok();
    assert!(cancelled.json()["state"]["type"].is_string());
    wait_until(&server, id, "CANCELLED");
    // It is so already.
    server.ask("POST", "/v1/flow-runs/otter/cancel").send().ok();
    let paused = server.ask("POST", "/v1/flow-runs/otter/pause").send();
    paused.problem(409, "wrong-state");

    let logs = server.get("/v1/flow-runs/otter/logs");
    let said: Vec<_> = logs["items"].as_array().unwrap().iter().collect();
    assert!(
        said.iter()
            .any(|line| line["message"] == "Processing item 7"),
        "{logs}"
    );
    let tasks = server.get("/v1/flow-runs/otter/task-runs");
    let task = &tasks["items"][0];
    assert_eq!(task["task"], "heavy_task");
    let one = server.get(&format!("/v1/task-runs/{}", text(&task["id"])));
    assert_eq!(one["name"], task["name"]);
    let history = server.get("/v1/flow-runs/otter/history");
    assert_eq!(history["items"][0]["type"], "SCHEDULED");
    let journal = server.get("/v1/flow-runs/otter/journal");
    assert_eq!(journal["items"][0]["call"]["task"]["task"], "heavy_task");
    let retried = server.ask("POST", "/v1/flow-runs/otter/retry").send().ok();
    assert_eq!(retried.json()["state"]["type"], "SCHEDULED");
    server.ask("POST", "/v1/flow-runs/otter/cancel").send().ok();
    server.process.sigint();
    assert_eq!(server.process.wait(), 0);
}

#[test]
fn what_a_command_prints_a_request_gives() {
    let home = home();
    deploy(&home, "forms", &[]);
    let server = Server::start(&home, &[]);
    let pages = |path: &str| {
        let mut items = Vec::new();
        let mut next = String::new();
        loop {
            let page = server.get(&format!("{path}?limit=3{next}"));
            items.extend(page["items"].as_array().unwrap().clone());
            match &page["next"] {
                Value::Null => return Value::Array(items),
                cursor => next = format!("&cursor={}", text(cursor)),
            }
        }
    };
    for (path, command) in [
        ("/v1/deployments", ["deployment", "ls"]),
        ("/v1/work-pools", ["work-pool", "ls"]),
        ("/v1/components", ["component", "ls"]),
        ("/v1/workers", ["worker", "ls"]),
    ] {
        assert_eq!(pages(path), printed(&home, &command), "{path}");
    }
}

#[test]
fn a_listing_goes_on_where_it_stopped() {
    let home = home();
    deploy(&home, "forms", &[]);
    let server = Server::start(&home, &[]);
    let deployments = server.get("/v1/deployments?limit=1");
    let deployment = text(&deployments["items"][0]["name"]).to_owned();
    let path = format!("/v1/deployments/{deployment}/runs/batch");
    let flow = server.get(&format!("/v1/deployments/{deployment}"));
    assert!(flow["flow"]["schema"].is_object(), "{flow}");
    let starts: Vec<Value> = (0..25).map(|n| json!({"name": format!("r-{n}")})).collect();
    let started = server
        .ask("POST", &path)
        .json(&json!({"runs": starts}))
        .send();
    assert_eq!(started.status, 201, "{started:?}");

    let mut seen = BTreeSet::new();
    let mut path = "/v1/flow-runs?limit=10".to_owned();
    let mut parts = 0;
    loop {
        let page = server.get(&path);
        parts += 1;
        let items = page["items"].as_array().unwrap();
        seen.extend(items.iter().map(|run| text(&run["name"]).to_owned()));
        match &page["next"] {
            Value::Null => break,
            next => path = format!("/v1/flow-runs?limit=10&cursor={}", text(next)),
        }
    }
    assert_eq!((seen.len(), parts), (25, 3));
    let first = server.get("/v1/flow-runs?limit=10");
    let next = text(&first["next"]);
    let other = format!("/v1/flow-runs?limit=10&tag=x&cursor={next}");
    server
        .ask("GET", &other)
        .send()
        .problem(400, "invalid-cursor");
}

#[test]
fn deployments_tell_how_their_latest_runs_ended() {
    let home = home();
    deploy(&home, "process_item", &[]);
    // Without a worker: so they end at once when they are cancelled.
    let server = Server::start(&home, &[]);
    let runs: Vec<String> = ["1", "2", "3"]
        .map(|item| start(&home, "process-item", &["-p", &format!("item_id={item}")]))
        .into();
    for run in &runs {
        server
            .ask("POST", &format!("/v1/flow-runs/{run}/cancel"))
            .send()
            .ok();
        super::wait_until(&home, run, "CANCELLED");
    }
    let without = server.get("/v1/deployments");
    assert_eq!(without["items"][0].get("latest"), None);
    let with = server.get("/v1/deployments?latest=2");
    let latest = with["items"][0]["latest"].as_array().unwrap();
    let told: Vec<&str> = latest.iter().map(|end| text(&end["run"])).collect();
    assert_eq!(told, [&runs[2], &runs[1]]);
    assert_eq!(latest[0]["state"]["type"], "CANCELLED");
    let ask = server.ask("GET", "/v1/deployments?latest=101");
    ask.send().problem(400, "invalid-query");
}

#[test]
fn the_same_request_twice_is_done_once() {
    let home = home();
    deploy(&home, "forms", &[]);
    let server = Server::start(&home, &[]);
    let deployments = server.get("/v1/deployments?limit=1");
    let deployment = text(&deployments["items"][0]["name"]);
    let ask = |key: &str, name: &str| {
        server
            .ask("POST", &format!("/v1/deployments/{deployment}/runs"))
            .header("Idempotency-Key", key)
            .json(&json!({"name": name}))
    };
    let first = ask("k", "otter").send();
    assert_eq!(first.status, 201, "{first:?}");
    let again = ask("k", "otter").send();
    assert_eq!((again.status, &again.body), (201, &first.body));
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    ask("k", "badger").send().problem(422, "key-reused");
    assert_eq!(ask("l", "otter").send().status, 201);
    let count = |server: &Server| {
        server.get("/v1/flow-runs")["items"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!(count(&server), 2);

    // Many at once: one does it, the others wait or have its answer.
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| ask("m", "stoat").send()))
            .collect();
        asked.into_iter().map(|it| it.join().unwrap()).collect()
    });
    for answer in &answers {
        assert!([201, 409].contains(&answer.status), "{answer:?}");
    }
    assert_eq!(count(&server), 3);
    // What was refused may be sent again, mended or not.
    let wrong = || {
        server
            .ask("POST", "/v1/work-pools")
            .header("Idempotency-Key", "pool")
            .json(&json!({"name": "default-pool"}))
    };
    wrong().send().problem(409, "exists");
    wrong().send().problem(409, "exists");
}

#[test]
fn nobody_undoes_what_another_did_meanwhile() {
    let home = home();
    let server = Server::start(&home, &[]);
    let path = "/v1/work-pools/default-pool";
    let read = server.ask("GET", path).send().ok();
    let etag = read.header("etag").unwrap().to_owned();
    let change = |limit: Value| server.ask("PATCH", path).json(&json!({"limit": limit}));
    change(json!(3))
        .send()
        .problem(428, "precondition-required");
    let changed = change(json!(3)).header("If-Match", &etag).send().ok();
    assert_eq!(changed.json()["limit"], 3);
    let late = change(json!(4)).header("If-Match", &etag).send();
    late.problem(412, "changed");
    let etag = changed.header("etag").unwrap();
    let changed = change(Value::Null).header("If-Match", etag).send().ok();
    assert_eq!(changed.json()["limit"], Value::Null);
    change(json!(5)).header("If-Match", "*").send().ok();
    assert_eq!(server.get(path)["limit"], 5);
}

#[test]
fn a_deployment_is_edited_and_deleted() {
    let home = home();
    let server = Server::start(&home, &[]);
    let made = deployed(&server, "process_item");
    let path = format!("/v1/deployments/{}", text(&made[0]["name"]));
    let edit = |body: Value| {
        let ask = server.ask("PATCH", &path).header("If-Match", "*");
        ask.json(&body).send()
    };
    let edited = edit(json!({"parameters": {"item_id": 7}, "tags": ["a"]}))
        .ok()
        .json();
    assert_eq!(edited["changed"], json!(["parameters", "tags"]));
    edit(json!({"parameters": {"item": 7}})).problem(422, "invalid-parameters");
    edit(json!({"pool": "gpu"})).problem(404, "not-found");
    let grants = edit(json!({"grants": {"http": ["ftp://a.example"]}}));
    let problem = grants.problem(400, "invalid-name");
    assert_eq!(problem["errors"][0]["pointer"], "/grants/http/0");
    let now = server.get(&path);
    assert_eq!(
        (&now["parameters"], &now["pool"]),
        (&json!({"item_id": 7}), &json!("default-pool"))
    );
    assert_eq!(server.ask("DELETE", &path).send().status, 204);
    server.ask("GET", &path).send().problem(404, "not-found");
}

#[test]
fn what_is_no_component_is_refused_with_the_words_of_the_command() {
    let home = home();
    let server = Server::start(&home, &[]);
    let upload = |bytes: &[u8]| {
        let ask = server.ask("POST", "/v1/components");
        ask.body("application/wasm", bytes).send()
    };
    let problem = upload(b"hello").problem(422, "invalid-component");
    let file = home.path().join("hello.wasm");
    fs::write(&file, b"hello").unwrap();
    let said = home.run(["deploy", file.to_str().unwrap()]).fails(2).stderr;
    assert!(said.contains(text(&problem["hint"])), "{said}");
    upload(b"").problem(422, "invalid-component");
    let ask = server.ask("POST", "/v1/components");
    ask.body("text/plain", "x")
        .send()
        .problem(415, "unsupported-media-type");
}

#[test]
fn a_person_gives_an_input_over_http() {
    let home = home();
    deploy(&home, "inputs", &[]);
    let _worker = worker(&home, &[]);
    let server = Server::start(&home, &[]);
    let run = super::start(&home, "greets", &[]);
    let path = format!("/v1/flow-runs/{run}/inputs");
    eventually(SOON, || {
        !server.get(&path)["items"].as_array().unwrap().is_empty()
    });
    let inputs = server.get(&path);
    let key = text(&inputs["items"][0]["key"]);
    let give = |key: &str, value: &str| {
        let ask = server.ask("POST", &format!("{path}/{key}"));
        ask.body("application/json", value).send()
    };
    give("nothing", "true").problem(404, "not-found");
    give(key, "7").problem(422, "invalid-input");
    let example = inputs["items"][0]["example"].to_string();
    assert_eq!(give(key, &example).status, 204);
    wait_until(&server, &run, "COMPLETED");
    give(key, &example).problem(409, "wrong-state");
}

#[test]
fn a_run_that_is_over_is_counted_and_deleted() {
    let home = home();
    deploy(&home, "forms", &[]);
    let server = Server::start(&home, &["--worker"]);
    let kept = super::start(&home, "direct-call", &[]);
    let run = super::start(&home, "direct-call", &[]);
    for run in [&kept, &run] {
        wait_until(&server, run, "COMPLETED");
    }
    let count = || {
        let tallies = server.get("/v1/flow-runs/tallies?bins=2&flow=direct-call");
        let bins = tallies["bins"].as_array().unwrap();
        let counts = bins
            .iter()
            .filter_map(|bin| bin["states"]["COMPLETED"]["count"].as_u64());
        counts.sum::<u64>()
    };
    assert_eq!(count(), 2);
    let path = format!("/v1/flow-runs/{run}");
    assert_eq!(server.ask("DELETE", &path).send().status, 204);
    server.ask("GET", &path).send().problem(404, "not-found");
    server.ask("DELETE", &path).send().problem(404, "not-found");
    server.get(&format!("/v1/flow-runs/{kept}"));
    assert_eq!(count(), 2);

    let later = ["deployment", "run", "direct-call", "--in", "1h"];
    let waiting = home.run(later).ok().stdout;
    let path = format!("/v1/flow-runs/{}", waiting.trim());
    let problem = server.ask("DELETE", &path).send();
    let problem = problem.problem(409, "wrong-state");
    assert!(
        text(&problem["hint"]).starts_with("cancel it first"),
        "{problem}"
    );
}

/// The document is what programs are generated from.
#[test]
fn the_description_is_whole() {
    let home = home();
    let server = Server::start(&home, &[]);
    let document = server.plain("GET", "/openapi.json").send().ok().json();
    assert_eq!(document["openapi"], "3.1.0");
    let mut names = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = text(&operation["operationId"]);
            assert!(names.insert(name.to_owned()), "{name} twice");
            let verbs = ["list_", "get_", "create_", "update_", "delete_"];
            let others = [
                "start_", "cancel_", "pause_", "resume_", "retry_", "give_", "upload_", "revoke_",
                "watch_", "stop_", "set_",
            ];
            let is_named = verbs
                .iter()
                .chain(&others)
                .any(|verb| name.starts_with(verb));
            assert!(is_named, "{name}");
            let responses = operation["responses"].as_object().unwrap();
            for status in ["401", "403", "429", "500", "503"] {
                assert!(responses.contains_key(status), "{method} {path} {status}");
            }
            assert!(
                responses.keys().any(|status| status.starts_with('2')),
                "{method} {path}"
            );
            for parameter in path.split('{').skip(1) {
                let name = parameter.split('}').next().unwrap();
                let mut declared = operation["parameters"].as_array().unwrap().iter();
                assert!(
                    declared.any(|it| it["name"] == name),
                    "{method} {path} {name}"
                );
            }
        }
    }
    // Whatever is referred to is there.
    let whole = document.to_string();
    for reference in whole.split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
}

#[test]
fn health_tells_those_who_watch() {
    let home = home();
    let server = Server::start(&home, &[]);
    for path in ["/health/live", "/health/ready"] {
        assert_eq!(server.plain("GET", path).send().ok().text(), "ok\n");
    }
}

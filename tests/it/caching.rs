//! Cached results, as people see and clear them.

use std::collections::HashMap;

use serde_json::{Value, json};
use test_support::{Home, Server, eventually};

use super::visitor::Visitor;
use super::{
    SOON, deploy, everything, home, json as shown, list, shlex, start, steady, text, wait_until,
    worker,
};

/// A home in which these flows have run, each with its parameter.
fn after(runs: &[(&str, &str)]) -> Home {
    let home = home();
    deploy(&home, "declares", &["--no-schedules", "--no-limits"]);
    let worker = worker(&home, &[]);
    for (flow, parameter) in runs {
        let run = start(&home, flow, &["-p", parameter]);
        wait_until(&home, &run, "COMPLETED");
    }
    // It would clear by itself what has expired.
    worker.sigint();
    worker.wait();
    home
}

fn cached(home: &Home) -> Vec<Value> {
    list(home, &["cache", "ls", "--limit", "0"])
}

/// The tasks and the beginnings of the keys of what is left.
fn left(home: &Home) -> Vec<String> {
    let mut left: Vec<String> = cached(home)
        .iter()
        .map(|it| format!("{} {}", text(&it["task"]), &text(&it["key"])[..7]))
        .collect();
    left.sort_unstable();
    left
}

/// Waits until this result is used no more.
fn until_expired(result: &Value) {
    let expires: jiff::Timestamp = text(&result["expires"]).parse().unwrap();
    eventually(SOON, || jiff::Timestamp::now() > expires);
}

#[test]
fn a_result_is_listed_shown_and_cleared_by_the_beginning_of_its_id() {
    let home = after(&[
        ("doubles-twice", "n=21"),
        ("doubles-twice", "n=4"),
        ("halves-once", "n=8"),
    ]);
    let results = cached(&home);
    let [half, eight, double] = results.as_slice() else {
        panic!("{results:?}")
    };
    assert_eq!(half["key"], "half of 8");
    assert_eq!(half["scope"], "flow halves-once, version 2");
    assert_eq!(half["component"], Value::Null);
    let component = &list(&home, &["component", "ls"])[0]["digest"];
    assert_eq!(&double["component"], component);
    let scope = format!("component {}", &text(component)[..12]);
    assert_eq!(double["scope"], *scope);
    assert_eq!(
        (&double["size"], &double["expires"]),
        (&json!(2), &Value::Null)
    );
    assert_eq!(double.get("value"), None, "a listing has no values");
    let only = list(&home, &["cache", "ls", "--task", "halves"]);
    assert_eq!(only, results[..1]);

    let table = home.run(shlex("cache ls")).ok().stdout;
    for expect in [
        "half of 8",
        "flow halves-once, version 2",
        &scope,
        "never",
        "2 B",
    ] {
        assert!(table.contains(expect), "{expect}: {table}");
    }
    let two = home.run(shlex("cache ls --limit 2")).ok();
    assert_eq!(two.stdout.lines().count(), 3);
    assert_eq!(
        two.stderr,
        "hint: these are the newest 2; `--limit 0` shows all of them\n"
    );

    let id = text(&double["id"]);
    let whole = shown(&home, &["cache", "inspect", &id[..12]]);
    assert_eq!(whole["value"], 42);
    assert_eq!(
        (&whole["id"], &whole["size"]),
        (&double["id"], &double["size"])
    );
    let page = home
        .run(["cache", "inspect", &id.to_uppercase()])
        .ok()
        .stdout;
    assert!(
        page.contains(&format!("\nKey\n{}\n", text(&double["key"]))),
        "{page}"
    );
    assert!(page.ends_with("\nValue\n42\n"), "{page}");

    // A result that is named twice is one.
    let said = home.run(["cache", "clear", &id[..8], id]).ok();
    assert_eq!(
        (&*said.stdout, &*said.stderr),
        ("", "Cleared 1 cached result\n")
    );
    assert_eq!(cached(&home), [half.clone(), eight.clone()]);
    let (half, eight) = (text(&half["id"]), text(&eight["id"]));
    let said = home.run(["cache", "clear", half, eight, "-o", "json"]);
    assert_eq!(said.ok().json(), json!({"cleared": 2}));
    let said = home.run(shlex("cache ls")).ok();
    assert_eq!(
        (&*said.stdout, &*said.stderr),
        (
            "",
            "There are no cached results; `#[task(cache = inputs)]` keeps them\n"
        )
    );
}

/// The same through a server.
#[test]
fn results_are_cleared_by_task_by_time_and_all_here_and_through_a_server() {
    let runs = [
        ("doubles-twice", "n=1"),
        ("doubles-twice", "n=2"),
        ("halves-once", "n=8"),
    ];
    for is_far in [false, true] {
        let home = after(&runs);
        let server = is_far.then(|| Server::start(&home, &[]));
        let url = server.map(|server| (format!("http://{}", server.address), server));
        let clear = |how: &str| {
            let mut args = shlex(&format!("cache clear {how}"));
            if let Some((url, _)) = &url {
                args.extend(["--server".to_owned(), url.clone()]);
            }
            home.run(args).ok().stderr
        };
        let all = ["doubles inputs:", "doubles inputs:", "halves half of"];
        assert_eq!(left(&home), all);
        assert_eq!(clear("--task nothing --yes"), "Cleared 0 cached results\n");
        until_expired(&cached(&home)[0]);
        assert_eq!(clear("--expired"), "Cleared 1 cached result\n");
        assert_eq!(left(&home), all[..2]);
        assert_eq!(clear("--expired"), "Cleared 0 cached results\n");
        assert_eq!(clear("--task halves --yes"), "Cleared 0 cached results\n");
        assert_eq!(clear("--task doubles --yes"), "Cleared 2 cached results\n");
        assert_eq!(clear("--all --yes"), "Cleared 0 cached results\n");
    }
}

/// More than one transaction clears, more than one part of a listing has, and enough that some ids
/// begin alike.
#[test]
fn very_many_results_are_listed_and_cleared() {
    let home = after(&[("doubles-all", "count=1500")]);
    let _steady = steady(&home);
    let results = cached(&home);
    assert_eq!(results.len(), 1500);
    let mut beginnings: HashMap<&str, u32> = HashMap::new();
    for result in &results {
        *beginnings.entry(&text(&result["id"])[..4]).or_default() += 1;
    }
    let ambiguous = beginnings.iter().find(|(_, count)| **count > 1);
    let ambiguous = ambiguous.expect("two of 1500 ids begin alike").0;
    for verb in ["inspect", "clear"] {
        let said = home.run(["cache", verb, ambiguous]).fails(2);
        assert_eq!(
            said.stderr,
            format!(
                "error: `{ambiguous}` may be any of several cached results\nhint: give more digits \
                 of its id; `orch-host cache ls -o wide` shows all 64\n"
            )
        );
        assert_eq!(said.stdout, "");
    }
    let server = Server::start(&home, &[]);
    let path = format!("/v1/cache/{ambiguous}");
    server.ask("GET", &path).send().problem(409, "ambiguous");
    server.ask("DELETE", &path).send().problem(409, "ambiguous");
    // All of it, part by part.
    let (mut read, mut next) = (0, String::new());
    loop {
        let part = server.get(&format!("/v1/cache?task=doubles&limit=700{next}"));
        read += part["items"].as_array().unwrap().len();
        let Some(cursor) = part["next"].as_str() else {
            break;
        };
        let other = format!("/v1/cache?limit=700&cursor={cursor}");
        server
            .ask("GET", &other)
            .send()
            .problem(400, "invalid-cursor");
        next = format!("&cursor={cursor}");
    }
    assert_eq!(read, 1500);
    assert_eq!(cached(&home).len(), 1500);
    let cleared = server.ask("DELETE", "/v1/cache?all=true").send();
    assert_eq!(cleared.ok().json(), json!({"cleared": 1500}));
    assert!(cached(&home).is_empty());
}

#[test]
fn what_says_not_which_result_is_refused_and_nothing_is_cleared() {
    let home = after(&[("doubles-twice", "n=1"), ("doubles-twice", "n=2")]);
    let before = everything(&home);
    let server = Server::start(&home, &[]);
    let url = format!("http://{}", server.address);
    let known = text(&cached(&home)[0]["id"]).to_owned();
    // One that begins as none does: another digit at the end.
    let last = if known.ends_with('0') { "1" } else { "0" };
    let unknown = format!("{}{last}", &known[..63]);
    let check = |command: &str, expect: &str| {
        for more in [vec![], vec!["--server", &url]] {
            let args = shlex(command);
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let ran = home.run([&args[..], &more].concat()).fails(2);
            assert_eq!(ran.stderr, expect, "{command}");
            assert_eq!(ran.stdout, "", "{command}");
        }
    };
    let one_of = "hint: give one of ids, `--task TASK`, `--expired` and `--all`\n";
    let none = format!("error: it is not said which cached results to clear\n{one_of}");
    check("cache clear", &none);
    check("cache clear --yes", &none);
    let several =
        format!("error: it is said in several ways which cached results to clear\n{one_of}");
    check("cache clear --all --expired", &several);
    check("cache clear --task doubles --all --yes", &several);
    check("cache clear --task doubles --expired", &several);
    check(&format!("cache clear {known} --all --yes"), &several);

    let asks = "hint: `--yes` does it, `orch-host cache ls` shows which they are\n";
    check(
        "cache clear --all",
        &format!("error: this would clear all cached results\n{asks}"),
    );
    check(
        "cache clear --task doubles",
        &format!("error: this would clear all cached results of task `doubles`\n{asks}"),
    );

    let hint = "hint: `orch-host cache ls` lists the cached results\n";
    for verb in ["inspect", "clear"] {
        check(
            &format!("cache {verb} {unknown}"),
            &format!("error: there is no cached result `{unknown}`\n{hint}"),
        );
        for wrong in ["otter", "abc", "0g1234", &format!("{known}0")] {
            check(
                &format!("cache {verb} {wrong}"),
                &format!(
                    "error: `{wrong}` is no id of a cached result\nhint: an id has 64 hexadecimal \
                     digits, of which the first 4 or more are enough; `orch-host cache ls` lists \
                     the cached results\n"
                ),
            );
        }
    }
    // None of several goes if one is wrong.
    check(
        &format!("cache clear {known} {unknown}"),
        &format!("error: there is no cached result `{unknown}`\n{hint}"),
    );
    let says = |command: &str, expect: &str| {
        let said = home.run(shlex(command)).fails(2).stderr;
        assert!(said.contains(expect), "{command}: {said}");
    };
    says("cache ls --task a/b", "the task name `a/b` contains '/'");
    says("cache ls --limit many", "--limit");
    says("cache inspect", "<ID>");

    let refused = |method: &str, path: &str, status: u16, kind: &str| {
        let problem = server.ask(method, path).send().problem(status, kind);
        assert!(problem["hint"].is_string(), "{problem}");
    };
    for query in ["", "?all=false", "?expired=false", "?all=true&expired=true"] {
        refused("DELETE", &format!("/v1/cache{query}"), 400, "invalid-query");
    }
    let path = "/v1/cache?task=doubles&all=true";
    refused("DELETE", path, 400, "invalid-query");
    refused("DELETE", "/v1/cache?all=yes", 400, "invalid-query");
    refused("DELETE", "/v1/cache?tasks=doubles", 400, "invalid-query");
    refused("DELETE", "/v1/cache?task=a%2Fb", 400, "invalid-query");
    for method in ["GET", "DELETE"] {
        let unknown = format!("/v1/cache/{unknown}");
        refused(method, &unknown, 404, "not-found");
        refused(method, "/v1/cache/otter", 400, "invalid-name");
    }
    refused("GET", "/v1/cache?limit=0", 400, "invalid-query");
    refused("GET", "/v1/cache?limit=1001", 400, "invalid-query");
    refused("GET", "/v1/cache?cursor=7", 400, "invalid-cursor");
    assert_eq!(everything(&home), before);
}

#[test]
fn the_log_of_actions_tells_who_has_cleared_what() {
    let home = after(&[("doubles-twice", "n=1"), ("halves-once", "n=8")]);
    let server = Server::start(&home, &[]);
    let results = server.get("/v1/cache")["items"].clone();
    let id = text(&results[0]["id"]);
    let path = format!("/v1/cache/{id}");
    assert_eq!(server.get(&path)["value"], 4);
    let cleared = server.ask("DELETE", &path).send();
    assert_eq!(cleared.status, 204, "{cleared:?}");
    server.ask("DELETE", &path).send().problem(404, "not-found");
    let cleared = server.ask("DELETE", "/v1/cache?task=doubles").send();
    assert_eq!(cleared.ok().json(), json!({"cleared": 1}));
    let logged = |action: &str| {
        let log = server.get(&format!("/v1/audit?action={action}"));
        let lines = log["items"].as_array().unwrap().clone();
        lines
            .iter()
            .map(|it| format!("{} {}", text(&it["target"]), text(&it["outcome"])))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        logged("delete_cached_result"),
        [format!("{path} 404 not-found"), format!("{path} 204")]
    );
    assert_eq!(
        logged("delete_cached_results"),
        ["/v1/cache?task=doubles 200"]
    );
}

#[test]
fn the_pages_show_results_and_offer_admins_to_clear_one() {
    let home = after(&[("doubles-twice", "n=21"), ("halves-once", "n=8")]);
    let server = Server::start(&home, &[]);
    let results = cached(&home);
    let [_half, double] = results.as_slice() else {
        panic!("{results:?}")
    };
    let admin = Visitor::new(&server, &server.token);
    let page = |visitor: &Visitor, path: &str| visitor.get(path).ok().text();
    assert!(page(&admin, "/work-pools").contains(r#"href="/cache""#));
    let all = page(&admin, "/cache");
    let of_double = format!("/cache/{}", text(&double["id"]));
    let run = format!("/flow-runs/{}", text(&double["flow_run"]));
    for expect in ["half of 8", &of_double, &run, "never", "2 B"] {
        assert!(all.contains(expect), "{expect}: {all}");
    }
    let halves = page(&admin, "/cache?task=halves");
    assert!(halves.contains("half of 8") && !halves.contains(&of_double));
    assert!(page(&admin, "/cache?task=others").contains("No cached result passes this filter."));
    let wrong = admin.get("/cache?task=a%2Fb");
    assert_eq!(wrong.status, 400);
    assert!(wrong.text().contains("contains"), "{}", wrong.text());
    let one = page(&admin, &of_double);
    assert!(one.contains(">42<"), "{one}");
    let value = page(&admin, &format!("{of_double}/value.json"));
    assert_eq!(value.trim(), "42");
    assert_eq!(admin.get("/cache/otter").status, 400);
    let component = format!("/components/{}", text(&double["component"]));
    let component = page(&admin, &component);
    assert!(component.contains("cached by its arguments"), "{component}");
    assert!(component.contains("cached by a key for 1s"), "{component}");

    let clear = format!("{of_double}/clear");
    assert!(all.contains(&clear), "{all}");
    assert!(page(&admin, &clear).contains("Clear this result of doubles?"));
    for role in ["viewer", "operator"] {
        let token = home.run(["token", "create", role, "--role", role]).ok();
        let other = Visitor::new(&server, token.stdout.trim());
        assert!(!page(&other, "/cache").contains("/clear"));
        assert!(!page(&other, &of_double).contains("/clear"));
        assert_eq!(other.post(&clear, "").status, 403);
    }
    // The form of another site.
    let foreign = server.plain("POST", &clear);
    let foreign = foreign.header("Sec-Fetch-Site", "cross-site").send();
    assert!(foreign.status >= 300, "{foreign:?}");
    assert_eq!(cached(&home).len(), 2);
    let cleared = admin.post(&clear, "");
    assert_eq!(cleared.header("location"), Some("/cache"), "{cleared:?}");
    assert_eq!(cached(&home), results[..1]);
    assert_eq!(admin.post(&clear, "").status, 404);
    let log = server.get("/v1/audit")["items"].to_string();
    assert!(log.contains("/cache/{id}/clear"), "{log}");
}

#[test]
fn a_worker_clears_by_itself_what_has_expired() {
    let home = after(&[("doubles-twice", "n=1"), ("halves-once", "n=8")]);
    until_expired(&cached(&home)[0]);
    let worker = worker(&home, &[]);
    eventually(SOON, || cached(&home).len() == 1);
    assert_eq!(cached(&home)[0]["task"], "doubles");
    let said = "cleared cached results that have expired";
    eventually(SOON, || worker.stderr().contains(said));
}

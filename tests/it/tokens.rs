//! Who is there: tokens, roles, sessions, and the log of what they did.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};
use test_support::{Answer, Home, Server, guest};

use super::{home, text};

/// Makes a token at the command line.
#[track_caller]
fn token(home: &Home, name: &str, role: &str) -> String {
    let ran = home.run(["token", "create", name, "--role", role]).ok();
    // The token alone, so that a script can take it as it is.
    assert_eq!(ran.stdout.lines().count(), 1, "{ran}");
    ran.stdout.trim().to_owned()
}

#[test]
fn a_token_is_shown_once_and_opens_what_its_role_may() {
    let home = home();
    let server = Server::start(&home, &[]);
    let viewer = token(&home, "reader", "viewer");
    assert!(
        viewer.starts_with("orch_") && viewer.len() == 48,
        "{viewer}"
    );
    let who = server.plain("GET", "/v1/whoami").token(&viewer);
    let who = who.send().ok().json();
    assert_eq!(
        (text(&who["name"]), text(&who["role"])),
        ("reader", "viewer")
    );

    let listed = home.run(["token", "ls", "-o", "json"]).ok();
    assert!(listed.stdout.contains("reader") && !listed.stdout.contains(&viewer));
    let pool = json!({"name": "gpu"});
    let refused = server.plain("POST", "/v1/work-pools").token(&viewer);
    let problem = refused.json(&pool).send().problem(403, "forbidden");
    assert_eq!(problem["hint"], "`create_work_pool` needs the role admin");
    let created = server.post("/v1/work-pools", &pool);
    assert_eq!(created["name"], "gpu");
}

#[test]
fn a_revoked_token_opens_nothing() {
    let home = home();
    let server = Server::start(&home, &[]);
    let ci = token(&home, "ci", "operator");
    let ask = server.plain("GET", "/v1/whoami").token(&ci);
    ask.send().ok();
    let twin = home
        .run(["token", "create", "ci", "--role", "admin"])
        .fails(2);
    assert!(twin.stderr.contains("token `ci` exists already"), "{twin}");
    assert!(
        twin.stderr.contains("hint: `orch-host token revoke ci`"),
        "{twin}"
    );

    home.run(["token", "revoke", "ci"]).ok();
    ask.send().problem(401, "unauthenticated");
    home.run(["token", "revoke", "ci"]).fails(2);
    // The name is free again, and the new token is another.
    assert_ne!(token(&home, "ci", "operator"), ci);
    ask.send().problem(401, "unauthenticated");
}

#[test]
fn a_token_expires() {
    let home = home();
    let server = Server::start(&home, &[]);
    let args = ["token", "create", "brief", "--role", "viewer", "--expires"];
    let of = |span: &str| {
        let ran = home.run(args.iter().chain(&[span])).ok();
        home.run(["token", "revoke", "brief"]).ok();
        ran
    };
    assert!(of("90d").stderr.contains(", until "));
    home.run(args.iter().chain(&["soon"])).fails(2);
    let refused = home.run(args.iter().chain(&["101y"])).fails(2);
    assert!(
        refused.stderr.contains("a token lasts 100 years at most"),
        "{refused}"
    );
    let refused = home.run(args.iter().chain(&["0s"])).fails(2);
    assert!(
        refused
            .stderr
            .contains("a token that lasts no time is of no use"),
        "{refused}"
    );

    let ran = home.run(args.iter().chain(&["1ms"])).ok();
    let ask = server.plain("GET", "/v1/whoami").token(ran.stdout.trim());
    ask.send().problem(401, "unauthenticated");
}

#[test]
fn the_token_of_the_machine_is_its_owners_alone_and_is_kept() {
    let home = home();
    let first = Server::start(&home, &[]);
    let path = home.path().join("token");
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let secret = first.token.clone();
    first.process.sigint();
    assert_eq!(first.process.wait(), 0);

    let again = Server::start(&home, &[]);
    assert_eq!(again.token, secret);
    drop(again);
    // One that was revoked is replaced.
    home.run(["token", "revoke", "local"]).ok();
    let third = Server::start(&home, &[]);
    assert_ne!(third.token, secret);
    third.get("/v1/whoami");
    let database = fs::read(home.path().join("orch.db")).unwrap();
    let secret = third.token.as_bytes();
    assert!(!database.windows(secret.len()).any(|part| part == secret));
}

#[test]
fn a_token_is_made_over_http_and_its_answer_is_never_kept() {
    let home = home();
    let server = Server::start(&home, &[]);
    let ask = server
        .ask("POST", "/v1/tokens")
        .header("Idempotency-Key", "once")
        .json(&json!({"name": "ci", "role": "viewer", "lasts_ms": 60_000}));
    let made = ask.send();
    assert_eq!(made.status, 201, "{made:?}");
    let secret = text(&made.json()["secret"]).to_owned();
    let again = ask.send();
    again.problem(409, "exists");
    server.plain("GET", "/v1/whoami").token(&secret).send().ok();
    let gone = server.ask("DELETE", "/v1/tokens/ci").send().ok().json();
    assert!(gone["revoked"].is_string());
    let ask = server.plain("GET", "/v1/whoami").token(&secret);
    ask.send().problem(401, "unauthenticated");
    for file in ["orch.db", "orch.db-wal"] {
        let bytes = fs::read(home.path().join(file)).unwrap_or_default();
        let secret = secret.as_bytes();
        assert!(!bytes.windows(secret.len()).any(|part| part == secret));
    }
}

#[test]
fn who_did_what_is_logged() {
    let home = home();
    let server = Server::start(&home, &[]);
    let viewer = token(&home, "reader", "viewer");
    let create = server
        .ask("POST", "/v1/work-pools")
        .json(&json!({"name": "gpu"}));
    let created = create.send().ok();
    create.send().problem(409, "exists");
    let delete = server.plain("DELETE", "/v1/work-pools/gpu").token(&viewer);
    delete.send().problem(403, "forbidden");
    server.get("/v1/work-pools");

    let audit = server.get("/v1/audit");
    let lines: Vec<String> = audit["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(line)
        .collect();
    assert_eq!(
        lines,
        [
            "reader delete_work_pool /v1/work-pools/gpu 403 forbidden",
            "local create_work_pool /v1/work-pools 409 exists",
            "local create_work_pool /v1/work-pools 201",
            "command line create_token /v1/tokens/reader done",
        ]
    );
    let id = created.header("x-request-id").unwrap();
    assert_eq!(audit["items"][2]["request_id"], id);

    let first = server.get("/v1/audit?action=create_work_pool&limit=1");
    let next = text(&first["next"]);
    let second = server.get(&format!(
        "/v1/audit?action=create_work_pool&limit=1&cursor={next}"
    ));
    assert_eq!(line(&second["items"][0]), lines[2]);
    assert_eq!(second["next"], Value::Null);
    // A cursor is bound to its filter.
    let other = server.ask("GET", &format!("/v1/audit?limit=1&cursor={next}"));
    other.send().problem(400, "invalid-cursor");
}

fn line(entry: &Value) -> String {
    let words = ["who", "action", "target", "outcome"];
    words.map(|word| text(&entry[word])).join(" ")
}

/// The cookie that an answer gives.
fn cookie(answer: &Answer) -> String {
    let cookie = answer.header("set-cookie").unwrap();
    for part in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    cookie.split(';').next().unwrap().to_owned()
}

const FORM: &str = "application/x-www-form-urlencoded";

#[test]
fn the_link_of_the_server_signs_in_once() {
    let home = home();
    let server = Server::start(&home, &[]);
    let link = server.link();
    // To look at it does not use it up.
    for _ in 0..2 {
        let page = server.plain("GET", &link).send().ok();
        assert!(page.text().contains("<form"), "{page:?}");
    }
    let (_, secret) = link.split_once("link=").unwrap();
    let sign_in = server
        .plain("POST", "/sign-in")
        .header("Sec-Fetch-Site", "same-origin")
        .body(FORM, format!("link={secret}&next=%2Fflow-runs"));
    let signed_in = sign_in.send();
    assert_eq!(signed_in.status, 303, "{signed_in:?}");
    assert_eq!(signed_in.header("location"), Some("/flow-runs"));
    let cookie = cookie(&signed_in);
    let again = sign_in.send();
    assert!(again.status != 303 && again.header("set-cookie").is_none());

    // The API takes no cookies.
    let api = server.plain("GET", "/v1/whoami").header("Cookie", &cookie);
    api.send().problem(401, "unauthenticated");
    // Signing out ends the session on the server.
    let sign_out = server
        .plain("POST", "/sign-out")
        .header("Cookie", &cookie)
        .header("Sec-Fetch-Site", "same-origin");
    assert_eq!(sign_out.send().status, 303);
}

#[test]
fn one_signs_in_with_a_token_and_from_the_own_page_only() {
    let home = home();
    let server = Server::start(&home, &[]);
    let viewer = token(&home, "reader", "viewer");
    let ask = |token: &str, next: &str| {
        server
            .plain("POST", "/sign-in")
            .body(FORM, format!("token={token}&next={next}"))
    };
    let own = |ask: test_support::Ask| ask.header("Sec-Fetch-Site", "same-origin").send();
    let signed_in = own(ask(&viewer, "https:%2F%2Fevil.example"));
    assert_eq!(signed_in.header("location"), Some("/"), "{signed_in:?}");
    cookie(&signed_in);

    let wrong = own(ask("orch_wrong", ""));
    assert!(wrong.header("set-cookie").is_none(), "{wrong:?}");
    for site in ["cross-site", "same-site", "none"] {
        let foreign = ask(&viewer, "").header("Sec-Fetch-Site", site).send();
        foreign.problem(403, "foreign-origin");
    }
    let foreign = ask(&viewer, "").header("Origin", "https://evil.example");
    foreign.send().problem(403, "foreign-origin");
    ask(&viewer, "").send().problem(403, "foreign-origin");
}

#[test]
fn a_component_that_is_deployed_by_a_viewer_is_not() {
    let home = home();
    let server = Server::start(&home, &[]);
    let viewer = token(&home, "reader", "viewer");
    let operator = token(&home, "operator", "operator");
    let wasm = fs::read(guest("forms")).unwrap();
    for secret in [viewer, operator] {
        let ask = server.plain("POST", "/v1/components").token(&secret);
        let ask = ask.body("application/wasm", wasm.clone());
        ask.send().problem(403, "forbidden");
    }
    assert_eq!(server.get("/v1/components")["items"], json!([]));
}

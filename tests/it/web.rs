//! Tasks send requests: in every form of the SDK, to where they may, and what they are told where
//! that fails.

use std::path::Path;

use serde_json::{Value, json};
use test_support::{Home, Proxy, Ran, Web, Worker};

use super::{
    deploy, failure_of_task, home, hostile, inspect, json, list, start, text, wait_until, watch,
    worker,
};

/// A web server, and a home whose tasks may ask it.
fn granted() -> (Web, Home) {
    let web = Web::start();
    let home = home();
    deploy(&home, "web", &["--allow-http", &web.address().to_string()]);
    (web, home)
}

/// Runs `flow` with a request to its end.
#[track_caller]
fn ask(home: &Home, flow: &str, wish: &Value) -> Ran {
    watch(home, flow, &["-p", &format!("wish={wish}")])
}

/// The answer to a request.
#[track_caller]
fn answer(home: &Home, wish: &Value) -> Value {
    ask(home, "fetch", wish).ok().json()
}

/// What a server has seen of a request.
#[track_caller]
fn echo(home: &Home, wish: &Value) -> Value {
    let answer = answer(home, wish);
    assert_eq!(answer["status"], 200, "{answer}");
    serde_json::from_str(text(&answer["text"])).unwrap()
}

/// The failure of a request, and how many attempts it took.
#[track_caller]
fn failure(home: &Home, wish: &Value) -> (String, String, usize) {
    let run = start(home, "fetch-again", &["-p", &format!("wish={wish}")]);
    failure_of_task(home, &run)
}

#[test]
fn a_request_has_all_that_a_request_can_have() {
    let (web, home) = granted();
    let _worker = worker(&home, &[]);
    let seen = echo(
        &home,
        &json!({
            "method": "PUT",
            "url": web.at("/echo?a=1"),
            "headers": {"X-Own": "yes"},
            "query": {"b": "2 & 3", "c": "ä"},
            "json": {"n": [1, null]},
            "bearer": "token",
        }),
    );
    assert_eq!(seen["method"], "PUT");
    assert_eq!(seen["path"], "/echo");
    assert_eq!(seen["query"], "a=1&b=2+%26+3&c=%C3%A4");
    assert_eq!(seen["body"], r#"{"n":[1,null]}"#);
    let headers = &seen["headers"];
    assert_eq!(headers["x-own"], "yes");
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["content-length"], "14");
    assert_eq!(headers["authorization"], "Bearer token");
    assert_eq!(headers["host"], web.address().to_string());
    assert!(text(&headers["user-agent"]).starts_with("orch-host/"));

    let seen = echo(
        &home,
        &json!({
            "method": "POST",
            "url": web.at("/echo"),
            "form": {"name": "a b", "city": "Köln"},
            "basic": ["me", "pass"],
        }),
    );
    assert_eq!(seen["body"], "city=K%C3%B6ln&name=a+b");
    assert_eq!(
        seen["headers"]["content-type"],
        "application/x-www-form-urlencoded"
    );
    assert_eq!(seen["headers"]["authorization"], "Basic bWU6cGFzcw==");

    for method in ["GET", "DELETE", "PATCH", "OPTIONS", "PROPFIND"] {
        let seen = echo(&home, &json!({"method": method, "url": web.at("/echo")}));
        assert_eq!(seen["method"], method);
    }
    let head = answer(&home, &json!({"method": "HEAD", "url": web.at("/echo")}));
    assert_eq!((&head["status"], &head["text"]), (&json!(200), &json!("")));
}

#[test]
fn an_answer_is_text_json_or_an_error() {
    let (web, home) = granted();
    let _worker = worker(&home, &[]);
    let value = ask(&home, "fetch-json", &json!({"url": web.at("/echo")}));
    assert_eq!(value.ok().json()["method"], "GET");
    // A status is an answer like others, until somebody asks for success.
    let answer = answer(&home, &json!({"url": web.at("/status/404")}));
    assert_eq!(
        (&answer["status"], &answer["text"]),
        (&json!(404), &json!("because"))
    );
    for (path, expect) in [
        ("/status/404", "answered with status 404: because"),
        ("/status/503", "answered with status 503: because"),
        ("/bytes/3", "the answer does not fit"),
    ] {
        let failed = ask(&home, "fetch-json", &json!({"url": web.at(path)})).fails(1);
        let expect = format!("GET {}: {expect}", web.at(path));
        assert!(failed.stderr.contains(&expect), "{failed}");
    }
}

#[test]
fn much_is_sent_and_read_in_little_memory() {
    const MIB: u64 = 100;
    let (web, home) = granted();
    let worker = worker(&home, &[]);
    let before = worker.kilobytes("VmHWM");
    let up = [
        &format!("url={}", web.at("/count"))[..],
        &format!("mib={MIB}"),
    ];
    let counted = watch(&home, "upload", &["-p", up[0], "-p", up[1]])
        .ok()
        .json();
    assert_eq!(counted["bytes"], MIB << 20);
    let down = format!("url={}", web.at(&format!("/bytes/{}", MIB << 20)));
    let read = watch(&home, "download", &["-p", &down]).ok().json();
    assert_eq!(read, MIB << 20);
    let more = worker.kilobytes("VmHWM") - before;
    assert!(more < 40 << 10, "{more} kB more for {MIB} MiB each way");
}

#[test]
fn redirects_are_followed_to_where_they_may_lead() {
    let (web, home) = granted();
    let other = Web::start();
    let _worker = worker(&home, &[]);
    let to = |status: u16, to: &str| web.at(&format!("/redirect/{status}?to={to}"));
    // What is sent again after each kind of redirect.
    for (status, method, becomes, body) in [
        (301, "POST", "GET", ""),
        (302, "POST", "GET", ""),
        (303, "PUT", "GET", ""),
        (302, "PUT", "PUT", "sent"),
        (307, "POST", "POST", "sent"),
        (308, "POST", "POST", "sent"),
    ] {
        let wish = json!({
            "method": method,
            "url": to(status, "/echo?x=1"),
            "body": "sent",
            "bearer": "token",
        });
        let seen = echo(&home, &wish);
        assert_eq!(
            (&seen["method"], &seen["body"]),
            (&json!(becomes), &json!(body)),
            "{status}"
        );
        assert_eq!(seen["query"], "x=1");
        // The origin is the same.
        assert_eq!(seen["headers"]["authorization"], "Bearer token");
    }
    let shown = answer(&home, &json!({"url": to(302, "/status/200")}));
    assert_eq!(shown["url"], web.at("/status/200"));
    let kept = answer(&home, &json!({"url": to(302, "/echo"), "redirects": 0}));
    assert_eq!(
        (&kept["status"], &kept["headers"]["location"]),
        (&json!(302), &json!("/echo"))
    );
    let round = failure(&home, &json!({"url": web.at("/round")}));
    let expect = format!("GET {}: redirected more than 10 times", web.at("/round"));
    assert_eq!((round.0.as_str(), round.2), ("permanent", 1));
    assert!(round.1.contains(&expect), "{}", round.1);

    // Another server is granted, and another is not.
    let elsewhere = json!({"url": to(307, &other.at("/echo")), "bearer": "token"});
    let (kind, message, attempts) = failure(&home, &elsewhere);
    assert_eq!((kind.as_str(), attempts), ("refused", 1));
    let place = other.address();
    assert!(
        message.contains(&format!("`--allow-http {place}` grants it")),
        "{message}"
    );
    assert_eq!(other.connections(), 0);
    let both = [web.address().to_string(), place.to_string()];
    deploy(
        &home,
        "web",
        &["--allow-http", &both[0], "--allow-http", &both[1]],
    );
    let seen = echo(&home, &elsewhere);
    assert_eq!(seen["headers"]["authorization"], Value::Null, "{seen}");
    assert_eq!(seen["headers"]["host"], place.to_string());
}

#[test]
fn connections_outlive_the_tasks_that_made_them() {
    let (web, home) = granted();
    let _worker = worker(&home, &[]);
    let often = [&format!("url={}", web.at("/status/200"))[..], "times=50"];
    watch(&home, "fetch-often", &["-p", often[0], "-p", often[1]]).ok();
    assert_eq!(web.connections(), 1);
    // Another deployment does not get them.
    let other = web.address().to_string();
    deploy(
        &home,
        "web",
        &[
            "--name",
            "other",
            "--flow",
            "fetch-often",
            "--allow-http",
            &other,
        ],
    );
    watch(
        &home,
        "fetch-often/other",
        &["-p", often[0], "-p", often[1]],
    )
    .ok();
    assert_eq!(web.connections(), 2);
}

#[test]
fn requests_of_one_task_are_under_way_at_once() {
    let (web, home) = granted();
    let _worker = worker(&home, &[]);
    let urls = json!(vec![web.at("/slow"); 30]);
    let all = watch(&home, "fetch-all", &["-p", &format!("urls={urls}")]);
    assert_eq!(all.ok().json(), json!(vec!["slow"; 30]));
    assert!(web.slow_at_once() > 10, "{} at once", web.slow_at_once());
}

#[test]
fn what_goes_wrong_is_said_with_what_was_asked() {
    let (web, home) = granted();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = nobody.local_addr().unwrap();
    drop(nobody);
    let no_http = Web::that_says("SSH-2.0-OpenSSH_9.9\r\n");
    let (closed, no_http) = (closed.to_string(), no_http.to_string());
    let mut grants = vec!["--allow-http", "nowhere.invalid"];
    let own = web.address().to_string();
    for place in [&own, &closed, &no_http] {
        grants.extend(["--allow-http", place]);
    }
    deploy(&home, "web", &grants);
    let _worker = worker(
        &home,
        &[
            "--http-first-byte-limit",
            "300ms",
            "--http-between-bytes-limit",
            "300ms",
            "--http-body-limit",
            "4MiB",
        ],
    );
    let at = |path: &str| web.at(path);
    let cases: [(String, &str, usize, &str); 12] = [
        (
            format!("http://{closed}/"),
            "error",
            2,
            "connection refused",
        ),
        (
            format!("http://{no_http}/"),
            "error",
            2,
            "the answer is not HTTP",
        ),
        (
            "http://nowhere.invalid/".to_owned(),
            "error",
            2,
            "its host was not found: ",
        ),
        (at("/never"), "error", 2, "no answer in time"),
        (at("/pause"), "error", 2, "the answer did not go on in time"),
        (at("/cut"), "error", 2, "the answer was cut off"),
        (
            at("/bytes/5000000"),
            "limit",
            2,
            "the body of the answer is too large; the limit is 4194304 bytes",
        ),
        (
            at("/wide"),
            "limit",
            2,
            "the headers of the answer are too large; the limit is 131072 bytes",
        ),
        (
            "ftp://a.example/".to_owned(),
            "permanent",
            1,
            "it begins with `http://` or `https://`",
        ),
        (
            "http://a b/".to_owned(),
            "permanent",
            1,
            "`http://a b/` is no URL of HTTP",
        ),
        (
            "http://127.0.0.1:1/x".to_owned(),
            "refused",
            1,
            "a request to `http://127.0.0.1:1` was refused: the deployment was not granted it; `--allow-http 127.0.0.1:1` grants it",
        ),
        (
            "https://api.example/x?token=y".to_owned(),
            "refused",
            1,
            "a request to `https://api.example` was refused: the deployment was not granted it; `--allow-http api.example` grants it",
        ),
    ];
    for (url, kind, attempts, words) in cases {
        let (found, message, tried) = failure(&home, &json!({"url": url}));
        assert_eq!(
            (found.as_str(), tried),
            (kind, attempts),
            "{url}: {message}"
        );
        assert!(message.contains(words), "{url}: {message}");
        if found != "refused" {
            let asked = url.split('?').next().unwrap();
            assert!(message.contains(asked), "{url}: {message}");
        }
    }
    let quick = failure(&home, &json!({"url": at("/slow"), "timeout_ms": 50}));
    let words = format!("GET {}: not done within 50ms, its timeout", at("/slow"));
    assert!(quick.1.contains(&words), "{}", quick.1);
    let url = format!("url={}", at("/count"));
    let upload = |mib: &str| watch(&home, "upload", &["-p", &url, "-p", mib]);
    upload("mib=4").ok();
    let large = upload("mib=5").fails(1);
    assert!(
        large
            .stderr
            .contains("the body of the request is too large; the limit is 4194304 bytes"),
        "{large}"
    );
}

#[test]
fn a_flow_sends_no_requests() {
    let (web, home) = granted();
    let _worker = worker(&home, &[]);
    let failed = ask(&home, "fetch-in-the-flow", &json!({"url": web.at("/echo")})).fails(1);
    assert!(
        failed
            .stderr
            .contains("a flow sends no requests; let a task do this"),
        "{failed}"
    );
    assert_eq!(web.connections(), 0);
}

/// A server with TLS whose certificate is its own authority, for localhost or another name.
fn with_tls(home: &Home, name: &str) -> (Web, String) {
    let alternative = format!("subjectAltName={name}");
    let (certificate, key) = hostile::certificate(
        home,
        "tls",
        &[
            "-addext",
            &alternative,
            "-addext",
            "basicConstraints=critical,CA:FALSE",
        ],
    );
    (
        Web::with_tls(Path::new(&certificate), Path::new(&key)),
        certificate,
    )
}

#[test]
fn tls_is_that_of_the_host_with_authorities_of_its_own() {
    let home = home();
    let (web, certificate) = with_tls(&home, "DNS:localhost,IP:127.0.0.1");
    let port = web.address().port();
    deploy(
        &home,
        "web",
        &["--allow-http", &format!("localhost:{port}")],
    );
    let stranger = worker(&home, &[]);
    let wish = json!({"url": web.at_name("/echo")});
    let (kind, message, attempts) = failure(&home, &wish);
    assert_eq!((kind.as_str(), attempts), ("permanent", 1), "{message}");
    assert!(
        message.contains("the certificate does not fit: "),
        "{message}"
    );
    stranger.sigkill();

    let _worker = worker(&home, &["--ca-file", &certificate]);
    let seen = echo(&home, &wish);
    assert_eq!(seen["version"], "HTTP/2.0", "{seen}");
    // The address is in the certificate, too.
    assert_eq!(
        echo(&home, &json!({"url": web.at("/echo")}))["version"],
        "HTTP/2.0"
    );
    // What answers TLS is no HTTP without it.
    let plain = web.at_name("/echo").replace("https:", "http:");
    let (kind, _, attempts) = failure(&home, &json!({"url": plain}));
    assert_eq!((kind.as_str(), attempts), ("error", 2));
}

#[test]
fn a_certificate_for_another_name_does_not_fit() {
    let home = home();
    let (web, certificate) = with_tls(&home, "DNS:other.example");
    let port = web.address().port();
    deploy(
        &home,
        "web",
        &["--allow-http", &format!("localhost:{port}")],
    );
    let _worker = worker(&home, &["--ca-file", &certificate]);
    let (kind, message, attempts) = failure(&home, &json!({"url": web.at_name("/echo")}));
    assert_eq!((kind.as_str(), attempts), ("permanent", 1), "{message}");
    assert!(
        message.contains("the certificate does not fit: "),
        "{message}"
    );
    assert!(message.contains("localhost"), "{message}");
}

#[test]
fn a_file_without_authorities_is_refused() {
    let home = home();
    let empty = home.path().join("empty.pem");
    std::fs::write(&empty, "no certificate").unwrap();
    for (file, words) in [
        (
            empty.display().to_string(),
            "has no certificate in PEM form",
        ),
        (
            "/nowhere.pem".to_owned(),
            "`/nowhere.pem` cannot be read: No such file",
        ),
        (home.path().display().to_string(), "it is no file"),
    ] {
        let refused = home.run(["worker", "--ca-file", &file]).fails(2);
        assert!(refused.stderr.contains(words), "{refused}");
        assert!(
            refused
                .stderr
                .contains("hint: `--ca-file` takes certificates"),
            "{refused}"
        );
    }
    assert!(list(&home, &["worker", "ls"]).is_empty());
}

/// A worker with these variables in its environment.
fn worker_with(home: &Home, variables: &[(&str, &str)], more: &[&str]) -> Worker {
    let mut args = vec!["worker", "--pool", "default-pool"];
    args.extend(more);
    let mut command = home.cmd(args);
    command.envs(variables.iter().copied());
    Worker::of(command).wait_until_ready()
}

#[test]
fn requests_go_through_the_proxy_of_the_worker() {
    let home = home();
    let (secure, certificate) = with_tls(&home, "DNS:localhost,IP:127.0.0.1");
    let plain = Web::start();
    let ports = [&plain, &secure].map(|web| format!("localhost:{}", web.address().port()));
    deploy(
        &home,
        "web",
        &["--allow-http", &ports[0], "--allow-http", &ports[1]],
    );
    let proxy = Proxy::start(None);
    let url = format!("http://me:pass@{}", proxy.address());
    let proxied = worker_with(
        &home,
        &[("HTTP_PROXY", &url), ("HTTPS_PROXY", &url)],
        &["--ca-file", &certificate],
    );
    for web in [&plain, &secure] {
        let seen = echo(&home, &json!({"url": web.at_name("/echo")}));
        assert_eq!(seen["path"], "/echo");
        // It is between the worker and the proxy.
        assert_eq!(
            seen["headers"]["proxy-authorization"],
            if web.at("/").starts_with("https") {
                Value::Null
            } else {
                json!("Basic bWU6cGFzcw==")
            }
        );
    }
    assert_eq!(
        proxy.asked(),
        [
            format!(
                "GET http://{}/echo HTTP/1.1; proxy-authorization: Basic bWU6cGFzcw==",
                ports[0]
            ),
            format!(
                "CONNECT {} HTTP/1.1; Proxy-Authorization: Basic bWU6cGFzcw==",
                ports[1]
            ),
        ]
    );
    proxied.sigkill();

    // Some need none.
    let direct = worker_with(
        &home,
        &[("HTTP_PROXY", &url), ("NO_PROXY", "localhost")],
        &[],
    );
    echo(&home, &json!({"url": plain.at_name("/echo")}));
    assert_eq!(proxy.asked().len(), 2);
    direct.sigkill();

    // A proxy that lets nobody through is named, without its password.
    let strict = Proxy::start(Some("407 Proxy Authentication Required"));
    let url = format!("http://me:pass@{}", strict.address());
    let _refused = worker_with(
        &home,
        &[("HTTPS_PROXY", &url)],
        &["--ca-file", &certificate],
    );
    let (kind, message, attempts) = failure(&home, &json!({"url": secure.at_name("/echo")}));
    assert_eq!((kind.as_str(), attempts), ("error", 2));
    let words = format!(
        "the proxy `http://{}` did not let it through: ",
        strict.address()
    );
    assert!(message.contains(&words), "{message}");
    assert!(!message.contains("pass"), "{message}");
}

#[test]
fn a_replay_sends_nothing() {
    let (web, home) = granted();
    let worker = worker(&home, &[]);
    let run = start(
        &home,
        "fetch",
        &["-p", &format!("wish={}", json!({"url": web.at("/echo")}))],
    );
    wait_until(&home, &run, "COMPLETED");
    worker.sigkill();
    let before = web.connections();
    home.run(["flow-run", "replay", &run]).ok();
    assert_eq!(web.connections(), before);
    assert_eq!(inspect(&home, &run)["result"]["status"], 200);
    assert!(json(&home, &["flow-run", "inspect", &run])["result"].is_object());
}

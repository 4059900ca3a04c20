//! Requests that mean no good, or are broken: none opens a door, none keeps others waiting, and
//! each is told what is wrong.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use test_support::{Answer, Home, Server, eventually};

use super::{SOON, deploy, home, text};

/// Every operation: its method, its path with values for its parameters, and its role.
fn operations(server: &Server) -> Vec<(String, String, String)> {
    let document = server.plain("GET", "/openapi.json").send().ok().json();
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let role = text(&operation["security"][0]["token"][0]);
            let path = path
                .replace("{flow}", "etl")
                .replace("{pool}", "default-pool")
                .replace("{name}", "nightly")
                .replace("{run}", "otter")
                .replace("{id}", "00000000-0000-0000-0000-000000000001")
                .replace("{key}", "approval")
                .replace("{artifact}", "report")
                .replace("{digest}", "abcd");
            assert!(!path.contains('{'), "{path}");
            all.push((method.to_uppercase(), path, role.to_owned()));
        }
    }
    assert!(all.len() > 30, "{all:?}");
    all
}

#[test]
fn no_operation_is_open_to_strangers_or_lower_roles() {
    let home = home();
    let server = Server::start(&home, &[]);
    let secrets = ["viewer", "operator"].map(|role| {
        let ran = home.run(["token", "create", role, "--role", role]).ok();
        (role, ran.stdout.trim().to_owned())
    });
    for (method, path, needed) in operations(&server) {
        let ask = server.plain(&method, &path);
        for stranger in [
            ask.clone(),
            ask.clone().token("orch_guess"),
            ask.clone().header("Authorization", "Basic YTpi"),
            ask.clone().header("Cookie", "orch=guess"),
        ] {
            stranger.send().problem(401, "unauthenticated");
        }
        for (role, secret) in &secrets {
            let answer = ask.clone().token(secret).send();
            let may = needed == "viewer" || needed == *role;
            assert_eq!(answer.status != 403, may, "{method} {path} by {role}");
        }
    }
    // What is not described is closed, to strangers first of all.
    let hidden = server.plain("GET", "/v1/hidden");
    hidden.send().problem(401, "unauthenticated");
    let hidden = server.ask("GET", "/v1/hidden");
    hidden.send().problem(404, "no-route");
    assert!(!server.process.has_ended());
}

#[test]
fn what_is_for_another_host_is_refused() {
    let home = home();
    let server = Server::start(&home, &[]);
    for path in [
        "/v1/whoami",
        "/",
        "/sign-in",
        "/openapi.json",
        "/health/live",
    ] {
        let ask = server.ask("GET", path);
        for host in ["evil.example", "localhost.evil.example:4200", "a b", ""] {
            ask.clone()
                .header("Host", host)
                .send()
                .problem(421, "unknown-host");
        }
        let absolute = server.ask("GET", &format!("http://evil.example{path}"));
        absolute.send().problem(421, "unknown-host");
    }
    let port = server.address.rsplit_once(':').unwrap().1;
    let ask = server.ask("GET", "/v1/whoami");
    ask.header("Host", &format!("localhost:{port}")).send().ok();
}

#[test]
fn pages_of_other_sites_cannot_call_the_api_unless_they_are_named() {
    let home = home();
    let server = Server::start(&home, &["--cors-origin", "https://tools.example"]);
    let from = |origin: &str| server.ask("GET", "/v1/whoami").header("Origin", origin);
    for origin in ["https://evil.example", "null", "http://tools.example"] {
        let answer = from(origin).send();
        answer.problem(403, "foreign-origin");
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    let named = from("https://tools.example").send().ok();
    let allowed = named.header("access-control-allow-origin");
    assert_eq!(allowed, Some("https://tools.example"));
    assert_eq!(named.header("access-control-allow-credentials"), None);
    from(&format!("http://{}", server.address)).send().ok();

    let question = |origin: &str| {
        server
            .plain("OPTIONS", "/v1/flow-runs")
            .header("Origin", origin)
            .header("Access-Control-Request-Method", "GET")
            .send()
    };
    assert_eq!(question("https://tools.example").status, 204);
    question("https://evil.example").problem(403, "foreign-origin");
}

#[test]
fn every_answer_tells_browsers_what_they_must_not_do() {
    let home = home();
    let server = Server::start(&home, &[]);
    for ask in [
        server.ask("GET", "/v1/whoami"),
        server.ask("GET", "/v1/nothing"),
        server.plain("GET", "/v1/whoami"),
        server.plain("GET", "/sign-in"),
        server.plain("GET", "/openapi.json"),
        server.plain("GET", "/nothing"),
        server
            .ask("GET", "/v1/whoami")
            .header("Host", "evil.example"),
    ] {
        let answer = ask.send();
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none';"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert!(answer.header("x-request-id").is_some(), "{answer:?}");
        assert!(answer.header("cache-control").is_some(), "{answer:?}");
    }
}

#[test]
fn a_request_in_the_wrong_form_is_told_so() {
    let home = home();
    let server = Server::start(&home, &[]);
    let pools = || server.ask("POST", "/v1/work-pools");
    let answer = server.ask("PUT", "/v1/work-pools").send();
    answer.problem(405, "method-not-allowed");
    let allow = answer.header("allow").unwrap();
    assert!(allow.contains("GET") && allow.contains("POST"), "{allow}");
    let xml = pools().body("application/xml", "<name/>");
    xml.send().problem(415, "unsupported-media-type");
    let html = server
        .ask("GET", "/v1/work-pools")
        .header("Accept", "text/html");
    html.send().problem(406, "not-acceptable");

    let problem = pools().body("application/json", "{\"name\": ").send();
    problem.problem(400, "malformed");
    let problem = pools()
        .json(&json!({"name": "gpu", "limit": "many"}))
        .send();
    let problem = problem.problem(400, "malformed");
    assert_eq!(problem["errors"][0]["pointer"], "/limit");
    let problem = pools().json(&json!({"name": "a/b"})).send();
    let problem = problem.problem(400, "malformed");
    assert_eq!(problem["errors"][0]["pointer"], "/name");
    let problem = pools().json(&json!({"name": "gpu", "colour": 1})).send();
    let problem = problem.problem(400, "malformed");
    assert_eq!(problem["errors"][0]["pointer"], "/colour");

    let query = |query: &str| server.ask("GET", &format!("/v1/flow-runs?{query}")).send();
    query("flows=etl").problem(400, "invalid-query");
    query("limit=0").problem(400, "invalid-query");
    query("limit=1001").problem(400, "invalid-query");
    query("state=DONE").problem(400, "invalid-query");
    query("cursor=nonsense").problem(400, "invalid-cursor");
    let list = server.get("/v1/work-pools");
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
}

#[test]
fn bodies_that_are_too_large_too_deep_or_cut_off_are_refused() {
    let home = home();
    let server = Server::start(&home, &[]);
    let ask = server.ask("POST", "/v1/work-pools");
    let large = format!("{{\"name\": \"{}\"}}", "x".repeat(9 << 20));
    let answer = ask.clone().body("application/json", large).send();
    answer.problem(413, "too-large");
    let announced = ask
        .clone()
        .header("Content-Length", "9000000000")
        .header("Content-Type", "application/json");
    announced.send().problem(413, "too-large");

    let deep = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    let deep = format!("{{\"name\": {deep}}}");
    let problem = ask.clone().body("application/json", deep).send();
    let problem = problem.problem(400, "malformed");
    assert!(
        text(&problem["detail"]).contains("nested deeper"),
        "{problem}"
    );

    let cut_off = ask
        .header("Content-Length", "100")
        .body("application/json", "{\"name\": ");
    let mut stream = cut_off.connect();
    stream.write_all(cut_off.head().as_bytes()).unwrap();
    stream.write_all(b"{\"name\": ").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    // There may be nobody left to answer.
    let mut said = String::new();
    let _ = stream.read_to_string(&mut said);
    assert!(said.is_empty() || said.contains("400"), "{said}");
    server.get("/v1/whoami");
}

#[test]
fn what_is_no_http_at_all_harms_nobody() {
    let home = home();
    let server = Server::start(&home, &[]);
    let endless = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(1 << 20));
    for nonsense in [
        "\0\x01\x02\x03\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET /\u{202e} HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "POST /v1/work-pools HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nzz\r\n",
        &endless,
    ] {
        let mut stream = TcpStream::connect(&server.address).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        let _ = stream.write_all(nonsense.as_bytes());
        let _ = stream.shutdown(Shutdown::Write);
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said);
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(!said.starts_with("HTTP/1.1 2"), "{said}");
    }
    server.get("/v1/whoami");
}

#[test]
fn a_thousand_slow_clients_keep_nobody_waiting() {
    let home = home();
    deploy(&home, "forms", &[]);
    let server = Server::start(&home, &["--worker"]);
    let begin = "GET /v1/whoami HTTP/1.1\r\nHost: localhost\r\nX-Slow: ";
    let mut slow: Vec<TcpStream> = (0..1000)
        .map(|number| {
            let mut stream = TcpStream::connect(&server.address).unwrap();
            // Some say nothing at all.
            let said = if number % 2 == 0 { begin } else { "" };
            stream.write_all(said.as_bytes()).unwrap();
            stream
        })
        .collect();
    let memory = server.process.kilobytes("VmRSS");
    for _ in 0..20 {
        server.get("/v1/whoami");
    }
    assert!(memory < 300_000, "{memory} kB");
    // The worker in the same process goes on.
    let run = super::start(&home, "direct-call", &[]);
    super::wait_until(&home, &run, "COMPLETED");
    // Each has its time, and is closed then.
    let last = slow.pop().unwrap();
    last.set_read_timeout(Some(SOON)).unwrap();
    let mut rest = Vec::new();
    (&last).read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"");
    server.get("/v1/whoami");
}

/// Connections that clients have to a server, and that it has not ended.
fn connections(server: &Server) -> usize {
    const ESTABLISHED: &str = "01";
    let (_, port) = server.address.rsplit_once(':').unwrap();
    let port = format!(":{:04X}", port.parse::<u16>().unwrap());
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let open = table.lines().skip(1).filter(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        fields[1].ends_with(&port) && fields[3] == ESTABLISHED
    });
    open.count()
}

/// Streams that nobody reads, while very much happens: what they are owed does not gather in the
/// server, the worker in the same process goes on, and they are cut off.
#[test]
fn who_does_not_read_is_cut_off_and_keeps_nobody_waiting() {
    const RUNS: usize = 6000;
    let home = home();
    deploy(&home, "bench", &[]);
    let server = Server::start(&home, &["--worker"]);
    let ask = server.ask("GET", "/v1/events");
    let ask = ask.header("Accept", "text/event-stream");
    let unread: Vec<TcpStream> = (0..16)
        .map(|_| {
            let mut stream = ask.connect();
            stream.write_all(ask.head().as_bytes()).unwrap();
            // No more is read than that it has begun.
            let mut begin = [0; 12];
            stream.read_exact(&mut begin).unwrap();
            assert_eq!(&begin, b"HTTP/1.1 200");
            stream
        })
        .collect();
    assert!(connections(&server) >= unread.len());
    let follow = || server.ask("GET", "/v1/events").follow(None).status;
    assert_eq!(follow(), 429);
    let memory = server.process.kilobytes("VmRSS");
    let create = ["deployment", "run", "empty", "--from-file", "-"];
    let created = home.feed(create, "{}\n".repeat(RUNS)).ok();
    let last = created.stdout.lines().last().unwrap();
    super::wait_until(&home, last, "COMPLETED");
    // Each stream is owed far more than the kernel takes for it.
    let grown = server.process.kilobytes("VmHWM").saturating_sub(memory);
    assert!(grown < 150_000, "{grown} kB more");
    server.get("/v1/whoami");
    // Their slots are free again, and their connections are gone.
    eventually(2 * SOON, || follow() == 200);
    eventually(2 * SOON, || connections(&server) == 0);
    drop(unread);
}

#[test]
fn a_token_has_so_many_requests_at_once() {
    let home = home();
    let server = Server::start(&home, &[]);
    // Each holds a request by a body that does not come.
    let ask = server
        .ask("POST", "/v1/work-pools")
        .header("Content-Length", "10")
        .header("Content-Type", "application/json");
    let hold = || {
        let mut stream = ask.connect();
        stream.write_all(ask.head().as_bytes()).unwrap();
        stream
    };
    let mut held: Vec<TcpStream> = (0..32).map(|_| hold()).collect();
    let mut refused = None;
    eventually(SOON, || {
        let answer = server.ask("GET", "/v1/whoami").send();
        let is_refused = answer.status == 429;
        if is_refused {
            refused = Some(answer);
        } else {
            // This question was one of the 32 while it was answered: it may have been the
            // cause that one of those that are to be held was refused.
            held.push(hold());
        }
        is_refused
    });
    let refused: Answer = refused.unwrap();
    refused.problem(429, "too-many-requests");
    assert_eq!(refused.header("retry-after"), Some("1"));
    // Another token goes on.
    let other = home
        .run(["token", "create", "other", "--role", "viewer"])
        .ok();
    let ask = server.plain("GET", "/v1/whoami").token(other.stdout.trim());
    ask.send().ok();
    drop(held);
    eventually(SOON, || {
        server.ask("GET", "/v1/whoami").send().status == 200
    });
}

#[test]
fn a_server_that_would_be_open_to_the_network_does_not_start() {
    let home = home();
    let refused = home
        .run(["server", "start", "--host", "0.0.0.0", "--port", "0"])
        .fails(2);
    assert!(
        refused.stderr.contains("is open to the network"),
        "{refused}"
    );
    assert!(refused.stderr.contains("hint: encrypt it"), "{refused}");
    let insecure = [
        "--host",
        "0.0.0.0",
        "--port",
        "0",
        "--public-url",
        "http://orch.example",
    ];
    home.run(["server", "start"].iter().chain(&insecure))
        .fails(2);
    let server = Server::start(&home, &[]);
    let port = server.address.rsplit_once(':').unwrap().1;
    let taken = home.run(["server", "start", "--port", port]).fails(2);
    assert!(
        taken.stderr.contains("is in use by another program"),
        "{taken}"
    );
    assert!(
        taken.stderr.contains("hint: end it, or take another port"),
        "{taken}"
    );
}

/// `openssl` makes a certificate and its key.
pub fn certificate(home: &Home, name: &str, more: &[&str]) -> (String, String) {
    let at = |end: &str| {
        home.path()
            .join(format!("{name}.{end}"))
            .display()
            .to_string()
    };
    let (certificate, key) = (at("pem"), at("key"));
    let made = std::process::Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ])
        .args(["-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(more)
        .args(["-keyout", &key, "-out", &certificate])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    (certificate, key)
}

#[test]
fn a_certificate_fits_its_key_or_nothing_starts() {
    let home = home();
    let (certificate_one, key_one) = certificate(&home, "one", &[]);
    let (_, key_two) = certificate(&home, "two", &[]);
    let start = |certificate: &str, key: &str| {
        let tls = ["--tls-cert", certificate, "--tls-key", key];
        home.run(["server", "start", "--port", "0"].iter().chain(&tls))
            .fails(2)
    };
    let misfit = start(&certificate_one, &key_two);
    assert!(misfit.stderr.contains("does not fit the key"), "{misfit}");
    assert!(
        misfit.stderr.contains("hint: they are made together"),
        "{misfit}"
    );
    let none = start("nothing.pem", &key_one);
    assert!(
        none.stderr
            .contains("the certificate `nothing.pem` cannot be used"),
        "{none}"
    );
    let swapped = start(&key_one, &certificate_one);
    assert!(
        swapped.stderr.contains("hint: it is a file in PEM form"),
        "{swapped}"
    );

    let tls = ["--tls-cert", &certificate_one, "--tls-key", &key_one];
    let server = home.start(["server", "start", "--port", "0"].iter().chain(&tls));
    eventually(SOON, || {
        server.stderr().contains("Server started on https://")
    });
    let said = server.stderr();
    let (_, rest) = said.split_once("started on https://").unwrap();
    let address = rest.split(';').next().unwrap();
    let answer = by_tls(
        address,
        "GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    );
    assert!(answer.contains("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains("strict-transport-security"), "{answer}");
    // Plain text is no TLS.
    let mut plain = TcpStream::connect(address).unwrap();
    plain
        .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    let mut said = Vec::new();
    let _ = plain.read_to_end(&mut said);
    assert!(!said.starts_with(b"HTTP"), "{said:?}");
    server.sigint();
    assert_eq!(server.wait(), 0);
}

fn by_tls(address: &str, request: &str) -> String {
    let mut client = std::process::Command::new("openssl")
        .args([
            "s_client", "-quiet", "-connect", address, "-alpn", "http/1.1",
        ])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = client.stdin.take().unwrap();
    stdin.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    let begin = Instant::now();
    client
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut answer)
        .unwrap();
    assert!(begin.elapsed() < Duration::from_secs(120));
    drop(stdin);
    client.wait().unwrap();
    answer
}

#[test]
fn what_is_being_answered_is_finished_when_the_server_stops() {
    let home = home();
    let server = Server::start(&home, &[]);
    let ask = server
        .ask("POST", "/v1/work-pools")
        .json(&json!({"name": "gpu"}));
    let mut stream = ask.connect();
    stream.write_all(ask.head().as_bytes()).unwrap();
    // Another connection shows that the head was read before the server is told to stop.
    let idle = TcpStream::connect(&server.address).unwrap();
    server.get("/v1/whoami");
    server.process.sigint();
    eventually(SOON, || server.process.stderr().contains("Server stops"));
    stream.write_all(b"{\"name\":\"gpu\"}").unwrap();
    let answer = Answer::read(stream);
    assert_eq!(answer.status, 201, "{answer:?}");
    drop(idle);
    assert_eq!(server.process.wait(), 0);
    let pools: Value = home.run(["work-pool", "ls", "-o", "json"]).ok().json();
    assert_eq!(pools.as_array().unwrap().len(), 2);
}

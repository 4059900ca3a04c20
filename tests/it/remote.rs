//! The command line from another machine: with `--server`, a command says and does the same as
//! beside the database.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use test_support::{Home, Ran, Server, eventually, guest};

use super::hostile::certificate;
use super::inputs::start_suspended;
use super::visitor::Visitor;
use super::{SOON, deploy, flow_runs, home, inspect, start, state, text, wait_until, watch};

/// Another machine, whose commands ask a server.
struct Far {
    home: Home,
    url: String,
}

impl Far {
    fn of(server: &Server) -> Self {
        let home = home();
        std::fs::write(home.path().join("token"), &server.token).unwrap();
        Self {
            home,
            url: format!("http://{}", server.address),
        }
    }

    #[track_caller]
    fn run(&self, args: &[&str]) -> Ran {
        self.home.run([args, &["--server", &self.url]].concat())
    }
}

/// Without what differs from one time to the next: ids, secrets, times, and widths of columns.
fn timeless(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let words = words.iter().enumerate().map(|(at, word)| {
            let next = words.get(at + 1).copied().unwrap_or_default();
            if next.starts_with("ago") || is_time(word) {
                "TIME".to_owned()
            } else {
                masked(word)
            }
        });
        words.collect::<Vec<_>>().join(" ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// `12:00:01.123`, `2026-10-01`, `"2026-10-01T..Z",` or `1.2ms`.
fn is_time(word: &str) -> bool {
    let word = word.trim_matches(['"', ',', ':', '.', '(', ')']);
    let begins_with_number = word.starts_with(|c: char| c.is_ascii_digit());
    let is_span = || {
        let number = word.trim_end_matches(['m', 's']);
        number.len() < word.len() && number.parse::<f64>().is_ok()
    };
    let is_date = || word.split('-').count() == 3 && word.len() >= 10 && !word.contains('_');
    begins_with_number && (word.contains(':') || is_date() || is_span())
}

/// Hides ids and secrets within a word.
fn masked(word: &str) -> String {
    let mut rest = word;
    let mut shown = String::new();
    while let Some(c) = rest.chars().next() {
        let is_id = rest.get(..36).is_some_and(|id| {
            id.split('-').map(str::len).eq([8, 4, 4, 4, 12])
                && id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
        });
        let skip = if is_id {
            36
        } else if rest.starts_with("orch_") && rest.len() >= 48 {
            48
        } else {
            shown.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        };
        shown.push_str("ID");
        rest = &rest[skip..];
    }
    shown
}

#[track_caller]
fn assert_same(here: &Ran, there: &Ran) {
    let shown = |ran: &Ran| (ran.code, timeless(&ran.stdout), timeless(&ran.stderr));
    assert_eq!(shown(here), shown(there), "{here}\n\n{there}");
}

/// Everything that can be looked at, and every way to look in vain, of one database.
#[test]
fn what_is_seen_from_another_machine_is_the_same() {
    let home = home();
    deploy(&home, "forms", &["--tag", "t"]);
    deploy(&home, "inputs", &[]);
    let server = Server::start(&home, &["--worker"]);
    let far = Far::of(&server);
    watch(&home, "says-things", &["--name", "speaker"]).ok();
    watch(&home, "fails", &["--name", "failing"]);
    let waiting = start_suspended(&home, "release", &["-p", "version=v7", "--name", "waiting"]);
    home.run(["work-pool", "create", "gpu", "--limit", "2"])
        .ok();
    let component = home.run(["component", "ls", "-o", "json"]).json()[0]["digest"].clone();
    let component = text(&component);
    std::fs::write(home.path().join("no.wasm"), "no component").unwrap();
    let no_wasm = home.path().join("no.wasm").display().to_string();
    let commands = format!(
        "component ls|component inspect {component}|component inspect {}|component inspect abc0
         deployment ls|deployment ls --flow says-things|deployment ls --flow none
         deployment inspect says-things|deployment inspect says-thing|deployment inspect a/b/c
         deployment inspect forms|deployment inspect release/release-deploymen
         deployment delete says-things|deployment delete no/such
         work-pool ls|work-pool inspect gpu|work-pool inspect gp|work-pool inspect nothing
         work-pool delete default-pool|work-pool create gpu|work-pool resume nothing
         worker ls|worker ls --pool gpu
         flow-run ls|flow-run ls --state completed|flow-run ls --limit 1|flow-run ls --tag t
         flow-run ls --flow says-things|flow-run ls --parent speaker|flow-run ls --parent none
         flow-run ls --since 1h --until 1s --text speak
         flow-run inspect speaker|flow-run inspect failing --journal|flow-run inspect {waiting}
         flow-run inspect tallies|flow-run inspect none/at%all|flow-run inspect 0
         flow-run logs speaker|flow-run logs speaker --level error|flow-run logs speaker --tail 2
         flow-run logs speaker --follow|flow-run logs speaker --text printed --target stdout
         flow-run logs waiting --level trace|flow-run logs none
         flow-run watch speaker|flow-run watch failing|flow-run watch none
         flow-run cancel speaker|flow-run pause speaker|flow-run resume speaker
         flow-run resume speaker --input 1|flow-run resume waiting|flow-run delete waiting
         flow-run resume waiting --input 7|flow-run resume waiting --input x
         flow-run resume waiting --key k --input 7|flow-run retry waiting
         task-run ls|task-run ls --flow-run speaker|task-run ls --state failed --limit 0
         task-run ls --task says_more|task-run ls --flow-run none
         deployment run says-things -p n=1|deployment run sleeps|deployment run sleeps -p ms=x
         deploy none.wasm|deploy {no_wasm}|deploy {} --pool nothing|deploy {} --flow release-it
         token ls|token revoke nobody|token create local --role viewer",
        &component[..12],
        guest("inputs").display(),
        guest("inputs").display(),
    );
    // The server's own use of the token is on its record before anything is compared.
    far.run(&["token", "ls"]).ok();
    for command in commands.split(['|', '\n']) {
        let args: Vec<&str> = command.split_whitespace().collect();
        assert_same(&home.run(&args), &far.run(&args));
        // What changes by the second: heartbeats, and when a token was used.
        if !["worker", "token"].contains(&args[0]) {
            let args = [&*args, &["-o", "json"]].concat();
            let (here, there) = (home.run(&args), far.run(&args));
            assert_eq!(here.stdout, there.stdout, "{here}\n{there}");
            assert_same(&here, &there);
        }
    }
}

/// The same commands change the same, here and through a server.
#[test]
fn what_is_done_from_another_machine_is_the_same() {
    let near = home();
    let _worker = super::worker(&near, &[]);
    let served = home();
    let server = Server::start(&served, &["--worker"]);
    let far = Far::of(&server);
    let file = guest("forms").display().to_string();
    let (lines, bad) = ("{}\n\n{}\n{}\n", "{}\n{\"n\": 1}\n");
    for home in [&near, &far.home] {
        std::fs::write(home.path().join("lines.jsonl"), lines).unwrap();
        std::fs::write(home.path().join("bad.jsonl"), bad).unwrap();
    }
    let commands = [
        &["deploy", &file, "--flow", "says-things", "--flow", "sleeps"][..],
        &["deploy", &file, "--flow", "says-things", "--flow", "sleeps"],
        &[
            "deploy", &file, "--flow", "sleeps", "-p", "ms=5", "--tag", "t", "--name", "n",
        ],
        &[
            "deploy",
            &file,
            "--flow",
            "sleeps",
            "-p",
            "ms=6",
            "--name",
            "n",
            "--allow-http",
            "*",
        ],
        &["deployment", "inspect", "sleeps/n"],
        &["deployment", "run", "sleeps"],
        &["deployment", "delete", "sleeps/n"],
        &["work-pool", "create", "gpu", "--limit", "3", "--paused"],
        &["work-pool", "inspect", "gpu"],
        &["work-pool", "resume", "gpu"],
        &["work-pool", "set-limit", "gpu", "none"],
        &["work-pool", "pause", "gpu"],
        &["work-pool", "ls"],
        &["deploy", &file, "--flow", "joins", "--pool", "gpu"],
        &["deployment", "run", "joins", "--name", "stuck"],
        &["flow-run", "cancel", "stuck"],
        &["flow-run", "cancel", "stuck"],
        &["work-pool", "delete", "gpu"],
        &[
            "deployment",
            "run",
            "says-things",
            "--name",
            "speaker",
            "--watch",
        ],
        &[
            "deployment",
            "run",
            "says-things",
            "--idempotency-key",
            "k",
            "--name",
            "one",
        ],
        &["deployment", "run", "says-things", "--idempotency-key", "k"],
        &[
            "deployment",
            "run",
            "sleeps",
            "--in",
            "1h",
            "-p",
            "ms=1",
            "--name",
            "later",
        ],
        &["flow-run", "pause", "later"],
        &["flow-run", "resume", "later"],
        &["flow-run", "cancel", "later", "--watch"],
        &["flow-run", "delete", "later", "stuck"],
        &[
            "deployment",
            "run",
            "says-things",
            "--from-file",
            "bad.jsonl",
        ],
        &[
            "deployment",
            "run",
            "says-things",
            "--from-file",
            "lines.jsonl",
            "--idempotency-key",
            "f",
        ],
        &[
            "deployment",
            "run",
            "says-things",
            "--from-file",
            "lines.jsonl",
            "--idempotency-key",
            "f",
            "--watch",
        ],
        &["flow-run", "retry", "speaker", "--from-scratch"],
        &["flow-run", "watch", "speaker"],
        &["flow-run", "logs", "speaker", "--follow"],
        &[
            "token",
            "create",
            "ci",
            "--role",
            "operator",
            "--expires",
            "90d",
        ],
        &["token", "create", "ci", "--role", "viewer"],
        &["token", "revoke", "ci"],
    ];
    for args in commands {
        assert_same(&near.run(args), &far.run(args));
        if args.contains(&"retry") {
            wait_until(&near, "speaker", "COMPLETED");
            wait_until(&served, "speaker", "COMPLETED");
        }
    }
    let [here, there] = [&near, &served].map(|home| flow_runs(home, &[]).len());
    assert_eq!(here, there, "as many runs here as there");
    // The log of actions has who did it.
    let audit = server.get("/v1/audit?action=create_token");
    assert_eq!(text(&audit["items"][0]["who"]), "local");
}

/// A person elsewhere watches, and gives what the run waits for.
#[test]
fn a_run_is_watched_and_given_its_input_from_another_machine() {
    let home = home();
    deploy(&home, "inputs", &[]);
    let server = Server::start(&home, &["--worker"]);
    let far = Far::of(&server);
    let run = start_suspended(&home, "release", &["-p", "version=v7"]);
    let url = far.url.clone();
    let watching = far
        .home
        .start(["flow-run", "watch", &run, "--server", &url]);
    eventually(SOON, || watching.stderr().contains("Waits for input"));
    // The server comes back at the same place, and the watching goes on.
    let port = server.address.rsplit(':').next().unwrap().to_owned();
    server.process.sigkill();
    let again = Server::start(&home, &["--worker", "--port", &port]);
    far.run(&["flow-run", "resume", &run, "--input", super::inputs::YES])
        .ok();
    eventually(SOON, || watching.has_ended());
    let said = watching.stderr();
    assert!(said.contains("completed after"), "{said}");
    for once in [
        "Waits for input",
        "- Suspended",
        "- Scheduled",
        "- Completed",
    ] {
        assert_eq!(said.matches(once).count(), 1, "{once}: {said}");
    }
    assert_eq!(watching.wait(), 0);
    drop(again);
}

#[test]
fn a_role_that_is_too_low_is_told_with_what_is_needed() {
    let home = home();
    deploy(&home, "forms", &["--flow", "says-things"]);
    let server = Server::start(&home, &[]);
    let url = format!("http://{}", server.address);
    let viewer = home.run(["token", "create", "reader", "--role", "viewer"]);
    let ask = |token: &str, args: &[&str]| {
        let mut command = home.cmd(args);
        command
            .env("ORCH_API_URL", &url)
            .env("ORCH_API_TOKEN", token.trim());
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), said)
    };
    assert_eq!(ask(&viewer.stdout, &["deployment", "ls"]).0, 0);
    let (code, said) = ask(&viewer.stdout, &["deployment", "run", "says-things"]);
    assert_eq!(code, 2, "{said}");
    assert!(
        said.contains("the token `reader` has the role viewer"),
        "{said}"
    );
    assert!(
        said.contains("hint: `start_flow_run` needs the role operator"),
        "{said}"
    );
    let (code, said) = ask("orch_unknown", &["deployment", "ls"]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("the token is not known"), "{said}");
    assert!(said.contains("hint: set `ORCH_API_TOKEN`"), "{said}");
    let (code, said) = ask("two words", &["deployment", "ls"]);
    assert_eq!((code, said.contains("is no token")), (2, true), "{said}");
    // What is typed goes over the environment.
    let here = format!("sqlite:{}", home.path().join("orch.db").display());
    let (code, said) = ask("orch_unknown", &["deployment", "ls", "--database", &here]);
    assert_eq!(code, 0, "{said}");
}

/// Answers every request with the same text, as another server would.
fn stranger(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut stream = stream;
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    url
}

#[test]
fn what_is_no_server_of_ours_is_told_with_a_hint() {
    let home = home();
    std::fs::write(home.path().join("token"), "orch_any").unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
    let nobody = format!("http://{}", free.unwrap());
    let page = stranger(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 4\r\nConnection: close\r\n\r\n<p>a",
    );
    let json = stranger(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
    );
    let moved = stranger(
        "HTTP/1.1 301 Moved\r\nLocation: https://a.example/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    );
    let noise = stranger("220 smtp.a.example ESMTP\r\n");
    let hangs_up = stranger("");
    let secure = page.replace("http:", "https:");
    #[track_caller]
    fn check(home: &Home, url: &str, code: i32, message: &str, hint: &str) {
        let ran = home.run(["deployment", "ls", "--server", url]).fails(code);
        assert!(ran.stderr.contains(message), "{message}: {ran}");
        assert!(ran.stderr.contains(hint), "{hint}: {ran}");
        assert_eq!(ran.stdout, "");
    }
    let is_running = "hint: is the address right, and does `orch-host server start` run there?";
    let address = "hint: `--server` and `ORCH_API_URL` take the address";
    check(
        &home,
        &nobody,
        70,
        "cannot be reached: Connection refused",
        is_running,
    );
    check(
        &home,
        "http://no.such.host.invalid",
        2,
        "there is no token",
        "ORCH_API_TOKEN",
    );
    check(
        &home,
        "localhost:4200",
        2,
        "write `http://localhost:4200`",
        "",
    );
    check(&home, "ftp://localhost", 2, "only http and https", "");
    check(
        &home,
        &page,
        2,
        "is no server of orch-host: it says 200 OK",
        address,
    );
    check(
        &home,
        &json,
        2,
        "is no server of orch-host: its answer",
        address,
    );
    check(
        &home,
        &moved,
        2,
        "it sends elsewhere, to `https://a.example/`",
        address,
    );
    check(
        &home,
        &noise,
        2,
        "does not speak HTTP",
        "hint: is the port right?",
    );
    check(&home, &hangs_up, 70, "did not answer", "hint: ");
    check(
        &home,
        &secure,
        70,
        "cannot be reached",
        "hint: `https://` needs a certificate",
    );
}

#[test]
fn what_needs_the_machine_says_so() {
    let home = home();
    let server = Server::start(&home, &[]);
    let far = Far::of(&server);
    for (args, what) in [
        (&["worker"][..], "worker"),
        (&["run", "etl"], "run"),
        (&["server", "start"], "server start"),
        (&["flow-run", "replay", "x"], "flow-run replay"),
        (&["bench"], "bench"),
    ] {
        let ran = far.run(args).fails(2);
        let message = format!("error: `orch-host {what}` works on the machine of the database");
        assert!(ran.stderr.contains(&message), "{ran}");
        assert!(ran.stderr.contains("hint: leave out `--server`"), "{ran}");
    }
    let both = ["deployment", "ls", "--database", "sqlite:a.db"];
    let ran = far.run(&both).fails(2);
    assert!(ran.stderr.contains("exclude each other"), "{ran}");
    // Nothing of the database was made on the other machine.
    assert!(!far.home.path().join("orch.db").exists());
}

/// A server that is gone is not waited for without end, and a run goes on.
#[test]
fn a_command_ends_when_the_server_is_gone() {
    let home = home();
    deploy(&home, "forms", &["--flow", "says-things"]);
    let server = Server::start(&home, &["--worker"]);
    let far = Far::of(&server);
    far.run(&["deployment", "ls"]).ok();
    let run = start(&home, "says-things", &[]);
    wait_until(&home, &run, "COMPLETED");
    server.process.sigkill();
    let ran = far.run(&["flow-run", "watch", &run]).fails(70);
    assert!(ran.stderr.contains("cannot be reached"), "{ran}");
    assert_eq!(state(&home, &run), "COMPLETED");
}

/// A certificate is trusted where it is named, and nowhere else.
#[test]
fn a_server_with_tls_is_asked_where_its_certificate_is_known() {
    let home = home();
    let names = "subjectAltName=DNS:localhost,IP:127.0.0.1";
    let no_authority = "basicConstraints=critical,CA:FALSE";
    let more = ["-addext", names, "-addext", no_authority];
    let (own, key) = certificate(&home, "own", &more);
    let serve = |certificate: &str, key: &str| {
        let tls = ["--tls-cert", certificate, "--tls-key", key];
        let server = home.start(["server", "start", "--port", "0"].iter().chain(&tls));
        eventually(SOON, || server.stderr().contains("Sign in once"));
        let said = server.stderr();
        let (_, rest) = said.split_once("started on https://").unwrap();
        let address = rest.split(';').next().unwrap().to_owned();
        (server, address)
    };
    let ask = |scheme: &str, address: &str, trusted: &str| {
        let url = format!("{scheme}://{address}");
        let mut command = home.cmd(["work-pool", "ls", "--server", &url]);
        let output = command.env("SSL_CERT_FILE", trusted).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), said)
    };
    let (_server, address) = serve(&own, &key);
    assert_eq!(ask("https", &address, &own), (0, String::new()));
    let (code, said) = ask("https", &address, "/etc/ssl/certs/ca-certificates.crt");
    assert_eq!(code, 70, "{said}");
    assert!(
        said.contains("hint: `https://` needs a certificate"),
        "{said}"
    );
    let (code, said) = ask("http", &address, &own);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("begins with `https://`"), "{said}");
    // As `openssl` makes one if it is not told otherwise.
    let (authority, key) = certificate(&home, "authority", &["-addext", names]);
    let (_other, address) = serve(&authority, &key);
    let (code, said) = ask("https", &address, &authority);
    assert_eq!(code, 70, "{said}");
    assert!(said.contains("basicConstraints=CA:FALSE"), "{said}");
}

/// A blob is the same bytes through a server, over HTTP and from a page, and none where they are
/// others.
#[test]
fn a_blob_is_got_from_anywhere() {
    let home = home();
    deploy(&home, "blobs", &[]);
    let server = Server::start(&home, &["--worker"]);
    let far = Far::of(&server);
    let run = start(&home, "report", &["-p", r#"texts=["one"]"#]);
    wait_until(&home, &run, "COMPLETED");
    let report = inspect(&home, &run)["result"].clone();
    let digest = text(&report["parts"][0]["$blob"]);
    let (api, page) = (format!("/v1/blobs/{digest}"), format!("/blobs/{digest}"));
    let file = far.home.path().join("got");
    let to_file = ["blob", "get", digest, "--to", file.to_str().unwrap()];

    assert_eq!(far.run(&["blob", "get", digest]).ok().stdout, "one");
    far.run(&to_file).ok();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "one");
    let visitor = Visitor::new(&server, &server.token);
    for answer in [server.ask("GET", &api).send(), visitor.get(&page)] {
        let answer = answer.ok();
        assert_eq!(answer.text(), "one");
        assert_eq!(answer.header("content-length"), Some("3"));
        assert_eq!(
            answer.header("content-type"),
            Some("application/octet-stream")
        );
        let name = digest.replace(':', "-");
        assert_eq!(
            answer.header("content-disposition"),
            Some(&*format!("attachment; filename=\"{name}\""))
        );
    }
    let shown = visitor
        .get(&format!("/flow-runs/{run}?tab=values"))
        .ok()
        .text();
    assert!(shown.contains(&format!("href=\"{page}\"")), "{shown}");

    let unknown = format!("blake3:{}", "0".repeat(64));
    for (digest, code, kind, says) in [
        ("abc", 400, "invalid-name", "`abc` is no blob"),
        (&unknown, 404, "not-found", "does not exist"),
    ] {
        let refused = far.run(&["blob", "get", digest]).fails(2);
        assert!(refused.stderr.contains(says), "{refused}");
        let asked = server.ask("GET", &format!("/v1/blobs/{digest}")).send();
        asked.problem(code, kind);
    }

    std::fs::remove_file(&file).unwrap();
    for entry in std::fs::read_dir(home.path().join("blobs")).unwrap() {
        std::fs::write(entry.unwrap().path(), "two").unwrap();
    }
    let near = home.run(to_file);
    assert_ne!(near.code, 0, "{near}");
    let said = format!("the bytes of blob `{digest}` are damaged: they do not fit its digest");
    assert!(near.stderr.contains(&said), "{near}");
    assert_ne!(far.run(&to_file).code, 0);
    assert!(!file.exists());
}

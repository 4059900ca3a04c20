//! A task reaches what its deployment was granted, and nothing else; a flow never does.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use test_support::{Home, Resolver, guest};

use super::{deploy, flow_runs, home, list, text, worker};

/// A web server on this machine that answers every request with one word, and counts who
/// connects: it would answer those as well who should not get that far.
fn server() -> (String, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let connected = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&connected);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            count.fetch_add(1, Ordering::SeqCst);
            let mut stream = stream.unwrap();
            // To its end: a connection closed with something unread is reset, and the answer lost.
            let mut request = BufReader::new(&stream);
            let mut line = String::new();
            while request.read_line(&mut line).is_ok_and(|read| read > 0) && line != "\r\n" {
                line.clear();
            }
            let _ = stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nhello");
        }
    });
    (address, connected)
}

#[test]
fn a_task_reaches_only_what_was_granted() {
    let home = home();
    let (granted, connected) = server();
    let (other, strangers) = server();
    deploy(&home, "network", &["--allow-http", &granted]);
    let _worker = worker(&home, &[]);
    let ask = |flow: &str, address: &str| {
        let deployment = format!("{flow}/{flow}-deployment");
        let address = format!("address={address}");
        home.run(["deployment", "run", &deployment, "-p", &address, "--watch"])
    };

    let answer = ask("ask", &granted).ok();
    assert_eq!(answer.stdout.trim(), "\"hello\"");
    let would = format!("`--allow-tcp {other}` grants it");
    let never = "a flow reaches nothing outside; let a task of it do this";
    for (refused, expect) in [
        (ask("ask", &other), would.as_str()),
        (ask("ask-in-the-flow", &granted), never),
    ] {
        let refused = refused.fails(1);
        assert!(refused.stderr.contains(expect), "{refused}");
    }

    // To try again would not help.
    ask("ask-again", &other).fails(1);
    let run = &flow_runs(&home, &["--flow", "ask-again"])[0];
    let tries = list(&home, &["task-run", "ls", "--flow-run", text(&run["id"])]);
    assert_eq!(tries.len(), 1, "{tries:?}");
    assert_eq!(tries[0]["attempt"], 1);

    // Deployed again without the grant, it is gone.
    deploy(&home, "network", &[]);
    let refused = ask("ask", &granted).fails(1);
    assert!(
        refused.stderr.contains("a TCP socket was refused"),
        "{refused}"
    );
    assert_eq!(connected.load(Ordering::SeqCst), 1);
    assert_eq!(strangers.load(Ordering::SeqCst), 0);
}

/// The grants of a file that is run without being deployed are those of the command.
#[test]
fn a_file_that_is_run_reaches_what_the_command_grants() {
    let home = home();
    let (granted, connected) = server();
    let path = guest("network").display().to_string();
    let address = format!("address={granted}");
    let ask = ["run", &path, "--flow", "ask", "-p", &address];
    home.run(ask).fails(1);
    let ran = home
        .run([&ask[..], &["--allow-tcp", &granted]].concat())
        .ok();
    assert_eq!(ran.stdout.trim(), "\"hello\"");
    assert_eq!(connected.load(Ordering::SeqCst), 1);
}

/// A name is looked up if it is granted, once, and leads to public addresses alone unless more
/// is granted. The name server here is the test.
#[test]
fn names_lead_where_they_were_granted_to_lead() {
    let resolver = Resolver::new();
    let home = Home::new(resolver.program(env!("CARGO_BIN_EXE_orch-host")));
    let (address, connected) = server();
    let (_, port) = address.rsplit_once(':').unwrap();
    resolver.answer(&[
        ("api.test", "127.0.0.1"),
        ("meta.test", "169.254.169.254"),
        ("evil.test", "127.0.0.1"),
    ]);
    let _worker = worker(&home, &[]);
    let ask = |host: &str| {
        let address = format!("address={host}:{port}");
        home.run(["deployment", "run", "ask", "-p", &address, "--watch"])
    };
    let grants = |more: &[&str]| {
        let test = format!("*.test:{port}");
        let api = format!("api.test:{port}");
        let own: &[&str] = match more {
            [] => &["--allow-http", &api],
            more if more[0] == "any" => &["--allow-http", &test],
            more => &[&["--allow-http", &api], more].concat(),
        };
        deploy(&home, "network", own);
    };

    grants(&[]);
    let refused = ask("api.test").fails(1);
    let expect = "`api.test` is 127.0.0.1, which is no public address";
    assert!(refused.stderr.contains(expect), "{refused}");
    let refused = ask("evil.test").fails(1);
    assert!(
        refused.stderr.contains("`evil.test` was not looked up"),
        "{refused}"
    );
    assert!(!resolver.asked().contains(&"evil.test".to_owned()));
    // An address is no way round the name.
    ask("127.0.0.1").fails(1);
    grants(&["any"]);
    let refused = ask("meta.test").fails(1);
    assert!(
        refused.stderr.contains("`meta.test` is 169.254.169.254"),
        "{refused}"
    );
    assert_eq!(connected.load(Ordering::SeqCst), 0);

    let before = resolver.asked().len();
    grants(&["--allow-private"]);
    assert_eq!(ask("api.test").ok().stdout.trim(), "\"hello\"");
    // What was checked is what is connected to: nobody asks a second time.
    assert_eq!(resolver.asked()[before..], ["api.test"]);
    assert_eq!(connected.load(Ordering::SeqCst), 1);

    // The address itself is granted, beside the name.
    grants(&["--allow-tcp", &address]);
    assert_eq!(ask("api.test").ok().stdout.trim(), "\"hello\"");
}

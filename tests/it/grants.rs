//! A task reaches what its deployment was granted, and nothing else; a flow never does.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::{deploy, home, worker};

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
    for refused in [ask("ask", &other), ask("ask-in-the-flow", &granted)] {
        let refused = refused.fails(1);
        assert!(refused.stderr.contains("failed"), "{}", refused.stderr);
    }

    // Deployed again without the grant, it is gone.
    deploy(&home, "network", &[]);
    ask("ask", &granted).fails(1);
    assert_eq!(connected.load(Ordering::SeqCst), 1);
    assert_eq!(strangers.load(Ordering::SeqCst), 0);
}

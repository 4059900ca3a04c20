//! A task reaches what its deployment was granted, and nothing else; a flow never does.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use super::{deploy, home, worker};

/// A web server on this machine that answers `count` requests with one word.
fn server(count: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().take(count) {
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
    address
}

#[test]
fn a_task_reaches_only_what_was_granted() {
    let home = home();
    let granted = server(1);
    let other = server(1);
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
}

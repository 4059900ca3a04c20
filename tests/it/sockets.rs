//! Descriptors are few, and all guests of a worker share them with the host: a task that opens
//! one connection after the other takes none from others.

use std::net::TcpListener;
use std::thread;

use serde_json::Value;
use test_support::{Worker, after};

use super::{deploy, flow_runs, home, watch};

/// Takes every connection, and keeps it open.
fn listener() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let mut open = Vec::new();
        while let Ok((connection, _)) = listener.accept() {
            open.push(connection);
        }
    });
    port
}

#[test]
fn a_task_that_opens_sockets_without_end_takes_none_from_others() {
    let home = home();
    let port = listener();
    let grant = format!("127.0.0.1:{port}");
    deploy(&home, "raw", &["--allow-http", &grant]);
    for other in ["forms", "bench", "nesting"] {
        deploy(&home, other, &[]);
    }
    // As many descriptors as some systems give, for all.
    let worker = home.cmd(["worker", "--pool", "default-pool"]);
    let worker = Worker::of(after("ulimit -n 500", &worker)).wait_until_ready();
    let port = format!("size={port}");
    let opens = ["-p", "each=\"open-sockets\"", "-p", "count=3", "-p", &port];
    thread::scope(|scope| {
        scope.spawn(|| watch(&home, "raw", &opens).ok());
        for _ in 0..5 {
            watch(&home, "three-tasks", &[]).ok();
            // A component that is loaded only now.
            watch(&home, "nest", &["-p", "depth=2"]).ok();
        }
    });
    let raw = &flow_runs(&home, &["--flow", "raw"])[0];
    let opened = super::inspect(&home, raw["id"].as_str().unwrap());
    let opened: &Value = &opened["result"];
    let count = opened.as_u64().unwrap();
    assert!((150..500).contains(&count), "{count} connections");
    assert!(!worker.has_ended());
}

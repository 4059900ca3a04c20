//! A web server that tasks call. A story answers each call itself, so a task executes for as
//! long as the story lets it wait for the answer.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use test_support::Home;

use super::{SOON, deploy, home, start};

/// A web server that a story answers for, call by call.
pub struct Server {
    listener: TcpListener,
    address: String,
}

impl Server {
    /// With a home whose tasks may call it.
    pub fn granted() -> (Self, Home) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let home = home();
        deploy(&home, "network", &["--allow-http", &address]);
        (Self { listener, address }, home)
    }

    pub fn ask(&self, home: &Home, flow: &str) -> String {
        start(home, flow, &["-p", &format!("address={}", self.address)])
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// Waits for the next call.
    #[track_caller]
    pub fn call(&self) -> Asking {
        let begin = Instant::now();
        loop {
            if let Some(call) = self.try_call() {
                break call;
            }
            assert!(begin.elapsed() < SOON, "nobody calls");
            // Short, so that the story is as close to the moment as it can be.
            thread::sleep(Duration::from_micros(200));
        }
    }

    /// Reads a call, if there is one: a connection that is closed with something unread is reset,
    /// and the answer lost.
    pub fn try_call(&self) -> Option<Asking> {
        let (stream, _) = self.listener.accept().ok()?;
        stream.set_nonblocking(false).unwrap();
        let lines = BufReader::new(&stream).lines().map_while(Result::ok);
        let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
        let mut keys = head.iter().filter_map(|line| {
            let (name, value) = line.split_once(": ")?;
            (name.eq_ignore_ascii_case("idempotency-key")).then_some(value)
        });
        let key = keys.next().unwrap_or_else(|| panic!("no key in {head:?}"));
        let key = key.to_owned();
        Some(Asking { key, stream })
    }
}

/// A task that waits for its answer.
pub struct Asking {
    /// What it says of its task run.
    pub key: String,
    stream: TcpStream,
}

impl Asking {
    pub fn answer(mut self, word: &str) {
        // Whoever asked may be gone.
        let _ = write!(self.stream, "HTTP/1.0 200 OK\r\n\r\n{word}");
    }
}

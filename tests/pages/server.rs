//! A server with a home of its own, that a story looks at.

use std::time::{Duration, Instant};

use test_support::{Home, Worker};

const SOON: Duration = Duration::from_secs(60);

pub struct Server {
    pub home: Home,
    process: Option<Worker>,
    pub address: String,
}

impl Server {
    /// A server at a free port. `more`: arguments besides.
    pub fn start(home: Home, more: &[&str]) -> Self {
        let mut server = Self {
            home,
            process: None,
            address: String::new(),
        };
        server.run("0", more);
        server
    }

    fn run(&mut self, port: &str, more: &[&str]) {
        let args = ["server", "start", "--port", port];
        let process = self.home.start(args.iter().chain(more));
        let begin = Instant::now();
        let address = loop {
            if let Some(address) = address_in(&process.stderr()) {
                break address;
            }
            assert!(!process.has_ended(), "the server ended:\n{}", process.stderr());
            assert!(begin.elapsed() < SOON, "no address:\n{}", process.stderr());
            std::thread::sleep(Duration::from_millis(10));
        };
        self.address = address;
        self.process = Some(process);
    }

    /// The path of the link that signs in once.
    pub fn link(&self) -> String {
        let said = self.process.as_ref().unwrap().stderr();
        let word = said
            .split_whitespace()
            .find(|word| word.contains("/sign-in?"))
            .unwrap_or_else(|| panic!("no link in:\n{said}"));
        word.trim_start_matches(&self.address).to_owned()
    }

    /// Ends as by `kill -9`, and comes back at the same address.
    pub fn kill_and_restart(&mut self, more: &[&str]) {
        let port = self.address.rsplit(':').next().unwrap().to_owned();
        self.process = None;
        self.run(&port, more);
    }

    pub fn stop(&mut self) {
        self.process = None;
    }
}

fn address_in(said: &str) -> Option<String> {
    let word = said.split_whitespace().find(|word| word.starts_with("http://127.0.0.1:"))?;
    let rest = word.strip_prefix("http://").unwrap_or_default();
    let host = rest.split('/').next().unwrap_or_default();
    Some(format!("http://{host}"))
}

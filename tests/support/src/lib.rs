//! Fixtures for the tests of the whole program: homes, workers, guests, disks, memory, databases,
//! networks.
//!
//! ```no_run
//! use std::time::Duration;
//! use test_support::{Home, eventually, guest};
//!
//! // In a test of the host: Home::new(env!("CARGO_BIN_EXE_orch-host"))
//! let home = Home::new("target/debug/orch-host");
//! home.run(["deploy", guest("mischief").to_str().unwrap()]).ok();
//! let worker = home.worker(["--pool", "default-pool"]).wait_until_ready();
//! home.run(["deployment", "run", "sleep/sleep-deployment"]).ok();
//! eventually(Duration::from_secs(10), || {
//!     let runs = home.run(["flow-run", "ls", "-o", "json"]).ok().json();
//!     runs[0]["state"]["type"] == "COMPLETED"
//! });
//! worker.sigkill();
//! ```
//!
//! Nothing here sleeps for a guessed time: a test waits until something has happened, up to a
//! limit, and a test that reaches the limit fails with the program's output until then.

mod after;
mod cgroup;
mod clock;
mod compiled;
mod disk;
mod group;
mod guests;
mod home;
mod http;
mod left;
mod left_out;
mod network;
mod pooler;
mod postgres;
mod resolver;
mod web;
mod worker;

use std::thread;
use std::time::{Duration, Instant};

pub use after::after;
pub use cgroup::MemoryGroup;
pub use clock::WrongClock;
pub use disk::SmallDisk;
pub use group::Group;
pub use guests::{guest, guests};
pub use home::{Home, Ran};
pub use http::{Answer, Ask, Event, Server, Stream};
pub use left::{Left, processes_of};
pub use left_out::left_out;
pub use network::Network;
pub use pooler::Pooler;
pub use postgres::{Cluster, Database, Frozen, cluster, database};
pub use resolver::Resolver;
pub use web::{Proxy, Web};
pub use worker::Worker;

/// Waits until `condition` holds, and fails the test when it does not within `limit`.
#[track_caller]
pub fn eventually(limit: Duration, mut condition: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < limit, "still not so after {limit:?}");
        thread::sleep(Duration::from_millis(10));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_that_comes_true_is_waited_for() {
        let mut asked = 0;
        eventually(Duration::from_secs(10), || {
            asked += 1;
            asked == 3
        });
    }

    #[test]
    #[should_panic(expected = "still not so after 30ms")]
    fn a_condition_that_never_comes_true_fails() {
        eventually(Duration::from_millis(30), || false);
    }
}

//! The processes that belong to a home, to see that none outlives it.
//!
//! Each process that a home starts has `ORCH_HOME` in its environment, and so has what it
//! starts in turn. The path is unique to the home, so it marks them. When a home is dropped,
//! no process with its mark may be alive.
//!
//! There is no check at the end of the whole suite, because it has no reliable end: tests run
//! in parallel, one test at a time may be asked for, and nextest gives each test a process of
//! its own. A home belongs to one test in all these cases, so the check holds in all of them,
//! and it names the test that left something.

use std::fs;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};

/// A live process.
#[derive(Debug)]
pub struct Left {
    pid: Pid,
    /// Its command line, for messages.
    pub command: String,
}

impl Left {
    /// It stands still from then on.
    pub fn stop(&self) {
        kill_process(self.pid, Signal::STOP).unwrap();
    }

    /// Fails only where it has ended meanwhile.
    pub fn kill(&self) {
        let _ = kill_process(self.pid, Signal::KILL);
    }
}

/// The live processes whose `ORCH_HOME` is `home` or below it. One that has ended and was not
/// waited for has no environment any more.
pub fn processes_of(home: &Path) -> Vec<Left> {
    let mark = format!("ORCH_HOME={}", home.display());
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let processes = entries.filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let environ = fs::read(entry.path().join("environ")).ok()?;
        let mut variables = environ.split(|byte| *byte == 0);
        if !variables.any(|variable| variable.starts_with(mark.as_bytes())) {
            return None;
        }
        let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        Some(Left {
            pid: Pid::from_raw(pid)?,
            command: String::from_utf8_lossy(&words).replace('\0', " "),
        })
    });
    processes.collect()
}

//! A control group with little memory: the kernel ends what goes beyond it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::after;

/// A control group for memory. It is gone when it is dropped, if all in it have ended.
pub struct MemoryGroup {
    at: PathBuf,
    files: Files,
}

/// How the two versions of control groups name the same things.
struct Files {
    root: &'static str,
    limit: &'static str,
    /// Has a line `oom_kill COUNT`.
    events: &'static str,
}

const VERSIONS: [Files; 2] = [
    Files {
        root: "/sys/fs/cgroup/memory",
        limit: "memory.limit_in_bytes",
        events: "memory.oom_control",
    },
    Files {
        root: "/sys/fs/cgroup",
        limit: "memory.max",
        events: "memory.events",
    },
];

impl MemoryGroup {
    /// A group of so many bytes. None, with the reason on stderr, where this process may not
    /// make one.
    pub fn new(bytes: u64) -> Option<Self> {
        let mut why = String::new();
        for files in VERSIONS {
            match make(files, bytes) {
                Ok(group) => return Some(group),
                Err(err) => why = err.to_string(),
            }
        }
        eprintln!("left out: a control group with little memory: {why}");
        None
    }

    /// The same command within the group.
    pub fn command(&self, command: &Command) -> Command {
        let procs = self.at.join("cgroup.procs");
        after(&format!("echo $$ > '{}'", procs.display()), command)
    }

    /// How many processes the kernel has ended because of the limit.
    pub fn ended(&self) -> u64 {
        let events = fs::read_to_string(self.at.join(self.files.events)).unwrap();
        let ended = events
            .lines()
            .find_map(|line| line.strip_prefix("oom_kill "));
        ended.unwrap().trim().parse().unwrap()
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        // Whoever still ends keeps it for a moment longer; the machine forgets it later.
        let _ = fs::remove_dir(&self.at);
    }
}

fn make(files: Files, bytes: u64) -> io::Result<MemoryGroup> {
    let name = format!("orch-test-{}-{bytes}", std::process::id());
    let at = Path::new(files.root).join(name);
    fs::create_dir(&at)?;
    let group = MemoryGroup { at, files };
    // In a folder that is no group it would be made.
    let mut limit = OpenOptions::new()
        .write(true)
        .open(group.at.join(group.files.limit))?;
    limit.write_all(bytes.to_string().as_bytes())?;
    Ok(group)
}

//! A control group with little memory: the kernel ends what goes beyond it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

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
        let mut within = Command::new("sh");
        within
            .args(["-c", "echo $$ > \"$0\" && exec \"$@\""])
            .arg(self.at.join("cgroup.procs"))
            .arg(command.get_program())
            .args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => within.env(name, value),
                None => within.env_remove(name),
            };
        }
        if let Some(dir) = command.get_current_dir() {
            within.current_dir(dir);
        }
        within
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
    fs::write(group.at.join(group.files.limit), bytes.to_string())?;
    Ok(group)
}

//! A process and all that it starts, which end together.
//!
//! A program may start others: `strace` starts what it traces, and a bench its workers. To
//! kill the first one leaves the others running. So each long-running process of a test leads
//! a process group of its own, and the whole group is killed when its guard is dropped, also
//! by a panic.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

/// The leader of a group. Dropping it kills the group.
#[derive(Debug)]
pub struct Group {
    pub child: Child,
    status: Option<ExitStatus>,
}

impl Group {
    pub fn spawn(command: &mut Command) -> io::Result<Self> {
        let child = command.process_group(0).spawn()?;
        Ok(Self {
            child,
            status: None,
        })
    }

    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Whether the leader has ended. Its exit status is not taken yet: until then its id,
    /// which is the group's, is not used again.
    pub fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        self.status.is_some() || waitid(WaitId::Pid(self.pid()), options).unwrap().is_some()
    }

    /// Kills what is left of the group, and waits for the leader. Its exit status.
    pub fn end(&mut self) -> ExitStatus {
        if let Some(status) = self.status {
            return status;
        }
        // It fails only where nothing is left.
        let _ = kill_process_group(self.pid(), Signal::KILL);
        let status = self.child.wait().unwrap();
        self.status = Some(status);
        status
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end();
    }
}

//! Starting, hearing and ending the process of a run.

use std::ffi::OsString;
use std::io::{self, BufRead as _, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::sync::{mpsc, oneshot};

use super::lease::LeaseText;
use super::word::Word;
use model::Lease;

/// How to start this program once more, for one run: the lease is added as its last argument.
#[derive(Clone, Debug)]
pub struct Program {
    pub path: PathBuf,
    pub args: Vec<OsString>,
}

/// What is heard of a process.
#[derive(Debug)]
pub(super) enum Heard {
    Word(Word),
    Ended(ExitStatus),
}

/// A process that is alive, or about to be reaped. Dropping it kills it.
pub(super) struct Process {
    /// Names the process even if its number is given to another one.
    pidfd: OwnedFd,
    pub pid: u32,
    pub heard: mpsc::UnboundedReceiver<Heard>,
}

impl Process {
    pub async fn start(program: Program, lease: Lease) -> io::Result<Self> {
        let (started, is_started) = oneshot::channel();
        // The kernel kills the process when the thread ends that has started it. So that thread
        // waits for it, and is none of the runtime's, which come and go.
        thread::Builder::new()
            .name("alone".to_owned())
            .spawn(move || watch(&program, lease, started))?;
        let ended = |_| Err(io::Error::other("its thread has ended"));
        is_started.await.unwrap_or_else(ended)
    }

    pub fn kill(&self) {
        // It fails if the process is gone.
        let _ = pidfd_send_signal(&self.pidfd, Signal::KILL);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn watch(program: &Program, lease: Lease, started: oneshot::Sender<io::Result<Process>>) {
    let (tell, heard) = mpsc::unbounded_channel();
    let (mut child, process) = match spawn(program, lease, heard) {
        Ok(both) => both,
        Err(err) => {
            let _ = started.send(Err(err));
            return;
        }
    };
    // Nobody may wait for it any more. Then it is dropped here, which kills it.
    let _ = started.send(Ok(process));
    if let Some(stdout) = child.stdout.take() {
        let lines = BufReader::new(stdout).lines().map_while(Result::ok);
        for word in lines.filter_map(|line| line.parse().ok()) {
            let _ = tell.send(Heard::Word(word));
        }
    }
    if let Ok(status) = child.wait() {
        let _ = tell.send(Heard::Ended(status));
    }
}

fn spawn(
    program: &Program,
    lease: Lease,
    heard: mpsc::UnboundedReceiver<Heard>,
) -> io::Result<(Child, Process)> {
    let mut child = Command::new(&program.path)
        .arg0("orch-host")
        .args(&program.args)
        .arg(LeaseText::of(lease).to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let pid = Pid::from_child(&child);
    match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(pidfd) => {
            let pid = child.id();
            Ok((child, Process { pidfd, pid, heard }))
        }
        Err(err) => {
            child.kill()?;
            child.wait()?;
            Err(err.into())
        }
    }
}

//! Starts a process, feeds it and hears it, without blocking.
//!
//! A thread waits for each process, so that none stays behind as a zombie. The kernel ends a
//! process when the thread that started it ends; this one ends after the process.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::child::COMPILE_CHILD;

/// How long a process that has closed its output may take to end by itself.
const END_MAX: Duration = Duration::from_secs(2);

/// A process that was started. It ends when this is dropped.
pub(super) struct Process {
    pub stdin: OwnedFd,
    pub stdout: OwnedFd,
    pub stderr: OwnedFd,
    pub life: Life,
}

/// Holds a process alive.
pub(super) struct Life {
    process: OwnedFd,
    ended: JoinHandle<io::Result<ExitStatus>>,
}

impl Drop for Life {
    fn drop(&mut self) {
        // One that has ended cannot be told anything, and need not.
        let _ = pidfd_send_signal(&self.process, Signal::KILL);
    }
}

impl Life {
    /// How the process ended. It has closed its output, so it is about to.
    pub async fn end(mut self) -> io::Result<ExitStatus> {
        if let Ok(ended) = tokio::time::timeout(END_MAX, &mut self.ended).await {
            return ended?;
        }
        let _ = pidfd_send_signal(&self.process, Signal::KILL);
        (&mut self.ended).await?
    }
}

/// The pipes of a process, and a handle on it.
type Parts = ([OwnedFd; 3], OwnedFd);

/// Starts the program as a process that compiles.
pub(super) async fn start(program: &Path) -> io::Result<Process> {
    let mut command = Command::new(program);
    command
        .arg0("orch-host")
        .arg(COMPILE_CHILD)
        .env_clear()
        .current_dir("/")
        // Ctrl-C at a terminal is for whoever waits for it.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let (tell, told) = oneshot::channel::<Parts>();
    let ended = tokio::task::spawn_blocking(move || {
        let mut child = command.spawn()?;
        // If nobody waits for it any more, its input is closed, and it ends.
        if let Ok(parts) = parts(&mut child) {
            let _ = tell.send(parts);
        } else {
            child.kill()?;
        }
        child.wait()
    });
    match told.await {
        Ok(([stdin, stdout, stderr], process)) => Ok(Process {
            stdin,
            stdout,
            stderr,
            life: Life { process, ended },
        }),
        Err(_) => match ended.await? {
            Err(err) => Err(err),
            Ok(_) => Err(io::Error::other("the system gave no handle on a process")),
        },
    }
}

fn parts(child: &mut Child) -> io::Result<Parts> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or(io::ErrorKind::InvalidData)?;
    let process = pidfd_open(pid, PidfdFlags::empty())?;
    let stdin = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let stderr = child.stderr.take().ok_or(io::ErrorKind::BrokenPipe)?;
    Ok(([stdin.into(), stdout.into(), stderr.into()], process))
}

/// Writes all of it, in order, and closes the pipe. A reader that wants no more is no error:
/// it answers, or it has ended.
pub(super) async fn feed(stdin: OwnedFd, parts: [&[u8]; 2]) -> io::Result<()> {
    let pipe = Sender::from_owned_fd(stdin)?;
    for mut part in parts {
        while !part.is_empty() {
            pipe.writable().await?;
            match pipe.try_write(part) {
                Ok(written) => part = &part[written..],
                Err(err) if err.kind() == io::ErrorKind::WouldBlock => {}
                Err(err) if err.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                Err(err) => return Err(err),
            }
        }
    }
    Ok(())
}

/// Reads to the end. `None`: it was more than `max` bytes.
pub(super) async fn hear(stdout: OwnedFd, max: usize) -> io::Result<Option<Vec<u8>>> {
    let pipe = Receiver::from_owned_fd(stdout)?;
    let mut heard = Vec::new();
    while read(&pipe, &mut heard).await? > 0 {
        if heard.len() > max {
            return Ok(None);
        }
    }
    Ok(Some(heard))
}

/// Reads to the end, and keeps the beginning.
pub(super) async fn hear_beginning(stderr: OwnedFd, kept: usize) -> io::Result<Vec<u8>> {
    let pipe = Receiver::from_owned_fd(stderr)?;
    let mut heard = Vec::new();
    while read(&pipe, &mut heard).await? > 0 {
        heard.truncate(kept);
    }
    Ok(heard)
}

/// Adds some bytes. 0: there are no more.
async fn read(pipe: &Receiver, heard: &mut Vec<u8>) -> io::Result<usize> {
    const PART: usize = 64 << 10;
    loop {
        pipe.readable().await?;
        let length = heard.len();
        heard.resize(length + PART, 0);
        let read = pipe.try_read(&mut heard[length..]);
        heard.truncate(length + *read.as_ref().unwrap_or(&0));
        match read {
            Err(err) if err.kind() == io::ErrorKind::WouldBlock => {}
            read => return read,
        }
    }
}

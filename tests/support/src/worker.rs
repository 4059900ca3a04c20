//! A worker process that ends with its test.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Signal, kill_process};

use crate::group::Group;

/// How long a worker may take to start, or to stop once it was told to. Generous, because
/// tests share few cores.
const WORKER_LIMIT: Duration = Duration::from_secs(60);

/// A running worker. Dropping it kills it, and all that it has started.
#[derive(Debug)]
pub struct Worker {
    group: Group,
    said: Arc<Mutex<String>>,
}

impl Worker {
    /// Starts a command that is killed when the answer is dropped.
    #[track_caller]
    pub fn of(mut command: Command) -> Self {
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut group =
            Group::spawn(&mut command).unwrap_or_else(|err| panic!("{command:?}: {err}"));
        let stderr = BufReader::new(group.child.stderr.take().expect("stderr is piped"));
        let said = Arc::new(Mutex::new(String::new()));
        let heard = Arc::clone(&said);
        // All output is read, because a worker whose output nobody reads would block.
        thread::spawn(move || {
            for line in stderr.split(b'\n').map_while(Result::ok) {
                let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
                heard.push_str(&String::from_utf8_lossy(&line));
                heard.push('\n');
            }
        });
        Self { group, said }
    }

    /// Waits for the line `Worker ... started`.
    #[track_caller]
    pub fn wait_until_ready(self) -> Self {
        let is_ready = |said: &str| {
            said.lines()
                .any(|line| line.contains("Worker ") && line.contains(" started"))
        };
        let begin = Instant::now();
        while !is_ready(&self.stderr()) {
            assert!(!self.has_ended(), "the worker ended:\n{}", self.stderr());
            assert!(
                begin.elapsed() < WORKER_LIMIT,
                "the worker is not ready:\n{}",
                self.stderr()
            );
            thread::sleep(Duration::from_millis(5));
        }
        self
    }

    /// A memory figure of the process, by the kernel's name for it: `VmRSS`, `VmHWM`.
    pub fn kilobytes(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|line| line.trim_matches([':', ' ', '\t']).split(' ').next());
        number.unwrap().trim().parse().unwrap()
    }

    /// How many descriptors the process has open.
    pub fn descriptors(&self) -> usize {
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.pid()));
        open.unwrap().count()
    }

    pub fn threads(&self) -> usize {
        let all = std::fs::read_dir(format!("/proc/{}/task", self.pid()));
        all.unwrap().count()
    }

    pub fn pid(&self) -> u32 {
        self.group.child.id()
    }

    /// The text that it has written to stderr so far.
    pub fn stderr(&self) -> String {
        self.said
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Asks it to stop, as Ctrl-C does. See `wait`.
    #[track_caller]
    pub fn sigint(&self) {
        kill_process(self.group.pid(), Signal::INT).unwrap();
    }

    /// Stops it for a while, as a machine that swaps does. See `sigcont`.
    #[track_caller]
    pub fn sigstop(&self) {
        kill_process(self.group.pid(), Signal::STOP).unwrap();
    }

    #[track_caller]
    pub fn sigcont(&self) {
        kill_process(self.group.pid(), Signal::CONT).unwrap();
    }

    /// Ends it as power loss would, with all that it has started, and waits until it is gone.
    #[track_caller]
    pub fn sigkill(mut self) {
        self.group.end();
    }

    /// Whether it has ended by itself. What it has started may still be alive.
    pub fn has_ended(&self) -> bool {
        self.group.has_ended()
    }

    /// Waits until it has ended by itself. The exit code is as in `Ran`.
    #[track_caller]
    pub fn wait(mut self) -> i32 {
        let begin = Instant::now();
        while !self.has_ended() {
            assert!(
                begin.elapsed() < WORKER_LIMIT,
                "the worker goes on:\n{}",
                self.stderr()
            );
            thread::sleep(Duration::from_millis(5));
        }
        let status = self.group.end();
        status
            .code()
            .unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.group.end();
        if thread::panicking() {
            eprintln!("--- stderr of worker {}\n{}", self.pid(), self.stderr());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use std::panic::{AssertUnwindSafe, catch_unwind};

    use rustix::process::{Pid, test_kill_process};

    use super::*;
    use crate::{Home, eventually, processes_of};

    /// A worker that does as the script says: `sh worker --pool p` runs the file `worker`.
    fn worker(script: &str) -> (Home, Worker) {
        let home = Home::new("/bin/sh");
        fs::write(home.path().join("worker"), script).unwrap();
        let worker = home.worker(["--pool", "p"]);
        (home, worker)
    }

    fn is_alive(pid: Pid) -> bool {
        test_kill_process(pid).is_ok()
    }

    #[test]
    fn a_worker_is_ready_when_it_says_so() {
        let (_home, worker) =
            worker("sleep 0.1; echo \"Worker w1 $* started\" >&2; exec sleep 100");
        let worker = worker.wait_until_ready();
        assert_eq!(worker.stderr(), "Worker w1 --pool p started\n");
        worker.sigkill();
    }

    #[test]
    #[should_panic(expected = "no such pool")]
    fn a_worker_that_ends_early_fails_with_what_it_said() {
        let (_home, worker) = worker("echo 'no such pool' >&2; sleep 0.1; exit 2");
        worker.wait_until_ready();
    }

    #[test]
    fn a_worker_told_to_stop_ends_by_itself() {
        let (_home, worker) =
            worker("trap 'exit 7' INT; echo 'Worker w1 started' >&2; while :; do sleep 0.01; done");
        let worker = worker.wait_until_ready();
        worker.sigint();
        assert_eq!(worker.wait(), 7);
    }

    #[test]
    fn a_worker_ends_with_its_test() {
        let (_home, worker) = worker("exec sleep 100");
        let pid = worker.group.pid();
        assert!(is_alive(pid));
        drop(worker);
        assert!(!is_alive(pid));
    }
    /// As `strace` does it: one process that waits for another.
    const STARTS_ANOTHER: &str = "sleep 600 & echo 'Worker w1 started' >&2; wait";

    #[test]
    fn a_killed_worker_takes_with_it_what_it_has_started() {
        let (home, worker) = worker(STARTS_ANOTHER);
        let worker = worker.wait_until_ready();
        eventually(WORKER_LIMIT, || processes_of(home.path()).len() == 2);
        worker.sigkill();
        eventually(Duration::from_secs(5), || {
            processes_of(home.path()).is_empty()
        });
    }

    #[test]
    fn so_does_a_worker_whose_test_fails() {
        let (home, worker) = worker(STARTS_ANOTHER);
        let worker = worker.wait_until_ready();
        let failed = catch_unwind(AssertUnwindSafe(move || {
            let _worker = worker;
            panic!("as a test that fails");
        }));
        assert!(failed.is_err());
        eventually(Duration::from_secs(5), || {
            processes_of(home.path()).is_empty()
        });
    }
}

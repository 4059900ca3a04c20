//! A home for one test: everything that the program keeps is below one temporary directory, so
//! tests can run at once and do not see the user's data.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{self, File};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use crate::compiled::Compiled;
use crate::{Worker, processes_of};

/// How long one command may take. A hanging command should fail its test, not the whole run.
const COMMAND_LIMIT: Duration = Duration::from_secs(120);

/// How long a process that has been told to end may take, after its test is over.
const END_LIMIT: Duration = Duration::from_secs(5);

/// A directory that is `ORCH_HOME` for the program under test, and goes away with it. Dropping
/// it fails the test if a process with this home is still alive, and kills that process.
pub struct Home {
    dir: TempDir,
    program: PathBuf,
    /// The address of the database, unless it is the file that the program makes by itself.
    database: Option<String>,
    /// None: it compiles everything itself.
    compiled: Option<Compiled>,
}

impl Home {
    /// An empty home for the binary `program`. A test crate knows its own:
    /// `env!("CARGO_BIN_EXE_orch-host")`.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        let program = program.into();
        let dir = tempfile::Builder::new()
            .prefix("orch-home-")
            .tempdir()
            .unwrap();
        // Commands run in `dir`, where a relative path would mean something else.
        let program = std::path::absolute(&program).unwrap();
        Self {
            dir,
            program,
            database: None,
            compiled: None,
        }
    }

    /// The same with the code that others have compiled, and others get what it compiles.
    pub fn with_compiled_code(mut self) -> Self {
        let compiled = Compiled::of(&self.program);
        compiled.lend(&self.cache());
        self.compiled = Some(compiled);
        self
    }

    fn cache(&self) -> PathBuf {
        self.path().join("cache")
    }

    /// The same with the database at this address.
    pub fn with_database(mut self, url: impl Into<String>) -> Self {
        self.database = Some(url.into());
        self
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The program with `args`, without input, and with nothing of the test's environment
    /// that could change what it does or says.
    pub fn cmd(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(args)
            .env_clear()
            .env("ORCH_HOME", self.path())
            .env("HOME", self.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("NO_COLOR", "1")
            .current_dir(self.path())
            .stdin(Stdio::null());
        if let Some(database) = &self.database {
            command.env("ORCH_DATABASE_URL", database);
        }
        command
    }

    /// Runs the program to its end.
    #[track_caller]
    pub fn run(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Ran {
        Ran::of(self.cmd(args), COMMAND_LIMIT)
    }

    /// Runs the program to its end, with `input` as its stdin.
    #[track_caller]
    pub fn feed(
        &self,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
        input: impl AsRef<[u8]>,
    ) -> Ran {
        let path = self.path().join("stdin");
        fs::write(&path, input).unwrap();
        let mut command = self.cmd(args);
        command.stdin(File::open(path).unwrap());
        Ran::of(command, COMMAND_LIMIT)
    }

    /// Starts `worker` with `args`; it is killed when the answer is dropped.
    #[track_caller]
    pub fn worker(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Worker {
        let args = args.into_iter().map(|arg| arg.as_ref().to_owned());
        self.start([OsString::from("worker")].into_iter().chain(args))
    }

    /// Starts any command that runs on while the test does something else.
    #[track_caller]
    pub fn start(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Worker {
        Worker::of(self.cmd(args))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Some(compiled) = &self.compiled {
            compiled.keep(&self.cache());
        }
        let begin = Instant::now();
        let mut left = processes_of(self.path());
        while !left.is_empty() && begin.elapsed() < END_LIMIT && !thread::panicking() {
            thread::sleep(Duration::from_millis(10));
            left = processes_of(self.path());
        }
        for process in &left {
            process.kill();
        }
        assert!(
            left.is_empty() || thread::panicking(),
            "the test left processes behind: {left:?}"
        );
    }
}

/// A command that has ended.
#[derive(Debug)]
pub struct Ran {
    /// The command line, for messages.
    pub command: String,
    /// The exit code; 128 and the signal's number for one that a signal ended.
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// Runs `command` to its end, and fails the test where that takes longer than `limit`.
    #[track_caller]
    pub fn of(mut command: Command, limit: Duration) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0);
        let child = command
            .spawn()
            .unwrap_or_else(|err| panic!("{command:?}: {err}"));
        let pid = Pid::from_child(&child);
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || sender.send(child.wait_with_output()));

        match receiver.recv_timeout(limit) {
            Ok(output) => Self::new(&command, output.unwrap()),
            Err(RecvTimeoutError::Timeout) => {
                // Its output ends when it is killed, so the message can show what it printed.
                let _ = kill_process_group(pid, Signal::KILL);
                let ran = Self::new(&command, receiver.recv().unwrap().unwrap());
                panic!("not done after {limit:?}: {ran}");
            }
            Err(RecvTimeoutError::Disconnected) => unreachable!("the thread sends before it ends"),
        }
    }

    fn new(command: &Command, output: Output) -> Self {
        let words = [command.get_program()]
            .into_iter()
            .chain(command.get_args());
        let words: Vec<_> = words.map(OsStr::to_string_lossy).collect();
        let status = output.status;
        Self {
            command: words.join(" "),
            code: status
                .code()
                .unwrap_or_else(|| 128 + status.signal().unwrap_or_default()),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Fails the test unless the command succeeded.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "should have succeeded: {self}");
        self
    }

    /// Fails the test unless the command ended with this exit code.
    #[track_caller]
    pub fn fails(self, code: i32) -> Self {
        assert_eq!(self.code, code, "should have failed with {code}: {self}");
        self
    }

    /// What was written to stdout, as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|err| panic!("stdout is not JSON ({err}): {self}"))
    }
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            command,
            code,
            stdout,
            stderr,
        } = self;
        write!(
            f,
            "`{command}`, exit code {code}\n--- stdout\n{stdout}\n--- stderr\n{stderr}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell() -> Home {
        Home::new("/bin/sh")
    }

    #[test]
    fn a_command_has_a_code_and_two_outputs() {
        let ran = shell()
            .run(["-c", "echo out; echo err >&2; exit 2"])
            .fails(2);
        assert_eq!(
            (ran.stdout.as_str(), ran.stderr.as_str()),
            ("out\n", "err\n")
        );
    }

    #[test]
    fn a_command_sees_its_home_and_little_else() {
        let home = shell();
        let ran = home
            .run(["-c", "echo $ORCH_HOME $NO_COLOR $CARGO_MANIFEST_DIR"])
            .ok();
        assert_eq!(ran.stdout, format!("{} 1\n", home.path().display()));
    }

    #[test]
    fn json_is_read_from_stdout() {
        let ran = shell()
            .run(["-c", r#"echo '{"state": "completed"}'; echo note >&2"#])
            .ok();
        assert_eq!(ran.json()["state"], "completed");
    }

    #[test]
    fn a_signal_is_a_code_as_in_a_shell() {
        shell().run(["-c", "kill -9 $$"]).fails(137);
    }

    #[test]
    #[should_panic(expected = "--- stderr\nwhy\n")]
    fn a_failure_shows_what_was_said() {
        shell().run(["-c", "echo why >&2; exit 1"]).ok();
    }

    #[test]
    #[should_panic(expected = "so far")]
    fn a_command_that_hangs_fails_with_what_it_said() {
        let command = shell().cmd(["-c", "echo so far; exec sleep 100"]);
        Ran::of(command, Duration::from_millis(200));
    }

    #[test]
    #[should_panic(expected = "the test left processes behind")]
    fn a_home_is_not_left_with_a_process() {
        let home = shell();
        let mut command = home.cmd(["-c", "sleep 600 & exec true"]);
        assert!(command.stdout(Stdio::null()).status().unwrap().success());
    }
}

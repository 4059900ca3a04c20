//! A build of this program that is measured as a child process: `PROGRAM bench ROW`.
//!
//! It measures one round, after its own warm-up, in a home of its own, and prints JSON, which
//! this process reads. Builds that are older or newer than this one answer as well, since that
//! JSON does not change; they only may not know the row.
//!
//! The child and the workers that it starts are a process group. However the measurement ends,
//! no process of the group is left afterwards.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid,
};
use serde::Deserialize;

use crate::figures::Figure;
use crate::settings::Settings;
use crate::workloads::Workload;

/// How often it is looked whether the child has ended.
const LOOK: Duration = Duration::from_millis(10);

/// How long a child that is told to stop may take to end its workers and to remove its files.
const STOP_MAX: Duration = Duration::from_secs(5);

/// How much of what a child printed an error shows.
const SAID_MAX: usize = 500;

/// A program, and where it is measured.
pub struct Program {
    /// As it was typed.
    name: String,
    path: PathBuf,
    /// Its `ORCH_HOME`.
    home: PathBuf,
}

/// A program that gave no figures.
#[derive(Debug, thiserror::Error)]
#[error("`{program}` {why}")]
pub struct Unusable {
    pub program: String,
    pub why: Why,
}

/// Why it gave none.
#[derive(Debug, thiserror::Error)]
pub enum Why {
    #[error("cannot be started: {0}")]
    NotStarted(io::Error),
    #[error("cannot be measured: {0}")]
    Io(#[from] io::Error),
    #[error("does not know the row `{row}`")]
    UnknownRow { row: &'static str },
    #[error("{} at `bench {row}`{}", ended(*.status), printed(.said))]
    Failed {
        row: &'static str,
        status: ExitStatus,
        said: String,
    },
    #[error("gave no figures at `bench {row}`{}", printed(.said))]
    NoFigures { row: &'static str, said: String },
}

/// The part of another build's report that is read.
#[derive(Deserialize)]
struct Report {
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    name: String,
    figures: Vec<Figure>,
}

impl Program {
    /// The program at `path`, measured in `home`, which is created.
    pub fn new(path: &Path, home: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&home)?;
        Ok(Self {
            name: path.display().to_string(),
            // A name without a slash is a file here, not a command of the shell.
            path: std::path::absolute(path)?,
            home,
        })
    }

    /// One round of a row, after a warm-up. Dropping the future ends the child.
    pub async fn measure(
        &self,
        row: Workload,
        settings: &Settings,
    ) -> Result<Vec<Figure>, Unusable> {
        let measured = self.try_measure(row.name(), settings).await;
        measured.map_err(|why| Unusable {
            program: self.name.clone(),
            why,
        })
    }

    async fn try_measure(
        &self,
        row: &'static str,
        settings: &Settings,
    ) -> Result<Vec<Figure>, Why> {
        let (out, err) = (self.home.join("stdout"), self.home.join("stderr"));
        let mut command = self.command(row, settings);
        command
            .stdout(File::create(&out)?)
            .stderr(File::create(&err)?);
        let child = command.spawn().map_err(Why::NotStarted)?;
        let status = Group::of(child).ended().await?;
        figures(row, status, &read(&out)?, &read(&err)?)
    }

    fn command(&self, row: &str, settings: &Settings) -> Command {
        let mut command = Command::new(&self.path);
        command
            .args(["bench", row, "--rounds", "1", "-o", "json", "--round"])
            .arg(humantime::format_duration(settings.round).to_string())
            .args(["--finished", &settings.finished.to_string()])
            .arg("--component")
            .arg(&settings.component)
            .env("ORCH_HOME", &self.home)
            .env_remove("ORCH_DATABASE_URL")
            .env_remove("ORCH_LOG")
            .stdin(Stdio::null())
            .process_group(0);
        if let Some(url) = &settings.database {
            command.env("ORCH_DATABASE_URL", url);
        }
        command
    }
}

/// The figures of a row from what a child printed.
fn figures(
    row: &'static str,
    status: ExitStatus,
    out: &str,
    err: &str,
) -> Result<Vec<Figure>, Why> {
    let said = said(out, err);
    if !status.success() {
        // The command line says so of a value that is not among the possible ones.
        let is_unknown = err.contains("invalid value") && err.contains(&format!("'{row}'"));
        return Err(if is_unknown {
            Why::UnknownRow { row }
        } else {
            Why::Failed { row, status, said }
        });
    }
    let report = serde_json::from_str::<Report>(out).ok();
    let found = report.and_then(|report| report.rows.into_iter().find(|it| it.name == row));
    match found {
        Some(found) if !found.figures.is_empty() => Ok(found.figures),
        _ => Err(Why::NoFigures { row, said }),
    }
}

/// What a child printed, to show it: its errors if there are any.
fn said(out: &str, err: &str) -> String {
    let text = if err.trim().is_empty() { out } else { err };
    let mut said: String = text.trim().chars().take(SAID_MAX).collect();
    if said.len() < text.trim().len() {
        said.push('…');
    }
    said
}

fn printed(said: &str) -> String {
    if said.is_empty() {
        "; it printed nothing".to_owned()
    } else {
        format!("; it printed: {said}")
    }
}

fn ended(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("failed with exit code {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "failed".to_owned(),
    }
}

/// What another build prints is text, but a stranger's program may print anything.
fn read(path: &Path) -> io::Result<String> {
    Ok(String::from_utf8_lossy(&fs::read(path)?).into_owned())
}

/// A child that leads a process group of its own. Dropping it ends the group.
struct Group {
    child: Child,
    is_over: bool,
}

impl Group {
    fn of(child: Child) -> Self {
        Self {
            child,
            is_over: false,
        }
    }

    async fn ended(mut self) -> io::Result<ExitStatus> {
        while !self.has_ended()? {
            tokio::time::sleep(LOOK).await;
        }
        self.end()
    }

    /// Does not take the exit status yet: until then the id of the child, which is the
    /// group's, is not used again.
    fn has_ended(&self) -> io::Result<bool> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        Ok(waitid(WaitId::Pid(self.pid()), options)?.is_some())
    }

    /// Kills what is left of the group, and takes the child's exit status.
    fn end(&mut self) -> io::Result<ExitStatus> {
        self.is_over = true;
        // It fails where nothing is left.
        let _ = kill_process_group(self.pid(), Signal::KILL);
        self.child.wait()
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        // The child stops its workers and removes its files. It is killed where it does not.
        let _ = kill_process(self.pid(), Signal::TERM);
        let begin = Instant::now();
        while begin.elapsed() < STOP_MAX && matches!(self.has_ended(), Ok(false)) {
            std::thread::sleep(LOOK);
        }
        let _ = self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = r#"{"machine": {"cores": 2}, "rows": [{"name": "empty", "what": "",
        "rounds": 1, "figures": [{"name": "throughput", "unit": "1/s", "median": 7.5,
        "min": 7.5, "max": 7.5}]}]}"#;

    /// What is read of a child that measured the row `empty`.
    #[track_caller]
    fn check(code: i32, out: &str, err: &str, expect: &str) {
        let status = ExitStatus::from_raw(code << 8);
        let read = match figures("empty", status, out, err) {
            Ok(figures) => format!("{} {}", figures[0].name, figures[0].spread.median),
            Err(why) => why.to_string(),
        };
        assert_eq!(read, expect);
    }

    #[test]
    fn figures_are_read_from_the_report() {
        check(0, REPORT, "On 2 cores", "throughput 7.5");
        let newer = REPORT.replace("\"what\"", "\"more\": [], \"what\"");
        check(0, &newer, "", "throughput 7.5");
    }

    #[test]
    fn a_build_may_not_know_a_row() {
        let err = "error: invalid value 'empty' for '[ROW]...'\n  [possible values: instances]";
        check(2, "", err, "does not know the row `empty`");
    }

    #[test]
    fn anything_else_is_shown() {
        let failed = "failed with exit code 70 at `bench empty`; it printed: error: disk full";
        check(70, "", "error: disk full\n", failed);
        let nothing = "gave no figures at `bench empty`; it printed nothing";
        check(0, "", "", nothing);
        let other = "gave no figures at `bench empty`; it printed: {\"rows\": []}";
        check(0, "{\"rows\": []}", "", other);
    }

    #[test]
    fn much_is_shown_in_part() {
        let shown = said(&"x".repeat(2 * SAID_MAX), "");
        assert_eq!(shown.chars().count(), SAID_MAX + 1);
        assert!(shown.ends_with("x…"));
    }
}

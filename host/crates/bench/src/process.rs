//! Processes of this very program, started and ended by the bench, and what Linux says of
//! them.

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::bed::Bed;

/// How long a process may take until it is ready.
const START_MAX: Duration = Duration::from_secs(30);

/// How often it is looked whether a process is ready.
const LOOK: Duration = Duration::from_millis(2);

/// This program with `args`, with the bed as its home and nothing of the user's settings.
pub fn command(bed: &Bed, args: &[&str]) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(args)
        .env("ORCH_HOME", &bed.dir)
        .env_remove("ORCH_DATABASE_URL")
        .env_remove("ORCH_LOG")
        .stdin(Stdio::null());
    if let Some(url) = &bed.url {
        command.env("ORCH_DATABASE_URL", url);
    }
    Ok(command)
}

/// A process of this program. Dropping it kills it.
pub struct Process {
    child: Child,
    said: PathBuf,
}

/// What a process holds of the machine's memory, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// All of it (RSS): its own, and the pages of files that it has mapped.
    pub resident: f64,
    /// Its own only.
    pub anonymous: f64,
    /// The most that was ever resident.
    pub peak: f64,
}

impl Process {
    /// Starts this program with `args` on the bed. What it says on stderr goes to a file.
    pub fn start(bed: &Bed, args: &[&str]) -> anyhow::Result<Self> {
        let name = format!("said-{}.log", rand::random::<u32>());
        let said = bed.dir.join(name);
        let mut command = command(bed, args)?;
        command.stdout(Stdio::null()).stderr(File::create(&said)?);
        let what = || format!("cannot start `orch-host {}`", args.join(" "));
        let child = command.spawn().with_context(what)?;
        Ok(Self { child, said })
    }

    /// Starts a worker of the default pool, and returns once it is on the list.
    pub async fn worker(bed: &Bed, more: &[&str]) -> anyhow::Result<Self> {
        let mut worker = Self::start(bed, &[&["worker"], more].concat())?;
        let begin = Instant::now();
        loop {
            let workers = bed.store.workers().await?;
            if workers.iter().any(|it| it.pid == worker.child.id()) {
                return Ok(worker);
            }
            worker.still_starts("a worker process", begin)?;
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits for a line on stderr with `mark` in it. What follows the mark there.
    pub async fn says(&mut self, what: &str, mark: &str) -> anyhow::Result<String> {
        let begin = Instant::now();
        loop {
            let said = fs::read_to_string(&self.said)?;
            let mut lines = said.split_inclusive('\n');
            let whole = lines.find_map(|line| line.strip_suffix('\n')?.split_once(mark));
            if let Some((_, after)) = whole {
                return Ok(after.to_owned());
            }
            self.still_starts(what, begin)?;
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Errs if it has ended, or takes too long.
    fn still_starts(&mut self, what: &str, begin: Instant) -> anyhow::Result<()> {
        let ended = self.child.try_wait()?;
        if ended.is_some() || begin.elapsed() > START_MAX {
            let said = fs::read_to_string(&self.said).unwrap_or_default();
            anyhow::bail!("{what} did not start: {}", said.trim());
        }
        Ok(())
    }

    /// Ends it as power loss would.
    pub fn kill(mut self) -> anyhow::Result<()> {
        Ok(self.child.kill()?)
    }

    pub fn memory(&self) -> anyhow::Result<Memory> {
        let path = self.proc().join("status");
        let status = fs::read_to_string(&path)?;
        let field = |name: &str| -> anyhow::Result<f64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|line| line.split_whitespace().next());
            let kib: f64 = number.context("Linux does not say it")?.parse()?;
            Ok(kib * 1024.0)
        };
        Ok(Memory {
            resident: field("VmRSS:")?,
            anonymous: field("RssAnon:")?,
            peak: field("VmHWM:")?,
        })
    }

    /// How long its threads have been on a processor, by thread.
    pub fn computed(&self) -> anyhow::Result<HashMap<PathBuf, Duration>> {
        let mut computed = HashMap::new();
        for thread in fs::read_dir(self.proc().join("task"))? {
            let thread = thread?.path();
            // One that has ended by now.
            let Ok(stat) = fs::read_to_string(thread.join("schedstat")) else {
                continue;
            };
            let ns = stat.split_whitespace().next().unwrap_or_default().parse()?;
            computed.insert(thread, Duration::from_nanos(ns));
        }
        anyhow::ensure!(!computed.is_empty(), "Linux does not say what it computed");
        Ok(computed)
    }

    fn proc(&self) -> PathBuf {
        Path::new("/proc").join(self.child.id().to_string())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only where it has ended and was waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How much of one core a process took over `long`, in percent.
pub async fn load(process: &Process, long: Duration) -> anyhow::Result<f64> {
    let (begin, before) = (Instant::now(), process.computed()?);
    tokio::time::sleep(long).await;
    let (took, after) = (begin.elapsed(), process.computed()?);
    let computed: Duration = after
        .into_iter()
        .map(|(thread, until)| {
            until.saturating_sub(before.get(&thread).copied().unwrap_or_default())
        })
        .sum();
    Ok(computed.as_secs_f64() / took.as_secs_f64() * 100.0)
}

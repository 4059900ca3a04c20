//! Processes of this very program, started and ended by the bench, and what Linux says of
//! them.

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::bed::Bed;

/// How long a worker may take until it is on the list.
const START_MAX: Duration = Duration::from_secs(30);

/// This program with `args`, with the bed as its home and nothing of the user's settings.
pub fn command(bed: &Bed, args: &[&str]) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(args)
        .env("ORCH_HOME", &bed.dir)
        .env_remove("ORCH_DATABASE_URL")
        .env_remove("ORCH_LOG")
        .stdin(Stdio::null());
    Ok(command)
}

/// A worker in a process of its own. Dropping it kills it.
pub struct WorkerProcess {
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

impl WorkerProcess {
    /// Starts a worker of the default pool, and returns once it is on the list.
    pub async fn start(bed: &Bed, more: &[&str]) -> anyhow::Result<Self> {
        let mut command = command(bed, &["worker"])?;
        let said = bed
            .dir
            .join(format!("worker-{}.log", rand::random::<u32>()));
        command
            .args(more)
            .stdout(Stdio::null())
            .stderr(File::create(&said)?);
        let child = command.spawn().context("cannot start a worker")?;
        let mut worker = Self { child, said };
        worker.until_listed(bed).await?;
        Ok(worker)
    }

    async fn until_listed(&mut self, bed: &Bed) -> anyhow::Result<()> {
        let begin = Instant::now();
        loop {
            let workers = bed.store.workers().await?;
            if workers.iter().any(|worker| worker.pid == self.child.id()) {
                return Ok(());
            }
            let ended = self.child.try_wait()?;
            if ended.is_some() || begin.elapsed() > START_MAX {
                let said = fs::read_to_string(&self.said).unwrap_or_default();
                anyhow::bail!("a worker process did not start: {}", said.trim());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
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

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        // Both fail only where it has ended and was waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How much of one core the worker took over `long`, in percent.
pub async fn load(worker: &WorkerProcess, long: Duration) -> anyhow::Result<f64> {
    let (begin, before) = (Instant::now(), worker.computed()?);
    tokio::time::sleep(long).await;
    let (took, after) = (begin.elapsed(), worker.computed()?);
    let computed: Duration = after
        .into_iter()
        .map(|(thread, until)| {
            until.saturating_sub(before.get(&thread).copied().unwrap_or_default())
        })
        .sum();
    Ok(computed.as_secs_f64() / took.as_secs_f64() * 100.0)
}

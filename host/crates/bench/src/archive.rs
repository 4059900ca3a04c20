//! A database as it is after a month of work: very many runs that are over, some that are not, a
//! run with very many tasks and one with a long log.
//!
//! ```text
//! 30 days ago                                                        now
//!   | runs of 50 deployments, the first of which has half of them     | 500 that are not over
//!   | 3 % have failed, crashed or were cancelled                      | 1 with 10,000 tasks
//!   | every 50th has a tag, one deployment had only 20 runs           | 1 with 100,000 lines
//! ```
//!
//! It is written by what workers ask of the store, only without executing anything, and with
//! times of the past.

use model::{DeploymentName, RunId};

use crate::bed::Bed;
use crate::filling::{BATCH, Filling};
use crate::large_runs;

/// What such a database has.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Runs that are over.
    pub runs: usize,
    /// Runs that are not.
    pub unfinished: usize,
    /// Tasks of one run.
    pub tasks: usize,
    /// Lines in the log of another.
    pub lines: usize,
}

impl Shape {
    /// With so many runs that are over. Where these are few, the rest is small as well.
    pub fn of(runs: usize) -> Self {
        let at_most = |count: usize| count.min(runs.max(100));
        Self {
            runs,
            unfinished: at_most(500),
            tasks: at_most(10_000),
            lines: at_most(100_000),
        }
    }
}

/// What is in it.
pub struct Archive {
    /// The deployment of half of the runs.
    pub common: DeploymentName,
    /// That of very few, which were long ago.
    pub rare: DeploymentName,
    /// A run of the middle of the time.
    pub middle: RunId,
    pub with_tasks: RunId,
    pub with_lines: RunId,
}

/// Fills the database of a bed that has no worker of its own.
pub async fn fill(bed: &Bed, shape: Shape) -> anyhow::Result<Archive> {
    let filling = Filling::begin(bed, shape.runs).await?;
    let mut middle = None;
    for begin in (0..shape.runs).step_by(BATCH) {
        let end = shape.runs.min(begin + BATCH);
        let runs = filling.finish(begin..end).await?;
        if middle.is_none() && end * 2 >= shape.runs {
            middle = runs.first().copied();
        }
    }
    let with_tasks = large_runs::with_tasks(&filling, shape.tasks).await?;
    let with_lines = large_runs::with_lines(&filling, shape.lines).await?;
    leave_some(&filling, shape.unfinished).await?;
    Ok(Archive {
        common: filling.common().clone(),
        rare: filling.rare().clone(),
        middle: middle.ok_or_else(|| anyhow::anyhow!("an archive has runs"))?,
        with_tasks,
        with_lines,
    })
}

/// Runs that are not over: some are executed, some wait, a few for input, most for a worker.
async fn leave_some(filling: &Filling<'_>, many: usize) -> anyhow::Result<()> {
    for n in 0..many / 10 {
        let lease = filling.begun().await?;
        match n % 5 {
            0 => filling.suspend(lease).await?,
            1 | 2 => filling.wait(lease).await?,
            _ => {}
        }
    }
    filling.leave_ready(many - many / 10).await
}

//! The rows of the benchmark.

use std::time::{Duration, Instant};

use clap::ValueEnum;

use super::bed::Bed;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Workload {
    /// Flows that do nothing, many at once
    Empty,
    /// Flows of three tasks, one after the other
    ThreeTasks,
    /// Flows of three tasks, many at once
    ThreeTasksMany,
    /// A flow that starts 10 others and waits for them
    FanOut10,
    /// A flow that starts 100 others and waits for them
    FanOut100,
    /// A flow of 500 tasks, one after the other
    Serial500,
}

/// What one round of a row gave.
#[derive(Clone, Debug)]
pub enum Round {
    /// So many runs were under way at once.
    Together { runs: usize, took: Duration },
    /// Runs took turns; how long each took.
    InTurn(Vec<Duration>),
}

/// How a workload is run.
enum Plan {
    /// The flow, and how many of its runs are created at a time.
    Together(&'static str, usize),
    /// The flow and its parameters.
    InTurn(&'static str, &'static str),
}

impl Workload {
    pub const ALL: [Self; 6] = [
        Self::Empty,
        Self::ThreeTasks,
        Self::ThreeTasksMany,
        Self::FanOut10,
        Self::FanOut100,
        Self::Serial500,
    ];

    /// As it is typed.
    pub fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    pub fn what(self) -> &'static str {
        match self {
            Self::Empty => "empty flow, many at once",
            Self::ThreeTasks => "three-task flow, one at a time",
            Self::ThreeTasksMany => "three-task flow, many at once",
            Self::FanOut10 => "fan out to 10 runs and wait",
            Self::FanOut100 => "fan out to 100 runs and wait",
            Self::Serial500 => "500 tasks in one flow, in turn",
        }
    }

    fn plan(self) -> Plan {
        match self {
            Self::Empty => Plan::Together("empty", 1000),
            Self::ThreeTasks => Plan::InTurn("three-tasks", "{}"),
            Self::ThreeTasksMany => Plan::Together("three-tasks", 1000),
            Self::FanOut10 => Plan::InTurn("fan-out", r#"{"n":10}"#),
            Self::FanOut100 => Plan::InTurn("fan-out", r#"{"n":100}"#),
            Self::Serial500 => Plan::InTurn("serial", r#"{"n":500}"#),
        }
    }

    /// Measures for about `long`.
    pub async fn measure(self, bed: &Bed, long: Duration) -> anyhow::Result<Round> {
        match self.plan() {
            Plan::InTurn(flow, parameters) => {
                let begin = Instant::now();
                let mut took = Vec::new();
                while begin.elapsed() < long {
                    took.push(bed.run_one(flow, parameters).await?);
                }
                Ok(Round::InTurn(took))
            }
            Plan::Together(flow, batch) => together(bed, flow, batch, long).await,
        }
    }
}

/// Creates runs a batch at a time, each while the one before is being executed, for about
/// `long`.
async fn together(bed: &Bed, flow: &str, batch: usize, long: Duration) -> anyhow::Result<Round> {
    bed.idle().await?;
    let begin = Instant::now();
    let mut runs = 0;
    let mut last = None;
    while begin.elapsed() < long {
        let new = (0..batch).map(|_| bed.new_run(flow, "{}"));
        let new = new.collect::<anyhow::Result<Vec<_>>>()?;
        last = new.last().map(|new| new.run.id);
        bed.create(new).await?;
        runs += batch;
        bed.idle().await?;
    }
    let took = begin.elapsed();
    if let Some(last) = last {
        bed.check(last).await?;
    }
    Ok(Round::Together { runs, took })
}

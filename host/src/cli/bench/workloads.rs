//! The rows of the benchmark.

use std::time::Duration;

use clap::ValueEnum;

use super::figures::Sample;
use super::ground::Ground;
use super::{apart, here, instances, replaying, suspended};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Workload {
    /// Task instances that are made, called and dropped, with nothing recorded: what bounds
    /// the rest
    Instances,
    /// Flows that do nothing, many at once
    Empty,
    /// Flows of three tasks, one after the other
    ThreeTasks,
    /// Flows of three tasks, many at once
    ThreeTasksMany,
    /// A flow that starts 10 others and waits for them
    #[value(name = "fan-out-10")]
    FanOut10,
    /// A flow that starts 100 others and waits for them
    #[value(name = "fan-out-100")]
    FanOut100,
    /// A flow of 500 tasks, one after the other
    #[value(name = "serial-500")]
    Serial500,
    /// `orch-host run` of the example with ten items that take no time, from the start of the
    /// process to its end, with a worker in another process
    Example,
    /// From the creation of a run until it runs in a worker process
    Start,
    /// From the end of what a flow waits for that is out of memory, until it runs again in a
    /// worker process
    Resume,
    /// The same until a flow has replayed a journal of 0 to 10,000 entries
    Replay,
    /// From `kill -9` of a worker process until its run goes on in another one
    Kill,
    /// What a worker process takes that has nothing to do, over 10 s; one round
    Idle,
    /// Memory that 10,000 waiting flows take, and how fast they go on when woken; one round
    #[value(name = "suspended-10k")]
    Suspended10k,
    /// The same with 100,000; takes minutes, so only by name or with `--all`
    #[value(name = "suspended-100k")]
    Suspended100k,
    /// Runs on a database with 1,000,000 finished runs (`--finished`) and on one with 1,000;
    /// takes some minutes to fill it, so only by name or with `--all`
    Finished,
}

impl Workload {
    /// As it is typed.
    pub fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// The rows that are measured where none is named.
    pub fn usual() -> Vec<Self> {
        let is_usual = |row: &Self| !matches!(row, Self::Suspended100k | Self::Finished);
        Self::value_variants()
            .iter()
            .copied()
            .filter(is_usual)
            .collect()
    }

    /// Rows that start from nothing each time, and take long: they have no warm-up, and one
    /// round unless more are asked for.
    pub fn is_long(self) -> bool {
        matches!(self, Self::Idle | Self::Suspended10k | Self::Suspended100k)
    }

    pub fn what(self) -> &'static str {
        match self {
            Self::Instances => "task instances alone",
            Self::Empty => "empty flow, many at once",
            Self::ThreeTasks => "three-task flow, one at a time",
            Self::ThreeTasksMany => "three-task flow, many at once",
            Self::FanOut10 => "fan out to 10 runs and wait",
            Self::FanOut100 => "fan out to 100 runs and wait",
            Self::Serial500 => "500 tasks in one flow, in turn",
            Self::Example => "`orch-host run` of ten items, whole process",
            Self::Start => "created to running, across processes",
            Self::Resume => "awaited to running, from out of memory",
            Self::Replay => "awaited to waiting again, by journal",
            Self::Kill => "`kill -9` to running in another worker",
            Self::Idle => "idle worker process",
            Self::Suspended10k => "10,000 suspended flows",
            Self::Suspended100k => "100,000 suspended flows",
            Self::Finished => "runs after many finished ones",
        }
    }

    /// One round, which takes about `long` where that can be chosen.
    pub async fn measure(self, ground: &mut Ground, long: Duration) -> anyhow::Result<Vec<Sample>> {
        match self {
            Self::Instances => instances::instances(ground.here().await?, long).await,
            Self::Empty => here::together(ground.here().await?, "empty", 1000, long).await,
            Self::ThreeTasksMany => {
                here::together(ground.here().await?, "three-tasks", 1000, long).await
            }
            Self::ThreeTasks => {
                here::in_turn(ground.here().await?, "three-tasks", "{}", long).await
            }
            Self::FanOut10 => {
                here::in_turn(ground.here().await?, "fan-out", r#"{"n":10}"#, long).await
            }
            Self::FanOut100 => {
                here::in_turn(ground.here().await?, "fan-out", r#"{"n":100}"#, long).await
            }
            Self::Serial500 => {
                here::in_turn(ground.here().await?, "serial", r#"{"n":500}"#, long).await
            }
            Self::Example => apart::example(&ground.apart().await?.bed, long).await,
            Self::Start => apart::start(&ground.apart().await?.bed, long).await,
            Self::Resume => apart::resume(&ground.unparked().await?.bed, long).await,
            Self::Replay => replaying::replay(&ground.unparked().await?.bed).await,
            Self::Kill => apart::kill(ground).await,
            Self::Idle => apart::idle(ground).await,
            Self::Suspended10k => suspended::suspended(ground, 10_000).await,
            Self::Suspended100k => suspended::suspended(ground, 100_000).await,
            Self::Finished => ground.histories().await?.measure(long).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_minutes_is_not_measured_unasked() {
        let usual = Workload::usual();
        assert!(usual.contains(&Workload::Empty));
        assert!(!usual.contains(&Workload::Finished));
        assert!(!usual.contains(&Workload::Suspended100k));
    }

    #[test]
    fn a_row_has_the_name_that_is_typed() {
        assert_eq!(Workload::FanOut10.name(), "fan-out-10");
        assert_eq!(Workload::ThreeTasksMany.name(), "three-tasks-many");
    }
}

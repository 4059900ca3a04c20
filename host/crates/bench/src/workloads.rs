//! The rows of the benchmark: what each is called, and how a round of it is measured.

use std::time::Duration;

use crate::figures::Sample;
use crate::ground::Ground;
use crate::runs::{self, in_turn};
use crate::{apart, backlog, blob, follow, followed, instances, replaying, suspended};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    Instances,
    Empty,
    ThreeTasks,
    ThreeTasksGranted,
    ThreeTasksOutside,
    ThreeTasksMany,
    FanOut10,
    FanOut100,
    Serial500,
    Serial500Granted,
    Serial500Outside,
    Http,
    Json1m,
    Json10m,
    Example,
    Start,
    Resume,
    Replay,
    Kill,
    Idle,
    Suspended10k,
    Suspended100k,
    Finished,
    Backlog,
    Schedules10k,
    Followed,
    Follow,
    ApiRead,
    ApiStart,
    Blob100m,
}

impl Workload {
    /// In the order in which they are measured and shown.
    pub const ALL: [Self; 30] = [
        Self::Instances,
        Self::Empty,
        Self::ThreeTasks,
        Self::ThreeTasksGranted,
        Self::ThreeTasksOutside,
        Self::ThreeTasksMany,
        Self::FanOut10,
        Self::FanOut100,
        Self::Serial500,
        Self::Serial500Granted,
        Self::Serial500Outside,
        Self::Http,
        Self::Json1m,
        Self::Json10m,
        Self::Example,
        Self::Start,
        Self::Resume,
        Self::Replay,
        Self::Kill,
        Self::Idle,
        Self::Suspended10k,
        Self::Suspended100k,
        Self::Finished,
        Self::Backlog,
        Self::Schedules10k,
        Self::Followed,
        Self::Follow,
        Self::ApiRead,
        Self::ApiStart,
        Self::Blob100m,
    ];

    /// The rows that are measured where none is named.
    pub fn usual() -> Vec<Self> {
        let takes_minutes = |row: &Self| {
            matches!(
                row,
                Self::Suspended100k | Self::Finished | Self::Backlog | Self::ApiRead
            )
        };
        let mut usual = Self::ALL.to_vec();
        usual.retain(|row| !takes_minutes(row));
        usual
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|row| row.name() == name)
    }

    /// Rows that start from nothing each time, and take long: they have no warm-up, and one
    /// round unless more are asked for.
    pub fn is_long(self) -> bool {
        matches!(
            self,
            Self::Idle | Self::Suspended10k | Self::Suspended100k | Self::Follow
        )
    }

    /// As it is typed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Instances => "instances",
            Self::Empty => "empty",
            Self::ThreeTasks => "three-tasks",
            Self::ThreeTasksGranted => "three-tasks-granted",
            Self::ThreeTasksOutside => "three-tasks-outside",
            Self::ThreeTasksMany => "three-tasks-many",
            Self::FanOut10 => "fan-out-10",
            Self::FanOut100 => "fan-out-100",
            Self::Serial500 => "serial-500",
            Self::Serial500Granted => "serial-500-granted",
            Self::Serial500Outside => "serial-500-outside",
            Self::Http => "http",
            Self::Json1m => "json-1m",
            Self::Json10m => "json-10m",
            Self::Example => "example",
            Self::Start => "start",
            Self::Resume => "resume",
            Self::Replay => "replay",
            Self::Kill => "kill",
            Self::Idle => "idle",
            Self::Suspended10k => "suspended-10k",
            Self::Suspended100k => "suspended-100k",
            Self::Finished => "finished",
            Self::Backlog => "backlog",
            Self::Schedules10k => "schedules-10k",
            Self::Followed => "followed",
            Self::Follow => "follow",
            Self::ApiRead => "api-read",
            Self::ApiStart => "api-start",
            Self::Blob100m => "blob-100m",
        }
    }

    /// As a table of figures has it.
    pub fn what(self) -> &'static str {
        match self {
            Self::Instances => "task instances alone",
            Self::Empty => "empty flow, many at once",
            Self::ThreeTasks => "three-task flow, one at a time",
            Self::ThreeTasksGranted => "three-task flow with a grant, one at a time",
            Self::ThreeTasksOutside => "three-task flow from outside, one at a time",
            Self::ThreeTasksMany => "three-task flow, many at once",
            Self::FanOut10 => "fan out to 10 runs and wait",
            Self::FanOut100 => "fan out to 100 runs and wait",
            Self::Serial500 => "500 tasks in one flow, in turn",
            Self::Serial500Granted => "500 tasks with a grant in one flow, in turn",
            Self::Serial500Outside => "500 tasks with a request each, in turn",
            Self::Http => "a request by a task, and without a sandbox",
            Self::Json1m => "a text of 1 MB through a task and back",
            Self::Json10m => "a text of 10 MB through a task and back",
            Self::Example => "`orch-host run` of ten items, whole process",
            Self::Start => "created to running, across processes",
            Self::Resume => "awaited to running, from out of memory",
            Self::Replay => "awaited to waiting again, by journal",
            Self::Kill => "`kill -9` to running in another worker",
            Self::Idle => "idle worker process",
            Self::Suspended10k => "10,000 suspended flows",
            Self::Suspended100k => "100,000 suspended flows",
            Self::Finished => "runs after many finished ones",
            Self::Backlog => "claims before many due runs",
            Self::Schedules10k => "10,000 schedules",
            Self::Followed => "runs while somebody follows all events",
            Self::Follow => "1,000 streams of one busy run",
            Self::ApiRead => "pages and JSON of a server with many runs",
            Self::ApiStart => "a run over HTTP, until its end is told",
            Self::Blob100m => "a blob of 100 MB, and a copy of such a file",
        }
    }

    /// As the help has it.
    pub fn help(self) -> &'static str {
        match self {
            Self::Instances => {
                "Task instances that are made, called and dropped, with nothing recorded: \
                 what bounds the rest"
            }
            Self::Empty => "Flows that do nothing, many at once",
            Self::ThreeTasks => "Flows of three tasks, one after the other",
            Self::ThreeTasksGranted => {
                "The same, and its tasks are granted a host, which they do not call"
            }
            Self::ThreeTasksOutside => {
                "The same without a grant, executed by a worker in another process"
            }
            Self::ThreeTasksMany => "Flows of three tasks, many at once",
            Self::FanOut10 => "A flow that starts 10 others and waits for them",
            Self::FanOut100 => "A flow that starts 100 others and waits for them",
            Self::Serial500 => "A flow of 500 tasks, one after the other",
            Self::Serial500Granted => {
                "The same, and its tasks are granted a host, which they do not call"
            }
            Self::Serial500Outside => {
                "A flow of 500 tasks, one after the other, which each make a request to a server \
                 on the loopback, and as the measure as many syncs of a file"
            }
            Self::Http => {
                "Requests to a server on the loopback that tasks make, and as the measure the same \
                 by a client in this process: one at a time, and 64"
            }
            Self::Json1m => {
                "A flow that makes a text of 1 MB, passes it through a task and returns it: \
                 another text each time"
            }
            Self::Json10m => "The same with 10 MB",
            Self::Example => {
                "`orch-host run` of the example with ten items that take no time, from the \
                 start of the process to its end, with a worker in another process"
            }
            Self::Start => "From the creation of a run until it runs in a worker process",
            Self::Resume => {
                "From the end of what a flow waits for that is out of memory, until it runs \
                 again in a worker process"
            }
            Self::Replay => "The same until a flow has replayed a journal of 0 to 10,000 entries",
            Self::Kill => "From `kill -9` of a worker process until its run goes on in another one",
            Self::Idle => {
                "What a worker process takes that has nothing to do, over 10 s; one round"
            }
            Self::Suspended10k => {
                "Memory that 10,000 waiting flows take, and how fast they go on when woken; \
                 one round"
            }
            Self::Suspended100k => {
                "The same with 100,000; takes minutes, so only by name or with `--all`"
            }
            Self::Finished => {
                "Runs on a database with 1,000,000 finished runs (`--finished`) and on one \
                 with 1,000; takes some minutes to fill it, so only by name or with `--all`"
            }
            Self::Backlog => {
                "Claims in a queue with 1,000,000 due runs (`--finished`) of three priorities, and \
                 in one with 1,000; takes some minutes to fill it, so only by name or with `--all`"
            }
            Self::Schedules10k => {
                "What it takes to find the next slot of 10,000 schedules, and those that are due"
            }
            Self::Followed => {
                "Empty runs, many at once, and single runs of three tasks, each with and without \
                 a follower of all events in the process"
            }
            Self::Follow => {
                "1,000 streams of server-sent events on one run with 40 changes a second: what \
                 a stream takes of the server's memory, and how long a change takes to its \
                 readers; one round"
            }
            Self::ApiRead => {
                "Pages and JSON of a server with 1,000,000 finished runs (`--finished`), each \
                 from the request to the end of its answer; takes minutes to fill the database, \
                 so only by name or with `--all`"
            }
            Self::ApiStart => {
                "From the request that starts a run of an empty flow, until the stream of its \
                 events has told of its end; the server has a worker"
            }
            Self::Blob100m => {
                "A run whose task writes a blob of 100 MB, another that reads it, and as the \
                 measure a copy of such a file that is synced"
            }
        }
    }

    /// One round, which takes about `long` where that can be chosen.
    pub async fn measure(
        self,
        ground: &mut Ground<'_>,
        long: Duration,
    ) -> anyhow::Result<Vec<Sample>> {
        match self {
            Self::Instances => instances::instances(ground.here().await?, long).await,
            Self::Empty => runs::together(ground.here().await?, "empty", 1000, long).await,
            Self::ThreeTasksMany => {
                runs::together(ground.here().await?, "three-tasks", 1000, long).await
            }
            Self::ThreeTasks => in_turn(ground.here().await?, "three-tasks", "{}", long).await,
            Self::ThreeTasksGranted => {
                in_turn(ground.granted().await?, "three-tasks", "{}", long).await
            }
            Self::ThreeTasksOutside => {
                in_turn(&ground.apart().await?.bed, "three-tasks", "{}", long).await
            }
            Self::FanOut10 => in_turn(ground.here().await?, "fan-out", r#"{"n":10}"#, long).await,
            Self::FanOut100 => in_turn(ground.here().await?, "fan-out", r#"{"n":100}"#, long).await,
            Self::Serial500 => in_turn(ground.here().await?, "serial", r#"{"n":500}"#, long).await,
            Self::Serial500Granted => {
                in_turn(ground.granted().await?, "serial", r#"{"n":500}"#, long).await
            }
            Self::Serial500Outside => ground.outside().await?.serial(long).await,
            Self::Http => ground.outside().await?.requests().await,
            Self::Json1m => {
                in_turn(ground.here().await?, "pass", r#"{"bytes":1000000}"#, long).await
            }
            Self::Json10m => {
                in_turn(ground.here().await?, "pass", r#"{"bytes":10000000}"#, long).await
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
            Self::Backlog => ground.backlogs().await?.measure().await,
            Self::Schedules10k => backlog::schedules(ground.bed().await?, 10_000).await,
            Self::Followed => followed::followed(ground.here().await?, long).await,
            Self::Follow => follow::follow(ground.bed().await?, long).await,
            Self::ApiRead => ground.reads().await?.measure(long).await,
            Self::ApiStart => ground.starts().await?.measure(long).await,
            Self::Blob100m => blob::blob(&ground.outside().await?.bed).await,
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
        assert!(!usual.contains(&Workload::ApiRead));
        assert!(!usual.contains(&Workload::Suspended100k));
    }

    #[test]
    fn each_row_is_found_by_its_name() {
        for row in Workload::ALL {
            assert_eq!(Workload::named(row.name()), Some(row));
        }
        assert_eq!(Workload::named("no-such-row"), None);
    }
}

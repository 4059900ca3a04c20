//! Workers.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::View;
use crate::text::size;
use model::{PoolName, Timestamp, Usage, Worker, WorkerId, WorkerUsage};

/// A worker that is alive.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct WorkerView {
    pub id: WorkerId,
    pub name: String,
    /// None for a `run` command, which executes only its own run.
    pub pool: Option<PoolName>,
    /// Flow runs executed at once.
    pub limit: u32,
    pub pid: u32,
    pub host: String,
    /// Of its program. None for one from before versions were kept.
    pub version: Option<String>,
    /// As of its last heartbeat. None for one from before that was said.
    pub usage: Option<WorkerUsageView>,
    pub started: Timestamp,
    pub heartbeat: Timestamp,
    /// When its right to what it runs ends, unless it is renewed.
    pub lease_until: Timestamp,
}

impl View for WorkerView {}

/// What the guests of a worker use and may use, and its process with them.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub struct WorkerUsageView {
    /// The memory of all flows and tasks, with what they make the host hold, in bytes.
    pub memory: UsageView,
    /// The most bytes of it that were used at once.
    pub memory_peak: u64,
    /// Instances of flows, in shares of the room for them: a large component takes several.
    pub flows: UsageView,
    /// The same of tasks.
    pub tasks: UsageView,
    /// Open files and sockets. None where the system does not tell.
    pub descriptors: Option<UsageView>,
    /// None where the system does not tell.
    pub threads: Option<u64>,
}

/// How much is used of something of which there is so much.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub struct UsageView {
    pub used: u64,
    pub limit: u64,
}

impl UsageView {
    /// For bytes: `1.2 GiB of 16 GiB`.
    pub fn in_bytes(self) -> String {
        format!("{} of {}", size(self.used), size(self.limit))
    }
}

/// `3 of 125`.
impl fmt::Display for UsageView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.used, self.limit)
    }
}

impl From<Usage> for UsageView {
    fn from(Usage { used, limit }: Usage) -> Self {
        Self { used, limit }
    }
}

impl From<WorkerUsage> for WorkerUsageView {
    fn from(usage: WorkerUsage) -> Self {
        Self {
            memory: usage.memory.into(),
            memory_peak: usage.memory_peak,
            flows: usage.flows.into(),
            tasks: usage.tasks.into(),
            descriptors: usage.descriptors.map(Into::into),
            threads: usage.threads,
        }
    }
}

impl From<Worker> for WorkerView {
    fn from(worker: Worker) -> Self {
        Self {
            id: worker.id,
            name: worker.name,
            pool: worker.pool,
            limit: worker.limit,
            pid: worker.pid,
            host: worker.host,
            version: worker.version,
            usage: worker.usage.map(Into::into),
            started: worker.started,
            heartbeat: worker.heartbeat,
            lease_until: worker.lease_until,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::testing::{AT, RUN, shown, uuid};

    #[test]
    fn the_shape_of_a_worker() {
        let usage = WorkerUsage {
            memory: Usage {
                used: 1_288_490_189,
                limit: 16 << 30,
            },
            memory_peak: 2 << 30,
            flows: Usage {
                used: 3,
                limit: 125,
            },
            tasks: Usage {
                used: 0,
                limit: 256,
            },
            descriptors: None,
            threads: Some(9),
        };
        let view = WorkerUsageView::from(usage);
        assert_eq!(view.memory.in_bytes(), "1.2 GiB of 16 GiB");
        assert_eq!(view.flows.to_string(), "3 of 125");
        let worker = Worker {
            id: WorkerId(uuid(RUN)),
            name: "brave-newt".to_owned(),
            pool: None,
            limit: 100,
            pid: 7,
            host: "here".to_owned(),
            version: Some("1.2.3".to_owned()),
            usage: Some(usage),
            started: AT,
            heartbeat: AT,
            lease_until: AT,
        };
        insta::assert_snapshot!(shown(&WorkerView::from(worker)), @r#"
        {
          "id": "01920000-0000-7000-8000-000000000001",
          "name": "brave-newt",
          "pool": null,
          "limit": 100,
          "pid": 7,
          "host": "here",
          "version": "1.2.3",
          "usage": {
            "memory": {
              "used": 1288490189,
              "limit": 17179869184
            },
            "memory_peak": 2147483648,
            "flows": {
              "used": 3,
              "limit": 125
            },
            "tasks": {
              "used": 0,
              "limit": 256
            },
            "descriptors": null,
            "threads": 9
          },
          "started": "2023-11-14T22:13:20.123456Z",
          "heartbeat": "2023-11-14T22:13:20.123456Z",
          "lease_until": "2023-11-14T22:13:20.123456Z"
        }
        "#);
    }
}

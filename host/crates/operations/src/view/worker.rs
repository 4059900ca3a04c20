//! Workers.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::View;
use model::{PoolName, Timestamp, Worker, WorkerId};

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
    pub started: Timestamp,
    pub heartbeat: Timestamp,
    /// When its right to what it runs ends, unless it is renewed.
    pub lease_until: Timestamp,
}

impl View for WorkerView {}

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
        let worker = Worker {
            id: WorkerId(uuid(RUN)),
            name: "brave-newt".to_owned(),
            pool: None,
            limit: 100,
            pid: 7,
            host: "here".to_owned(),
            version: Some("1.2.3".to_owned()),
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
          "started": "2023-11-14T22:13:20.123456Z",
          "heartbeat": "2023-11-14T22:13:20.123456Z",
          "lease_until": "2023-11-14T22:13:20.123456Z"
        }
        "#);
    }
}

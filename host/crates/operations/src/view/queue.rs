//! Queues of work pools.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::View;
use model::{PoolName, Priority, QueueName, Timestamp, WorkQueue};
use store::QueueUse;

/// A queue of a work pool and how it is used.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct QueueView {
    pub pool: PoolName,
    pub name: QueueName,
    /// Among the queues of the pool: the lower the number, the sooner.
    pub priority: Priority,
    /// Its flow runs executed at once, within the limit of the pool. None: no limit.
    pub limit: Option<u32>,
    pub paused: bool,
    pub created: Timestamp,
    /// Flow runs of it that hold a slot of the pool.
    pub active: u64,
    /// Flow runs that could start now.
    pub ready: u64,
    /// Since when the one is ready that has waited longest. Null if none is.
    pub oldest: Option<Timestamp>,
    /// Flow runs scheduled for later.
    pub scheduled: u64,
    /// Deployments whose runs are in it unless they name another.
    pub deployments: u64,
}

impl View for QueueView {}

impl From<QueueUse> for QueueView {
    fn from(queue: QueueUse) -> Self {
        let WorkQueue {
            pool,
            name,
            priority,
            limit,
            paused,
            created,
        } = queue.queue;
        Self {
            pool,
            name,
            priority,
            limit,
            paused,
            created,
            active: queue.active,
            ready: queue.ready,
            oldest: queue.oldest,
            scheduled: queue.scheduled,
            deployments: queue.deployments,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::testing::{AT, shown};

    #[test]
    fn the_shape_of_a_work_queue() {
        let queue = QueueUse {
            queue: WorkQueue {
                pool: PoolName::default_pool(),
                name: "urgent".parse().unwrap(),
                priority: Priority::FIRST,
                limit: Some(3),
                paused: false,
                created: AT,
            },
            active: 1,
            ready: 2,
            oldest: Some(AT),
            scheduled: 3,
            deployments: 4,
        };
        insta::assert_snapshot!(shown(&QueueView::from(queue)), @r#"
        {
          "pool": "default-pool",
          "name": "urgent",
          "priority": 1,
          "limit": 3,
          "paused": false,
          "created": "2023-11-14T22:13:20.123456Z",
          "active": 1,
          "ready": 2,
          "oldest": "2023-11-14T22:13:20.123456Z",
          "scheduled": 3,
          "deployments": 4
        }
        "#);
    }
}

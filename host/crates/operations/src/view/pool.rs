//! Work pools.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::View;
use model::{PoolName, Timestamp, WorkPool};
use store::PoolUse;

/// A work pool and how it is used.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PoolView {
    pub name: PoolName,
    /// Flow runs executed at once, over all of its workers. None: no limit.
    pub limit: Option<u32>,
    pub paused: bool,
    pub created: Timestamp,
    /// Flow runs that hold a slot of it.
    pub active: u64,
    /// Flow runs that could start now.
    pub ready: u64,
    /// Flow runs scheduled for later.
    pub scheduled: u64,
    /// Workers that are alive.
    pub workers: u64,
    pub deployments: u64,
}

impl View for PoolView {}

impl From<PoolUse> for PoolView {
    fn from(pool: PoolUse) -> Self {
        let WorkPool {
            name,
            limit,
            paused,
            created,
        } = pool.pool;
        Self {
            name,
            limit,
            paused,
            created,
            active: pool.active,
            ready: pool.ready,
            scheduled: pool.scheduled,
            workers: pool.workers,
            deployments: pool.deployments,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::testing::{AT, shown};

    #[test]
    fn the_shape_of_a_work_pool() {
        let pool = PoolUse {
            pool: WorkPool {
                name: PoolName::default_pool(),
                limit: Some(3),
                paused: false,
                created: AT,
            },
            active: 1,
            ready: 2,
            scheduled: 3,
            workers: 4,
            deployments: 5,
        };
        insta::assert_snapshot!(shown(&PoolView::from(pool)), @r#"
        {
          "name": "default-pool",
          "limit": 3,
          "paused": false,
          "created": "2023-11-14T22:13:20.123456Z",
          "active": 1,
          "ready": 2,
          "scheduled": 3,
          "workers": 4,
          "deployments": 5
        }
        "#);
    }
}

//! Work pools, their queues, and which run goes first.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{PoolName, QueueName, Timestamp};

/// A named queue of runs, from which workers pull.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkPool {
    pub name: PoolName,
    /// How many runs all workers of the pool together execute at once. None: as many as
    /// they have room for.
    pub limit: Option<u32>,
    /// Whether workers take no runs from it for now.
    pub paused: bool,
    pub created: Timestamp,
}

/// A queue of a work pool, with the runs that were started for it. A pool has one called
/// `default` from the start, which cannot be deleted.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkQueue {
    pub pool: PoolName,
    pub name: QueueName,
    /// Among the queues of the pool.
    pub priority: Priority,
    /// How many of its runs all workers together execute at once, within the pool's limit.
    /// None: as many as the pool has room for.
    pub limit: Option<u32>,
    /// Whether workers take no runs from it for now.
    pub paused: bool,
    pub created: Timestamp,
}

impl WorkQueue {
    /// What a new pool has from the start.
    pub fn default_of(pool: &WorkPool) -> Self {
        Self {
            pool: pool.name.clone(),
            name: QueueName::default_queue(),
            priority: Priority::default(),
            limit: None,
            paused: false,
            created: pool.created,
        }
    }
}

/// Which goes first, from 1 to 100: the lower the number, the sooner, as in Prefect. It orders
/// the queues of a pool, and the runs of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Priority(u8);

impl Priority {
    pub const FIRST: Self = Self(1);
    pub const LAST: Self = Self(100);

    pub fn new(number: u8) -> Result<Self, PriorityError> {
        if (Self::FIRST.0..=Self::LAST.0).contains(&number) {
            Ok(Self(number))
        } else {
            Err(PriorityError(number.to_string()))
        }
    }

    pub fn get(self) -> u8 {
        self.0
    }
}

/// What has none is in the middle, so that there is room before and after it.
impl Default for Priority {
    fn default() -> Self {
        Self(50)
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Priority {
    type Err = PriorityError;
    fn from_str(text: &str) -> Result<Self, PriorityError> {
        let number = text.parse().map_err(|_| PriorityError(text.to_owned()))?;
        Self::new(number)
    }
}

impl TryFrom<u8> for Priority {
    type Error = PriorityError;
    fn try_from(number: u8) -> Result<Self, PriorityError> {
        Self::new(number)
    }
}

impl From<Priority> for u8 {
    fn from(priority: Priority) -> Self {
        priority.0
    }
}

/// Why a text is no priority.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no priority: it is a number from 1, which goes first, to 100")]
pub struct PriorityError(String);

//! How a runtime is made.

use std::path::PathBuf;

use super::{DescribeLimits, Limits};

/// What the one who makes a runtime decides.
#[derive(Clone, Debug)]
pub struct RuntimeConfig {
    /// Where compiled code is kept; none: nowhere.
    pub cache_dir: Option<PathBuf>,
    pub limits: Limits,
    pub describe_limits: DescribeLimits,
    /// Flow instances alive at once, waiting ones in memory included.
    pub flows_max: u32,
    /// Task instances alive at once.
    pub tasks_max: u32,
}

impl Default for RuntimeConfig {
    fn default() -> Self {
        Self {
            cache_dir: None,
            limits: Limits::default(),
            describe_limits: DescribeLimits::default(),
            flows_max: 512,
            tasks_max: 256,
        }
    }
}

//! The settings of a runtime.

use std::path::PathBuf;

use super::{DescribeLimits, Limits};

/// The settings that the caller of `Runtime::new` chooses.
#[derive(Clone, Debug)]
pub struct RuntimeConfig {
    /// The directory for compiled code. None: it is not kept.
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

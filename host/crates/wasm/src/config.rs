//! The settings of a runtime.

use std::path::PathBuf;

use super::machine;
use super::{CompileLimits, ComponentLimits, DescribeLimits, HttpConfig, Limits};

/// Where components are compiled, and where they describe themselves.
#[derive(Clone, Debug, Default)]
pub enum Compiling {
    /// In this process: for components that one trusts, and for tests.
    #[default]
    Here,
    /// In a process of its own for each, which runs this program. The program calls
    /// [`compile_child`](crate::compile_child) when [`COMPILE_CHILD`](crate::COMPILE_CHILD) is
    /// its first argument.
    Child(PathBuf),
}

/// The settings that the caller of `Runtime::new` chooses.
#[derive(Clone, Debug)]
pub struct RuntimeConfig {
    /// The directory for compiled code. None: it is not kept.
    pub cache_dir: Option<PathBuf>,
    pub limits: Limits,
    pub describe_limits: DescribeLimits,
    pub component_limits: ComponentLimits,
    pub compile_limits: CompileLimits,
    pub compiling: Compiling,
    pub http: HttpConfig,
    /// Where directories of single attempts of tasks are made. What is left there of a process
    /// that was killed is removed.
    pub scratch_dir: PathBuf,
    /// Flow instances alive at once, waiting ones in memory included. One with several memories
    /// counts as so many.
    pub flows_max: u32,
    /// Task instances alive at once, counted in the same way.
    pub tasks_max: u32,
    /// The memory of all guests together, in bytes.
    pub memory_max: usize,
}

impl RuntimeConfig {
    /// Shares of the engine's pools for flow instances. The largest component fits, however few
    /// instances are asked for.
    pub(super) fn flow_shares(&self) -> u32 {
        self.flows_max.max(self.component_limits.shares_max())
    }

    /// The same for task instances.
    pub(super) fn task_shares(&self) -> u32 {
        self.tasks_max.max(self.component_limits.shares_max())
    }
}

impl Default for RuntimeConfig {
    fn default() -> Self {
        Self {
            cache_dir: None,
            limits: Limits::default(),
            describe_limits: DescribeLimits::default(),
            component_limits: ComponentLimits::default(),
            compile_limits: CompileLimits::default(),
            compiling: Compiling::default(),
            http: HttpConfig::default(),
            scratch_dir: std::env::temp_dir().join("orch-host-tasks"),
            flows_max: 512,
            tasks_max: 256,
            memory_max: machine::guest_memory(),
        }
    }
}

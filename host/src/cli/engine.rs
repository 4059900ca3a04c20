//! The engine of this process, for those commands that look into components or run them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::size::SizeArg;
use super::time::TimeLimitArg;
use async_trait::async_trait;
use model::Manifest;
use operations::client::{Describe, Undescribed};
use wasm::{CompileLimits, Compiling, ComponentError, HttpConfig, Limits, Runtime, RuntimeConfig};

/// How much room guests have together.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Instances of flows that may be alive at once.
    flows: u32,
    /// The same of tasks.
    tasks: u32,
    /// Memory, in bytes. None: a part of what this machine has.
    memory: Option<usize>,
}

impl Room {
    /// For a look at one component.
    pub const FEW: Self = Self {
        flows: 4,
        tasks: 4,
        memory: None,
    };

    /// For one run and what it starts within itself.
    pub const ONE_RUN: Self = Self {
        flows: 4,
        tasks: 256,
        memory: None,
    };

    /// For so many runs at once. A quarter more may wait in memory: an instance with all that
    /// belongs to it takes some 200 KB, and one that had to leave is back in less than a
    /// millisecond.
    pub fn for_runs(runs: u32) -> Self {
        Self {
            flows: runs.saturating_add(runs / 4).clamp(16, 4096),
            tasks: runs.saturating_mul(2).clamp(256, 4096),
            memory: None,
        }
    }

    /// With as much memory as was typed.
    pub fn with_memory(self, typed: Option<SizeArg>) -> Self {
        Self {
            memory: typed.map(|SizeArg(bytes)| bytes),
            ..self
        }
    }

    /// With one of so many parts of the memory, where another process has the others.
    pub fn with_one_part_of(self, parts: usize) -> Self {
        let all = self.memory.unwrap_or(RuntimeConfig::default().memory_max);
        Self {
            memory: Some(all / parts),
            ..self
        }
    }
}

/// How engines of this process are made.
#[derive(Clone, Debug)]
pub struct EngineSettings {
    /// Where compiled code is kept.
    pub cache: PathBuf,
    pub compile_limits: CompileLimits,
}

impl EngineSettings {
    /// With the time that was typed for compiling, if it was.
    pub fn new(cache: &Path, compile_limit: Option<TimeLimitArg>) -> Self {
        Self {
            cache: cache.to_owned(),
            compile_limits: match compile_limit {
                Some(TimeLimitArg(max)) => CompileLimits::for_compute(max),
                None => CompileLimits::default(),
            },
        }
    }

    /// An engine. Components are compiled by this program, in processes of their own.
    pub fn runtime(
        &self,
        room: Room,
        limits: Limits,
        http: HttpConfig,
    ) -> anyhow::Result<Arc<Runtime>> {
        let usual = RuntimeConfig::default();
        Runtime::new(RuntimeConfig {
            cache_dir: Some(self.cache.clone()),
            scratch_dir: self.cache.with_file_name("tmp"),
            limits,
            http,
            compile_limits: self.compile_limits.clone(),
            compiling: Compiling::Child(THIS_PROGRAM.into()),
            flows_max: room.flows,
            tasks_max: room.tasks,
            memory_max: room.memory.unwrap_or(usual.memory_max),
            ..usual
        })
    }
}

/// What this process runs, even where the file has been replaced since.
const THIS_PROGRAM: &str = "/proc/self/exe";

/// Lets components describe themselves.
pub enum Describer {
    With(Arc<Runtime>),
    /// With an engine that is made when it is needed: few commands need one.
    WhenNeeded(EngineSettings),
}

#[async_trait]
impl Describe for Describer {
    async fn describe(&self, bytes: &[u8]) -> Result<Manifest, Undescribed> {
        let runtime = match self {
            Self::With(runtime) => Ok(Arc::clone(runtime)),
            Self::WhenNeeded(settings) => {
                settings.runtime(Room::FEW, Limits::default(), HttpConfig::default())
            }
        };
        let runtime = runtime.map_err(|err| Undescribed {
            reason: format!("{err:#}"),
            hint: "this machine cannot run components".to_owned(),
        })?;
        let described = if bytes.is_empty() {
            Err(ComponentError::Empty)
        } else {
            runtime.describe(bytes).await
        };
        described.map_err(|err| Undescribed {
            reason: err.to_string(),
            hint: err.hint().to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_memory_is_of_what_was_typed_or_of_what_there_is() {
        let part = |typed| Room::ONE_RUN.with_memory(typed).with_one_part_of(4).memory;
        assert_eq!(part(Some(SizeArg(1 << 30))), Some(256 << 20));
        assert_eq!(part(None), Some(RuntimeConfig::default().memory_max / 4));
    }
}

//! Compiling a component, and letting it describe itself.
//!
//! ```text
//! bytes --[process: compile]--> code --[process: describe]--> manifest
//!              |                  |
//!      counts, translates    kept in the cache, loaded by workers
//! ```
//!
//! Both take a stranger's bytes and may run for long, so each happens in a process of its own
//! with limits on time, memory and output, and without any way to a file or a socket. They
//! are two processes, because code that was compiled is run by workers: what a component does
//! while it describes itself must not reach it.
//!
//! Failures: a limit that is reached and a process that dies are errors of that component. A
//! machine that has no process to give is an error of nobody: it is tried again for a while.

mod ask;
mod child;
mod confine;
mod spawn;
mod wire;
mod work;

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::available_parallelism;

use tokio::sync::Semaphore;

use super::ComponentError;
use super::config::{Compiling, RuntimeConfig};
use ask::Question;
use model::Manifest;
use wire::{Answer, Settings, Work};

pub use child::{COMPILE_CHILD, compile_child};
pub(super) use work::{Linkers, describe};

/// Compiles components, and lets them describe themselves, where the settings say.
pub(super) struct Compiler {
    settings: Arc<Settings>,
    /// The program of the processes. None: it happens in this process.
    program: Option<PathBuf>,
    /// As many at once as there are processors.
    turns: Semaphore,
}

impl Compiler {
    pub fn new(config: &RuntimeConfig) -> Self {
        let processors = available_parallelism().map_or(1, usize::from);
        Self {
            settings: Arc::new(Settings::of(config)),
            program: match &config.compiling {
                Compiling::Here => None,
                Compiling::Child(program) => Some(program.clone()),
            },
            turns: Semaphore::new(processors),
        }
    }

    /// Whether components describe themselves in processes of their own.
    pub fn has_children(&self) -> bool {
        self.program.is_some()
    }

    /// The compiled code of a component.
    pub async fn compile(&self, wasm: Vec<u8>) -> Result<Vec<u8>, ComponentError> {
        let _turn = self.turns.acquire().await;
        let Some(program) = &self.program else {
            let settings = Arc::clone(&self.settings);
            let compiled = tokio::task::spawn_blocking(move || work::compile(&wasm, &settings));
            return compiled
                .await
                .unwrap_or_else(|panic| Err(ComponentError::Crashed(panic.to_string())));
        };
        match self.question(Work::Compile).ask(program, wasm).await? {
            (Answer::Code { .. }, code) => Ok(code),
            (other, _) => Err(other.unexpected()),
        }
    }

    /// What a component says of itself, in a process of its own, given its compiled code.
    pub async fn describe(&self, code: Vec<u8>) -> Result<Manifest, ComponentError> {
        let program = self
            .program
            .as_ref()
            .expect("it was asked whether there is one");
        let _turn = self.turns.acquire().await;
        match self.question(Work::Describe).ask(program, code).await? {
            (Answer::Manifest(manifest), _) => Ok(manifest),
            (other, _) => Err(other.unexpected()),
        }
    }

    fn question(&self, work: Work) -> Question<'_> {
        Question {
            work,
            settings: &self.settings,
        }
    }
}

//! A component that is ready to be instantiated, any number of times.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use wasmtime::component::{Component, Linker};

use super::bindings::ComponentPre;
use super::guest::Guest;
use super::results::Results;
use super::{ComponentError, inspect};
use model::Manifest;

/// A compiled component, linked as a flow and as a task.
pub struct Prepared {
    pub(super) flow: ComponentPre<Guest>,
    pub(super) task: ComponentPre<Guest>,
    /// How many shares of the engine's pools one instance takes.
    pub(super) shares: u32,
    pub(super) flow_need: Need,
    pub(super) task_need: Need,
    pub(super) results: Arc<Results>,
    /// Its description of itself, from when it was deployed.
    pub manifest: Arc<Manifest>,
}

/// What an instance needs of memory, as far as is known from those before it, in bytes.
pub(super) struct Need(AtomicUsize);

impl Need {
    /// Before any is known: what a small component from Rust has.
    const UNKNOWN: usize = 2 << 20;

    pub fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// An instance has used so much. Others that used more are forgotten slowly.
    pub fn learn(&self, used: usize) {
        let known = self.get();
        let next = used.max(known - known / 8);
        if next != known {
            self.0.store(next, Ordering::Relaxed);
        }
    }
}

impl Default for Need {
    fn default() -> Self {
        Self(AtomicUsize::new(Self::UNKNOWN))
    }
}

/// Why a component cannot be prepared.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PrepareError {
    #[error("component {0} is gone")]
    Gone(model::Digest),
    #[error("component {digest}: {error}")]
    Component {
        digest: model::Digest,
        error: ComponentError,
    },
    /// Its bytes could not be read.
    #[error("{0}")]
    Unreadable(String),
}

/// Links a component with everything it imports.
pub(super) fn link(
    linker: &Linker<Guest>,
    component: &Component,
) -> Result<ComponentPre<Guest>, ComponentError> {
    inspect::exports(component)?;
    let pre = linker
        .instantiate_pre(component)
        .map_err(|err| unknown_import(&err))?;
    ComponentPre::new(pre).map_err(|err| ComponentError::Invalid(format!("{err:#}")))
}

/// wasmtime names the import in the outermost message, between backticks.
fn unknown_import(err: &wasmtime::Error) -> ComponentError {
    let text = err.to_string();
    match text.split('`').nth(1) {
        Some(import) => ComponentError::Import(import.to_owned()),
        None => ComponentError::Invalid(format!("{err:#}")),
    }
}

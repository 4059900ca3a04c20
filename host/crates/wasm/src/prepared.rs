//! A component that is ready to be instantiated, any number of times.

use std::sync::Arc;

use wasmtime::component::{Component, Linker};

use super::bindings::ComponentPre;
use super::guest::Guest;
use super::{ComponentError, inspect};
use model::Manifest;

/// A compiled component, linked as a flow and as a task.
pub struct Prepared {
    pub(super) flow: ComponentPre<Guest>,
    pub(super) task: ComponentPre<Guest>,
    /// How many shares of the engine's pools one instance takes.
    pub(super) shares: u32,
    /// Its description of itself, from when it was deployed.
    pub manifest: Arc<Manifest>,
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

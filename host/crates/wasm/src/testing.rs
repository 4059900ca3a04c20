//! What tests of other crates need: the description of a component as it comes from a guest,
//! before anything of it is checked.

use super::{ComponentError, convert};
use model::Manifest;

pub use super::bindings::{guest, tasks};

/// Checks a description, as it is done with what a component says of itself.
pub fn manifest(described: guest::Manifest) -> Result<Manifest, ComponentError> {
    convert::manifest(described, None).map_err(Into::into)
}

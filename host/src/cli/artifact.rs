//! A `.wasm` file, checked before anything is kept of it.

use std::io::ErrorKind;
use std::path::Path;

use super::error::{UserError, bad_manifest, not_deployable};
use model::{Component, Digest, Timestamp};
use wasm::{ComponentError, Runtime};

/// A component and its bytes.
pub struct Artifact {
    pub component: Component,
    pub bytes: Vec<u8>,
}

impl Artifact {
    /// Reads the file, checks that it is a component of ours and lets it describe itself.
    pub async fn read(path: &Path, runtime: &Runtime, now: Timestamp) -> Result<Self, UserError> {
        let bytes = bytes_of(path)?;
        if bytes.is_empty() {
            return Err(not_deployable(path, &ComponentError::Empty));
        }
        let manifest = runtime
            .describe(&bytes)
            .await
            .map_err(|err| not_deployable(path, &err))?;
        operations::manifest::check(&manifest).map_err(|refusal| bad_manifest(path, &refusal))?;
        let component = Component {
            digest: Digest::of(&bytes),
            manifest,
            size: bytes.len() as u64,
            created: now,
        };
        Ok(Self { component, bytes })
    }
}

/// The bytes of a file, whatever they are.
pub fn bytes_of(path: &Path) -> Result<Vec<u8>, UserError> {
    std::fs::read(path).map_err(|err| unreadable(path, &err))
}

fn unreadable(path: &Path, err: &std::io::Error) -> UserError {
    let shown = path.display();
    match err.kind() {
        ErrorKind::NotFound => UserError::new(format!("the file `{shown}` does not exist")).hint(
            "`cargo build --release --target wasm32-wasip2` writes target/wasm32-wasip2/release/<crate>.wasm",
        ),
        ErrorKind::IsADirectory => UserError::new(format!("`{shown}` is a directory"))
            .hint("name the `.wasm` file in it"),
        _ => UserError::new(format!("`{shown}` cannot be read: {err}"))
            .hint("is it yours, and readable?"),
    }
}

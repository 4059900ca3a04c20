//! A `.wasm` file, checked before anything is kept of it.

use std::io::ErrorKind;
use std::path::Path;

use super::error::{UserError, bad_manifest, not_deployable};
use super::files::{self, Unread};
use model::{Component, Digest, Timestamp};
use wasm::{ComponentError, ComponentLimits, Runtime};

/// A component and its bytes.
pub struct WasmFile {
    pub component: Component,
    pub bytes: Vec<u8>,
}

impl WasmFile {
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

/// The bytes of a file, whatever they are, if they are no more than a component may have.
pub fn bytes_of(path: &Path) -> Result<Vec<u8>, UserError> {
    let max = ComponentLimits::default().file_max;
    files::regular(path, max).map_err(|unread| unreadable(path, &unread))
}

fn unreadable(path: &Path, unread: &Unread) -> UserError {
    let shown = path.display();
    match unread {
        Unread::System(err) if err.kind() == ErrorKind::NotFound => {
            UserError::new(format!("the file `{shown}` does not exist")).hint(
                "`cargo build --release --target wasm32-wasip2` writes target/wasm32-wasip2/release/<crate>.wasm, \
                 if the crate's Cargo.toml has `crate-type = [\"cdylib\"]` under `[lib]`",
            )
        }
        Unread::System(_) => {
            UserError::new(format!("`{shown}` {unread}")).hint("is it yours, and readable?")
        }
        Unread::Kind("a directory") => UserError::new(format!("`{shown}` is a directory"))
            .hint("name the `.wasm` file in it"),
        Unread::Kind(_) => UserError::new(format!("`{shown}` {unread}"))
            .hint("write it into a file, and name that"),
        Unread::TooLarge { .. } => UserError::new(format!("`{shown}` {unread}"))
            .hint("build it with `--release`, which makes it smaller"),
    }
}

//! Compiled code on disk, by component digest and by the settings that the code depends on.
//!
//! Compiled code is machine code: whoever can write it can do what this process can. So it
//! is taken only from a directory and files of our own user that nobody else can write.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use wasmtime::component::Component;

use super::error::ComponentError;
use model::Digest;

/// Compiles, and keeps what it compiled.
pub(super) struct CodeCache {
    /// The directory. None: nothing is kept.
    dir: Option<PathBuf>,
}

impl CodeCache {
    pub fn new(dir: Option<&Path>, engine: &wasmtime::Engine) -> Self {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let compatible = format!("{:016x}", hasher.finish());
        Self {
            dir: dir.map(|dir| dir.join(compatible)),
        }
    }

    /// The compiled component, if it was kept. A file that may be wrong is not used.
    pub fn load(&self, engine: &wasmtime::Engine, digest: Digest) -> Option<Component> {
        let path = self.path(digest)?;
        let dir = path.parent()?;
        if !is_ours_alone(dir).ok()? || !is_ours_alone(&path).ok()? {
            tracing::warn!(path = %path.display(), "compiled code that others can write is not used");
            return None;
        }
        // SAFETY: the file was written by `save` below, or by another process of this user
        // with this very code, and nobody else can write to it.
        match unsafe { Component::deserialize_file(engine, &path) } {
            Ok(component) => Some(component),
            Err(err) => {
                tracing::warn!(path = %path.display(), %err, "compiled code is not usable");
                None
            }
        }
    }

    /// Compiles, and keeps the result. Takes tens of milliseconds of a processor.
    pub fn compile(
        &self,
        engine: &wasmtime::Engine,
        digest: Digest,
        bytes: &[u8],
    ) -> Result<Component, ComponentError> {
        let component = Component::from_binary(engine, bytes)
            .map_err(|err| ComponentError::Invalid(format!("{err:#}")))?;
        if let Err(err) = self.save(&component, digest) {
            tracing::warn!(%err, "compiled code could not be kept");
        }
        Ok(component)
    }

    fn save(&self, component: &Component, digest: Digest) -> io::Result<()> {
        let Some(path) = self.path(digest) else {
            return Ok(());
        };
        let code = component.serialize().map_err(io::Error::other)?;
        let dir = path.parent().expect("the path is below the directory");
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)?;
        // Written beside and renamed, so that nobody ever reads half of it.
        let partial = path.with_extension(format!("{}.partial", std::process::id()));
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&partial)?;
        io::Write::write_all(&mut file, &code)?;
        fs::rename(&partial, &path)
    }

    fn path(&self, digest: Digest) -> Option<PathBuf> {
        Some(self.dir.as_ref()?.join(format!("{digest}.cwasm")))
    }
}

/// Whether a file or directory belongs to our user and nobody else can write to it.
fn is_ours_alone(path: &Path) -> io::Result<bool> {
    const WRITABLE_BY_OTHERS: u32 = 0o022;
    let meta = fs::symlink_metadata(path)?;
    let ours = meta.uid() == rustix::process::geteuid().as_raw();
    Ok(ours && !meta.file_type().is_symlink() && meta.mode() & WRITABLE_BY_OTHERS == 0)
}

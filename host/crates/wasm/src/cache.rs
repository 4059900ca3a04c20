//! Compiled code on disk, by component digest and by the settings that the code depends on.
//!
//! Compiled code is machine code: whoever can write it can do what this process can, and a
//! damaged byte of it can kill the process. So it is taken only from directories and files of
//! our own user that nobody else can write, and only if its seal fits.
//!
//! ```text
//! cache/key                      the owner's secret
//! cache/SETTINGS/DIGEST.cwasm    code, seal
//! ```

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Once;

use wasmtime::component::Component;

use super::patience::{patiently, refusal_of_system};
use super::private::{create_private, is_ours_alone, new_private, open_ours};
use super::seal::{self, Key, SEAL, Sealing};
use model::Digest;

/// Keeps compiled code.
pub(super) struct CodeCache {
    /// The directory. None: nothing is kept.
    root: Option<PathBuf>,
    /// What the code depends on besides the component.
    settings: String,
    unsafe_root: Once,
}

/// A file of code that can be used.
struct Kept {
    path: PathBuf,
    file: File,
    /// Of the code, without the seal.
    length: u64,
}

impl CodeCache {
    pub fn new(root: Option<&Path>, engine: &wasmtime::Engine) -> Self {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Self {
            root: root.map(Path::to_owned),
            settings: format!("{:016x}", hasher.finish()),
            unsafe_root: Once::new(),
        }
    }

    /// The compiled component, if it was kept. A file that may be wrong is not used.
    pub fn load(&self, engine: &wasmtime::Engine, digest: Digest) -> Option<Component> {
        let kept = self.find(digest)?;
        let mapped = patiently(|| {
            // SAFETY: the seal says that the file was written by `keep` below, by a process
            // of this user, and nobody else can write to it. Files are replaced, never
            // changed, so it is the same or another such file that is opened here.
            let mapped = unsafe { Component::deserialize_file(engine, &kept.path) };
            mapped.map_err(|err| match refusal_of_system(&err) {
                Some(refusal) => refusal,
                None => io::Error::other(format!("{err:#}")),
            })
        });
        match mapped {
            Ok(component) => Some(component),
            Err(err) => {
                not_usable(&kept.path, &err);
                None
            }
        }
    }

    /// The code of a component, if it was kept.
    pub fn code(&self, digest: Digest) -> Option<Vec<u8>> {
        let mut kept = self.find(digest)?;
        let mut code = Vec::with_capacity(usize::try_from(kept.length).ok()?);
        let read = io::Seek::rewind(&mut kept.file)
            .and_then(|()| (&mut kept.file).take(kept.length).read_to_end(&mut code));
        match read {
            Ok(_) => Some(code),
            Err(err) => {
                not_usable(&kept.path, &err);
                None
            }
        }
    }

    /// Keeps the code, sealed.
    pub fn keep(&self, digest: Digest, code: &[u8]) {
        let Some(root) = self.root() else {
            return;
        };
        if let Err(err) = self.write(root, digest, code) {
            tracing::warn!(%err, "compiled code could not be kept");
        }
    }

    fn write(&self, root: &Path, digest: Digest, code: &[u8]) -> io::Result<()> {
        let key = seal::key(root)?;
        let path = self.path(root, digest);
        let dir = path.parent().expect("the path is below the directory");
        create_private(dir)?;
        let mut sealing = self.sealing(&key, digest);
        sealing.update(code);
        // Written beside and renamed, so that nobody ever reads half of it.
        let partial = path.with_extension(format!("{:016x}.partial", rand::random::<u64>()));
        let written = new_private(&partial).and_then(|mut file| {
            file.write_all(code)?;
            file.write_all(&sealing.seal())?;
            fs::rename(&partial, &path)
        });
        if written.is_err() {
            let _ = fs::remove_file(&partial);
        }
        written
    }

    /// The file, if there is one and its seal fits.
    fn find(&self, digest: Digest) -> Option<Kept> {
        let root = self.root()?;
        let path = self.path(root, digest);
        match patiently(|| self.check(root, &path, digest)) {
            Ok((file, length)) => Some(Kept { path, file, length }),
            Err(err) if err.kind() == io::ErrorKind::NotFound => None,
            Err(err) => {
                not_usable(&path, &err);
                None
            }
        }
    }

    fn check(&self, root: &Path, path: &Path, digest: Digest) -> io::Result<(File, u64)> {
        let mut file = open_ours(path)?;
        let length = file.metadata()?.len().checked_sub(SEAL as u64);
        let length = length.ok_or_else(|| io::Error::other("it is too short"))?;
        if !is_ours_alone(path.parent().unwrap_or(root))? {
            return Err(io::Error::other("others can write to its directory"));
        }
        let key = seal::key(root)?;
        let mut sealing = self.sealing(&key, digest);
        sealing.update_reader((&mut file).take(length))?;
        let mut seal = [0; SEAL];
        file.read_exact(&mut seal)?;
        if !sealing.fits(&seal) {
            return Err(io::Error::other("its seal does not fit"));
        }
        Ok((file, length))
    }

    /// A seal holds for one component and for code of these settings.
    fn sealing(&self, key: &Key, digest: Digest) -> Sealing {
        Sealing::new(
            key,
            &[self.settings.as_bytes(), digest.to_string().as_bytes()],
        )
    }

    fn path(&self, root: &Path, digest: Digest) -> PathBuf {
        root.join(&self.settings).join(format!("{digest}.cwasm"))
    }

    /// The directory, if code can be kept there.
    fn root(&self) -> Option<&Path> {
        let root = self.root.as_deref()?;
        let usable = create_private(root).and_then(|()| is_ours_alone(root));
        let why = match usable {
            Ok(true) => return Some(root),
            Ok(false) => "it belongs to another user, or others can write to it".to_owned(),
            Err(err) => err.to_string(),
        };
        self.unsafe_root.call_once(|| {
            let path = root.display();
            tracing::warn!(
                "no compiled code is kept in `{path}`: {why}; `chmod go-w {path}` lets only you write to it"
            );
        });
        None
    }
}

fn not_usable(path: &Path, why: &dyn std::fmt::Display) {
    tracing::warn!(
        "compiled code in `{}` is not used, and compiled anew: {why}",
        path.display()
    );
}

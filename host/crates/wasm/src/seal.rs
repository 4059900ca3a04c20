//! The seal of a file of compiled code: a checksum that only its owner can make.
//!
//! The secret is made at first use, in a file for its owner alone. A cache that was copied from
//! elsewhere, or a file that was damaged or put under another name, has a seal that does not fit.

use std::fs::{self, File};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::private::{new_private, open_ours};

/// The length of a seal, in bytes.
pub(super) const SEAL: usize = blake3::OUT_LEN;

/// The owner's secret.
pub(super) struct Key([u8; blake3::KEY_LEN]);

/// A seal that is being made.
pub(super) struct Sealing(blake3::Hasher);

impl Sealing {
    /// Begins with what the sealed bytes are for.
    pub fn new(key: &Key, purpose: &[&[u8]]) -> Self {
        let mut hasher = blake3::Hasher::new_keyed(&key.0);
        for part in purpose {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Self(hasher)
    }

    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub fn update_reader(&mut self, bytes: impl Read) -> io::Result<()> {
        self.0.update_reader(bytes)?;
        Ok(())
    }

    pub fn seal(&self) -> [u8; SEAL] {
        *self.0.finalize().as_bytes()
    }

    /// Whether this is the seal. The comparison takes the same time wherever they differ.
    pub fn fits(&self, seal: &[u8; SEAL]) -> bool {
        self.0.finalize() == *seal
    }
}

/// The secret that is kept in a directory. One that is missing or damaged is made anew.
pub(super) fn key(dir: &Path) -> io::Result<Key> {
    let path = dir.join("key");
    let why = match read(&path) {
        Ok(key) => return Ok(key),
        Err(err) if err.kind() == io::ErrorKind::NotFound => {
            return make(&path, |new| match fs::hard_link(new, &path) {
                // Another process was faster: its key counts.
                Err(err) if err.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                linked => linked,
            });
        }
        Err(err) => err,
    };
    tracing::warn!(
        "the key of compiled code in `{}` is made anew: {why}",
        path.display()
    );
    make(&path, |new| fs::rename(new, &path))
}

/// Writes a new key beside, puts it in its place, and reads what is there.
fn make(path: &Path, put: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<Key> {
    let new = path.with_extension(format!("{:016x}.partial", rand::random::<u64>()));
    let written = new_private(&new)
        .and_then(|mut file: File| file.write_all(&rand::random::<[u8; blake3::KEY_LEN]>()))
        .and_then(|()| put(&new));
    let _ = fs::remove_file(&new);
    written?;
    read(path)
}

fn read(path: &Path) -> io::Result<Key> {
    const FOR_OTHERS: u32 = 0o077;
    let mut file = open_ours(path)?;
    let meta = file.metadata()?;
    if meta.mode() & FOR_OTHERS != 0 {
        return Err(io::Error::other("others can read it"));
    }
    let mut key = Key([0; blake3::KEY_LEN]);
    if meta.len() != key.0.len() as u64 {
        return Err(io::Error::other("it is damaged"));
    }
    file.read_exact(&mut key.0)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn seal_of(key: &Key, name: &[u8], bytes: &[u8]) -> [u8; SEAL] {
        let mut sealing = Sealing::new(key, &[name]);
        sealing.update(bytes);
        sealing.seal()
    }

    #[test]
    fn a_key_is_made_once_and_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let first = key(dir.path()).unwrap();
        assert_eq!(key(dir.path()).unwrap().0, first.0);
        let mode = fs::metadata(dir.path().join("key")).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_key_that_is_damaged_or_no_secret_is_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let mut last = key(dir.path()).unwrap();
        let mut check = |spoil: &dyn Fn()| {
            spoil();
            let new = key(dir.path()).unwrap();
            assert_ne!(new.0, last.0);
            last = key(dir.path()).unwrap();
            assert_eq!(new.0, last.0);
        };
        check(&|| fs::write(&path, "short").unwrap());
        check(&|| fs::write(&path, "").unwrap());
        check(&|| fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap());
        check(&|| {
            fs::remove_file(&path).unwrap();
            std::os::unix::fs::symlink("elsewhere", &path).unwrap();
        });
    }

    #[test]
    fn a_seal_fits_one_key_one_purpose_and_one_content() {
        let (ours, theirs) = (Key([1; 32]), Key([2; 32]));
        let seal = seal_of(&ours, b"name", b"content");
        assert_eq!(seal_of(&ours, b"name", b"content"), seal);
        assert_ne!(seal_of(&theirs, b"name", b"content"), seal);
        assert_ne!(seal_of(&ours, b"nam", b"econtent"), seal);
        assert_ne!(seal_of(&ours, b"name", b"contents"), seal);
        let mut sealing = Sealing::new(&ours, &[b"name"]);
        sealing.update_reader(&b"content"[..]).unwrap();
        assert!(sealing.fits(&seal));
    }
}

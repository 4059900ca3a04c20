//! Where keys are kept.
//!
//! ```text
//! rotation: new key --written, synced--> FILE.next
//!           all secrets sealed anew --one transaction--> database
//!           FILE.next --renamed--> FILE
//! ```
//!
//! Whoever is killed in between leaves both keys, and each secret says which one it needs. The
//! next rotation finishes what was begun.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use model::{KeyId, SealedSecret};
use rustix::process::geteuid;
use zeroize::Zeroizing;

use crate::{Key, Unsealed, Value};

/// Names the file of the key.
pub const KEY_FILE_VARIABLE: &str = "ORCH_SECRET_KEY_FILE";

/// Is the key.
pub const KEY_VARIABLE: &str = "ORCH_SECRET_KEY";

/// A key has 45 bytes.
const FILE_MAX: u64 = 4096;

/// Where the key is.
#[derive(Clone, Debug)]
pub struct Keys {
    place: Place,
}

#[derive(Clone, Debug)]
enum Place {
    /// Made when it is first needed.
    Home(PathBuf),
    /// Of whoever runs the program, who makes it.
    Given(PathBuf),
    Variable(Key),
}

/// Why there is no key, or a secret cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error("both `{KEY_FILE_VARIABLE}` and `{KEY_VARIABLE}` are set: only one can be meant")]
    Both,
    #[error("`{KEY_VARIABLE}` is no key: a key has 32 bytes in base64")]
    NoKeyInVariable,
    #[error("`{}` holds no key: a key has 32 bytes in base64", .0.display())]
    NoKeyInFile(PathBuf),
    #[error("there is no key: `{}` is not there", .0.display())]
    Missing(PathBuf),
    #[error("the key in `{}` could be read by others: its mode is {mode:o}", .file.display())]
    Open { file: PathBuf, mode: u32 },
    #[error("the key in `{}` is another user's", .0.display())]
    NotOurs(PathBuf),
    #[error("`{}`: {why}", .file.display())]
    Io { file: PathBuf, why: io::Error },
    #[error("secret `{name}` is encrypted under the key {needed}, and the key {place} is {held}")]
    OtherKey {
        name: model::SecretName,
        needed: KeyId,
        place: String,
        held: KeyId,
    },
    #[error("secret `{name}` cannot be read: {why}")]
    Unsealed {
        name: model::SecretName,
        why: Unsealed,
    },
    #[error(
        "the key in `{KEY_VARIABLE}` cannot be changed by this program: `--new-key-file FILE` names the file of the new one"
    )]
    CannotChange,
}

impl VaultError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Both => "unset one of them",
            Self::NoKeyInVariable | Self::NoKeyInFile(_) => {
                "`head -c 32 /dev/urandom | base64` makes one"
            }
            Self::Missing(_) => {
                "set the key that the secrets were encrypted under: `ORCH_SECRET_KEY_FILE` or \
                 `ORCH_SECRET_KEY`; the first `secret set` makes one in ORCH_HOME"
            }
            Self::Open { .. } => "`chmod 600` closes it",
            Self::NotOurs(_) => "name a file of your own",
            Self::Io { .. } => "look at the file",
            Self::OtherKey { .. } => {
                "set the key that it was encrypted under, or set the secret anew"
            }
            Self::Unsealed { .. } => "set the secret anew",
            Self::CannotChange => "afterwards, set `ORCH_SECRET_KEY_FILE` to it",
        }
    }
}

impl Keys {
    /// As the environment says: `home` is where a key is made if it says nothing.
    pub fn of_environment(home: &Path) -> Result<Self, VaultError> {
        let variable = |name| std::env::var_os(name).filter(|it| !it.is_empty());
        let place = match (variable(KEY_FILE_VARIABLE), variable(KEY_VARIABLE)) {
            (Some(_), Some(_)) => return Err(VaultError::Both),
            (Some(file), None) => Place::Given(file.into()),
            (None, Some(text)) => {
                let text = Zeroizing::new(text.into_string().unwrap_or_default());
                Place::Variable(Key::parse(&text).ok_or(VaultError::NoKeyInVariable)?)
            }
            (None, None) => Place::Home(home.join("secret.key")),
        };
        Ok(Self { place })
    }

    /// Where the key is, for people.
    pub fn place(&self) -> String {
        match &self.place {
            Place::Home(file) | Place::Given(file) => format!("in `{}`", file.display()),
            Place::Variable(_) => format!("in `{KEY_VARIABLE}`"),
        }
    }

    /// The key that secrets are encrypted under. Errs if there is none.
    pub fn key(&self) -> Result<Key, VaultError> {
        match &self.place {
            Place::Variable(key) => Ok(key.clone()),
            Place::Home(file) | Place::Given(file) => read(file),
        }
    }

    /// The same, or a new one where one is made at first use.
    pub fn key_or_new(&self) -> Result<Key, VaultError> {
        match (self.key(), &self.place) {
            (Err(VaultError::Missing(_)), Place::Home(file)) => make(file),
            (key, _) => key,
        }
    }

    /// The value of a secret.
    pub fn open(&self, secret: &SealedSecret) -> Result<Value, VaultError> {
        let key = self.key()?;
        let held = key.id();
        let key = match &self.place {
            _ if held == secret.key => key,
            // A rotation was killed, or is under way.
            Place::Home(file) | Place::Given(file) => match read(&next(file)) {
                Ok(key) if key.id() == secret.key => key,
                _ => return Err(self.other(secret, held)),
            },
            Place::Variable(_) => return Err(self.other(secret, held)),
        };
        key.open(secret).map_err(|why| VaultError::Unsealed {
            name: secret.name.clone(),
            why,
        })
    }

    fn other(&self, secret: &SealedSecret, held: KeyId) -> VaultError {
        VaultError::OtherKey {
            name: secret.name.clone(),
            needed: secret.key.clone(),
            place: self.place(),
            held,
        }
    }

    /// Begins to change the key: makes a new one that is on the disk, beside the one before, or
    /// takes the one in `new_file`, which is made if it is not there. One that an earlier rotation
    /// has made is taken again.
    pub fn begin_rotation(&self, new_file: Option<&Path>) -> Result<Key, VaultError> {
        let file = match (&self.place, new_file) {
            (_, Some(file)) => file.to_owned(),
            (Place::Home(file) | Place::Given(file), None) => next(file),
            (Place::Variable(_), None) => return Err(VaultError::CannotChange),
        };
        match read(&file) {
            Err(VaultError::Missing(_)) => make(&file),
            key => key,
        }
    }

    /// Ends it: the new key takes the place of the one before, once nothing needs that any more.
    pub fn end_rotation(&self, new_file: Option<&Path>) -> Result<(), VaultError> {
        match (&self.place, new_file) {
            (Place::Home(file) | Place::Given(file), None) => {
                let renamed = fs::rename(next(file), file).and_then(|()| sync_dir(file));
                renamed.map_err(io_at(file))
            }
            _ => Ok(()),
        }
    }
}

/// Where the key is that takes the place of the one in this file.
fn next(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".next");
    name.into()
}

fn io_at(file: &Path) -> impl FnOnce(io::Error) -> VaultError {
    let file = file.to_owned();
    |why| VaultError::Io { file, why }
}

fn read(file: &Path) -> Result<Key, VaultError> {
    let opened = OpenOptions::new().read(true).open(file);
    let opened = match opened {
        Err(err) if err.kind() == io::ErrorKind::NotFound => {
            return Err(VaultError::Missing(file.to_owned()));
        }
        opened => opened.map_err(io_at(file))?,
    };
    let found = opened.metadata().map_err(io_at(file))?;
    let mode = found.mode() & 0o777;
    if mode & 0o077 != 0 {
        let file = file.to_owned();
        return Err(VaultError::Open { file, mode });
    }
    if found.uid() != geteuid().as_raw() {
        return Err(VaultError::NotOurs(file.to_owned()));
    }
    let no_key = || VaultError::NoKeyInFile(file.to_owned());
    if !found.is_file() || found.len() > FILE_MAX {
        return Err(no_key());
    }
    let text = Zeroizing::new(io::read_to_string(opened).map_err(|_| no_key())?);
    Key::parse(&text).ok_or_else(no_key)
}

/// Makes a key in a file that is not there. Of two processes that do this at once both get the
/// same key.
fn make(file: &Path) -> Result<Key, VaultError> {
    let key = Key::new();
    let made = (|| {
        let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty());
        let dir = dir.unwrap_or(Path::new("."));
        fs::create_dir_all(dir)?;
        let whole = tempfile::Builder::new()
            .prefix(".secret-key-")
            .tempfile_in(dir)?;
        let mut out = whole.as_file();
        out.write_all(format!("{}\n", *key.text()).as_bytes())?;
        out.sync_all()?;
        match whole.persist_noclobber(file) {
            Ok(_) => sync_dir(file).map(|()| true),
            Err(err) if err.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(err) => Err(err.error),
        }
    })();
    if made.map_err(io_at(file))? {
        Ok(key)
    } else {
        read(file)
    }
}

fn sync_dir(file: &Path) -> io::Result<()> {
    let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty());
    let dir = OpenOptions::new()
        .read(true)
        .custom_flags(0)
        .open(dir.unwrap_or(Path::new(".")))?;
    File::sync_all(&dir)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use model::{SecretName, Timestamp};

    use super::*;

    fn home() -> (tempfile::TempDir, Keys) {
        let dir = tempfile::tempdir().unwrap();
        let keys = Keys {
            place: Place::Home(dir.path().join("secret.key")),
        };
        (dir, keys)
    }

    fn seal(key: &Key) -> SealedSecret {
        key.seal(
            &SecretName::new("token").unwrap(),
            1,
            b"value",
            Timestamp(0),
        )
    }

    #[test]
    fn a_key_is_made_once_and_for_its_owner_alone() {
        let (dir, keys) = home();
        assert!(matches!(keys.key(), Err(VaultError::Missing(_))));
        let made: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| keys.key_or_new().unwrap().id()))
                .collect();
            threads.into_iter().map(|it| it.join().unwrap()).collect()
        });
        assert!(made.iter().all(|id| *id == made[0]));
        let file = dir.path().join("secret.key");
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_key_that_others_could_read_is_not_used() {
        let (dir, keys) = home();
        keys.key_or_new().unwrap();
        let file = dir.path().join("secret.key");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        let refused = keys.key_or_new().unwrap_err().to_string();
        assert!(
            refused.ends_with("could be read by others: its mode is 644"),
            "{refused}"
        );
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&file, "no key").unwrap();
        assert!(matches!(keys.key(), Err(VaultError::NoKeyInFile(_))));
    }

    /// Killed after each step, nothing is lost, and the next rotation comes to an end.
    #[test]
    fn a_rotation_that_is_killed_loses_nothing() {
        let (_dir, keys) = home();
        let old = keys.key_or_new().unwrap();
        let before = seal(&old);
        let new = keys.begin_rotation(None).unwrap();
        assert_ne!(new.id(), old.id());
        assert_eq!(&**keys.open(&before).unwrap(), b"value");
        // Killed before the database has changed: the same key again.
        assert_eq!(keys.begin_rotation(None).unwrap().id(), new.id());
        let after = seal(&new);
        // Killed after it.
        assert_eq!(&**keys.open(&after).unwrap(), b"value");
        keys.end_rotation(None).unwrap();
        assert_eq!(&**keys.open(&after).unwrap(), b"value");
        assert!(matches!(
            keys.open(&before),
            Err(VaultError::OtherKey { .. })
        ));
        assert_eq!(keys.key().unwrap().id(), new.id());
    }

    #[test]
    fn the_key_of_another_place_is_said() {
        let (_dir, keys) = home();
        keys.key_or_new().unwrap();
        let sealed = seal(&Key::new());
        let refused = keys.open(&sealed).unwrap_err().to_string();
        let begins = format!("secret `token` is encrypted under the key {}", sealed.key);
        assert!(refused.starts_with(&begins), "{refused}");
    }
}

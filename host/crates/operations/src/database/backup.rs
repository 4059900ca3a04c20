//! A database in a file as another file, and back.
//!
//! ```text
//! backup   database --all of it at one moment, while others go on--> FILE.partial --sound?--> FILE
//!          its blobs ------------------------------------------------------> FILE.blobs/
//! restore  FILE, if it is sound --> PATH.partial --> PATH, where there was nothing
//! ```
//!
//! A file that has its name is whole and synced. Blobs never change once they have their names, so
//! they are linked where they can be, and otherwise copied. What is deleted from the database while
//! they are, may be missing, and nothing in the backup of a run that was kept refers to it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use store::StoreError;
use store::moving::{Condition, Database, Engine};

use super::{Standing, path, runs, unfit};

/// What was written, or put back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackedUp {
    pub from: String,
    pub to: String,
    pub bytes: u64,
    pub runs: u64,
    pub blobs: u64,
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum BackupRefusal {
    #[error("`{place}` is a PostgreSQL database, which has tools of its own for that")]
    OtherEngine { place: String, is_restored: bool },
    #[error("there is no database at `{place}`")]
    Nothing { place: String },
    #[error("there is something at `{}` already", .path.display())]
    Exists { path: PathBuf },
    #[error("`{}` cannot be {did}: {reason}", .path.display())]
    Io {
        path: PathBuf,
        did: &'static str,
        reason: String,
    },
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

fn io_of(path: &Path, did: &'static str) -> impl Fn(io::Error) -> BackupRefusal {
    move |error| BackupRefusal::Io {
        path: path.to_owned(),
        did,
        reason: error.to_string(),
    }
}

/// Writes the whole database into a file that is not there yet. `blobs`: the directory where the
/// machine keeps them, if it does.
pub async fn backup(
    from: &dyn Database,
    to: &Path,
    blobs: Option<&Path>,
) -> Result<BackedUp, BackupRefusal> {
    let place = from.place();
    if from.engine() != Engine::Sqlite {
        let is_restored = false;
        return Err(BackupRefusal::OtherEngine { place, is_restored });
    }
    let look = from.look().await?;
    let standing = Standing::of(&look);
    match standing {
        Standing::Missing | Standing::Empty => return Err(BackupRefusal::Nothing { place }),
        Standing::HalfCopied(_) => return Err(unfit(from, &look, standing).into()),
        Standing::Older(_) | Standing::Current(_) | Standing::Newer(_) => {}
    }
    let blobs_to = beside(to, ".blobs");
    for taken in [to, &blobs_to] {
        if fs::exists(taken).map_err(io_of(taken, "read"))? {
            let path = taken.to_owned();
            return Err(BackupRefusal::Exists { path });
        }
    }
    let partial = beside(to, ".partial");
    remove(&partial)?;
    let written = from.write_backup(&partial).await;
    if let Err(err) = written {
        remove(&partial)?;
        return Err(err.into());
    }
    let blobs = match blobs {
        Some(blobs) => link_all(blobs, &blobs_to)?,
        None => 0,
    };
    finish(&partial, to)?;
    let bytes = fs::metadata(to).map_err(io_of(to, "read"))?.len();
    Ok(BackedUp {
        from: place,
        to: to.display().to_string(),
        bytes,
        runs: look.contents.as_ref().map_or(0, |it| runs(it).0),
        blobs,
    })
}

/// Puts a backup where no database is. `file`: the backup as a database.
pub async fn restore(
    file: &dyn Database,
    to: &dyn Database,
    blobs: Option<&Path>,
) -> Result<BackedUp, BackupRefusal> {
    let place = to.place();
    if to.engine() != Engine::Sqlite {
        let is_restored = true;
        return Err(BackupRefusal::OtherEngine { place, is_restored });
    }
    let (from, target) = (path(file), path(to));
    let look = file.look().await?;
    match Standing::of(&look) {
        Standing::Missing | Standing::Empty => {
            let place = file.place();
            return Err(BackupRefusal::Nothing { place });
        }
        standing @ (Standing::HalfCopied(_) | Standing::Newer(_)) => {
            return Err(unfit(file, &look, standing).into());
        }
        Standing::Older(_) | Standing::Current(_) => {}
    }
    // What is left of a log would be taken for one of the new file.
    for taken in [
        target.clone(),
        beside(&target, "-wal"),
        beside(&target, "-shm"),
    ] {
        let is_taken = match fs::metadata(&taken) {
            Ok(found) => found.len() > 0,
            Err(_) => false,
        };
        if is_taken && !is_blank(to, &taken, &target).await? {
            return Err(BackupRefusal::Exists { path: taken });
        }
    }
    file.check().await?;
    let partial = beside(&target, ".partial");
    remove(&partial)?;
    let copied = copy(&from, &partial);
    copied.map_err(io_of(&partial, "written"))?;
    let blobs = match blobs {
        Some(blobs) => link_all(&beside(&from, ".blobs"), blobs)?,
        None => 0,
    };
    finish(&partial, &target)?;
    Ok(BackedUp {
        from: from.display().to_string(),
        to: place,
        bytes: fs::metadata(&target).map_err(io_of(&target, "read"))?.len(),
        runs: look.contents.as_ref().map_or(0, |it| runs(it).0),
        blobs,
    })
}

/// Whether there are no tables in the database that is to be written over.
async fn is_blank(to: &dyn Database, taken: &Path, target: &Path) -> Result<bool, BackupRefusal> {
    Ok(taken == target && to.look().await?.condition == Condition::Blank)
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut from = File::open(from)?;
    let mut to = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(to)?;
    io::copy(&mut from, &mut to)?;
    Ok(())
}

/// Syncs a file, and gives it its name.
fn finish(partial: &Path, to: &Path) -> Result<(), BackupRefusal> {
    let made = || {
        File::open(partial)?.sync_all()?;
        fs::rename(partial, to)?;
        let dir = to.parent().filter(|dir| !dir.as_os_str().is_empty());
        File::open(dir.unwrap_or(Path::new(".")))?.sync_all()
    };
    made().map_err(io_of(to, "written"))
}

fn remove(partial: &Path) -> Result<(), BackupRefusal> {
    match fs::remove_file(partial) {
        Err(err) if err.kind() != io::ErrorKind::NotFound => Err(io_of(partial, "removed")(err)),
        _ => Ok(()),
    }
}

/// Links all files of a directory into another, and copies what cannot be linked. How many there
/// are.
fn link_all(from: &Path, to: &Path) -> Result<u64, BackupRefusal> {
    use std::os::unix::fs::DirBuilderExt as _;
    let entries = match fs::read_dir(from) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries.map_err(io_of(from, "read"))?,
    };
    let mut count = 0;
    for entry in entries {
        let entry = entry.map_err(io_of(from, "read"))?;
        if !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        if count == 0 {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(to)
                .map_err(io_of(to, "made"))?;
        }
        let place = to.join(entry.file_name());
        match fs::hard_link(entry.path(), &place).or_else(|err| match err.kind() {
            io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound => Err(err),
            _ => copy(&entry.path(), &place).and_then(|()| File::open(&place)?.sync_all()),
        }) {
            Ok(()) => count += 1,
            Err(err) if err.kind() == io::ErrorKind::AlreadyExists => count += 1,
            // It was deleted meanwhile.
            Err(err) if err.kind() == io::ErrorKind::NotFound => {}
            Err(err) => return Err(io_of(&place, "written")(err)),
        }
    }
    Ok(count)
}

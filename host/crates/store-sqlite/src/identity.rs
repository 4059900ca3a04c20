//! Whether the files of the database are still those that this process has open.
//!
//! A file that is deleted, or that another one replaces, lives on for those who have it open. What
//! they write to it is gone when they end. So the writer looks after each commit, before anybody is
//! told of it: at the database, and at the log and the index beside it.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use rusqlite::Connection;
use rustix::fs::{Mode, OFlags, Stat, fstat};

use super::sql::Sql;
use store::{StoreError, StoreResult};

/// A file, whatever its name.
type Inode = (u64, u64);

/// How long names are taken for unchanged because their folder is: it says nothing of the
/// folders above.
const TRUST: Duration = Duration::from_secs(1);

/// Two changes of a folder that are closer than this may have the same time.
const TICK: Duration = Duration::from_millis(100);

/// The files that a connection has open.
pub(super) struct Identity {
    path: PathBuf,
    /// Where the names are. Its time of change tells whether one of them may have changed: one
    /// look where each name would need one along its whole path.
    folder: OwnedFd,
    file: OwnedFd,
    database: Inode,
    /// The log, and the index of the log, once they have been seen. They are there for as long as
    /// anybody has the database open.
    beside: [(PathBuf, Option<Inode>); 2],
    /// The size of the database when it was looked at last.
    bytes: u64,
    looked: Option<Looked>,
}

/// That every name was right.
struct Looked {
    at: Instant,
    /// The folder's last change before that.
    changed: SystemTime,
}

impl Identity {
    /// Of the database that was opened at this path a moment ago.
    pub fn of(path: &Path) -> StoreResult<Self> {
        let database = look(path).map_err(|err| cannot(path, &err))?;
        // Where the path is a link, the files are where it leads to.
        let real = fs::canonicalize(path).map_err(|err| cannot(path, &err))?;
        let folder = real.parent().unwrap_or(&real);
        let file = handle(&real).map_err(|err| cannot(path, &err))?;
        let bytes = stat(&file, path)?.st_size.unsigned_abs();
        Ok(Self {
            path: path.to_owned(),
            folder: handle(folder).map_err(|err| cannot(folder, &err))?,
            file,
            database: database.ok_or_else(|| gone(path))?,
            beside: ["-wal", "-shm"].map(|end| (with_end(&real, end), None)),
            bytes,
            looked: None,
        })
    }

    /// Errs if what the connection has just written may be lost with it.
    pub fn check(&mut self, conn: &Connection) -> StoreResult<()> {
        let file = stat(&self.file, &self.path)?;
        let bytes = file.st_size.unsigned_abs();
        if bytes < self.bytes && bytes < expected(conn).unwrap_or(u64::MAX) {
            let path = self.path.clone();
            return Err(StoreError::FileReplaced { path });
        }
        self.bytes = bytes;
        let changed = changed(&stat(&self.folder, &self.path)?);
        let is_known = |known: &Looked| known.changed == changed && known.at.elapsed() < TRUST;
        if file.st_nlink > 0 && self.looked.as_ref().is_some_and(is_known) {
            return Ok(());
        }
        self.looked = None;
        self.check_names()?;
        // A change that comes after this moment has another time.
        if changed.elapsed().is_ok_and(|ago| ago > TICK) {
            let at = Instant::now();
            self.looked = Some(Looked { at, changed });
        }
        Ok(())
    }

    fn check_names(&mut self) -> StoreResult<()> {
        let look = |path: &Path| look(path).map_err(|err| cannot(path, &err));
        is_same(&self.path, look(&self.path)?, self.database)?;
        for (path, known) in &mut self.beside {
            let found = look(path)?;
            match *known {
                Some(known) => is_same(path, found, known)?,
                None => *known = found,
            }
        }
        Ok(())
    }
}

/// What is there, without a right to read it: to close a descriptor that can read would take
/// SQLite's locks away.
fn handle(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}

fn stat(file: &OwnedFd, path: &Path) -> StoreResult<Stat> {
    fstat(file).map_err(|err| cannot(path, &err.into()))
}

fn changed(stat: &Stat) -> SystemTime {
    let seconds = Duration::from_secs(stat.st_mtime.try_into().unwrap_or(0));
    let nanos = Duration::from_nanos(stat.st_mtime_nsec);
    SystemTime::UNIX_EPOCH + seconds + nanos
}

fn is_same(path: &Path, found: Option<Inode>, known: Inode) -> StoreResult<()> {
    let path = path.to_owned();
    match found {
        Some(found) if found == known => Ok(()),
        Some(_) => Err(StoreError::FileReplaced { path }),
        None => Err(StoreError::FileGone { path }),
    }
}

/// The file that has this name now, if there is one.
fn look(path: &Path) -> io::Result<Option<Inode>> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some((found.dev(), found.ino()))),
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(err) => Err(err),
    }
}

/// How large the database has to be. It is smaller than it was where somebody has compacted it.
fn expected(conn: &Connection) -> StoreResult<u64> {
    let number = |pragma| conn.need(pragma, [], |row| row.get::<_, i64>(0));
    let bytes = number("PRAGMA page_count")? * number("PRAGMA page_size")?;
    Ok(bytes.unsigned_abs())
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

pub(super) fn gone(path: &Path) -> StoreError {
    let path = path.to_owned();
    StoreError::FileGone { path }
}

fn cannot(path: &Path, err: &io::Error) -> StoreError {
    StoreError::Unavailable(format!("`{}`: {err}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::open;
    use std::fs::OpenOptions;
    use std::thread::sleep;

    /// A database that is used, and was looked at while nothing changed.
    struct Quiet {
        home: tempfile::TempDir,
        conn: Connection,
        identity: Identity,
    }

    impl Quiet {
        fn new() -> Self {
            let home = tempfile::tempdir().unwrap();
            let path = home.path().join("orch.db");
            let conn = open::writer(&path).unwrap();
            // What is in the log only is not expected in the file.
            conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
                .unwrap();
            let mut identity = Identity::of(&path).unwrap();
            identity.check(&conn).unwrap();
            sleep(TICK * 2);
            identity.check(&conn).unwrap();
            assert!(identity.looked.is_some());
            Self {
                home,
                conn,
                identity,
            }
        }

        fn file(&self, name: &str) -> PathBuf {
            self.home.path().join(name)
        }

        fn check(&mut self) -> StoreResult<()> {
            self.identity.check(&self.conn)
        }
    }

    #[test]
    fn whatever_happens_to_the_files_is_noticed_at_once() {
        type Trick = fn(&Quiet) -> io::Result<()>;
        let tricks: &[(&str, Trick)] = &[
            ("deleted", |at| fs::remove_file(at.file("orch.db"))),
            ("moved", |at| {
                fs::rename(at.file("orch.db"), at.file("other.db"))
            }),
            ("replaced", |at| {
                fs::write(at.file("other.db"), "")?;
                fs::rename(at.file("other.db"), at.file("orch.db"))
            }),
            ("linked and deleted", |at| {
                fs::hard_link(at.file("orch.db"), at.file("other.db"))?;
                fs::remove_file(at.file("orch.db"))
            }),
            ("cut short", |at| {
                let file = OpenOptions::new().write(true).open(at.file("orch.db"))?;
                file.set_len(4096)
            }),
            ("without its log", |at| {
                fs::remove_file(at.file("orch.db-wal"))
            }),
            ("without its index", |at| {
                fs::remove_file(at.file("orch.db-shm"))
            }),
            ("emptied", |at| {
                for name in ["orch.db", "orch.db-wal", "orch.db-shm"] {
                    fs::remove_file(at.file(name))?;
                }
                Ok(())
            }),
        ];
        for (what, trick) in tricks {
            let mut at = Quiet::new();
            trick(&at).unwrap();
            assert!(at.check().is_err(), "{what}");
            assert!(at.check().is_err(), "{what}, looked at again");
        }
    }

    #[test]
    fn other_files_in_the_folder_are_nothing() {
        let mut at = Quiet::new();
        for number in 0..20 {
            fs::write(at.file(&number.to_string()), "x").unwrap();
            at.check().unwrap();
        }
        sleep(TICK * 2);
        at.check().unwrap();
        assert!(at.identity.looked.is_some());
    }

    /// Of a link it is the file that counts; and folders above are looked at as well, but later.
    #[test]
    fn links_and_moved_folders_are_noticed() {
        let home = tempfile::tempdir().unwrap();
        let (real, link) = (home.path().join("real"), home.path().join("link.db"));
        fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(real.join("orch.db"), &link).unwrap();
        let conn = open::writer(&link).unwrap();
        let mut identity = Identity::of(&link).unwrap();
        identity.check(&conn).unwrap();
        sleep(TICK * 2);
        identity.check(&conn).unwrap();
        let away = home.path().join("away");
        fs::rename(&real, &away).unwrap();
        sleep(TRUST);
        assert!(matches!(
            identity.check(&conn),
            Err(StoreError::FileGone { .. })
        ));
        fs::rename(&away, &real).unwrap();
        identity.check(&conn).unwrap();
        sleep(TICK * 2);
        identity.check(&conn).unwrap();
        fs::remove_file(real.join("orch.db-wal")).unwrap();
        assert!(identity.check(&conn).is_err());
    }
}

//! Which workers of this machine are alive: each holds a lock on a file of its own, and the
//! kernel lets go of it when the process ends, however it ends.
//!
//! ```text
//! <database>.run/workers/<id>.lock
//! ```
//!
//! Where the directory cannot be used, only leases tell whether a worker is alive.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use model::WorkerId;

/// The directory of what belongs to the running processes of a database.
pub(super) fn place(database: &Path) -> PathBuf {
    let mut dir = OsString::from(database);
    dir.push(".run");
    PathBuf::from(dir)
}

/// The locks that this process holds, and a look at those of others.
pub(super) struct Presence {
    dir: PathBuf,
    held: Mutex<HashMap<WorkerId, File>>,
}

impl Presence {
    pub fn new(database: &Path) -> Self {
        Self {
            dir: place(database).join("workers"),
            held: Mutex::default(),
        }
    }

    /// Shows that a worker is alive, until it leaves or this process ends.
    pub fn enter(&self, worker: WorkerId) {
        match self.lock_new(worker) {
            Ok(file) => {
                self.held().insert(worker, file);
            }
            Err(err) => {
                tracing::warn!(%err, "only the end of its lease will tell that this worker is gone");
            }
        }
    }

    fn lock_new(&self, worker: WorkerId) -> io::Result<File> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.dir)?;
        // Locked before it has its name, so no process ever finds it unlocked.
        let unnamed = self.dir.join(format!("{worker}.new"));
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&unnamed)?;
        file.lock()?;
        fs::rename(&unnamed, self.path(worker))?;
        Ok(file)
    }

    pub fn leave(&self, worker: WorkerId) {
        let held = self.held().remove(&worker);
        if held.is_some() {
            self.forget(&[worker]);
        }
    }

    /// Workers whose process has ended without leaving.
    pub fn lost(&self) -> Vec<WorkerId> {
        let Ok(entries) = fs::read_dir(&self.dir) else {
            return Vec::new();
        };
        let held = self.held();
        let ids = entries.filter_map(|entry| {
            let name = entry.ok()?.file_name();
            name.to_str()?.strip_suffix(".lock")?.parse().ok()
        });
        ids.filter(|id| !held.contains_key(id) && self.is_unlocked(*id))
            .collect()
    }

    /// Whether a worker of any process is alive.
    pub fn is_anybody_here(&self) -> bool {
        let Ok(entries) = fs::read_dir(&self.dir) else {
            return false;
        };
        let mut ids = entries.filter_map(|entry| {
            let name = entry.ok()?.file_name();
            name.to_str()?.strip_suffix(".lock")?.parse().ok()
        });
        ids.any(|id| !self.is_unlocked(id))
    }

    fn is_unlocked(&self, worker: WorkerId) -> bool {
        File::open(self.path(worker)).is_ok_and(|file| file.try_lock_shared().is_ok())
    }

    /// Removes the lock files of workers that were given up.
    pub fn forget(&self, workers: &[WorkerId]) {
        for worker in workers {
            let _ = fs::remove_file(self.path(*worker));
        }
    }

    fn path(&self, worker: WorkerId) -> PathBuf {
        self.dir.join(format!("{worker}.lock"))
    }

    fn held(&self) -> MutexGuard<'_, HashMap<WorkerId, File>> {
        self.held.lock().expect("no panic while a lock is noted")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_is_lost_once_nobody_holds_its_lock() {
        let home = tempfile::tempdir().unwrap();
        let database = home.path().join("orch.db");
        let (here, there) = (Presence::new(&database), Presence::new(&database));
        let worker = WorkerId::generate();
        here.enter(worker);
        assert_eq!(there.lost(), []);
        assert_eq!(here.lost(), []);

        // What the kernel does when a process ends.
        here.held().clear();
        assert_eq!(there.lost(), [worker]);
        there.forget(&[worker]);
        assert_eq!(there.lost(), []);
    }

    #[test]
    fn a_worker_that_leaves_is_not_lost() {
        let home = tempfile::tempdir().unwrap();
        let presence = Presence::new(&home.path().join("orch.db"));
        let worker = WorkerId::generate();
        presence.enter(worker);
        presence.leave(worker);
        assert_eq!(presence.lost(), []);
    }
}

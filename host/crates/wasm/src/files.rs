//! The files of one instance: the directories that its deployment was granted, and nothing else.
//!
//! ```text
//! guest --path--> its libc --> directories (opened when they are first asked for)
//!                   `--open, change--> allowed? --Gate, unless it is /tmp--> the system
//!                   `--write---------> room left, if it is /tmp? ----------> the system
//! ```
//!
//! Paths are looked up within the open directory by the system itself: `..`, absolute paths and
//! symbolic links do not lead out of it, whoever changes what meanwhile.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};

use super::halt::bytes as in_words;
use super::limits::cut;
use model::{DirGrant, Grants};
use rustix::fs::{FlockOperation, OFlags, flock};
use tempfile::TempDir;

/// How much of a path is kept, in bytes.
const PATH_MAX: usize = 1024;

/// Where a task has a directory of its own.
const TMP: &str = "/tmp";

/// What each file, directory or link counts that is made in `/tmp`, in bytes, beside its content.
pub(super) const ENTRY: u64 = 4096;

/// The directories of one instance.
pub(super) struct Files {
    grants: Vec<DirGrant>,
    /// Where `/tmp` is made. None: it was not granted.
    scratch: Option<Arc<Scratch>>,
    /// What may be written into `/tmp`, in bytes, and how much of that is left.
    tmp_max: u64,
    tmp_left: AtomicU64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What the descriptors that the guest holds stand for.
    known: HashMap<u32, Known>,
    tmp: Option<TempDir>,
    tried: Option<String>,
    refused: Option<String>,
}

/// What a descriptor of the guest stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    /// As the guest sees it.
    pub path: String,
    pub kind: Kind,
}

/// What may be done with a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    ReadOnly,
    /// Others may see what is changed there.
    Shared,
    /// Of this attempt alone.
    Own,
}

/// An open directory.
pub(super) struct Opened {
    pub dir: File,
    pub known: Known,
}

impl Files {
    /// Of a task.
    pub fn of(grants: &Grants, scratch: &Arc<Scratch>, tmp_max: u64) -> Self {
        Self {
            // What an earlier version has stored may mean nothing any more.
            grants: grants
                .dirs
                .iter()
                .filter_map(|it| it.parse().ok())
                .collect(),
            scratch: grants.tmp.then(|| Arc::clone(scratch)),
            tmp_max,
            tmp_left: AtomicU64::new(tmp_max),
            state: Mutex::default(),
        }
    }

    /// Of a flow, which has none.
    pub fn none() -> Self {
        Self {
            grants: Vec::new(),
            scratch: None,
            tmp_max: 0,
            tmp_left: AtomicU64::new(0),
            state: Mutex::default(),
        }
    }

    /// Whether there are any.
    pub fn are_granted(&self) -> bool {
        !self.grants.is_empty() || self.scratch.is_some()
    }

    /// Opens all directories. Errs with the one that cannot be opened, and why. Blocks.
    pub fn open(&self) -> Result<Vec<Opened>, String> {
        let mut opened = Vec::new();
        for DirGrant {
            host,
            guest,
            is_read_only,
        } in &self.grants
        {
            let dir = open_dir(Path::new(host)).map_err(|err| {
                format!("the directory `{host}`, which was granted as `{guest}`, cannot be opened: {err}")
            })?;
            let kind = if *is_read_only {
                Kind::ReadOnly
            } else {
                Kind::Shared
            };
            let path = guest.clone();
            let known = Known { path, kind };
            opened.push(Opened { dir, known });
        }
        if let Some(scratch) = &self.scratch {
            let dir = self.open_tmp(scratch).map_err(|err| {
                let place = scratch.root.display();
                format!("`/tmp` cannot be made below `{place}`: {err}")
            })?;
            let path = TMP.to_owned();
            let kind = Kind::Own;
            let known = Known { path, kind };
            opened.push(Opened { dir, known });
        }
        Ok(opened)
    }

    /// The same directory each time the guest asks.
    fn open_tmp(&self, scratch: &Scratch) -> io::Result<File> {
        let mut state = self.lock();
        if state.tmp.is_none() {
            state.tmp = Some(tempfile::tempdir_in(scratch.own()?)?);
        }
        let tmp = state.tmp.as_ref().expect("it was made above");
        open_dir(tmp.path())
    }

    /// Keeps what a descriptor stands for.
    pub fn know(&self, descriptor: u32, known: Known) {
        self.lock().known.insert(descriptor, known);
    }

    /// What a path below a descriptor stands for.
    pub fn at(&self, descriptor: u32, path: &str) -> Known {
        let state = self.lock();
        let (parent, kind) = match state.known.get(&descriptor) {
            Some(known) => (known.path.as_str(), known.kind),
            None => ("", Kind::ReadOnly),
        };
        let path = match path {
            "" | "." => parent.to_owned(),
            path => format!("{parent}/{path}"),
        };
        // It is for people: a path that goes round in circles is not kept for ever.
        let path = cut(path, PATH_MAX);
        Known { path, kind }
    }

    /// Keeps what could not be opened or changed, for the failure of the instance.
    pub fn failed(&self, what: &str, path: &str) {
        self.lock().tried = Some(format!("{what} `{path}`"));
    }

    /// Counts what is about to be written in `/tmp`. `false`: there is no room for it. Elsewhere there
    /// always is, as far as this knows.
    pub fn has_room(&self, at: &Known, bytes: u64) -> bool {
        if at.kind != Kind::Own {
            return true;
        }
        let less = |left: u64| left.checked_sub(bytes);
        let has = self.tmp_left.fetch_update(Relaxed, Relaxed, less).is_ok();
        if !has {
            let max = in_words(usize::try_from(self.tmp_max).unwrap_or(usize::MAX));
            self.failed(
                &format!("writing more than {max} in one attempt to"),
                &at.path,
            );
        }
        has
    }

    /// What failed before was not what the guest failed with.
    pub fn succeeded(&self) {
        self.lock().tried = None;
    }

    /// Keeps that a change was refused.
    pub fn refuse_change(&self, path: &str) {
        let said = format!(
            "`{path}` was not changed: the deployment was granted its directory with `:ro`; \
             `--dir HOST:GUEST` grants changes"
        );
        self.lock().refused = Some(said);
    }

    /// What was refused last, and what would grant it.
    pub fn take_refusal(&self) -> Option<String> {
        self.lock().refused.take()
    }

    /// What could not be opened or changed last.
    pub fn tried(&self) -> Option<String> {
        self.lock().tried.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic while it is changed")
    }
}

impl Drop for Files {
    /// Its own directory may hold much: it is removed where nobody waits for that.
    fn drop(&mut self) {
        let state = self.state.get_mut().expect("as above");
        if let Some(tmp) = state.tmp.take() {
            match tokio::runtime::Handle::try_current() {
                Ok(runtime) => drop(runtime.spawn_blocking(move || remove(&tmp.keep()))),
                Err(_) => remove(&tmp.keep()),
            }
        }
    }
}

fn open_dir(path: &Path) -> io::Result<File> {
    let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
    OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
}

/// Where the directories of single attempts are made: below one of this process, whose lock it
/// holds for as long as it lives.
pub(super) struct Scratch {
    root: PathBuf,
    own: Mutex<Option<Locked>>,
}

/// A directory, and its lock.
struct Locked {
    dir: PathBuf,
    _lock: File,
}

/// The file whose lock says that a directory is in use.
const LOCK: &str = "lock";

/// What a directory is called until it is locked.
const UNLOCKED: &str = ".new-";

impl Scratch {
    pub fn new(root: PathBuf) -> Self {
        Self {
            root,
            own: Mutex::default(),
        }
    }

    /// The directory of this process.
    fn own(&self) -> io::Result<PathBuf> {
        let mut own = self.own.lock().expect("no panic while it is made");
        if let Some(own) = &*own {
            return Ok(own.dir.clone());
        }
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.root)?;
        let new = tempfile::Builder::new()
            .prefix(UNLOCKED)
            .tempdir_in(&self.root)?
            .keep();
        let lock = File::create(new.join(LOCK))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        let name = new.file_name().and_then(|it| it.to_str());
        let name = name.and_then(|it| it.strip_prefix(UNLOCKED));
        let dir = self.root.join(name.unwrap_or("tasks"));
        fs::rename(&new, &dir)?;
        *own = Some(Locked {
            dir: dir.clone(),
            _lock: lock,
        });
        Ok(dir)
    }

    /// Removes what processes have left behind that are no more. Blocks.
    pub fn sweep(&self) {
        let Ok(entries) = fs::read_dir(&self.root) else {
            return;
        };
        for entry in entries.flatten() {
            let dir = entry.path();
            let Ok(lock) = File::open(dir.join(LOCK)) else {
                continue;
            };
            if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
                remove(&dir);
            }
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let own = self.own.get_mut().expect("as above");
        if let Some(own) = own.take() {
            remove(&own.dir);
        }
    }
}

/// Removes a directory with all that is in it, however deep a guest has made it: with one open
/// directory at a time, and no recursion.
fn remove(dir: &Path) {
    if let Err(err) = remove_flat(dir)
        && err.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%err, path = %dir.display(), "a directory of a task stays behind");
    }
}

fn remove_flat(top: &Path) -> io::Result<()> {
    let mut found = vec![top.to_owned()];
    let mut next = 0_u64;
    while let Some(dir) = found.pop() {
        for entry in fs::read_dir(&dir)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                // Beside the others, so that no path grows long.
                let beside = top.join(format!(".removed-{next}"));
                next += 1;
                if entry.path() == beside {
                    continue;
                }
                fs::rename(entry.path(), &beside)?;
                if dir != top {
                    found.push(beside);
                }
            } else {
                fs::remove_file(entry.path())?;
            }
        }
        if dir != top {
            fs::remove_dir(&dir)?;
        } else {
            // What was moved here is looked at in turn.
            let moved = fs::read_dir(top)?.flatten().map(|it| it.path());
            found.extend(moved.filter(|it| it.is_dir() && !it.is_symlink()));
        }
    }
    fs::remove_dir(top)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch() -> (TempDir, Arc<Scratch>) {
        let dir = tempfile::tempdir().unwrap();
        let scratch = Arc::new(Scratch::new(dir.path().join("tmp")));
        (dir, scratch)
    }

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap().flatten();
        let mut names: Vec<_> = entries
            .map(|it| it.file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_directory_of_its_own_is_empty_and_gone_afterwards() {
        let (_dir, scratch) = scratch();
        let grants = Grants {
            tmp: true,
            ..Grants::default()
        };
        let files = Files::of(&grants, &scratch, 10);
        let opened = files.open().unwrap();
        assert_eq!(opened[0].known.path, "/tmp");
        let own = scratch.own().unwrap();
        assert_eq!(names(&own).len(), 2);
        let made = own.join(&names(&own)[0]);
        fs::write(made.join("a"), "b").unwrap();
        drop((opened, files));
        assert_eq!(names(&own), [LOCK]);
        let root = scratch.root.clone();
        drop(scratch);
        assert!(names(&root).is_empty());
    }

    #[test]
    fn what_nobody_holds_is_removed() {
        let (_dir, scratch) = scratch();
        let own = scratch.own().unwrap();
        let dead = scratch.root.join("dead");
        fs::create_dir_all(dead.join("a/b")).unwrap();
        fs::write(dead.join(LOCK), "").unwrap();
        Scratch::new(scratch.root.clone()).sweep();
        assert!(own.exists() && !dead.exists());
    }

    /// So deep that its path is too long, and that a recursion would end the process.
    #[test]
    fn a_deep_tree_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let (top, one) = (dir.path().join("top"), dir.path().join("one"));
        fs::create_dir(&top).unwrap();
        fs::write(top.join("deepest"), "").unwrap();
        for _ in 0..20_000 {
            fs::create_dir(&one).unwrap();
            fs::rename(&top, one.join("d")).unwrap();
            fs::rename(&one, &top).unwrap();
        }
        fs::create_dir(top.join("beside")).unwrap();
        remove_flat(&top).unwrap();
        assert!(!top.exists());
    }
}

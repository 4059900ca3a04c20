//! The files of one instance: the directories that its deployment was granted, and nothing else.
//!
//! ```text
//! guest --path--> its libc --> directories (opened when they are first asked for)
//!                   `--open, change--> allowed? --Gate, unless it is /tmp--> the system
//! ```
//!
//! Paths are looked up within the open directory by the system itself: `..`, absolute paths and
//! symbolic links do not lead out of it, whoever changes what meanwhile.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use model::{DirGrant, Grants};
use rustix::fs::OFlags;
use tempfile::TempDir;

/// Where a task has a directory of its own.
const TMP: &str = "/tmp";

/// The directories of one instance.
pub(super) struct Files {
    grants: Vec<DirGrant>,
    /// Where `/tmp` is made. None: it was not granted.
    scratch: Option<PathBuf>,
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
    pub fn of(grants: &Grants, scratch: &Path) -> Self {
        Self {
            // What an earlier version has stored may mean nothing any more.
            grants: grants
                .dirs
                .iter()
                .filter_map(|it| it.parse().ok())
                .collect(),
            scratch: grants.tmp.then(|| scratch.to_owned()),
            state: Mutex::default(),
        }
    }

    /// Of a flow, which has none.
    pub fn none() -> Self {
        Self {
            grants: Vec::new(),
            scratch: None,
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
            let kind = match is_read_only {
                true => Kind::ReadOnly,
                false => Kind::Shared,
            };
            let path = guest.clone();
            let known = Known { path, kind };
            opened.push(Opened { dir, known });
        }
        if let Some(scratch) = &self.scratch {
            let dir = self.open_tmp(scratch).map_err(|err| {
                let place = scratch.display();
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
    fn open_tmp(&self, scratch: &Path) -> io::Result<File> {
        let mut state = self.lock();
        if state.tmp.is_none() {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(scratch)?;
            // The process is named, so that what one left behind that was killed is known.
            let prefix = format!("{}-", std::process::id());
            state.tmp = Some(
                tempfile::Builder::new()
                    .prefix(&prefix)
                    .tempdir_in(scratch)?,
            );
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
        Known { path, kind }
    }

    /// Keeps what could not be opened or changed, for the failure of the instance.
    pub fn failed(&self, what: &str, path: &str) {
        self.lock().tried = Some(format!("{what} `{path}`"));
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
                Ok(runtime) => drop(runtime.spawn_blocking(move || drop(tmp))),
                Err(_) => drop(tmp),
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

/// Removes what tasks of processes had below `scratch` that are no more. Blocks.
pub(super) fn sweep(scratch: &Path) {
    let Ok(entries) = fs::read_dir(scratch) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let of = name.to_str().and_then(|it| it.split('-').next());
        let Some(process) = of.and_then(|it| it.parse::<u32>().ok()) else {
            continue;
        };
        if !Path::new(&format!("/proc/{process}")).exists()
            && let Err(err) = fs::remove_dir_all(entry.path())
        {
            tracing::warn!(%err, path = %entry.path().display(), "a directory of a task stays behind");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_of_its_own_is_empty_and_gone_afterwards() {
        let scratch = tempfile::tempdir().unwrap();
        let grants = Grants {
            tmp: true,
            ..Grants::default()
        };
        let files = Files::of(&grants, scratch.path());
        let opened = files.open().unwrap();
        assert_eq!(opened[0].known.path, "/tmp");
        let made: Vec<_> = fs::read_dir(scratch.path()).unwrap().flatten().collect();
        assert_eq!(made.len(), 1);
        fs::write(made[0].path().join("a"), "b").unwrap();
        drop((opened, files));
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_a_killed_process_left_behind_is_removed() {
        let scratch = tempfile::tempdir().unwrap();
        let dir = |name: String| fs::create_dir(scratch.path().join(name)).unwrap();
        dir(format!("{}-own", std::process::id()));
        // More than any process has.
        dir("4194999-dead".to_owned());
        dir("else".to_owned());
        sweep(scratch.path());
        let left = fs::read_dir(scratch.path()).unwrap().flatten();
        let mut left: Vec<_> = left
            .map(|it| it.file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(
            left,
            [format!("{}-own", std::process::id()), "else".to_owned()]
        );
    }
}

//! Compiled code that homes hand on to each other: to compile a component takes most of the time of
//! a story, and another story has compiled the same one before.
//!
//! ```text
//! a new home <--links-- compiled/{key, SETTINGS/DIGEST.cwasm} <--links-- a home that goes
//! ```
//!
//! The program replaces these files and never changes them, so a link is as good as a copy. What
//! it takes from its cache is checked by the key in it, which comes along.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Once;

/// More files than this are those of components that are no more.
const FILES_MAX: usize = 200;

/// The code that is handed on.
#[derive(Debug)]
pub struct Compiled(PathBuf);

impl Compiled {
    /// Of the homes of one binary.
    pub fn of(program: &Path) -> Self {
        static CLEANED: Once = Once::new();
        let this = Self(program.with_file_name("compiled"));
        CLEANED.call_once(|| {
            if files(&this.0).is_ok_and(|files| files.len() > FILES_MAX) {
                // Others may do the same at this moment.
                let _ = fs::remove_dir_all(&this.0);
            }
        });
        this
    }

    /// Gives a home what there is.
    pub fn lend(&self, cache: &Path) {
        // Without the key nothing else can be used; and to compile anew does no harm.
        let _ = link(&self.0, cache, "key").and_then(|()| link_all(&self.0, cache));
    }

    /// Keeps what a home has compiled.
    pub fn keep(&self, cache: &Path) {
        let _ = link(cache, &self.0, "key");
        let key = |dir: &Path| fs::read(dir.join("key")).ok();
        if key(cache).is_some() && key(cache) == key(&self.0) {
            let _ = link_all(cache, &self.0);
        }
    }
}

/// The files of a cache, as paths below it.
fn files(cache: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for settings in fs::read_dir(cache)? {
        let settings = settings?;
        if !settings.file_type()?.is_dir() {
            continue;
        }
        for file in fs::read_dir(settings.path())? {
            let path = Path::new(&settings.file_name()).join(file?.file_name());
            if path.extension().is_some_and(|it| it == "cwasm") {
                files.push(path);
            }
        }
    }
    Ok(files)
}

fn link_all(from: &Path, to: &Path) -> io::Result<()> {
    for file in files(from)? {
        link(from, to, file)?;
    }
    Ok(())
}

/// Links one file, unless there is one already.
fn link(from: &Path, to: &Path, file: impl AsRef<Path>) -> io::Result<()> {
    let (from, to) = (from.join(&file), to.join(&file));
    let dir = to.parent().expect("it is below a directory");
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)?;
    match fs::hard_link(from, to) {
        Err(err) if err.kind() != io::ErrorKind::AlreadyExists => Err(err),
        _ => Ok(()),
    }
}

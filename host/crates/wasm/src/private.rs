//! Files and directories of our own user that nobody else can write to.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Opens a regular file that belongs to our user and that nobody else can write to.
pub(super) fn open_ours(path: &Path) -> io::Result<File> {
    let file = fs::OpenOptions::new()
        .read(true)
        // A pipe in its place keeps nobody waiting, and a link leads nowhere.
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)?;
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    if !is_of_us_alone(&meta) {
        return Err(io::Error::other(
            "it belongs to another user, or others can write to it",
        ));
    }
    Ok(file)
}

/// Creates a file that nobody else can read.
pub(super) fn new_private(path: &Path) -> io::Result<File> {
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// Creates a directory that nobody else can look into.
pub(super) fn create_private(dir: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
}

/// Whether a directory belongs to our user and nobody else can write to it.
pub(super) fn is_ours_alone(dir: &Path) -> io::Result<bool> {
    let meta = fs::symlink_metadata(dir)?;
    Ok(meta.is_dir() && is_of_us_alone(&meta))
}

fn is_of_us_alone(meta: &fs::Metadata) -> bool {
    const WRITABLE_BY_OTHERS: u32 = 0o022;
    meta.uid() == rustix::process::geteuid().as_raw() && meta.mode() & WRITABLE_BY_OTHERS == 0
}

//! Objects as files of one directory.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use uuid::Uuid;

#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
}

impl Directory {
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Makes the directory, for its owner alone, unless it is there.
    pub fn make(&self) -> io::Result<()> {
        if self.path.is_dir() {
            return Ok(());
        }
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.path)?;
        // A power failure must not take the directory from under what is synced into it.
        for above in self.path.ancestors().skip(1) {
            match sync_directory(above) {
                Err(err) if err.kind() != io::ErrorKind::PermissionDenied => return Err(err),
                _ => {}
            }
        }
        Ok(())
    }

    fn file(&self, id: Uuid) -> PathBuf {
        self.path.join(id.hyphenated().to_string())
    }

    /// A new file, which nobody else may read.
    pub fn create(&self, id: Uuid) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        match options.open(self.file(id)) {
            Err(err) if err.kind() == io::ErrorKind::NotFound => {
                self.make()?;
                options.open(self.file(id))
            }
            opened => opened,
        }
    }

    /// Syncs a file and its name.
    pub fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()?;
        sync_directory(&self.path)
    }

    pub fn open(&self, id: Uuid) -> io::Result<File> {
        File::open(self.file(id))
    }

    /// One that is not there is gone.
    pub fn delete(&self, id: Uuid) -> io::Result<()> {
        match fs::remove_file(self.file(id)) {
            Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }
}

fn sync_directory(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() {
        return Ok(());
    }
    File::open(path)?.sync_all()
}

/// Writes all of it.
pub(crate) fn write(mut file: &File, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)
}

/// Up to so many bytes; none at the end.
pub(crate) fn read(mut file: &File, max: usize) -> io::Result<Bytes> {
    let mut bytes = vec![0; max];
    let mut filled = 0;
    while filled < max {
        match file.read(&mut bytes[filled..])? {
            0 => break,
            more => filled += more,
        }
    }
    bytes.truncate(filled);
    Ok(bytes.into())
}

//! Datagram sockets in a directory, also where its path is too long for an address.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use store::Topic;

/// Longest path that fits into a socket's address, with room for its final zero.
const SOCKET_PATH_MAX: usize = 107;

pub(super) const TOPICS: [Topic; 2] = [Topic::Ready, Topic::Change];

/// Where the sockets of those who listen to a topic stand.
pub(super) fn directory(database: &Path, topic: Topic) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".run");
    PathBuf::from(path).join("bells").join(match topic {
        Topic::Ready => "ready",
        Topic::Change => "change",
    })
}

/// A bound socket, whose name goes when it goes.
pub(super) struct Socket {
    pub socket: UnixDatagram,
    path: PathBuf,
}

impl Socket {
    pub(super) fn bind(directory: &Path, name: &str) -> io::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)?;
        let path = directory.join(name);
        let near = Near::to(directory)?;
        let socket = UnixDatagram::bind(near.path(name))?;
        Ok(Self { socket, path })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // A ringer that finds it dead removes it as well.
        let _ = fs::remove_file(&self.path);
    }
}

/// A directory by a name that is short enough for a socket's address.
pub(super) struct Near {
    directory: PathBuf,
    handle: Option<File>,
}

impl Near {
    pub(super) fn to(directory: &Path) -> io::Result<Self> {
        // The longest name there: 32 digits, a hyphen and a number.
        const NAME_MAX: usize = 32 + 1 + 20;
        let fits = directory.as_os_str().len() + 1 + NAME_MAX <= SOCKET_PATH_MAX;
        Ok(Self {
            directory: directory.to_owned(),
            handle: if fits {
                None
            } else {
                Some(File::open(directory)?)
            },
        })
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        match &self.handle {
            Some(handle) => PathBuf::from(format!("/proc/self/fd/{}/{name}", handle.as_raw_fd())),
            None => self.directory.join(name),
        }
    }
}

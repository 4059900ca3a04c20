//! The receiving half of the bell: hears what other processes ring.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rusqlite::Connection;

use super::socket::Socket;
use crate::open;
use crate::sql::Sql;
use store::{StoreError, StoreResult};

/// How often the database is looked at where there can be no socket.
const WITHOUT_SOCKET: Duration = Duration::from_millis(50);

/// Receives the rings of other processes in a thread of its own. So it depends on no runtime,
/// and sleeps in the kernel until a ring comes.
pub(super) struct Receiver {
    stop: Arc<AtomicBool>,
    socket: Option<Socket>,
}

/// Where a receiver is reached, and what it looks at besides.
pub(super) struct Place<'p> {
    pub database: &'p Path,
    pub directory: PathBuf,
    pub name: String,
}

impl Receiver {
    /// `receive` is told whether there may be news, and says whether anybody still listens.
    pub(super) fn open(
        place: &Place<'_>,
        safety_net: Option<Duration>,
        receive: impl Fn(bool) -> bool + Send + 'static,
    ) -> StoreResult<Self> {
        let socket = match Socket::bind(&place.directory, &place.name) {
            Ok(socket) => Some(socket),
            Err(error) => {
                tracing::warn!(%error, "no doorbell: looking at the database instead");
                None
            }
        };
        let pause = match &socket {
            Some(_) => safety_net,
            None => Some(WITHOUT_SOCKET),
        };
        let unavailable = |error: io::Error| StoreError::Unavailable(error.to_string());
        let hearing = match &socket {
            Some(socket) => {
                let hearing = socket.socket.try_clone().map_err(unavailable)?;
                hearing.set_read_timeout(pause).map_err(unavailable)?;
                Some(hearing)
            }
            None => None,
        };
        let mut version = match pause {
            Some(_) => Some(Version::now(place.database)?),
            None => None,
        };
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        thread::Builder::new()
            .name("store-bell".to_owned())
            .spawn(move || {
                loop {
                    let rung = hear(hearing.as_ref());
                    if stopped.load(Ordering::Acquire) {
                        return;
                    }
                    let changed = version.as_mut().is_some_and(Version::has_changed);
                    if !receive(rung || changed) {
                        return;
                    }
                }
            })
            .map_err(unavailable)?;
        Ok(Self { stop, socket })
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(socket) = &self.socket {
            // Ends the thread's wait.
            let _ = socket.socket.shutdown(std::net::Shutdown::Both);
        }
    }
}

/// Returns whether a ring came; false after a while without one.
fn hear(socket: Option<&UnixDatagram>) -> bool {
    match socket {
        Some(socket) => match socket.recv(&mut [0; 1]) {
            Ok(_) => true,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
            Err(error) => {
                tracing::debug!(%error, "doorbell");
                thread::sleep(WITHOUT_SOCKET);
                true
            }
        },
        None => {
            thread::sleep(WITHOUT_SOCKET);
            false
        }
    }
}

/// Tells whether another connection has committed.
struct Version {
    conn: Connection,
    last: i64,
}

impl Version {
    fn now(database: &Path) -> StoreResult<Self> {
        let mut version = Self {
            conn: open::reader(database)?,
            last: 0,
        };
        version.last = version.read()?;
        Ok(version)
    }

    fn read(&self) -> StoreResult<i64> {
        self.conn.need("PRAGMA data_version", [], |row| row.get(0))
    }

    /// Whether it has, since the last call. True if that cannot be read: looking is harmless.
    fn has_changed(&mut self) -> bool {
        let Ok(version) = self.read() else {
            return true;
        };
        std::mem::replace(&mut self.last, version) != version
    }
}

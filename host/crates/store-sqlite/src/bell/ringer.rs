//! The sending half of the bell: rings at other processes.

use std::fs;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::hub::Hub;
use super::socket::{Near, TOPICS, directory};
use orchestrator::lifecycle::News;
use store::Topic;

/// A directory that has changed so recently may change again without a new time stamp.
const STAMP_STEP: Duration = Duration::from_millis(50);

/// Rings at the other processes. Owned by the writer.
pub(crate) struct Ringer {
    hub: Arc<Hub>,
    socket: Option<UnixDatagram>,
    rooms: [Room; 2],
}

impl Ringer {
    pub(crate) fn new(hub: Arc<Hub>) -> Self {
        let socket = UnixDatagram::unbound()
            .and_then(|socket| socket.set_nonblocking(true).map(|()| socket))
            .inspect_err(|error| tracing::warn!(%error, "no doorbell for other processes"))
            .ok();
        Self {
            socket,
            rooms: TOPICS.map(|topic| Room::new(directory(&hub.database, topic))),
            hub,
        }
    }

    /// Once a batch, after its commit.
    pub(crate) fn announce(&mut self, news: News) {
        for (topic, told) in [(Topic::Ready, news.ready), (Topic::Change, news.change)] {
            if !told {
                continue;
            }
            self.hub.ring(topic);
            if let Some(socket) = &self.socket {
                self.rooms[topic as usize].ring(socket, &self.hub.name);
            }
        }
    }
}

/// The sockets of one topic, as they were when the directory last changed.
struct Room {
    directory: PathBuf,
    /// The directory's time stamp when it was read, if that can be trusted.
    read_at: Option<SystemTime>,
    names: Vec<String>,
    near: Option<Near>,
}

impl Room {
    fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            read_at: None,
            names: Vec::new(),
            near: None,
        }
    }

    fn ring(&mut self, socket: &UnixDatagram, own: &str) {
        if self.look(own).is_err() {
            // There is no directory before the first listener.
            self.names.clear();
            self.read_at = None;
        }
        let Some(near) = &self.near else { return };
        let directory = &self.directory;
        self.names.retain(|name| {
            match socket.send_to(&[0], near.path(name)).map_err(|e| e.kind()) {
                // Its owner crashed, so this process removes the socket.
                Err(io::ErrorKind::ConnectionRefused) => {
                    let _ = fs::remove_file(directory.join(name));
                    false
                }
                Err(io::ErrorKind::NotFound) => false,
                _ => true,
            }
        });
    }

    /// Reads the directory again if it has changed.
    fn look(&mut self, own: &str) -> io::Result<()> {
        let stamp = fs::metadata(&self.directory)?.modified()?;
        if self.read_at == Some(stamp) {
            return Ok(());
        }
        let is_old = stamp.elapsed().is_ok_and(|age| age > STAMP_STEP);
        self.names = fs::read_dir(&self.directory)?
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| !name.starts_with(own))
            .collect();
        self.near = Some(Near::to(&self.directory)?);
        self.read_at = is_old.then_some(stamp);
        Ok(())
    }
}

//! Wake-ups: within the process, and between the processes that share a database.
//!
//! ```text
//! <database>.run/bells/ready/<socket>     one socket for each listening store and topic
//! <database>.run/bells/change/<socket>
//!
//! writer --commit--> Hub (own process)  --------------------> Listener
//!           |                                                    ^
//!           +-----> Ringer --datagram--> socket --> Ear (thread) +
//!                                                    ^
//!                          PRAGMA data_version ------+  once a second
//! ```
//!
//! A ring carries nothing: it means "look". It never blocks the writer: one that does not
//! fit into a full socket is not needed, since a ring waits there already. The look at
//! `data_version` is the safety net, for what is lost or for a file system without sockets.
//! A directory that nobody listens in costs one `stat` a commit.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::thread;
use std::time::{Duration, SystemTime};

use rusqlite::Connection;
use tokio::sync::watch;

use super::open;
use super::sql::Sql;
use super::writer::{News, Nudge};
use store::{Listener, StoreError, StoreResult, Topic};

/// Longest path that fits into a socket's address, with room for its final zero.
const SOCKET_PATH_MAX: usize = 107;

/// A directory that has changed so recently may change again without a new time stamp.
const STAMP_STEP: Duration = Duration::from_millis(50);

/// How often the database is looked at where there can be no socket.
const WITHOUT_SOCKET: Duration = Duration::from_millis(50);

const TOPICS: [Topic; 2] = [Topic::Ready, Topic::Change];

fn directory(database: &Path, topic: Topic) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".run");
    PathBuf::from(path).join("bells").join(match topic {
        Topic::Ready => "ready",
        Topic::Change => "change",
    })
}

/// Those who listen in this process.
pub(super) struct Hub {
    topics: [watch::Sender<()>; 2],
    /// Kept only by the listeners, so that nobody listens for nobody.
    ears: Mutex<[Weak<Ear>; 2]>,
    database: PathBuf,
    /// Begins the names of this store's sockets, so that it does not ring at itself.
    name: String,
    ears_made: AtomicU64,
    safety_net: Option<Duration>,
    /// To the writer of this process, whose waiting claims look when others ring.
    nudge: OnceLock<Nudge>,
}

impl Hub {
    pub(super) fn new(database: PathBuf, safety_net: Option<Duration>) -> Self {
        Self {
            topics: TOPICS.map(|_| watch::Sender::new(())),
            ears: Mutex::default(),
            database,
            name: uuid::Uuid::now_v7().simple().to_string(),
            ears_made: AtomicU64::new(0),
            safety_net,
            nudge: OnceLock::new(),
        }
    }

    /// Whom else to tell of what other processes have made ready.
    pub(super) fn nudge_too(&self, nudge: Nudge) {
        let _ = self.nudge.set(nudge);
    }

    /// Another process has rung, or may have.
    fn heard(&self, topic: Topic) {
        if topic == Topic::Ready
            && let Some(nudge) = self.nudge.get()
        {
            nudge.look();
        }
        self.ring(topic);
    }

    fn ring(&self, topic: Topic) {
        self.topics[topic as usize].send_replace(());
    }

    pub(super) fn listen(self: &Arc<Self>, topic: Topic) -> StoreResult<BellListener> {
        // Before the ear opens, so that nothing falls in between.
        let heard = self.topics[topic as usize].subscribe();
        let mut ears = self.ears.lock().unwrap_or_else(PoisonError::into_inner);
        let ear = match ears[topic as usize].upgrade() {
            Some(ear) => ear,
            None => {
                let ear = Arc::new(Ear::open(self, topic)?);
                ears[topic as usize] = Arc::downgrade(&ear);
                ear
            }
        };
        Ok(BellListener { heard, _ear: ear })
    }
}

/// A listener on a database.
pub struct BellListener {
    heard: watch::Receiver<()>,
    _ear: Arc<Ear>,
}

#[async_trait::async_trait]
impl Listener for BellListener {
    async fn heard(&mut self) {
        if self.heard.changed().await.is_err() {
            // The store is closed: nothing will ever happen again.
            std::future::pending::<()>().await;
        }
    }
}

/// Hears other processes, in a thread of its own: so it does not depend on any runtime,
/// and sleeps in the kernel until somebody rings.
struct Ear {
    stop: Arc<AtomicBool>,
    socket: Option<Socket>,
}

impl Ear {
    fn open(hub: &Arc<Hub>, topic: Topic) -> StoreResult<Self> {
        let number = hub.ears_made.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{number}", hub.name);
        let socket = match Socket::bind(&directory(&hub.database, topic), &name) {
            Ok(socket) => Some(socket),
            Err(error) => {
                tracing::warn!(%error, "no doorbell: looking at the database instead");
                None
            }
        };
        let pause = match &socket {
            Some(_) => hub.safety_net,
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
            Some(_) => Some(Version::now(&hub.database)?),
            None => None,
        };
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, hub) = (Arc::clone(&stop), Arc::downgrade(hub));
        thread::Builder::new()
            .name("store-ear".to_owned())
            .spawn(move || {
                loop {
                    let rung = hear(hearing.as_ref());
                    if stopped.load(Ordering::Acquire) {
                        return;
                    }
                    let changed = version.as_mut().is_some_and(Version::has_changed);
                    match hub.upgrade() {
                        Some(hub) if rung || changed => hub.heard(topic),
                        Some(_) => {}
                        None => return,
                    }
                }
            })
            .map_err(unavailable)?;
        Ok(Self { stop, socket })
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(socket) = &self.socket {
            // Ends the thread's wait.
            let _ = socket.socket.shutdown(std::net::Shutdown::Both);
        }
    }
}

/// Whether somebody rang; false after a while without.
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

    /// Since the last time. If that cannot be told, it is better to look.
    fn has_changed(&mut self) -> bool {
        let Ok(version) = self.read() else {
            return true;
        };
        std::mem::replace(&mut self.last, version) != version
    }
}

/// A bound socket, whose name goes when it goes.
struct Socket {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Socket {
    fn bind(directory: &Path, name: &str) -> io::Result<Self> {
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
struct Near {
    directory: PathBuf,
    handle: Option<File>,
}

impl Near {
    fn to(directory: &Path) -> io::Result<Self> {
        // The longest name there: 32 digits, a hyphen and a number.
        const NAME_MAX: usize = 32 + 1 + 20;
        let fits = directory.as_os_str().len() + 1 + NAME_MAX <= SOCKET_PATH_MAX;
        Ok(Self {
            directory: directory.to_owned(),
            handle: match fits {
                true => None,
                false => Some(File::open(directory)?),
            },
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        match &self.handle {
            Some(handle) => PathBuf::from(format!("/proc/self/fd/{}/{name}", handle.as_raw_fd())),
            None => self.directory.join(name),
        }
    }
}

/// Rings at the other processes. Owned by the writer.
pub(super) struct Ringer {
    hub: Arc<Hub>,
    socket: Option<UnixDatagram>,
    rooms: [Room; 2],
}

impl Ringer {
    pub(super) fn new(hub: Arc<Hub>) -> Self {
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
    pub(super) fn announce(&mut self, news: News) {
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
            // No directory: nobody has ever listened.
            self.names.clear();
            self.read_at = None;
        }
        let Some(near) = &self.near else { return };
        let directory = &self.directory;
        self.names.retain(|name| {
            match socket.send_to(&[0], near.path(name)).map_err(|e| e.kind()) {
                // Its owner is gone, by a crash: nobody else will tidy up.
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

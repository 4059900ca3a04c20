//! The store in one SQLite file.
//!
//! ```text
//! Store verbs --writes--> writer (one thread, one connection) --> the file
//!      |                     |                                      ^
//!      |                     +--after commit--> bell                |
//!      +------reads--> readers (several connections) ---------------+
//! ```
//!
//! `verbs` joins the traits to functions of a connection or a transaction. What changes the
//! life of a run is decided by `orchestrator::lifecycle`:
//!
//! ```text
//! life --> pick (which runs) --> load (their heads) --> lifecycle decides a plan
//!            apply (its changes) and answer (its questions) <-----+
//! ```
//!
//! `runs`, `journal`, `inputs`, `task_runs` and `logs` hold the statements of their tables, and
//! note what they change for the stream of [`events`].
//! No file here looks at the state of a run to decide what happens to it.

mod access;
mod access_verbs;
mod answer;
mod apply;
mod artifacts;
mod audit;
mod bell;
mod blobs;
mod blocks;
mod bulk;
mod cache;
mod cache_verbs;
mod clock;
mod columns;
mod components;
mod deadlocks;
mod deleting;
mod deployments;
mod events;
mod holds;
mod housekeeping;
mod identity;
mod inputs;
mod journal;
mod kept;
mod leases;
mod life;
mod limit_verbs;
mod listing;
mod load;
mod logs;
mod moving;
mod open;
mod origins;
mod permits;
mod pick;
mod pools;
mod presence;
mod query;
mod queue_verbs;
mod queues;
mod read;
mod readers;
mod rows;
mod runs;
mod schedules;
mod schema;
mod sql;
mod task_runs;
#[cfg(test)]
mod tests;
mod texts;
mod totals;
mod verbs;
mod workers;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use store::{Clock, StoreError, StoreResult};

pub use self::bell::BellListener;
use self::bell::{Hub, Ringer};
use self::clock::MachineClock;
use self::events::{EVENTS_BYTES_MAX, EventWriter};
use self::identity::Identity;
use self::leases::LeaseClock;
use self::listing::Patience;
pub use self::moving::SqliteDatabase;
use self::presence::Presence;
use self::readers::Readers;
use self::totals::Totals;
use self::writer::Writer;

/// How often listeners look whether the database has changed without a bell.
const SAFETY_NET: Duration = Duration::from_secs(1);

/// A database in one file, shared by the processes of one machine. Cheap to clone.
#[derive(Clone)]
pub struct SqliteStore {
    // In this order: the writer finishes what is queued before the rest goes.
    writer: Arc<Writer>,
    readers: Arc<Readers>,
    hub: Arc<Hub>,
    presence: Arc<Presence>,
    clock: Arc<dyn Clock>,
    leases: Arc<LeaseClock>,
    patience: Patience,
    path: PathBuf,
}

impl SqliteStore {
    /// Opens the database, and creates it, with the directories above it, if it is not
    /// there.
    pub fn open(path: impl AsRef<Path>) -> StoreResult<Self> {
        Self::open_with(path.as_ref(), Some(SAFETY_NET))
    }

    fn open_with(path: &Path, safety_net: Option<Duration>) -> StoreResult<Self> {
        Self::open_keeping(path, safety_net, EVENTS_BYTES_MAX)
    }

    /// Keeps so much of the stream of events.
    fn open_keeping(
        path: &Path,
        safety_net: Option<Duration>,
        events_bytes_max: u64,
    ) -> StoreResult<Self> {
        let path = std::path::absolute(path).map_err(|error| StoreError::CannotOpen {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        let presence = Presence::new(&path);
        if !path.exists() && presence.is_anybody_here() {
            // Or there would be two databases, and nobody would know.
            return Err(identity::gone(&path));
        }
        let conn = open::writer(&path)?;
        let identity = Identity::of(&path)?;
        moving::need_whole(&conn, &path)?;
        let readers = Arc::new(Readers::new(path.clone())?);
        let hub = Arc::new(Hub::new(path.clone(), safety_net));
        let mut ringer = Ringer::new(Arc::clone(&hub));
        let clock: Arc<dyn Clock> = Arc::new(MachineClock);
        let events = EventWriter::new(Arc::clone(&clock), events_bytes_max);
        let totals = Totals::new(Arc::clone(&clock));
        let announce = move |news| ringer.announce(news);
        let writer = Arc::new(Writer::start(conn, identity, events, totals, announce)?);
        hub.nudge_too(writer.nudge());
        Ok(Self {
            writer,
            readers,
            hub,
            presence: Arc::new(presence),
            leases: Arc::new(LeaseClock::new(presence::place(&path), Arc::clone(&clock))),
            clock,
            patience: Patience::default(),
            path,
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// For reads that may take longer than a runtime's thread should be held.
    async fn read_long<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> StoreResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        let readers = Arc::clone(&self.readers);
        tokio::task::spawn_blocking(move || readers.snapshot(read))
            .await
            .unwrap_or_else(|error| Err(StoreError::Unavailable(error.to_string())))
    }
}

//! The store in a PostgreSQL database, which many machines share.
//!
//! ```text
//! Store verbs --writes--> writer (one task, one connection) --batches--> PostgreSQL
//!      |                     |                                              ^  |
//!      |                     +--after commit--> bell <----- NOTIFY ---------|--+
//!      +------reads--> readers (a few connections) -------------------------+
//! ```
//!
//! The tables and their states mean what they mean in the other engine, and what changes the
//! life of a run is decided by `orchestrator::lifecycle`: no file here looks at the state of a
//! run to decide what happens to it.
//!
//! Connections live on a thread of this crate with a runtime of its own, so that a store works in
//! whatever runtime, and outlives the one that it was opened in.
//!
//! What one writer gives an engine of one machine, rows are locked for here:
//!
//! - whoever decides about a run has locked its row, and reads what belongs to it after that;
//! - whoever watches a run, or settles a call of it, locks that run, too;
//! - a claim locks the worker's row against being given up meanwhile, and, where its pool has a
//!   limit, the pool's.
//!
//! Two that wait for each other are told so by PostgreSQL; one of them is undone and done again.

mod access;
mod access_verbs;
mod answer;
mod apply;
mod artifacts;
mod audit;
mod bell;
mod blobs;
mod bulk;
mod cache;
mod cache_verbs;
mod clock;
mod columns;
mod components;
mod connect;
mod deadlocks;
mod deleting;
mod deployments;
mod error;
mod events;
mod holds;
mod home;
mod housekeeping;
mod inputs;
mod journal;
mod kept;
mod known;
mod life;
mod limit_verbs;
mod link;
mod listing;
mod load;
mod logs;
mod moving;
mod noted;
mod origins;
mod own;
mod permits;
mod pick;
mod pools;
mod queue_verbs;
mod queues;
mod read;
mod rows;
mod runs;
mod schedules;
mod schema;
mod sql;
mod task_runs;
mod texts;
mod totals;
mod tx;
mod verbs;
mod workers;
mod writer;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use store::{Clock, StoreResult};

use self::bell::Hub;
use self::clock::DatabaseClock;
use self::connect::Connector;
pub use self::connect::{Options, UrlError};
use self::error::Pg;
use self::home::Home;
pub use self::moving::PostgresDatabase;
pub use self::own::OwnDatabase;
use self::sql::Reader;
use self::writer::Writer;

/// A database, shared by the processes of many machines. Cheap to clone.
#[derive(Clone)]
pub struct PostgresStore {
    inner: Arc<Inner>,
}

struct Inner {
    // In this order: the writer finishes what is queued before the rest goes.
    writer: Writer,
    hub: Arc<Hub>,
    clock: Arc<dyn Clock>,
    connector: Arc<Connector>,
    home: Home,
}

impl PostgresStore {
    /// Connects to the database, and sets it up if it is empty or of an earlier version.
    pub fn open(options: Options) -> StoreResult<Self> {
        let home = Home::start()?;
        let connector = Arc::new(Connector::new(options));
        let clock = Arc::new(DatabaseClock::default());
        let opening = {
            let (connector, clock) = (Arc::clone(&connector), Arc::clone(&clock));
            async move {
                let reader = connector.first().await?;
                schema::migrate(&reader, connector.options()).await?;
                moving::need_whole(&reader, connector.options()).await?;
                clock.set(&reader).await?;
                Ok(())
            }
        };
        home.block_on(opening)?;
        let keeping = clock::keep(Arc::downgrade(&clock), Arc::clone(&connector));
        home.handle().spawn(keeping);
        let clock: Arc<dyn Clock> = clock;
        let hub = Hub::new(Arc::clone(&connector), home.handle());
        let writer = Writer::start(
            &home,
            Arc::clone(&connector),
            Arc::clone(&clock),
            hub.name().to_owned(),
            {
                let hub = Arc::clone(&hub);
                move |news| hub.announce(news)
            },
        );
        hub.nudge_too(writer.nudge());
        Ok(Self {
            inner: Arc::new(Inner {
                writer,
                hub,
                clock,
                connector,
                home,
            }),
        })
    }

    /// Reads with a connection of the readers, on the thread of the connections.
    async fn read<T, F>(&self, read: impl FnOnce(Reader) -> F + Send + 'static) -> StoreResult<T>
    where
        T: Send + 'static,
        F: Future<Output = Pg<T>> + Send + 'static,
    {
        let connector = Arc::clone(&self.inner.connector);
        let reading = async move { read(connector.reader().await?).await };
        let read = self.inner.home.handle().spawn(reading).await;
        match read {
            Ok(read) => read.map_err(error::Fault::told),
            Err(error) => Err(store::StoreError::Unavailable(error.to_string())),
        }
    }
}

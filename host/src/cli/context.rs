//! What every command is given.

use std::sync::Arc;

use super::engine::{Describer, EngineSettings};
use super::error::UserError;
use super::limits::LimitArgs;
use super::output::Output;
use super::place::Place;
use model::Timestamp;
use operations::client::{Client, LocalClient};
use store::Store;
use wasm::{HttpConfig, Limits, Runtime};

pub use super::engine::Room;

pub struct Context {
    /// Does what a command asks, here or on a server.
    pub client: Arc<dyn Client>,
    pub out: Output,
    pub place: Place,
    engine: EngineSettings,
    /// None where a server is asked.
    store: Option<Arc<dyn Store>>,
}

/// What to say of a command that no server does.
pub fn only_here(what: &str) -> UserError {
    UserError::new(format!(
        "`orch-host {what}` works on the machine of the database, not through a server"
    ))
    .hint("leave out `--server`, and unset `ORCH_API_URL`; `--database` names the database")
}

impl Context {
    /// With the database of this machine.
    pub fn here(store: Arc<dyn Store>, out: Output, place: Place, engine: EngineSettings) -> Self {
        let describe = Arc::new(Describer::WhenNeeded(engine.clone()));
        Self {
            client: Arc::new(LocalClient::new(
                Arc::clone(&store),
                describe,
                place.home.clone(),
                place.blobs(),
            )),
            out,
            place,
            engine,
            store: Some(store),
        }
    }

    /// With a server, which has the database.
    pub fn elsewhere(
        client: Arc<dyn Client>,
        out: Output,
        place: Place,
        engine: EngineSettings,
    ) -> Self {
        Self {
            client,
            out,
            place,
            engine,
            store: None,
        }
    }

    /// The database of this machine, for the command `what`, which does more with it than a
    /// server offers.
    pub fn store(&self, what: &str) -> Result<&Arc<dyn Store>, UserError> {
        self.store.as_ref().ok_or_else(|| only_here(what))
    }

    /// The same, if there is one.
    pub fn local_store(&self) -> Option<&Arc<dyn Store>> {
        self.store.as_ref()
    }

    /// The time, by the clock of all that is stored.
    pub fn now(&self) -> Timestamp {
        self.client.now()
    }

    /// The engine, for those commands that look into components.
    pub fn runtime(&self, room: Room, limits: Limits) -> anyhow::Result<Arc<Runtime>> {
        self.engine
            .runtime(room, limits, HttpConfig::of_environment())
    }

    /// The engine, for those that run flows and tasks.
    pub fn runtime_for_runs(&self, room: Room, typed: &LimitArgs) -> anyhow::Result<Arc<Runtime>> {
        self.engine.runtime(room, typed.limits(), typed.http()?)
    }
}

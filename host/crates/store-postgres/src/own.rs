//! A database of its own, which goes away: to measure in, beside those of others.

use std::sync::Arc;

use uuid::Uuid;

use crate::connect::{Connector, Options};
use crate::home::Home;
use store::{StoreError, StoreResult};

/// A new database of a server. Dropping it removes the database, whoever uses it.
pub struct OwnDatabase {
    server: Options,
    name: String,
    options: Options,
}

impl OwnDatabase {
    /// Beside the database that `server` names, by whose user, who has to be allowed to make some.
    pub fn make(server: &Options) -> StoreResult<Self> {
        let name = format!("orch_{}", Uuid::now_v7().simple());
        let wrong = |error: crate::connect::UrlError| StoreError::CannotOpen {
            path: server.path(),
            reason: error.to_string(),
        };
        let options = server.with_database(&name).map_err(wrong)?;
        run(server, format!("CREATE DATABASE {name}"))?;
        Ok(Self {
            server: server.clone(),
            name,
            options,
        })
    }

    pub fn options(&self) -> &Options {
        &self.options
    }
}

impl Drop for OwnDatabase {
    fn drop(&mut self) {
        let removed = run(
            &self.server,
            format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name),
        );
        if let Err(error) = removed {
            tracing::warn!(%error, database = self.name, "a database is left behind");
        }
    }
}

fn run(server: &Options, statement: String) -> StoreResult<()> {
    let home = Home::start()?;
    let connector = Arc::new(Connector::new(server.clone()));
    home.block_on(async move {
        let conn = connector.first().await?;
        conn.0.command(&statement).await
    })
}

//! A database as a whole: to look at it whatever its version, to bring it to this version, and to
//! copy it to another, perhaps of another engine.
//!
//! ```text
//! rows of a table after a key --> cells --> rows added, and how far the copy is: one transaction
//!         (an engine)                             (the same engine, or another)
//! ```
//!
//! The [tables](TABLES) are data, so an engine has one statement for all of them, and says only
//! where its table differs. Who walks over them, and checks, is above the store.
//!
//! While a copy is under way, its target holds a mark. [`Store`](crate::Store) is not opened on such a
//! database: [`StoreError::HalfCopied`](crate::StoreError::HalfCopied).

mod tables;

use std::collections::BTreeMap;
use std::path::Path;

use async_trait::async_trait;
use model::StateType;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use tables::{Column, Kind, TABLES, Table};

use crate::{StoreError, StoreResult};

/// Which engine a database is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    /// The word for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgresql",
        }
    }
}

/// A value of a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cell {
    Null,
    Bool(bool),
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
    Uuid(Uuid),
}

impl Cell {
    /// Roughly how much memory it takes.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
            Self::Null | Self::Bool(_) | Self::Int(_) | Self::Uuid(_) => 16,
        }
    }
}

/// A row, in the order of the table's columns.
pub type Row = Vec<Cell>;

/// What a database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// There is none at this place. Only of a file.
    Missing,
    /// There is nothing of this program in it.
    Blank,
    /// It has the tables of this version.
    Version(i64),
    /// It has the tables of this program's version, and a part of another's rows.
    HalfCopied(Mark),
}

/// What a target holds while it is copied to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The place of the original, for people.
    pub from: String,
    /// How far the copy is. Only who copies reads it.
    pub state: String,
}

/// What can be told of a database without opening it as a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    pub condition: Condition,
    /// The version of the tables that this program makes.
    pub known: i64,
    /// The version of the server, where there is one.
    pub server: Option<String>,
    /// What it takes on the disk.
    pub bytes: u64,
    /// None where this program cannot tell: there are no tables, or tables of a later version.
    pub contents: Option<Contents>,
}

/// What is in a database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// How many flow runs there are in each state.
    pub runs: BTreeMap<StateType, u64>,
    /// The names of the workers whose lease has not ended, and which are not known to be gone.
    pub workers: Vec<String>,
}

/// A database as a whole. Nothing is changed but by the verbs that say so.
#[async_trait]
pub trait Database: Send + Sync + 'static {
    fn engine(&self) -> Engine;

    /// Where it is, for people: never with a password.
    fn place(&self) -> String;

    /// The same for all names of one database, and for no other.
    async fn identity(&self) -> StoreResult<String>;

    async fn look(&self) -> StoreResult<Look>;

    /// Writes all of it, as it is at one moment, into a file that is not there yet, and checks that.
    /// Others go on. Only of a database in a file.
    async fn write_backup(&self, _to: &Path) -> StoreResult<()> {
        Err(StoreError::Refused("it is no file".to_owned()))
    }

    /// Errs if it is damaged. Only of a database in a file.
    async fn check(&self) -> StoreResult<()> {
        Err(StoreError::Refused("it is no file".to_owned()))
    }

    /// Makes it, if need be, and brings it to this version.
    async fn migrate(&self) -> StoreResult<()>;

    /// How many rows a table has that a copy has, too.
    async fn count(&self, table: &'static Table) -> StoreResult<u64>;

    /// The rows of a table after a key (from the first on), in the order of the keys: at least one, if
    /// there is any, and no more than so many bytes, unless one row has more.
    async fn rows(
        &self,
        table: &'static Table,
        after: Option<Row>,
        bytes_max: usize,
    ) -> StoreResult<Vec<Row>>;

    /// The greatest number that a run was ever given.
    async fn last_run_number(&self) -> StoreResult<i64>;

    /// Makes this database, which is new, one that is copied to. What a new one holds goes.
    async fn begin_copy(&self, mark: Mark) -> StoreResult<()>;

    /// Adds rows, together with how far the copy is. Errs if it is not there any more, where this
    /// copy has left it: another process copies, too.
    async fn add_rows(
        &self,
        table: &'static Table,
        rows: Vec<Row>,
        was: String,
        is: String,
    ) -> StoreResult<()>;

    /// Makes it a database as others are: later runs have greater numbers than this one.
    async fn end_copy(&self, last_run_number: i64) -> StoreResult<()>;
}

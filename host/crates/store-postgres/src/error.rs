//! What goes wrong between this crate and PostgreSQL.

use std::error::Error as _;

use orchestrator::lifecycle::Refusal;
use store::{StoreError, StoreResult};
use tokio_postgres::error::SqlState;

/// What a function of this crate comes to.
pub(crate) type Pg<T> = Result<T, Fault>;

/// Why a transaction was not done.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// The caller is told.
    Told(StoreError),
    /// The same, and the transaction cannot go on, for a statement of it failed.
    Broken(StoreError),
    /// Another transaction was in the way: the same may succeed now.
    Again(String),
    /// The connection is gone, and with it the transaction.
    Lost(String),
}

impl Fault {
    pub(crate) fn told(self) -> StoreError {
        match self {
            Self::Told(error) | Self::Broken(error) => error,
            Self::Again(reason) | Self::Lost(reason) => StoreError::Unavailable(reason),
        }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Told(error)
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::Told(refusal.into())
    }
}

impl From<deadpool_postgres::PoolError> for Fault {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        match error {
            deadpool_postgres::PoolError::Backend(error) => match Self::from(error) {
                // What keeps it from being made may pass: others have all connections, say.
                Self::Told(StoreError::Unavailable(reason)) => Self::Lost(reason),
                Self::Told(error) | Self::Broken(error) => Self::Told(error),
                Self::Again(reason) | Self::Lost(reason) => Self::Lost(reason),
            },
            other => Self::Lost(other.to_string()),
        }
    }
}

/// Indexes in which two transactions may want to add the same.
const RACES: [&str; 4] = [
    "flow_run_specs_key",
    "run_origins_names",
    "tokens_name",
    "deployments_pkey",
];

/// The message of the server, or what the connection suffered.
pub(crate) fn reason(error: &tokio_postgres::Error) -> String {
    if let Some(error) = error.as_db_error() {
        return error.message().to_owned();
    }
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        let reason = reason(&error);
        let Some(code) = error.code() else {
            return if error.is_closed()
                || error.source().is_some_and(|it| it.is::<std::io::Error>())
            {
                Self::Lost(reason)
            } else {
                Self::Broken(StoreError::Damaged(reason))
            };
        };
        let constraint = error.as_db_error().and_then(|it| it.constraint());
        match *code {
            SqlState::T_R_SERIALIZATION_FAILURE
            | SqlState::T_R_DEADLOCK_DETECTED
            | SqlState::FOREIGN_KEY_VIOLATION
            | SqlState::LOCK_NOT_AVAILABLE => Self::Again(reason),
            // What was looked for, and not found, is there now.
            SqlState::UNIQUE_VIOLATION if constraint.is_some_and(|it| RACES.contains(&it)) => {
                Self::Again(reason)
            }
            SqlState::UNIQUE_VIOLATION => Self::Broken(StoreError::Refused(reason)),
            SqlState::ADMIN_SHUTDOWN
            | SqlState::CRASH_SHUTDOWN
            | SqlState::CANNOT_CONNECT_NOW
            | SqlState::IDLE_SESSION_TIMEOUT
            | SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT => Self::Lost(reason),
            // Something between that does not keep them for us.
            SqlState::INVALID_SQL_STATEMENT_NAME | SqlState::DUPLICATE_PSTATEMENT => {
                Self::Told(StoreError::Unavailable(reason))
            }
            // The session may be read-only for good: of a standby, or begun while others were not
            // allowed to write. A new one is not, once that is over.
            SqlState::READ_ONLY_SQL_TRANSACTION => Self::Lost(reason),
            // 08: the connection; 53: resources; 57: an operator; 58: the system.
            ref code
                if ["08", "53", "57", "58"]
                    .iter()
                    .any(|it| code.code().starts_with(it)) =>
            {
                Self::Told(StoreError::Unavailable(reason))
            }
            ref code => Self::Broken(StoreError::Damaged(format!("{reason} ({})", code.code()))),
        }
    }
}

/// For what must not be a transaction's fault any more.
pub(crate) fn told<T>(result: Pg<T>) -> StoreResult<T> {
    result.map_err(Fault::told)
}

//! Databases that are reached through a pooler, such as PgBouncer in transaction mode.
//!
//! A pooler gives each transaction a connection of its own to the server. What holds for a session
//! is refused, or lost: parameters at its start, and `LISTEN`. So the search path has to be a
//! setting of the role or of the database there, and notifications come over a direct connection,
//! if there is one.

use tokio_postgres::error::SqlState;

use super::options::{Options, SCHEMA};
use crate::error::{Pg, reason};
use crate::sql::{Conn, Reader, params};
use store::StoreError;

/// Whether a connection was refused because of what we want of a session.
pub(super) fn refuses_sessions(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::PROTOCOL_VIOLATION)
        && reason(error).contains("startup parameter")
}

/// Whether a connection is not the session that was asked for. Errs if our names would not mean our
/// tables there.
pub(super) async fn is_between(conn: &Reader, options: &Options) -> Pg<bool> {
    let (path, is_ours): (String, bool) = conn
        .need(
            "SELECT current_setting('search_path'),
                 current_setting('idle_in_transaction_session_timeout') <> '0'
                 AND current_setting('search_path') = $1",
            params![SCHEMA],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .await?;
    if is_ours {
        return Ok(false);
    }
    let first = path.split(',').next().unwrap_or_default();
    if first.trim().trim_matches('"') == SCHEMA {
        return Ok(true);
    }
    let user = options.config().get_user().unwrap_or("ROLE");
    let database = options.config().get_dbname().unwrap_or("DATABASE");
    Err(StoreError::CannotOpen {
        path: options.path(),
        reason: format!(
            "a pooler stands before it, which passes no search path on, and the role's own is \
             `{path}`: as this role, say `ALTER ROLE \"{user}\" IN DATABASE \"{database}\" SET \
             search_path = {SCHEMA}` once, directly, and have the pooler reconnect"
        ),
    }
    .into())
}

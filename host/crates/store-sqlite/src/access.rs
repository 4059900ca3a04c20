//! Tokens, sessions and sign-in links: of each secret the hash.

use rusqlite::Connection;

use super::rows::unsigned;
use super::sql::{Row, Sql, params};
use super::writer::Tx;
use model::{SecretHash, Session, SessionId, Timestamp, Token, TokenId, TokenName};
use store::{Missing, NewSession, NewToken, StoreError, StoreResult};

/// How precisely the last use is known. Each write of it costs a sync of the disk.
const USE_PRECISION_US: i64 = 60_000_000;

pub(super) fn create_token(tx: &Tx<'_>, new: &NewToken) -> StoreResult<()> {
    let NewToken { token, secret } = new;
    let taken = tx.any(
        "SELECT 1 FROM tokens WHERE name = ?1 AND revoked IS NULL",
        [&token.name],
    )?;
    if taken {
        return Err(StoreError::TokenExists(token.name.clone()));
    }
    tx.run(
        "INSERT INTO tokens (id, name, role, secret, created, expires, last_used, revoked)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            token.id,
            token.name,
            token.role,
            secret,
            token.created,
            token.expires,
            token.last_used,
            token.revoked
        ],
    )?;
    Ok(())
}

macro_rules! select_token {
    ($rest:literal) => {
        concat!(
            "SELECT id, name, role, created, expires, last_used, revoked FROM tokens ",
            $rest
        )
    };
}

pub(super) fn tokens(conn: &Connection) -> StoreResult<Vec<Token>> {
    conn.all(select_token!("ORDER BY id DESC"), [], |row| token(row, 0))
}

pub(super) fn by_secret(conn: &Connection, secret: SecretHash) -> StoreResult<Option<Token>> {
    conn.first(select_token!("WHERE secret = ?1"), [secret], |row| {
        token(row, 0)
    })
}

/// Whether the use is worth a write.
pub(super) fn is_touch_due(last: Option<Timestamp>, now: Timestamp) -> bool {
    last.is_none_or(|last| now.0.saturating_sub(last.0) >= USE_PRECISION_US)
}

pub(super) fn last_use(conn: &Connection, id: TokenId) -> StoreResult<Option<Timestamp>> {
    let last = conn.first("SELECT last_used FROM tokens WHERE id = ?1", [id], |row| {
        row.get(0)
    })?;
    Ok(last.flatten())
}

pub(super) fn touch_token(tx: &Tx<'_>, id: TokenId, now: Timestamp) -> StoreResult<()> {
    tx.run(
        "UPDATE tokens SET last_used = max(?2, created) WHERE id = ?1",
        params![id, to_the_minute(now)],
    )?;
    Ok(())
}

fn to_the_minute(at: Timestamp) -> Timestamp {
    Timestamp(at.0 - at.0.rem_euclid(USE_PRECISION_US))
}

pub(super) fn revoke(tx: &Tx<'_>, name: &TokenName, now: Timestamp) -> StoreResult<Token> {
    let found = tx.first(
        select_token!("WHERE name = ?1 AND revoked IS NULL"),
        [name],
        |row| token(row, 0),
    )?;
    let mut token = found.ok_or_else(|| StoreError::NotFound(Missing::Token(name.clone())))?;
    token.revoked = Some(now);
    tx.run(
        "UPDATE tokens SET revoked = ?2 WHERE id = ?1",
        params![token.id, now],
    )?;
    tx.run("DELETE FROM sessions WHERE token = ?1", [token.id])?;
    tx.run("DELETE FROM sign_in_links WHERE token = ?1", [token.id])?;
    Ok(token)
}

pub(super) fn create_link(
    tx: &Tx<'_>,
    link: SecretHash,
    token: TokenId,
    until: Timestamp,
) -> StoreResult<()> {
    tx.run(
        "INSERT INTO sign_in_links (secret, token, until) VALUES (?1, ?2, ?3)",
        params![link, token, until],
    )?;
    Ok(())
}

pub(super) fn redeem(tx: &Tx<'_>, link: SecretHash, now: Timestamp) -> StoreResult<Option<Token>> {
    let found = tx.first(
        "SELECT id, name, role, created, expires, last_used, revoked
         FROM sign_in_links JOIN tokens ON tokens.id = token WHERE sign_in_links.secret = ?1 AND until > ?2",
        params![link, now],
        |row| token(row, 0),
    )?;
    tx.run("DELETE FROM sign_in_links WHERE secret = ?1", [link])?;
    Ok(found)
}

pub(super) fn open_session(tx: &Tx<'_>, new: &NewSession) -> StoreResult<()> {
    tx.run(
        "INSERT INTO sessions (secret, id, token, opened, last_used) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            new.secret,
            new.id,
            new.token,
            new.opened,
            to_the_minute(new.opened)
        ],
    )?;
    Ok(())
}

macro_rules! select_session {
    ($rest:literal) => {
        concat!(
            "SELECT sessions.id, opened, sessions.last_used, tokens.id, name, role, created, \
             expires, tokens.last_used, revoked \
             FROM sessions JOIN tokens ON tokens.id = token ",
            $rest
        )
    };
}

pub(super) fn session(conn: &Connection, secret: SecretHash) -> StoreResult<Option<Session>> {
    conn.first(
        select_session!("WHERE sessions.secret = ?1"),
        [secret],
        read_session,
    )
}

pub(super) fn sessions(conn: &Connection, token: TokenId) -> StoreResult<Vec<Session>> {
    conn.all(
        select_session!("WHERE token = ?1 ORDER BY sessions.id DESC"),
        [token],
        read_session,
    )
}

fn read_session(row: &Row<'_>) -> rusqlite::Result<Session> {
    Ok(Session {
        id: row.get(0)?,
        opened: row.get(1)?,
        last_used: row.get(2)?,
        token: token(row, 3)?,
    })
}

pub(super) fn end_session_of(tx: &Tx<'_>, token: TokenId, session: SessionId) -> StoreResult<bool> {
    let ended = tx.run(
        "DELETE FROM sessions WHERE id = ?1 AND token = ?2",
        params![session, token],
    )?;
    Ok(ended > 0)
}

pub(super) fn touch_session(tx: &Tx<'_>, session: SecretHash, now: Timestamp) -> StoreResult<()> {
    tx.run(
        "UPDATE sessions SET last_used = ?2 WHERE secret = ?1",
        params![session, to_the_minute(now)],
    )?;
    Ok(())
}

pub(super) fn end_session(tx: &Tx<'_>, session: SecretHash) -> StoreResult<bool> {
    let ended = tx.run("DELETE FROM sessions WHERE secret = ?1", [session])?;
    Ok(ended > 0)
}

pub(super) fn prune(
    tx: &Tx<'_>,
    now: Timestamp,
    idle_since: Timestamp,
    answered_before: Timestamp,
) -> StoreResult<()> {
    tx.run("DELETE FROM sessions WHERE last_used < ?1", [idle_since])?;
    tx.run("DELETE FROM sign_in_links WHERE until <= ?1", [now])?;
    tx.run("DELETE FROM answers WHERE begun < ?1", [answered_before])?;
    Ok(())
}

/// Whether there is something to prune, so that mostly nothing is written.
pub(super) fn is_prunable(
    conn: &Connection,
    now: Timestamp,
    idle_since: Timestamp,
    answered_before: Timestamp,
) -> StoreResult<bool> {
    let count = conn.need(
        "SELECT (SELECT count(*) FROM sessions WHERE last_used < ?1)
              + (SELECT count(*) FROM sign_in_links WHERE until <= ?2)
              + (SELECT count(*) FROM answers WHERE begun < ?3)",
        params![idle_since, now, answered_before],
        |row| unsigned(row, 0),
    )?;
    Ok(count > 0)
}

/// Reads a token from the columns of a row, from `first` on.
fn token(row: &Row<'_>, first: usize) -> rusqlite::Result<Token> {
    Ok(Token {
        id: row.get(first)?,
        name: row.get(first + 1)?,
        role: row.get(first + 2)?,
        created: row.get(first + 3)?,
        expires: row.get(first + 4)?,
        last_used: row.get(first + 5)?,
        revoked: row.get(first + 6)?,
    })
}

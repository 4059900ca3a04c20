//! Tokens, sessions and sign-in links: of each secret the hash.

use super::sql::{Conn, Row, params};
use crate::error::Pg;
use crate::tx::Tx;
use model::{SecretHash, Session, SessionId, Timestamp, Token, TokenId, TokenName};
use store::{Missing, NewSession, NewToken, StoreError};

/// How precisely the last use is known. Each write of it costs a flush of the log.
const USE_PRECISION_US: i64 = 60_000_000;

macro_rules! select_token {
    ($rest:literal) => {
        concat!(
            "SELECT id, name, role, created, expires, last_used, revoked FROM tokens ",
            $rest
        )
    };
}

macro_rules! select_session {
    ($rest:literal) => {
        concat!(
            "SELECT s.id, s.opened, s.last_used, t.id, t.name, t.role, t.created, t.expires, \
             t.last_used, t.revoked FROM sessions s JOIN tokens t ON t.id = s.token ",
            $rest
        )
    };
}

pub(crate) async fn create_token(tx: &Tx, new: &NewToken) -> Pg<()> {
    let NewToken { token, secret } = new;
    let taken = tx
        .any(
            "SELECT 1 FROM tokens WHERE name = $1 AND revoked IS NULL",
            params![token.name],
        )
        .await?;
    if taken {
        return Err(StoreError::TokenExists(token.name.clone()).into());
    }
    tx.run(
        "INSERT INTO tokens (id, name, role, secret, created, expires, last_used, revoked)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
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
    );
    Ok(())
}

pub(crate) async fn tokens(conn: &impl Conn) -> Pg<Vec<Token>> {
    conn.all(select_token!("ORDER BY id DESC"), params![], |row| {
        token(row, 0)
    })
    .await
}

pub(crate) async fn by_secret(conn: &impl Conn, secret: SecretHash) -> Pg<Option<Token>> {
    conn.first(select_token!("WHERE secret = $1"), params![secret], |row| {
        token(row, 0)
    })
    .await
}

/// Whether the use is worth a write.
pub(crate) fn is_touch_due(last: Option<Timestamp>, now: Timestamp) -> bool {
    last.is_none_or(|last| now.0.saturating_sub(last.0) >= USE_PRECISION_US)
}

pub(crate) async fn last_use(conn: &impl Conn, id: TokenId) -> Pg<Option<Timestamp>> {
    let last = conn
        .first(
            "SELECT last_used FROM tokens WHERE id = $1",
            params![id],
            |row| row.get::<Option<Timestamp>>(0),
        )
        .await?;
    Ok(last.flatten())
}

pub(crate) fn touch_token(tx: &Tx, id: TokenId, now: Timestamp) {
    tx.run(
        "UPDATE tokens SET last_used = greatest($2, created) WHERE id = $1",
        params![id, to_the_minute(now)],
    );
}

fn to_the_minute(at: Timestamp) -> Timestamp {
    Timestamp(at.0 - at.0.rem_euclid(USE_PRECISION_US))
}

pub(crate) async fn revoke(tx: &Tx, name: &TokenName, now: Timestamp) -> Pg<Token> {
    let found = tx
        .first(
            select_token!("WHERE name = $1 AND revoked IS NULL FOR UPDATE"),
            params![name],
            |row| token(row, 0),
        )
        .await?;
    let mut token = found.ok_or_else(|| StoreError::NotFound(Missing::Token(name.clone())))?;
    token.revoked = Some(now);
    tx.run(
        "UPDATE tokens SET revoked = $2 WHERE id = $1",
        params![token.id, now],
    );
    tx.run("DELETE FROM sessions WHERE token = $1", params![token.id]);
    tx.run(
        "DELETE FROM sign_in_links WHERE token = $1",
        params![token.id],
    );
    Ok(token)
}

pub(crate) fn create_link(tx: &Tx, link: SecretHash, token: TokenId, until: Timestamp) {
    tx.run(
        "INSERT INTO sign_in_links (secret, token, until) VALUES ($1, $2, $3)",
        params![link, token, until],
    );
}

pub(crate) async fn redeem(tx: &Tx, link: SecretHash, now: Timestamp) -> Pg<Option<Token>> {
    tx.first(
        "WITH used AS (DELETE FROM sign_in_links WHERE secret = $1 RETURNING token, until)
         SELECT id, name, role, created, expires, last_used, revoked
         FROM used JOIN tokens ON tokens.id = used.token WHERE until > $2",
        params![link, now],
        |row| token(row, 0),
    )
    .await
}

pub(crate) fn open_session(tx: &Tx, new: &NewSession) {
    tx.run(
        "INSERT INTO sessions (secret, id, token, opened, last_used) VALUES ($1, $2, $3, $4, $5)",
        params![
            new.secret,
            new.id,
            new.token,
            new.opened,
            to_the_minute(new.opened)
        ],
    );
}

pub(crate) async fn session(conn: &impl Conn, secret: SecretHash) -> Pg<Option<Session>> {
    conn.first(
        select_session!("WHERE s.secret = $1"),
        params![secret],
        read_session,
    )
    .await
}

pub(crate) async fn sessions(conn: &impl Conn, token: TokenId) -> Pg<Vec<Session>> {
    conn.all(
        select_session!("WHERE s.token = $1 ORDER BY s.id DESC"),
        params![token],
        read_session,
    )
    .await
}

fn read_session(row: &Row) -> Pg<Session> {
    Ok(Session {
        id: row.get(0)?,
        opened: row.get(1)?,
        last_used: row.get(2)?,
        token: token(row, 3)?,
    })
}

pub(crate) async fn end_session_of(tx: &Tx, token: TokenId, session: SessionId) -> Pg<bool> {
    tx.any(
        "DELETE FROM sessions WHERE id = $1 AND token = $2 RETURNING 1",
        params![session, token],
    )
    .await
}

pub(crate) fn touch_session(tx: &Tx, session: SecretHash, now: Timestamp) {
    tx.run(
        "UPDATE sessions SET last_used = $2 WHERE secret = $1",
        params![session, to_the_minute(now)],
    );
}

pub(crate) async fn end_session(tx: &Tx, session: SecretHash) -> Pg<bool> {
    tx.any(
        "DELETE FROM sessions WHERE secret = $1 RETURNING 1",
        params![session],
    )
    .await
}

pub(crate) fn prune(tx: &Tx, now: Timestamp, idle_since: Timestamp, answered_before: Timestamp) {
    tx.run(
        "DELETE FROM sessions WHERE last_used < $1",
        params![idle_since],
    );
    tx.run("DELETE FROM sign_in_links WHERE until <= $1", params![now]);
    tx.run(
        "DELETE FROM answers WHERE begun < $1",
        params![answered_before],
    );
}

/// Reads a token from the columns of a row, from `first` on.
fn token(row: &Row, first: usize) -> Pg<Token> {
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

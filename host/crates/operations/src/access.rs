//! Who may use the server: secrets, the tokens and sessions that they stand for.
//!
//! ```text
//! token (orch_..) ----------------------> bearer of the API
//!       |  \--- sign in with it ---\
//!       \--- one-time link ---------> session (a cookie) --> the pages
//! ```
//!
//! A secret is seen once, by the one who is to have it. What is stored is its hash.

use std::fmt;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use model::{Role, SecretHash, Session, SessionId, Timestamp, Token, TokenId, TokenName};
use store::{Access, NewSession, NewToken, Store, StoreError, StoreResult};

use crate::FreshIds;

/// The longest time that a token may be made for: its end stays within the calendar.
const LASTS_MAX: Duration = Duration::from_secs(100 * 366 * 24 * 60 * 60);
/// A session that is not used for so long ends.
pub const IDLE_MAX: Duration = Duration::from_hours(12);
/// How long a sign-in link can be used.
pub const LINK_MAX: Duration = Duration::from_mins(15);
/// How long an answer is kept for the same request to come again.
pub const ANSWER_MAX: Duration = Duration::from_hours(24);

/// What its bearer shows. Never printed by accident.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// 256 random bits after the prefix, by which people and scanners know what it is.
    fn generate(prefix: &str) -> Self {
        let mut bytes = [0; 32];
        rand::fill(&mut bytes);
        let text = BASE64URL_NOPAD.encode(&bytes);
        Self(format!("{prefix}{text}"))
    }

    /// The text itself, to be given away.
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub fn hash(&self) -> SecretHash {
        SecretHash::of(&self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Why a token is not made.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TokenRefusal {
    #[error("a token lasts 100 years at most")]
    LastsTooLong,
    #[error("a token that lasts no time is of no use")]
    LastsNoTime,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a token, and gives its secret for the only time.
pub async fn create_token(
    store: &dyn Store,
    name: TokenName,
    role: Role,
    lasts: Option<Duration>,
) -> Result<(Token, Secret), TokenRefusal> {
    if lasts.is_some_and(|lasts| lasts > LASTS_MAX) {
        return Err(TokenRefusal::LastsTooLong);
    }
    if lasts.is_some_and(|lasts| lasts.is_zero()) {
        return Err(TokenRefusal::LastsNoTime);
    }
    let now = store.clock().now();
    let token = Token {
        id: TokenId::new(&mut FreshIds),
        name,
        role,
        created: now,
        expires: lasts.map(|lasts| now.after(lasts)),
        last_used: None,
        revoked: None,
    };
    let secret = Secret::generate("orch_");
    let new = NewToken {
        token: token.clone(),
        secret: secret.hash(),
    };
    store.create_token(new).await?;
    Ok((token, secret))
}

/// The token that somebody bears, if it is valid. Notes that it was used.
pub async fn bearer(
    store: &dyn Access,
    secret: &str,
    now: Timestamp,
) -> StoreResult<Option<Token>> {
    let token = store.token(SecretHash::of(secret)).await?;
    let Some(token) = token.filter(|token| token.is_valid(now)) else {
        return Ok(None);
    };
    store.touch_token(token.id, now).await?;
    Ok(Some(token))
}

/// Makes a link by which somebody can sign in once.
pub async fn create_link(
    store: &dyn Access,
    token: TokenId,
    now: Timestamp,
) -> StoreResult<Secret> {
    let link = Secret::generate("");
    store
        .create_link(link.hash(), token, now.after(LINK_MAX))
        .await?;
    Ok(link)
}

/// Signs in with a token. None if it is not valid.
pub async fn sign_in(
    store: &dyn Access,
    secret: &str,
    now: Timestamp,
) -> StoreResult<Option<(Token, Secret)>> {
    match bearer(store, secret, now).await? {
        Some(token) => open_session(store, token, now).await.map(Some),
        None => Ok(None),
    }
}

/// Signs in with a link, which is used up. None if it is not valid.
pub async fn sign_in_by_link(
    store: &dyn Access,
    link: &str,
    now: Timestamp,
) -> StoreResult<Option<(Token, Secret)>> {
    let token = store.redeem_link(SecretHash::of(link), now).await?;
    match token.filter(|token| token.is_valid(now)) {
        Some(token) => open_session(store, token, now).await.map(Some),
        None => Ok(None),
    }
}

async fn open_session(
    store: &dyn Access,
    token: Token,
    now: Timestamp,
) -> StoreResult<(Token, Secret)> {
    let session = Secret::generate("");
    let new = NewSession {
        id: SessionId::new(&mut FreshIds),
        secret: session.hash(),
        token: token.id,
        opened: now,
    };
    store.open_session(new).await?;
    Ok((token, session))
}

/// The session of this secret, if it goes on. Notes that it was used.
pub async fn session(
    store: &dyn Access,
    secret: &str,
    now: Timestamp,
) -> StoreResult<Option<Session>> {
    let hash = SecretHash::of(secret);
    let goes_on =
        |session: &Session| session.token.is_valid(now) && now.since(session.last_used) < IDLE_MAX;
    let Some(session) = store.session(hash).await?.filter(goes_on) else {
        return Ok(None);
    };
    store.touch_session(hash, now).await?;
    Ok(Some(session))
}

pub async fn sign_out(store: &dyn Access, secret: &str) -> StoreResult<bool> {
    store.end_session(SecretHash::of(secret)).await
}

/// Forgets sessions, links and answers whose time is over.
pub async fn prune(store: &dyn Access, now: Timestamp) -> StoreResult<()> {
    let before = |span: Duration| {
        let micros = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        Timestamp(now.0.saturating_sub(micros))
    };
    store
        .prune_access(now, before(IDLE_MAX), before(ANSWER_MAX))
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ_and_are_not_shown() {
        let (one, other) = (Secret::generate("orch_"), Secret::generate("orch_"));
        assert_ne!(one.expose(), other.expose());
        assert_eq!(one.expose().len(), "orch_".len() + 43);
        assert_eq!(format!("{one:?}"), "***");
    }
}

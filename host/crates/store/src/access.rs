//! Who may use the server, what they did, and what they were answered.

use std::time::Duration;

use async_trait::async_trait;
use model::{AuditEntry, SecretHash, Session, SessionId, Timestamp, Token, TokenId, TokenName};

use crate::StoreResult;

/// Keeps tokens, sessions, the log of actions and answers that may be asked for again. Of
/// each secret only the hash is kept.
#[async_trait]
pub trait Access: Send + Sync + 'static {
    /// Errs with [`StoreError::TokenExists`](crate::StoreError::TokenExists) if a token of
    /// this name was not revoked.
    async fn create_token(&self, new: NewToken) -> StoreResult<()>;

    /// All tokens, revoked ones too, newest first.
    async fn tokens(&self) -> StoreResult<Vec<Token>>;

    /// The token with this secret, if there is one, valid or not.
    async fn token(&self, secret: SecretHash) -> StoreResult<Option<Token>>;

    /// Notes that a token was used.
    async fn touch_token(&self, id: TokenId, now: Timestamp) -> StoreResult<()>;

    /// Ends a token, its sessions and its links. Errs if no token of this name is left.
    async fn revoke_token(&self, name: &TokenName, now: Timestamp) -> StoreResult<Token>;

    /// Makes a link by which somebody can sign in once, as the bearer of a token, until a
    /// time.
    async fn create_link(
        &self,
        link: SecretHash,
        token: TokenId,
        until: Timestamp,
    ) -> StoreResult<()>;

    /// Uses up a link. Gives the token that it signs in with, or None if it was used already,
    /// never was, or its time is over.
    async fn redeem_link(&self, link: SecretHash, now: Timestamp) -> StoreResult<Option<Token>>;

    async fn open_session(&self, new: NewSession) -> StoreResult<()>;

    /// The sessions of a token, newest first, whether or not they were idle for too long.
    async fn sessions(&self, token: TokenId) -> StoreResult<Vec<Session>>;

    /// Ends a session of a token. Returns whether there was one.
    async fn end_session_of(&self, token: TokenId, session: SessionId) -> StoreResult<bool>;

    /// The session with this secret, whether or not it was idle for too long.
    async fn session(&self, session: SecretHash) -> StoreResult<Option<Session>>;

    /// Notes that a session was used.
    async fn touch_session(&self, session: SecretHash, now: Timestamp) -> StoreResult<()>;

    /// Returns whether there was one.
    async fn end_session(&self, session: SecretHash) -> StoreResult<bool>;

    /// Drops sessions that were not used since `idle_since`, links whose time is over, and
    /// answers that were begun before `answered_before`.
    async fn prune_access(
        &self,
        now: Timestamp,
        idle_since: Timestamp,
        answered_before: Timestamp,
    ) -> StoreResult<()>;

    /// Adds a line to the log of actions. Of very many lines the oldest are dropped.
    async fn audit(&self, entry: AuditEntry) -> StoreResult<()>;

    /// Lines of the log of actions, newest first.
    async fn audit_log(&self, filter: AuditFilter) -> StoreResult<Vec<(AuditCursor, AuditEntry)>>;

    /// Begins to answer a request that may come again. One that another has begun less than
    /// `patience` ago and that has no answer yet is pending; after that it begins anew.
    async fn begin_answer(
        &self,
        key: AnswerKey,
        now: Timestamp,
        patience: Duration,
    ) -> StoreResult<Begun>;

    /// Keeps the answer of a request that was begun; None: forgets that it was begun.
    async fn keep_answer(&self, key: AnswerKey, answer: Option<StoredAnswer>) -> StoreResult<()>;
}

/// A token to be made.
#[derive(Clone, Debug)]
pub struct NewToken {
    pub token: Token,
    pub secret: SecretHash,
}

/// A session to be opened.
#[derive(Clone, Debug)]
pub struct NewSession {
    pub id: SessionId,
    pub secret: SecretHash,
    pub token: TokenId,
    pub opened: Timestamp,
}

/// A place in the log of actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AuditCursor(pub i64);

/// Which lines of the log of actions to read. An empty field does not restrict them.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Only those before this place.
    pub before: Option<AuditCursor>,
    pub who: Option<String>,
    pub action: Option<String>,
    /// At most so many; 0 means all.
    pub count: u32,
}

/// A request that may come again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerKey {
    pub token: TokenId,
    /// As the client gave it.
    pub key: String,
    /// Of what is asked: another request with the same key is a mistake.
    pub fingerprint: [u8; 32],
}

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAnswer {
    pub status: u16,
    /// JSON text of the headers that matter, by name.
    pub headers: String,
    pub body: Vec<u8>,
}

/// How it stands with a request that may have come before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// It has not come before: do it.
    New,
    /// It is being done.
    Pending,
    Answered(StoredAnswer),
    /// Something else was asked with this key.
    Other,
}

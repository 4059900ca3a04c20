//! The verbs about who may use the server, joined to their statements; and how the writer does.

use std::time::Duration;

use async_trait::async_trait;
use model::{AuditEntry, SecretHash, Session, SessionId, Timestamp, Token, TokenId, TokenName};
use store::{
    Access, AnswerKey, AuditCursor, AuditFilter, Begun, Measured, NewSession, NewToken,
    StoreResult, StoredAnswer, WriterFigures,
};

use super::{SqliteStore, access, audit};

#[async_trait]
impl Access for SqliteStore {
    async fn create_token(&self, new: NewToken) -> StoreResult<()> {
        self.writer
            .write(move |tx| access::create_token(tx, &new))
            .await
    }

    async fn tokens(&self) -> StoreResult<Vec<Token>> {
        self.readers.with(access::tokens)
    }

    async fn token(&self, secret: SecretHash) -> StoreResult<Option<Token>> {
        self.readers.with(|conn| access::by_secret(conn, secret))
    }

    async fn touch_token(&self, id: TokenId, now: Timestamp) -> StoreResult<()> {
        let last = self.readers.with(|conn| access::last_use(conn, id))?;
        if !access::is_touch_due(last, now) {
            return Ok(());
        }
        self.writer
            .write_ahead(move |tx| access::touch_token(tx, id, now))
            .await
    }

    async fn revoke_token(&self, name: &TokenName, now: Timestamp) -> StoreResult<Token> {
        let name = name.clone();
        self.writer
            .write(move |tx| access::revoke(tx, &name, now))
            .await
    }

    async fn create_link(
        &self,
        link: SecretHash,
        token: TokenId,
        until: Timestamp,
    ) -> StoreResult<()> {
        self.writer
            .write(move |tx| access::create_link(tx, link, token, until))
            .await
    }

    async fn redeem_link(&self, link: SecretHash, now: Timestamp) -> StoreResult<Option<Token>> {
        self.writer
            .write(move |tx| access::redeem(tx, link, now))
            .await
    }

    async fn open_session(&self, new: NewSession) -> StoreResult<()> {
        self.writer
            .write(move |tx| access::open_session(tx, &new))
            .await
    }

    async fn session(&self, session: SecretHash) -> StoreResult<Option<Session>> {
        self.readers.with(|conn| access::session(conn, session))
    }

    async fn touch_session(&self, session: SecretHash, now: Timestamp) -> StoreResult<()> {
        let found = self.readers.with(|conn| access::session(conn, session))?;
        match found {
            Some(found) if access::is_touch_due(Some(found.last_used), now) => {
                self.writer
                    .write_ahead(move |tx| access::touch_session(tx, session, now))
                    .await
            }
            _ => Ok(()),
        }
    }

    async fn sessions(&self, token: TokenId) -> StoreResult<Vec<Session>> {
        self.readers.with(|conn| access::sessions(conn, token))
    }

    async fn end_session_of(&self, token: TokenId, session: SessionId) -> StoreResult<bool> {
        self.writer
            .write(move |tx| access::end_session_of(tx, token, session))
            .await
    }

    async fn end_session(&self, session: SecretHash) -> StoreResult<bool> {
        self.writer
            .write(move |tx| access::end_session(tx, session))
            .await
    }

    async fn prune_access(
        &self,
        now: Timestamp,
        idle_since: Timestamp,
        answered_before: Timestamp,
    ) -> StoreResult<()> {
        let is_needed = |conn: &_| access::is_prunable(conn, now, idle_since, answered_before);
        if !self.readers.with(is_needed)? {
            return Ok(());
        }
        self.writer
            .write(move |tx| access::prune(tx, now, idle_since, answered_before))
            .await
    }

    async fn audit(&self, entry: AuditEntry) -> StoreResult<()> {
        self.writer.write(move |tx| audit::add(tx, &entry)).await
    }

    async fn audit_log(&self, filter: AuditFilter) -> StoreResult<Vec<(AuditCursor, AuditEntry)>> {
        self.read_long(move |conn| audit::list(conn, &filter)).await
    }

    async fn begin_answer(
        &self,
        key: AnswerKey,
        now: Timestamp,
        patience: Duration,
    ) -> StoreResult<Begun> {
        self.writer
            .write(move |tx| audit::begin(tx, &key, now, patience))
            .await
    }

    async fn keep_answer(&self, key: AnswerKey, answer: Option<StoredAnswer>) -> StoreResult<()> {
        self.writer
            .write(move |tx| audit::keep(tx, &key, answer.as_ref()))
            .await
    }
}

impl Measured for SqliteStore {
    fn writer_figures(&self) -> WriterFigures {
        self.writer.figures().read()
    }
}

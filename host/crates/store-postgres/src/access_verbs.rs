//! The verbs about who may use the server, joined to their statements; and how the writer does.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use model::{AuditEntry, SecretHash, Session, SessionId, Timestamp, Token, TokenId, TokenName};
use store::{
    Access, AnswerKey, AuditCursor, AuditFilter, Begun, Measured, NewSession, NewToken,
    StoreResult, StoredAnswer, WriterFigures,
};

use super::verbs::write;
use super::{PostgresStore, access, audit};

#[async_trait]
impl Access for PostgresStore {
    async fn create_token(&self, new: NewToken) -> StoreResult<()> {
        write!(self, |tx, new| access::create_token(&tx, &new).await).await
    }

    async fn tokens(&self) -> StoreResult<Vec<Token>> {
        self.read(async move |conn| access::tokens(&conn).await)
            .await
    }

    async fn token(&self, secret: SecretHash) -> StoreResult<Option<Token>> {
        self.read(async move |conn| access::by_secret(&conn, secret).await)
            .await
    }

    async fn touch_token(&self, id: TokenId, now: Timestamp) -> StoreResult<()> {
        let last = self.read(async move |conn| access::last_use(&conn, id).await);
        if !access::is_touch_due(last.await?, now) {
            return Ok(());
        }
        write!(self, |tx| {
            access::touch_token(&tx, id, now);
            Ok(())
        })
        .await
    }

    async fn revoke_token(&self, name: &TokenName, now: Timestamp) -> StoreResult<Token> {
        let name = name.clone();
        write!(self, |tx, name| access::revoke(&tx, &name, now).await).await
    }

    async fn create_link(
        &self,
        link: SecretHash,
        token: TokenId,
        until: Timestamp,
    ) -> StoreResult<()> {
        write!(self, |tx| {
            access::create_link(&tx, link, token, until);
            Ok(())
        })
        .await
    }

    async fn redeem_link(&self, link: SecretHash, now: Timestamp) -> StoreResult<Option<Token>> {
        write!(self, |tx| access::redeem(&tx, link, now).await).await
    }

    async fn open_session(&self, new: NewSession) -> StoreResult<()> {
        write!(self, |tx, new| {
            access::open_session(&tx, &new);
            Ok(())
        })
        .await
    }

    async fn sessions(&self, token: TokenId) -> StoreResult<Vec<Session>> {
        self.read(async move |conn| access::sessions(&conn, token).await)
            .await
    }

    async fn end_session_of(&self, token: TokenId, session: SessionId) -> StoreResult<bool> {
        write!(self, |tx| access::end_session_of(&tx, token, session).await).await
    }

    async fn session(&self, session: SecretHash) -> StoreResult<Option<Session>> {
        self.read(async move |conn| access::session(&conn, session).await)
            .await
    }

    async fn touch_session(&self, session: SecretHash, now: Timestamp) -> StoreResult<()> {
        match self.session(session).await? {
            Some(found) if access::is_touch_due(Some(found.last_used), now) => {
                write!(self, |tx| {
                    access::touch_session(&tx, session, now);
                    Ok(())
                })
                .await
            }
            _ => Ok(()),
        }
    }

    async fn end_session(&self, session: SecretHash) -> StoreResult<bool> {
        write!(self, |tx| access::end_session(&tx, session).await).await
    }

    async fn prune_access(
        &self,
        now: Timestamp,
        idle_since: Timestamp,
        answered_before: Timestamp,
    ) -> StoreResult<()> {
        write!(self, |tx| {
            access::prune(&tx, now, idle_since, answered_before);
            Ok(())
        })
        .await
    }

    async fn audit(&self, entry: AuditEntry) -> StoreResult<()> {
        write!(self, |tx, entry| audit::add(&tx, &entry).await).await
    }

    async fn audit_log(&self, filter: AuditFilter) -> StoreResult<Vec<(AuditCursor, AuditEntry)>> {
        self.read(async move |conn| audit::list(&conn, &filter).await)
            .await
    }

    async fn begin_answer(
        &self,
        key: AnswerKey,
        now: Timestamp,
        patience: Duration,
    ) -> StoreResult<Begun> {
        write!(self, |tx, key| audit::begin(&tx, &key, now, patience).await).await
    }

    async fn keep_answer(&self, key: AnswerKey, answer: Option<StoredAnswer>) -> StoreResult<()> {
        write!(self, |tx, key, answer| {
            audit::keep(&tx, &key, answer.as_ref().as_ref());
            Ok(())
        })
        .await
    }
}

impl Measured for PostgresStore {
    fn writer_figures(&self) -> WriterFigures {
        self.inner.writer.figures()
    }
}

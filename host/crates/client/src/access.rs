//! Tokens, and what their bearers did.

use async_trait::async_trait;
use hyper::Method;
use model::TokenName;
use operations::client::{AccessClient, Answered, AuditQuery, CreateToken, Page, TokenQuery};
use operations::view::{AuditView, NewTokenView, TokenView};

use crate::http::{Ask, HttpClient};
use crate::segment::segment;

#[async_trait]
impl AccessClient for HttpClient {
    async fn list_tokens(&self, query: TokenQuery) -> Answered<Page<TokenView>> {
        self.ask(Ask::get("/v1/tokens").query(&query)?).await
    }

    async fn create_token(&self, create: CreateToken) -> Answered<NewTokenView> {
        self.ask(Ask::new(Method::POST, "/v1/tokens").json(&create)?)
            .await
    }

    async fn revoke_token(&self, name: &TokenName) -> Answered<TokenView> {
        let path = format!("/v1/tokens/{}", segment(name.as_str()));
        self.ask(Ask::new(Method::DELETE, path)).await
    }

    async fn audit_log(&self, query: AuditQuery) -> Answered<Page<AuditView>> {
        self.ask(Ask::get("/v1/audit").query(&query)?).await
    }
}

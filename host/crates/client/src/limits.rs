//! Limits.

use async_trait::async_trait;
use hyper::Method;
use model::LimitName;
use operations::client::{Answered, ChangeLimit, CreateLimit, LimitQuery, LimitsClient, Page};
use operations::view::{DeadlockedRunView, LimitDetailsView, LimitView};

use crate::http::{Ask, HttpClient};
use crate::segment::segment;

fn path(name: &LimitName) -> String {
    format!("/v1/limits/{}", segment(name.as_str()))
}

#[async_trait]
impl LimitsClient for HttpClient {
    async fn list_limits(&self, query: LimitQuery) -> Answered<Page<LimitView>> {
        self.ask(Ask::get("/v1/limits").query(&query)?).await
    }

    async fn inspect_limit(&self, name: &LimitName) -> Answered<LimitDetailsView> {
        self.ask(Ask::get(path(name))).await
    }

    async fn create_limit(&self, create: CreateLimit) -> Answered<LimitView> {
        self.ask(Ask::new(Method::POST, "/v1/limits").json(&create)?)
            .await
    }

    async fn change_limit(&self, name: &LimitName, change: ChangeLimit) -> Answered<LimitView> {
        let ask = Ask::new(Method::PATCH, path(name)).json(&change)?;
        self.ask(ask.unconditionally()).await
    }

    async fn delete_limit(&self, name: &LimitName) -> Answered<()> {
        self.tell(Ask::new(Method::DELETE, path(name))).await
    }

    async fn list_deadlocked(&self) -> Answered<Page<DeadlockedRunView>> {
        self.ask(Ask::get("/v1/deadlocked-runs")).await
    }
}

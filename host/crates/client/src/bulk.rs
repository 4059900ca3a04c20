//! Actions on many runs.

use async_trait::async_trait;
use hyper::Method;
use operations::bulk::BulkId;
use operations::client::{Answered, AskBulk, BulkClient, BulkQuery, Page};
use operations::view::BulkActionView;

use crate::http::{Ask, HttpClient};

const PATH: &str = "/v1/bulk-actions";

#[async_trait]
impl BulkClient for HttpClient {
    /// The server knows who asks by the token.
    async fn ask_bulk(&self, ask: AskBulk, _by: &str) -> Answered<BulkActionView> {
        self.ask(Ask::new(Method::POST, PATH).json(&ask)?).await
    }

    async fn list_bulk(&self, query: BulkQuery) -> Answered<Page<BulkActionView>> {
        self.ask(Ask::get(PATH).query(&query)?).await
    }

    async fn inspect_bulk(&self, id: BulkId) -> Answered<BulkActionView> {
        self.ask(Ask::get(format!("{PATH}/{id}"))).await
    }

    async fn stop_bulk(&self, id: BulkId) -> Answered<BulkActionView> {
        let path = format!("{PATH}/{id}/stop");
        self.ask(Ask::new(Method::POST, path)).await
    }
}

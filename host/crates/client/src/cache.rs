//! Cached results.

use async_trait::async_trait;
use hyper::Method;
use operations::client::{Answered, CacheClient, CacheQuery, ClearCache, Page};
use operations::view::{CachedView, ClearedView};

use crate::http::{Ask, HttpClient};
use crate::segment::segment;

fn path(id: &str) -> String {
    format!("/v1/cache/{}", segment(id))
}

#[async_trait]
impl CacheClient for HttpClient {
    async fn list_cache(&self, query: CacheQuery) -> Answered<Page<CachedView>> {
        self.ask(Ask::get("/v1/cache").query(&query)?).await
    }

    async fn inspect_cached(&self, id: &str) -> Answered<CachedView> {
        self.ask(Ask::get(path(id))).await
    }

    async fn clear_cached(&self, id: &str) -> Answered<()> {
        self.tell(Ask::new(Method::DELETE, path(id))).await
    }

    async fn clear_cache(&self, which: ClearCache) -> Answered<ClearedView> {
        let ask = Ask::new(Method::DELETE, "/v1/cache");
        self.ask(ask.query(&which)?).await
    }
}

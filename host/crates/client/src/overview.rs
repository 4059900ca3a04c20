//! What shows many runs at once.

use async_trait::async_trait;
use model::Timestamp;
use operations::client::{Answered, OverviewClient, TallyQuery};
use operations::view::{DashboardView, TalliesView};

use crate::http::{Ask, HttpClient};

#[async_trait]
impl OverviewClient for HttpClient {
    fn now(&self) -> Timestamp {
        self.server_now()
    }

    async fn dashboard(&self) -> Answered<DashboardView> {
        self.ask(Ask::get("/v1/dashboard")).await
    }

    async fn tally_runs(&self, query: TallyQuery) -> Answered<TalliesView> {
        self.ask(Ask::get("/v1/flow-runs/tallies").query(&query)?)
            .await
    }
}

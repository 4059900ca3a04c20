//! What shows many runs at once, from the store.

use async_trait::async_trait;
use store::{BINS_MAX, TallyFilter, Tallying};

use super::local::LocalClient;
use super::requests::TallyQuery;
use super::{Answered, OverviewClient};
use crate::dashboard;
use crate::problem::{Problem, ProblemKind};
use crate::view::{DashboardView, TalliesView};

#[async_trait]
impl OverviewClient for LocalClient {
    fn now(&self) -> model::Timestamp {
        self.store.clock().now()
    }

    async fn dashboard(&self) -> Answered<DashboardView> {
        Ok(dashboard::dashboard(&*self.store).await?.into())
    }

    async fn tally_runs(&self, query: TallyQuery) -> Answered<TalliesView> {
        let now = self.store.clock().now();
        let to = query.to.unwrap_or(now);
        let day = dashboard::SPAN.as_micros() as i64;
        let from = query
            .from
            .unwrap_or(model::Timestamp(to.0.saturating_sub(day)));
        let bins = query.bins.unwrap_or(48);
        let wrong = |detail: String| Problem::new(ProblemKind::InvalidQuery, detail);
        if bins == 0 || bins > BINS_MAX {
            return Err(wrong(format!(
                "`bins` is {bins}: it must be from 1 to {BINS_MAX}"
            )));
        }
        if from >= to {
            return Err(wrong(format!(
                "`from` is {from}, which is not before `to`, {to}"
            )));
        }
        let tallying = Tallying {
            filter: TallyFilter {
                flows: query.flow,
                deployments: query.deployment,
            },
            from,
            to,
            bins,
        };
        Ok(self.store.tallies(&tallying).await?.into())
    }
}

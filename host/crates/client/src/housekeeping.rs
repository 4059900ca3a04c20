//! What is deleted by itself.

use async_trait::async_trait;
use hyper::Method;
use operations::client::{Answered, HousekeepingClient, PruneRule};
use operations::problem::ProblemKind;

use crate::http::{Ask, HttpClient};

const PATH: &str = "/v1/prune-rule";

#[async_trait]
impl HousekeepingClient for HttpClient {
    async fn prune_rule(&self) -> Answered<Option<PruneRule>> {
        match self.ask(Ask::get(PATH)).await {
            Ok(rule) => Ok(Some(rule)),
            Err(problem) if problem.kind == ProblemKind::NotFound => Ok(None),
            Err(problem) => Err(problem),
        }
    }

    async fn set_prune_rule(&self, rule: Option<PruneRule>) -> Answered<()> {
        match rule {
            Some(rule) => {
                let ask = Ask::new(Method::PUT, PATH).json(&rule)?;
                self.ask::<PruneRule>(ask).await.map(drop)
            }
            None => self.tell(Ask::new(Method::DELETE, PATH)).await,
        }
    }
}

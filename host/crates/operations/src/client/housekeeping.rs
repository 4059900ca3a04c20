//! What is deleted by itself, from the store.

use async_trait::async_trait;
use model::Json;

use super::local::LocalClient;
use super::requests::PruneRule;
use super::{Answered, HousekeepingClient};
use crate::problem::{Problem, ProblemKind};

/// The least age: what has ended a moment ago is looked at by people.
const OLDER_THAN_MIN_MS: u64 = 60_000;

#[async_trait]
impl HousekeepingClient for LocalClient {
    async fn prune_rule(&self) -> Answered<Option<PruneRule>> {
        let Some(rule) = self.store.prune_rule().await? else {
            return Ok(None);
        };
        serde_json::from_str(rule.as_str())
            .map(Some)
            .map_err(|err| Problem::internal(format!("the rule of pruning is none: {err}")))
    }

    async fn set_prune_rule(&self, rule: Option<PruneRule>) -> Answered<()> {
        let rule = rule.as_ref().map(checked).transpose()?;
        Ok(self.store.set_prune_rule(rule).await?)
    }
}

fn checked(rule: &PruneRule) -> Answered<Json> {
    let refuse = |pointer: &str, detail: String, hint: &str| {
        let problem = Problem::new(ProblemKind::InvalidRequest, detail.clone());
        Err(problem.hint(hint).at(pointer, detail))
    };
    if rule.older_than_ms < OLDER_THAN_MIN_MS {
        return refuse(
            "/older_than_ms",
            "what ended less than a minute ago is not deleted by itself".to_owned(),
            "give a longer span, such as `30d`",
        );
    }
    if let Err(reason) = rule.filters() {
        return refuse(
            "/states",
            reason,
            "runs end as `completed`, `failed`, `crashed` or `cancelled`",
        );
    }
    let text = serde_json::to_value(rule).map_err(|err| Problem::internal(err.to_string()))?;
    Ok(Json::of(&text))
}

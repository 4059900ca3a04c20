//! Limits, from the store.

use std::time::Duration;

use async_trait::async_trait;
use model::{Limit, LimitName, in_units};
use orchestrator::nearest;
use store::{LimitChange, LimitUse};

use super::cursor::{Order, part};
use super::local::LocalClient;
use super::page::Page;
use super::requests::{ChangeLimit, CreateLimit, LimitQuery};
use super::{Answered, LimitsClient};
use crate::deadlocks::look;
use crate::problem::{Problem, ProblemKind};
use crate::view::{DeadlockedRunView, LimitDetailsView, LimitView};

/// Who has slots or waits for some: so many are shown.
const PERMITS_MAX: u32 = 100;

/// So many flow runs that wait for each other are told.
pub const DEADLOCKED_MAX: usize = 100;

/// The longest time of a rate limit: a year.
const PER_MAX: u64 = 365 * 24 * 60 * 60 * 1000;

impl LocalClient {
    /// The limits that people have made. Those of deployments are shown with them.
    async fn limits(&self) -> Answered<Vec<LimitUse>> {
        let mut limits = self.store.limits().await?;
        limits.retain(|it| it.limit.name.deployment().is_none());
        Ok(limits)
    }

    async fn limit(&self, name: &LimitName) -> Answered<LimitUse> {
        let mut known = self.limits().await?;
        if let Some(at) = known.iter().position(|it| it.limit.name == *name) {
            return Ok(known.swap_remove(at));
        }
        let known = known.into_iter().map(|it| it.limit.name);
        let hint = match nearest(name.as_str(), known) {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => format!("create it: `orch-host limit create {name} --slots N`"),
        };
        let detail = format!("there is no limit `{name}`");
        Err(Problem::new(ProblemKind::NotFound, detail).hint(hint))
    }
}

#[async_trait]
impl LimitsClient for LocalClient {
    async fn list_limits(&self, query: LimitQuery) -> Answered<Page<LimitView>> {
        let limits = self.limits().await?;
        part(&query, "", limits, Order::Up, |it| {
            it.limit.name.to_string()
        })
    }

    async fn inspect_limit(&self, name: &LimitName) -> Answered<LimitDetailsView> {
        let limit = self.limit(name).await?;
        let permits = self.store.permits(name, PERMITS_MAX).await?;
        Ok(LimitDetailsView {
            limit: limit.into(),
            permits: permits.into_iter().map(Into::into).collect(),
        })
    }

    async fn create_limit(&self, create: CreateLimit) -> Answered<LimitView> {
        check(Some(create.slots), create.per_ms)?;
        let name = create.name.clone();
        let limit = Limit {
            name: create.name,
            slots: create.slots,
            per: create.per_ms.map(Duration::from_millis),
            created: self.store.clock().now(),
        };
        self.store.create_limit(limit).await?;
        Ok(self.limit(&name).await?.into())
    }

    async fn change_limit(&self, name: &LimitName, change: ChangeLimit) -> Answered<LimitView> {
        change.check()?;
        self.limit(name).await?;
        let change = LimitChange {
            slots: change.slots,
            per: change.per_ms.map(|per| per.map(Duration::from_millis)),
        };
        self.store.change_limit(name, change).await?;
        Ok(self.limit(name).await?.into())
    }

    async fn delete_limit(&self, name: &LimitName) -> Answered<()> {
        self.limit(name).await?;
        Ok(self.store.delete_limit(name).await?)
    }

    async fn list_deadlocked(&self) -> Answered<Page<DeadlockedRunView>> {
        let Some(found) = look(&*self.store).await? else {
            return Ok(Page::all([]));
        };
        let mut views = Vec::new();
        for run in found.runs.iter().take(DEADLOCKED_MAX) {
            if let Some(flow_run) = self.store.flow_run(*run).await? {
                views.push(DeadlockedRunView::new(
                    *run,
                    flow_run.name,
                    &found.standing,
                    &found.runs,
                ));
            }
        }
        Ok(Page::all(views))
    }
}

impl ChangeLimit {
    /// Whether anything could ever have a slot, whatever limit this is for.
    ///
    /// # Errors
    ///
    /// No slots, no time, or too long a time.
    pub fn check(&self) -> Answered<()> {
        check(self.slots, self.per_ms.flatten())
    }
}

/// Whether anything could ever have a slot.
fn check(slots: Option<u32>, per_ms: Option<u64>) -> Answered<()> {
    let refuse = |pointer: &str, detail: String, hint: &str| {
        let problem = Problem::new(ProblemKind::InvalidRequest, detail.clone());
        Err(problem.hint(hint).at(pointer, detail))
    };
    if slots == Some(0) {
        let detail = "with a limit of 0 slots nothing would ever start".to_owned();
        return refuse(
            "/slots",
            detail,
            "give at least 1; pausing a pool or a queue lets its runs wait",
        );
    }
    match per_ms {
        Some(0) => refuse(
            "/per_ms",
            "a rate limit of 0s limits nothing".to_owned(),
            "give a span such as `1m`, or none for a limit of how many at once",
        ),
        Some(per) if per > PER_MAX => refuse(
            "/per_ms",
            format!(
                "a rate limit of {} is longer than a year",
                in_units(Duration::from_millis(per))
            ),
            "give a span such as `1m`",
        ),
        _ => Ok(()),
    }
}

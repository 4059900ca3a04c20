//! Actions on many runs, kept by the store.

use async_trait::async_trait;
use model::RunId;
use store::{BulkId, BulkKind, BulkTarget, Cursor, PageRequest};

use super::cursor::{Order, part};
use super::local::LocalClient;
use super::page::Page;
use super::requests::{AskBulk, BulkQuery, BulkVerb, RunQuery};
use super::{Answered, BulkClient};
use crate::bulk;
use crate::problem::{Problem, ProblemKind};
use crate::view::BulkActionView;

/// More than are kept after their end. Those that go on are few.
const KEPT_MAX: u32 = 10_000;

#[async_trait]
impl BulkClient for LocalClient {
    async fn ask_bulk(&self, ask: AskBulk, by: &str) -> Answered<BulkActionView> {
        let kind = kind(ask.action, ask.from_scratch)?;
        let target = match (ask.runs, ask.filter) {
            (Some(runs), None) => BulkTarget::Runs(runs),
            (None, Some(filter)) => self.all_of(&filter, ask.newest.as_deref()).await?,
            (Some(_), Some(_)) => return Err(either("both `runs` and `filter` are given")),
            (None, None) => return Err(either("neither `runs` nor `filter` is given")),
        };
        let asked = bulk::ask(&*self.store, kind, target, by).await?;
        Ok(asked.into())
    }

    async fn list_bulk(&self, query: BulkQuery) -> Answered<Page<BulkActionView>> {
        let actions = self.store.bulk_actions(KEPT_MAX).await?;
        part(&query, "", actions, Order::Down, |action| {
            action.asked.id.to_string()
        })
    }

    async fn inspect_bulk(&self, id: BulkId) -> Answered<BulkActionView> {
        let found = self.store.bulk_action(id).await?;
        Ok(found.ok_or_else(|| missing(id))?.into())
    }

    async fn stop_bulk(&self, id: BulkId) -> Answered<BulkActionView> {
        let now = self.store.clock().now();
        let stopped = self.store.stop_bulk_action(id, now).await?;
        Ok(stopped.ok_or_else(|| missing(id))?.into())
    }
}

impl LocalClient {
    /// Up to the newest run that was seen, or that there is now.
    async fn all_of(&self, filter: &RunQuery, seen: Option<&str>) -> Answered<BulkTarget> {
        let filter = self.run_filter(&only_filters(filter)?).await?;
        let newest = match seen {
            Some(text) => text.parse::<Cursor>().map_err(|err| {
                Problem::new(ProblemKind::InvalidCursor, err.to_string())
                    .hint("pass the `newest` of a listing with the same filters, or leave it out")
            })?,
            None => self.store.flow_runs(&filter, &newest()).await?.newest,
        };
        Ok(BulkTarget::All { filter, newest })
    }
}

fn newest() -> PageRequest {
    PageRequest::newest(1).without_values()
}

/// A listing has a part and an order, an action has not.
fn only_filters(query: &RunQuery) -> Answered<RunQuery> {
    let given = [
        ("cursor", query.cursor.is_some()),
        ("limit", query.limit.is_some()),
        ("order", query.order.is_some()),
        ("values", query.values.is_some()),
    ];
    match given.into_iter().find(|(_, is_given)| *is_given) {
        None => Ok(query.clone()),
        Some((name, _)) => {
            let detail = format!("`{name}` is no filter");
            let problem = Problem::new(ProblemKind::InvalidQuery, &detail);
            Err(problem
                .at(format!("/filter/{name}"), detail)
                .hint("an action reaches all runs that the filter lets through"))
        }
    }
}

fn kind(verb: BulkVerb, from_scratch: bool) -> Answered<BulkKind> {
    if from_scratch && verb != BulkVerb::Retry {
        let detail = format!("`from_scratch` does not go with `{}`", verb.as_str());
        let problem = Problem::new(ProblemKind::InvalidQuery, &detail);
        return Err(problem
            .at("/from_scratch", detail)
            .hint("only `retry` has it"));
    }
    Ok(match verb {
        BulkVerb::Cancel => BulkKind::Cancel,
        BulkVerb::Pause => BulkKind::Pause,
        BulkVerb::Resume => BulkKind::Resume,
        BulkVerb::Retry => BulkKind::Retry { from_scratch },
        BulkVerb::Delete => BulkKind::Delete,
    })
}

fn either(detail: &str) -> Problem {
    Problem::new(ProblemKind::InvalidQuery, detail)
        .hint("name flow runs by their ids in `runs`, or give a `filter`; `{}` is every run")
}

fn missing(id: BulkId) -> Problem {
    let detail = format!("there is no action {id} on many runs");
    Problem::new(ProblemKind::NotFound, detail)
        .hint("`/bulk-actions` lists those there are; the oldest are given up")
}

/// Runs are named by whole ids: what a part of an id means may change until they are looked at.
impl AskBulk {
    pub fn of_runs(action: BulkVerb, runs: Vec<RunId>) -> Self {
        Self {
            action,
            from_scratch: false,
            runs: Some(runs),
            filter: None,
            newest: None,
        }
    }
}

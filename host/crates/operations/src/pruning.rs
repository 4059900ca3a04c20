//! Deletes families of runs that have been over for long.
//!
//! ```text
//! runs, oldest first --those that nobody started--> roots --all below them--> families
//!                                                            |
//!                          over, and long enough, all of it? +--> the root, then the rest
//! ```
//!
//! A family goes as a whole or stays as a whole: a run that is kept can always be asked for what it
//! has started. The root goes first, so that a family of which somebody opens a new attempt at that
//! moment stays. If this ends before the rest has gone, the rest are families of their own, whose
//! parent is gone, and go the next time.
//!
//! It asks as any command does, so it works through a server, too. Deletions that are asked for at
//! once share a commit, and no other write waits for many of them.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use model::{Manifest, RunId, StateType, Timestamp};
use store::{CachePart, StateFilter, Store};

use crate::cache::clear;
use crate::client::{
    Answered, Client, Describe, LIMIT_MAX, ListOrder, LocalClient, NotAnEnd, PruneRule, RunQuery,
    Undescribed, check_ends,
};
use crate::problem::{Problem, ProblemKind};
use crate::view::FlowRunView;

/// Families that are looked through at once.
const FAMILIES_AT_ONCE: usize = 16;
/// Runs that are deleted at once.
const DELETED_AT_ONCE: usize = 64;

/// What is to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prune {
    /// All of a family has ended longer ago than this.
    pub older_than: Duration,
    /// The family's first run has ended in one of these states; empty: in any.
    pub states: Vec<StateFilter>,
    /// Families with a failed or crashed run stay.
    pub keep_failed: bool,
    /// Only counts.
    pub dry_run: bool,
}

/// What has gone, or would.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Whole runs; the subflows within them are not counted.
    pub runs: u64,
    pub families: u64,
    /// By the state that a run had ended in.
    pub by_state: BTreeMap<String, u64>,
    /// Families of old runs that stay, since not all of them is over or old enough.
    pub kept: u64,
    /// What ended before this has gone.
    pub before: Timestamp,
}

impl Prune {
    /// Errs if a state is none that runs end in.
    pub fn check(&self) -> Result<(), NotAnEnd> {
        check_ends(&self.states)
    }

    fn wants(&self, run: &FlowRunView) -> bool {
        self.states.is_empty()
            || self.states.iter().any(|state| match state {
                StateFilter::Type(kind) => run.state.kind == kind.as_str(),
                StateFilter::Name(name) => run.state.name == *name.0,
            })
    }

    /// Whether a run may go, as far as it is concerned.
    fn lets_go(&self, run: &FlowRunView, before: Timestamp) -> bool {
        let is_old = run.ended.is_some_and(|ended| ended < before);
        let has_failed = [StateType::Failed, StateType::Crashed]
            .iter()
            .any(|kind| run.state.kind == kind.as_str());
        is_old && !(self.keep_failed && has_failed)
    }
}

/// Follows the rule, if there is one and it is time: deletes runs, the components that only they were
/// of, and the cached results of those. What has gone.
pub async fn follow_rule(store: &Arc<dyn Store>) -> Answered<Option<Pruned>> {
    let now = store.clock().now();
    let Some(rule) = store.begin_prune(now, EVERY).await? else {
        return Ok(None);
    };
    let rule: PruneRule = serde_json::from_str(rule.as_str())
        .map_err(|err| Problem::internal(format!("the rule of pruning is none: {err}")))?;
    let wish = Prune {
        older_than: Duration::from_millis(rule.older_than_ms),
        states: rule.filters().map_err(Problem::internal)?,
        keep_failed: rule.keep_failed,
        dry_run: false,
    };
    let client = LocalClient::new(
        Arc::clone(store),
        Arc::new(NoDescriber),
        PathBuf::new(),
        None,
    );
    let pruned = prune(&client, &wish, |_| {}).await?;
    let components = store.delete_unused_components(pruned.before).await?;
    for component in &components {
        clear(&**store, &CachePart::Component(*component)).await?;
    }
    if pruned.runs > 0 || !components.is_empty() {
        tracing::info!(
            runs = pruned.runs,
            components = components.len(),
            "deleted what has been over for long"
        );
    }
    Ok(Some(pruned))
}

/// How often the rule is followed.
const EVERY: Duration = Duration::from_secs(60 * 60);

/// Nothing is deployed by this.
struct NoDescriber;

#[async_trait]
impl Describe for NoDescriber {
    async fn describe(&self, _: &[u8]) -> Result<Manifest, Undescribed> {
        Err(Undescribed {
            reason: "nothing is deployed by what deletes".to_owned(),
            hint: String::new(),
        })
    }
}

/// Deletes what is to go. `tell` is told what has gone so far, after each part.
pub async fn prune(
    client: &dyn Client,
    prune: &Prune,
    mut tell: impl FnMut(&Pruned) + Send,
) -> Answered<Pruned> {
    let before = client.now().before(prune.older_than);
    let mut pruned = Pruned {
        before,
        ..Pruned::default()
    };
    // Whoever was started comes after who started it, so a run whose parent is not among these has
    // none any more.
    let mut listed: HashSet<RunId> = HashSet::new();
    let mut cursor = None;
    loop {
        let page = client.list_runs(RunQuery {
            // What has ended before then was created before then.
            until: Some(before),
            order: Some(ListOrder::OldestFirst),
            limit: Some(LIMIT_MAX),
            cursor,
            values: Some(false),
            ..RunQuery::default()
        });
        let page = page.await?;
        listed.extend(page.items.iter().map(|run| run.id));
        let is_root = |run: &FlowRunView| {
            let above = run.parent.or(run.within);
            above.is_none_or(|above| !listed.contains(&above))
        };
        let roots = page.items.into_iter().filter(is_root);
        let roots: Vec<FlowRunView> = roots.filter(|run| prune.wants(run)).collect();
        let looks: Vec<_> = roots
            .into_iter()
            .map(|root| family(client, prune, before, root))
            .collect();
        let families = stream::iter(looks).buffered(FAMILIES_AT_ONCE);
        let families: Vec<_> = families.try_collect().await?;
        pruned.kept += families.iter().filter(|family| family.is_none()).count() as u64;
        let gone: Vec<_> = families
            .into_iter()
            .flatten()
            .map(|family| delete(client, prune, family))
            .collect();
        let mut gone = stream::iter(gone).buffer_unordered(DELETED_AT_ONCE);
        while let Some(states) = gone.try_next().await? {
            pruned.families += u64::from(!states.is_empty());
            for state in states {
                pruned.runs += 1;
                *pruned.by_state.entry(state).or_default() += 1;
            }
        }
        drop(gone);
        tell(&pruned);
        cursor = page.next;
        if cursor.is_none() {
            return Ok(pruned);
        }
    }
}

/// The whole runs of a family, the root first. None: it stays.
async fn family(
    client: &dyn Client,
    prune: &Prune,
    before: Timestamp,
    root: FlowRunView,
) -> Answered<Option<Vec<FlowRunView>>> {
    let mut family = vec![root];
    let mut looked = 0;
    while let Some(run) = family.get(looked) {
        if !prune.lets_go(run, before) {
            return Ok(None);
        }
        let parent = run.id.to_string();
        looked += 1;
        let mut cursor = None;
        loop {
            let children = client.list_runs(RunQuery {
                parent: Some(parent.clone()),
                limit: Some(LIMIT_MAX),
                cursor,
                values: Some(false),
                ..RunQuery::default()
            });
            let children = match children.await {
                // It has gone meanwhile, and that is all that was wanted.
                Err(problem) if problem.kind == ProblemKind::NotFound => break,
                children => children?,
            };
            family.extend(children.items);
            cursor = children.next;
            if cursor.is_none() {
                break;
            }
        }
    }
    // Subflows go with the run around them.
    family.retain(|run| run.within.is_none());
    Ok((!family.is_empty()).then_some(family))
}

/// The states of those that have gone.
async fn delete(
    client: &dyn Client,
    prune: &Prune,
    family: Vec<FlowRunView>,
) -> Answered<Vec<String>> {
    let mut gone = Vec::new();
    for (at, run) in family.into_iter().enumerate() {
        let is_gone = prune.dry_run || {
            let deleted = client.delete_run(&run.id.to_string()).await;
            is_gone(deleted)?
        };
        if is_gone {
            gone.push(run.state.kind.into_owned());
        } else if at == 0 {
            break;
        }
    }
    Ok(gone)
}

/// Whether this has deleted it. What another has deleted, or begun anew, is no mistake.
fn is_gone(deleted: Answered<()>) -> Result<bool, Problem> {
    match deleted {
        Ok(()) => Ok(true),
        Err(problem) => match problem.kind {
            ProblemKind::NotFound | ProblemKind::WrongState => Ok(false),
            _ => Err(problem),
        },
    }
}

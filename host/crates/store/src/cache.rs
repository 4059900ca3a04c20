//! Results of tasks that are kept for other runs.

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;
use model::{CacheKey, CachedResult, Digest, Failure, Json, LimitName, RunId, TaskName, Timestamp};
use orchestrator::flow::{Looked, Lookup};

use crate::{Limits, StoreResult};

/// Looks up and clears what runs have recorded in [`Progress::cached`](model::Progress::cached).
#[async_trait]
pub trait Cache: Send + Sync + 'static {
    /// Those of these results that may be used at this time, by
    /// [`CacheKey::id`](model::CacheKey::id).
    async fn cached(&self, ids: &[Digest], now: Timestamp) -> StoreResult<Vec<(Digest, Json)>>;

    /// Results that are kept, also those that are used no more: the newest first, so many at most.
    async fn cached_results(&self, which: &CachePart, count: u32)
    -> StoreResult<Vec<CachedResult>>;

    /// The same without their values, which may be large: those after a place, so many at most.
    async fn cached_entries(
        &self,
        which: &CachePart,
        after: Option<CachePlace>,
        count: u32,
    ) -> StoreResult<Vec<CachedEntry>>;

    /// Deletes results, so many at most. How many there were. Blobs that they have kept go with
    /// them, unless a run has them.
    async fn clear_cache(&self, which: &CachePart, count: u32) -> StoreResult<u64>;
}

/// A cached result without its value.
#[derive(Clone, Debug, PartialEq)]
pub struct CachedEntry {
    pub key: CacheKey,
    /// Of the value, in bytes.
    pub size: u64,
    /// The run that has computed it.
    pub run: RunId,
    pub created: Timestamp,
    pub expires: Option<Timestamp>,
}

impl CachedEntry {
    pub fn place(&self) -> CachePlace {
        CachePlace {
            created: self.created,
            id: self.key.id(),
        }
    }
}

/// A place in the results, of which the newest are first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CachePlace {
    pub created: Timestamp,
    /// Those of one time are in the order of their ids.
    pub id: Digest,
}

/// Which of the results.
#[derive(Clone, Debug, PartialEq)]
pub enum CachePart {
    All,
    /// Those whose id is one of these or between them.
    Ids(Digest, Digest),
    Task(TaskName),
    /// Those of one component, without those of tasks with a version.
    Component(Digest),
    /// Those that have expired by then.
    Expired(Timestamp),
}

impl CachePart {
    /// The scopes of a component begin so, and end before the second of these: see
    /// [`CacheKey::scope`](model::CacheKey::scope).
    pub fn scopes_of(component: Digest) -> (String, String) {
        (component.to_string(), format!("{component}~"))
    }
}

/// Finds what attempts need to start: whether their results are cached, and which of their limits
/// exist. `keys`: for each of `lookups` its key, if it has one, or why it cannot be told.
pub async fn look_before<S: Cache + Limits + ?Sized>(
    store: &S,
    lookups: Vec<Lookup>,
    keys: Vec<Option<Result<CacheKey, Failure>>>,
    now: Timestamp,
) -> StoreResult<Vec<Looked>> {
    let ids: BTreeSet<Digest> = keys.iter().flatten().flatten().map(CacheKey::id).collect();
    let mut cached = HashMap::new();
    if !ids.is_empty() {
        cached.extend(store.cached(&Vec::from_iter(ids), now).await?);
    }
    let limits: BTreeSet<&LimitName> = lookups.iter().flat_map(|it| &it.limits).collect();
    let mut known = Vec::new();
    if !limits.is_empty() {
        let limits: Vec<LimitName> = limits.into_iter().cloned().collect();
        known = store.known_limits(&limits).await?;
    }
    let looked = lookups.into_iter().zip(keys).map(|(mut lookup, key)| {
        lookup.limits.retain(|limit| known.contains(limit));
        let with_value = |key: CacheKey| {
            let value = cached.get(&key.id()).cloned();
            (key, value)
        };
        Looked {
            seq: lookup.seq,
            result: key.map(|key| key.map(with_value)),
            limits: lookup.limits,
        }
    });
    Ok(looked.collect())
}

//! Results of tasks that are cached, by what runs have recorded and people have cleared: an account
//! beside the store's own.

use std::collections::HashMap;

use crate::CachePart;
use model::{CacheKey, Digest, Json, Timestamp};

#[derive(Default)]
pub(super) struct Results(HashMap<Digest, Kept>);

/// The result that was recorded last under a key.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Kept {
    pub key: CacheKey,
    pub value: Json,
    pub expires: Option<Timestamp>,
}

impl Results {
    pub fn usable(&self, key: &CacheKey, now: Timestamp) -> Option<&Json> {
        let kept = self.0.get(&key.id())?;
        let is_usable = kept.expires.is_none_or(|expires| expires > now);
        is_usable.then_some(&kept.value)
    }

    pub fn keep(&mut self, kept: Kept) {
        self.0.insert(kept.key.id(), kept);
    }

    /// How many there were.
    pub fn clear(&mut self, which: &CachePart) -> usize {
        let before = self.0.len();
        self.0.retain(|id, kept| match which {
            CachePart::All | CachePart::Component(_) => false,
            CachePart::Ids(from, to) => id < from || id > to,
            CachePart::Task(task) => kept.key.task != *task,
            CachePart::Expired(at) => kept.expires.is_none_or(|expires| expires > *at),
        });
        before - self.0.len()
    }

    /// All of them, always in one order.
    pub fn all(&self) -> Vec<(Digest, Kept)> {
        let all = self.0.iter().map(|(id, kept)| (*id, kept.clone()));
        let mut all: Vec<(Digest, Kept)> = all.collect();
        all.sort_by_key(|(id, _)| *id);
        all
    }
}

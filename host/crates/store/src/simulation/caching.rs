//! Results of tasks that are cached: what the store says of them is compared with the account of
//! them ([`results`](super::results)).
//!
//! Properties:
//!
//! - A task run that ends as `Cached` has the value that an attempt of the same key has computed and
//!   recorded last, which had not expired when it was looked up and which nobody had cleared; or one
//!   that its own run has computed and records with it.
//! - Whoever looks is told of such a value if there is one.
//! - Of a task that locks, no two attempts of one key are computed at once, and none is while there
//!   is a result: as far as they are executed under a valid lease.
//! - The store keeps those results and no others.

use std::collections::HashMap;

use super::driver::Execution;
use super::results::Kept;
use super::script::BRIEF;
use super::trace::trace;
use super::world::World;
use crate::{CachePart, Progress, Store, look_before};
use model::{
    CacheBy, CacheKey, CacheOptions, CachedResult, Digest, Json, Seq, Settlement, StateName,
    StateType, TaskName, TaskRun,
};
use orchestrator::flow::{KeyFrom, Looked, Lookup};

/// More results than one simulation has.
const ALL: u32 = 10_000;

/// Under what the result of a task is kept. The component makes the key of some of what they give.
fn key_of(execution: &Execution, seq: Seq, options: &CacheOptions) -> CacheKey {
    let flow = &execution.flow;
    let (run, arguments) = (flow.run(None), flow.arguments(seq));
    let key = match options.by {
        CacheBy::Inputs => CacheKey::of_inputs(&arguments),
        CacheBy::Task(_) => made_of(&arguments),
    };
    CacheKey {
        task: execution.task(seq).expect("it is a task").clone(),
        scope: run.component.to_string(),
        key,
    }
}

fn made_of(arguments: &Json) -> String {
    let value = arguments.value();
    format!("{} of {}", value["does"][0], value["within"])
}

impl<S: Store> World<'_, S> {
    /// Looks up what attempts need to start.
    pub(super) async fn look_before(
        &mut self,
        execution: &mut Execution,
        lookups: Vec<Lookup>,
    ) -> Vec<Looked> {
        let key = |lookup: &Lookup| {
            let of = lookup.result.as_ref()?;
            let key = match &of.from {
                KeyFrom::Known(key) => key.clone(),
                KeyFrom::Inputs(arguments) => CacheKey::of_inputs(arguments),
                KeyFrom::Task { arguments, .. } => made_of(arguments),
            };
            Some(Ok(CacheKey {
                task: of.task.clone(),
                scope: of.scope.clone(),
                key,
            }))
        };
        let keys = lookups.iter().map(key).collect();
        let found = look_before(self.store, lookups, keys, self.now).await;
        let found = found.unwrap();
        let Some(crowd) = &mut self.crowd else {
            return found;
        };
        for looked in &found {
            let Some(Ok((key, value))) = &looked.result else {
                continue;
            };
            let kept = crowd.results.usable(key, self.now);
            assert_eq!(value.as_ref(), kept, "of {key:?} at {:?}", self.now);
            if let Some(value) = value {
                execution.found.push((looked.seq, value.clone()));
            }
        }
        found
    }

    fn caches(&self, task: &str) -> Option<&CacheOptions> {
        self.manifest.task(task)?.options.cache.as_deref()
    }

    /// This was recorded.
    pub(super) fn note_results(&mut self, execution: &Execution, progress: &Progress) {
        let mut fresh = HashMap::new();
        for run in progress.task_runs.iter() {
            let Some(options) = self.caches(run.task.as_str()) else {
                continue;
            };
            let Some(value) = result_of(run, progress) else {
                continue;
            };
            let key = key_of(execution, run.seq, options);
            let last = &run.history.last().expect("it has ended").state;
            if last.name == StateName::CACHED {
                let found = (run.seq, value.clone());
                assert!(
                    execution.found.contains(&found) || fresh.get(&key) == Some(value),
                    "{run:#?} has a value that was not found: {value:?}"
                );
                continue;
            }
            let expiration = options.expiration();
            let kept = Kept {
                key: key.clone(),
                value: value.clone(),
                expires: expiration.map(|expiration| last.at.after(expiration)),
            };
            fresh.insert(key, value.clone());
            if let Some(crowd) = &mut self.crowd {
                crowd.results.keep(kept);
            }
        }
    }

    /// Attempts of an execution have begun since this was asked last.
    pub(super) fn check_begun(&self, execution: &mut Execution) {
        let begun = execution.begun();
        let Some(crowd) = self.crowd.as_ref().filter(|_| self.holds(execution)) else {
            return;
        };
        for seq in begun {
            let Some(key) = self.locks(execution, seq) else {
                continue;
            };
            let found = crowd.results.usable(&key, self.now);
            assert_eq!(found, None, "{key:?} is computed, and there is a result");
            let mut others = self.computing(execution);
            others.retain(|(_, it)| *it == key);
            assert_eq!(others.len(), 1, "{key:?} is computed by several");
        }
    }

    /// The key of an attempt that is to be the only one to compute its result.
    fn locks(&self, execution: &Execution, seq: Seq) -> Option<CacheKey> {
        let options = self.caches(execution.task(seq)?.as_str())?;
        options.lock.then(|| key_of(execution, seq, options))
    }

    /// What is computed alone, under a valid lease: this execution's, and that of all others.
    fn computing(&self, execution: &Execution) -> Vec<(Seq, CacheKey)> {
        let hands = self.hands.iter().chain(&self.stopped);
        let all = hands.flat_map(|hand| hand.running.iter().chain(&hand.parked));
        let all = all.chain([execution]).filter(|it| self.holds(it));
        let keys = |it: &Execution| {
            let seqs: Vec<Seq> = it.executed().map(|job| job.seq).collect();
            let keys = seqs.into_iter();
            let keys = keys.filter_map(|seq| Some((seq, self.locks(it, seq)?)));
            keys.collect::<Vec<_>>()
        };
        all.flat_map(keys).collect()
    }

    /// People clear some of what is cached.
    pub(super) async fn clear_cache(&mut self) {
        let Some(mut crowd) = self.crowd.take() else {
            return;
        };
        let all = crowd.results.all();
        let component = self.deployments[0].deployment.component;
        let which = match (self.rng.below(8), all.len()) {
            (0, _) => CachePart::All,
            (1, _) => CachePart::Component(component),
            (2, _) => CachePart::Task(TaskName::trusted(BRIEF)),
            (3 | 4, _) | (_, 0) => CachePart::Expired(self.now),
            (_, count) => {
                let (id, _) = all[self.rng.below(count)];
                CachePart::Ids(id, id)
            }
        };
        let cleared = self.store.clear_cache(&which, ALL).await.unwrap();
        trace!(self, "cleared {cleared}: {which:?}");
        assert_eq!(cleared, crowd.results.clear(&which) as u64, "{which:?}");
        self.crowd = Some(crowd);
    }

    /// The store keeps what was recorded and not cleared; now it is cleared.
    pub(super) async fn check_what_is_cached(&mut self) {
        let Some(crowd) = &self.crowd else { return };
        let results = self.store.cached_results(&CachePart::All, ALL).await;
        let kept = |it: CachedResult| {
            let kept = Kept {
                value: it.value,
                expires: it.expires,
                key: it.key,
            };
            (kept.key.id(), kept)
        };
        let mut results: Vec<(Digest, Kept)> = results.unwrap().into_iter().map(kept).collect();
        results.sort_by_key(|(id, _)| *id);
        assert_eq!(results, crowd.results.all());
        self.store.clear_cache(&CachePart::All, ALL).await.unwrap();
    }
}

/// What a task run has given, if it has ended so with this record.
fn result_of<'p>(run: &TaskRun, progress: &'p Progress) -> Option<&'p Json> {
    let last = &run.history.last()?.state;
    if last.kind != StateType::Completed {
        return None;
    }
    let entries = progress.entries.iter();
    let entries = entries.filter_map(|it| Some((it.seq, &it.settled.as_ref()?.1)));
    let settled = progress.settled.iter().map(|it| (it.seq, &it.settlement));
    let mut all = entries.chain(settled);
    match all.find(|(seq, _)| *seq == run.seq)? {
        (_, Settlement::Task(Ok(value))) => Some(value),
        _ => None,
    }
}

//! What must be known before an attempt of a task starts: whether its result is cached, and which
//! limits its tags have.
//!
//! ```text
//! an attempt is to start --> cached or tagged? -- no --> starts
//!                             `- yes: looked up --> has a result --> ends with it, as `Cached`
//!                                        `- none --> starts; its result is kept with the record
//!                                                    of its end
//! ```
//!
//! Where only one is to compute a result, an attempt takes the slot of its key, as that of any
//! limit, and looks once more when it has that: the one before it may have computed the result.
//! Many are looked up together, so this happens when the flow waits.

use super::live::Before;
use super::machine::{Asks, Flow};
use super::step::{KeyFrom, KeyOf, Look, Looked, Lookup, Moment, Step};
use model::{
    CacheBy, CacheKey, CacheOptions, CachedResult, Call, Json, LimitName, Seq, State, Taking,
    TaskName, Timestamp,
};

/// Attempts that are looked up together, and the bytes of their arguments from which on there are
/// no more.
const TOGETHER_MAX: usize = 500;
const ARGUMENTS_MAX: usize = 16 << 20;

impl Flow {
    /// Whether all is known that an attempt needs to start. Otherwise it is looked up.
    pub(super) fn is_looked_up(&mut self, seq: Seq) -> bool {
        let is_tagged = self
            .tasks
            .live(seq)
            .is_some_and(|it| !it.run.tags.is_empty());
        if !is_tagged && self.cache_options(seq).is_none() {
            return true;
        }
        let is_current = |before: &Before| before.is_current;
        if self.tasks.before.get(&seq).is_some_and(is_current) {
            return true;
        }
        self.tasks.looking.insert(seq);
        false
    }

    /// What was looked up may have changed.
    pub(super) fn look_again(&mut self, seq: Seq) {
        if let Some(before) = self.tasks.before.get_mut(&seq) {
            before.is_current = false;
        }
    }

    /// Looks up what attempts need that are to start.
    pub(super) fn look_before(&mut self) -> Option<Step> {
        let mut lookups = Vec::new();
        let mut bytes = 0;
        for seq in &self.tasks.looking {
            if lookups.len() == TOGETHER_MAX || bytes > ARGUMENTS_MAX {
                break;
            }
            let lookup = self.lookup(*seq);
            bytes += lookup.bytes();
            lookups.push(lookup);
        }
        (!lookups.is_empty()).then_some(Step::Look(Look::Before(lookups)))
    }

    fn lookup(&self, seq: Seq) -> Lookup {
        let tags = self.tasks.live(seq).into_iter().flat_map(|it| &it.run.tags);
        Lookup {
            seq,
            result: self.key_of(seq),
            limits: tags.filter_map(|tag| LimitName::of_tag(tag)).collect(),
        }
    }

    fn key_of(&self, seq: Seq) -> Option<KeyOf> {
        let (options, task) = (self.cache_options(seq)?, self.task_of(seq)?);
        let known = self.tasks.before.get(&seq).and_then(|it| it.key.clone());
        let from = match (known, &options.by) {
            (Some(known), _) => KeyFrom::Known(known.key),
            (None, CacheBy::Inputs) => KeyFrom::Inputs(self.arguments(seq)),
            (None, CacheBy::Task(by)) => KeyFrom::Task {
                by: by.clone(),
                arguments: self.arguments(seq),
            },
        };
        let version = self.manifest.task(task.as_str())?.version.as_deref();
        let run = &self.run;
        Some(KeyOf {
            scope: CacheKey::scope(run.component, &run.flow, version, &run.grants),
            task: task.clone(),
            from,
        })
    }

    /// What was looked up is there.
    pub(super) fn looked_up(&mut self, found: Vec<Looked>, at: &mut Moment) -> Asks {
        for Looked {
            seq,
            result,
            limits,
        } in found
        {
            if !self.tasks.looking.remove(&seq) {
                continue;
            }
            let key = match result {
                None => None,
                Some(Err(failure)) => {
                    self.task_ended(seq, Err(failure), at.now);
                    continue;
                }
                Some(Ok((key, cached))) => match cached.or_else(|| self.just_cached(&key)) {
                    Some(value) => {
                        let line = State::cached(at.now).into();
                        self.task_ended_with(seq, Ok(value), line, at.now);
                        continue;
                    }
                    None => Some(key),
                },
            };
            let before = Before {
                key,
                limits,
                is_current: true,
            };
            self.tasks.before.insert(seq, before);
            self.start_task(seq, at.now);
        }
        self.start_ready(at.now);
        self.go_on(at)
    }

    /// A result that is to be recorded.
    fn just_cached(&self, key: &CacheKey) -> Option<Json> {
        let mut cached = self.buffer.progress.cached.iter();
        let found = cached.find(|it| it.key == *key);
        found.map(|it| it.value.clone())
    }

    /// Keeps a result for other runs, if the task says so.
    pub(super) fn cache(&mut self, seq: Seq, value: &Json, at: Timestamp) {
        let Some(key) = self.tasks.before.remove(&seq).and_then(|it| it.key) else {
            return;
        };
        let expiration = self.cache_options(seq).and_then(CacheOptions::expiration);
        self.buffer.progress.cached.push(CachedResult {
            key,
            value: value.clone(),
            run: self.run.id,
            created: at,
            expires: expiration.map(|expiration| at.after(expiration)),
        });
    }

    /// What an attempt takes of limits: those that its task declares, those that its tags have, and
    /// that of its cache key.
    pub(super) fn takes(&self, seq: Seq) -> Vec<Taking> {
        let declared = self
            .task_of(seq)
            .and_then(|task| self.manifest.task(task.as_str()));
        let declared = declared.map_or(&[][..], |task| &task.options.limits);
        let before = self.tasks.before.get(&seq);
        let tagged = before.map_or(&[][..], |it| &it.limits);
        let mut takes: Vec<Taking> = Vec::new();
        for limit in declared.iter().chain(tagged) {
            if !takes.iter().any(|it| it.limit == *limit) {
                takes.push(Taking::some(limit.clone(), 1));
            }
        }
        if self.is_locked(seq)
            && let Some(key) = before.and_then(|it| it.key.as_ref())
        {
            takes.push(Taking {
                line: key.id().to_string(),
                ..Taking::some(LimitName::of_cache(), 1)
            });
        }
        takes
    }

    /// Whether only one attempt at a time computes the result.
    pub(super) fn is_locked(&self, seq: Seq) -> bool {
        self.cache_options(seq).is_some_and(|options| options.lock)
    }

    fn cache_options(&self, seq: Seq) -> Option<&CacheOptions> {
        let task = self.manifest.task(self.task_of(seq)?.as_str())?;
        task.options.cache.as_deref()
    }

    fn task_of(&self, seq: Seq) -> Option<&TaskName> {
        match self.journal.entry(seq).map(|entry| &entry.call) {
            Some(Call::Task(call)) => Some(&call.task),
            _ => None,
        }
    }
}

impl Lookup {
    fn bytes(&self) -> usize {
        match self.result.as_ref().map(|key| &key.from) {
            Some(KeyFrom::Inputs(arguments) | KeyFrom::Task { arguments, .. }) => {
                arguments.as_str().len()
            }
            _ => 0,
        }
    }
}

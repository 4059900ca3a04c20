//! Reads what is new once, and hands it to all whom it concerns.

use std::collections::HashMap;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use model::{EventCursor, PlacedEvent, RunId, Timestamp};
use store::{EventPage, Listener, Store, StoreResult, Topic as Bell};
use tokio::sync::Notify;

use super::facts::{Facts, about};
use super::family::{concerned, is_of_pools};
use super::topic::{Batch, Told, Topic};

/// Events read at once.
pub(super) const PAGE: u32 = 500;

/// How long the hub lets events gather after it has read some. Nobody sees so short a time,
/// and a busy system would otherwise be looked at after each of its commits.
const GATHER: Duration = Duration::from_millis(1);

/// The same after a page as full as this: then there is much to do, and reading in larger
/// pieces costs less.
const GATHER_BUSY: Duration = Duration::from_millis(5);
const BUSY: usize = 50;

/// How long it waits before it tries again after the database was not available.
const RETRY: Duration = Duration::from_millis(200);

/// What is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    Everything,
    /// A run, the subflows within it, and the states of its children.
    Run(RunId),
    /// The same, and pools and workers, which say whether a run can go on.
    RunAndPools(RunId),
}

/// A part of the stream.
#[derive(Clone, Debug)]
pub struct Part {
    pub events: Vec<Arc<Told>>,
    /// Where the part beyond it begins.
    pub next: EventCursor,
    /// There was no more by then.
    pub is_last: bool,
    /// When the event was written that was looked at last, whether the scope covers it or not.
    pub looked_to: Option<Timestamp>,
}

/// One of a process.
pub struct Hub {
    pub(super) store: Arc<dyn Store>,
    facts: Mutex<Facts>,
    state: Mutex<State>,
    /// Held while the task is started.
    starting: tokio::sync::Mutex<()>,
    /// A subscriber has left.
    left: Notify,
    held: Arc<AtomicUsize>,
}

#[derive(Default)]
struct State {
    topics: HashMap<Scope, Weak<Topic>>,
    /// Up to where events were handed out; `None` while there is no task.
    head: Option<EventCursor>,
}

impl State {
    fn topic(&self, scope: Scope) -> Option<Arc<Topic>> {
        self.topics.get(&scope).and_then(Weak::upgrade)
    }
}

/// A subscriber's way into the live stream.
pub(super) struct Joined {
    pub topic: Arc<Topic>,
    /// The batch that it will be handed first.
    pub next: u64,
    /// What was read before that batch. It has to see for itself what lies up to here.
    pub head: EventCursor,
}

impl Hub {
    pub fn new(store: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self {
            store,
            facts: Mutex::default(),
            state: Mutex::default(),
            starting: tokio::sync::Mutex::default(),
            left: Notify::new(),
            held: Arc::default(),
        })
    }

    pub fn store(&self) -> &dyn Store {
        &*self.store
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn join(self: &Arc<Self>, scope: Scope) -> StoreResult<Joined> {
        if let Some(joined) = self.join_running(scope) {
            return Ok(joined);
        }
        let _starting = self.starting.lock().await;
        if let Some(joined) = self.join_running(scope) {
            return Ok(joined);
        }
        // Before the place is read, so that nothing falls in between.
        let listener = self.store.listen(Bell::Change)?;
        let head = self.store.newest_event().await?;
        let joined = {
            let mut state = self.state();
            state.head = Some(head);
            self.join_at(&mut state, scope, head)
        };
        tokio::spawn(Arc::clone(self).run(listener));
        Ok(joined)
    }

    fn join_running(&self, scope: Scope) -> Option<Joined> {
        let mut state = self.state();
        let head = state.head?;
        Some(self.join_at(&mut state, scope, head))
    }

    fn join_at(&self, state: &mut State, scope: Scope, head: EventCursor) -> Joined {
        let topic = state.topic(scope).unwrap_or_else(|| {
            let topic = Arc::new(Topic::new(Arc::clone(&self.held)));
            state.topics.insert(scope, Arc::downgrade(&topic));
            topic
        });
        let next = topic.next();
        Joined { topic, next, head }
    }

    /// Up to where a subscriber has seen everything that concerns it, if `next` is the batch
    /// that it waits for, and it has not come yet.
    pub(super) fn head_of(&self, topic: &Topic, next: u64) -> Option<EventCursor> {
        let state = self.state();
        state.head.filter(|_| topic.next() == next)
    }

    pub(super) fn leave(&self) {
        self.left.notify_one();
    }

    async fn run(self: Arc<Self>, mut listener: Box<dyn Listener>) {
        loop {
            let pause = match self.read_new().await {
                Ok(0) => Duration::ZERO,
                Ok(BUSY..) => GATHER_BUSY,
                Ok(_) => GATHER,
                Err(_) => RETRY,
            };
            if !pause.is_zero() {
                // What came meanwhile has rung the bell.
                tokio::time::sleep(pause).await;
            }
            if pause == RETRY {
                if self.is_over() {
                    return;
                }
                continue;
            }
            tokio::select! {
                () = listener.heard() => {}
                () = self.left.notified() => if self.is_over() { return },
            }
        }
    }

    /// Whether nobody subscribes any more. Then the next subscriber starts another task.
    fn is_over(&self) -> bool {
        let mut state = self.state();
        state.topics.retain(|_, topic| topic.strong_count() > 0);
        if state.topics.is_empty() {
            state.head = None;
        }
        state.head.is_none()
    }

    /// Reads and hands out what is new. How much there was.
    async fn read_new(&self) -> StoreResult<usize> {
        let mut count = 0;
        loop {
            let Some(head) = self.state().head else {
                return Ok(count);
            };
            match self.store.events(head, PAGE).await? {
                EventPage::Events { events, next } => {
                    let is_last = events.len() < PAGE as usize;
                    count += events.len();
                    self.know(&events).await?;
                    self.hand_out(events, next);
                    if is_last {
                        return Ok(count);
                    }
                }
                EventPage::TooOld => {
                    let newest = self.store.newest_event().await?;
                    self.start_again(newest);
                }
            }
        }
    }

    /// Reads what has to be known of runs to tell whom the events concern.
    pub(super) async fn know(&self, events: &[PlacedEvent]) -> StoreResult<()> {
        // A run's parent may be unknown, too, and is needed for the run around it.
        for _ in 0..2 {
            let unknown = self.facts().learn(events);
            if unknown.is_empty() {
                break;
            }
            let read = self.store.run_facts(&unknown).await?;
            let mut facts = self.facts();
            read.into_iter().for_each(|run| facts.add(Arc::new(run)));
        }
        Ok(())
    }

    /// Up to a page of what came after a place, and of that what the scope covers. `None`: it
    /// is not known any more.
    pub async fn page(&self, scope: Scope, after: EventCursor) -> StoreResult<Option<Part>> {
        let page = self.store.events(after, PAGE).await?;
        self.part(scope, page).await
    }

    /// The same of what came before, newest first; without a place, from the newest on.
    pub async fn page_before(
        &self,
        scope: Scope,
        before: Option<EventCursor>,
    ) -> StoreResult<Option<Part>> {
        let page = self.store.events_before(before, PAGE).await?;
        self.part(scope, page).await
    }

    async fn part(&self, scope: Scope, page: EventPage) -> StoreResult<Option<Part>> {
        match page {
            EventPage::Events { events, next } => {
                let is_last = events.len() < PAGE as usize;
                self.know(&events).await?;
                Ok(Some(Part {
                    looked_to: events.last().map(|last| last.at),
                    events: self.covered(scope, events),
                    next,
                    is_last,
                }))
            }
            EventPage::TooOld => Ok(None),
        }
    }

    fn hand_out(&self, events: Vec<PlacedEvent>, next: EventCursor) {
        let mut facts = self.facts();
        let mut state = self.state();
        let follows_all = state.topic(Scope::Everything);
        let follows_runs = state.topics.len() > usize::from(follows_all.is_some());
        let mut all = Vec::new();
        let mut by_scope: HashMap<Scope, Vec<Arc<Told>>> = HashMap::new();
        let (mut runs, mut scopes) = (Vec::new(), Vec::new());
        for placed in events {
            let run = about(&placed.event).and_then(|run| facts.get(run));
            scopes.clear();
            if follows_runs {
                runs.clear();
                let facts_of = |run| facts.get(run);
                concerned(&placed.event, run.as_deref(), facts_of, &mut runs);
                let both = |run: &RunId| [Scope::Run(*run), Scope::RunAndPools(*run)];
                scopes.extend(runs.iter().flat_map(both));
                scopes.retain(|scope| state.topics.contains_key(scope));
                if is_of_pools(&placed.event) {
                    let of_pools = |scope: &&Scope| matches!(scope, Scope::RunAndPools(_));
                    scopes.extend(state.topics.keys().filter(of_pools));
                }
            }
            if follows_all.is_none() && scopes.is_empty() {
                continue;
            }
            let told = Arc::new(Told { placed, run });
            for scope in &scopes {
                by_scope.entry(*scope).or_default().push(Arc::clone(&told));
            }
            if follows_all.is_some() {
                all.push(told);
            }
        }
        if let Some(topic) = follows_all.filter(|_| !all.is_empty()) {
            topic.push(Batch::from(all));
        }
        for (scope, events) in by_scope {
            if let Some(topic) = state.topic(scope) {
                topic.push(Batch::from(events));
            }
        }
        state.head = Some(next);
    }

    /// What lies between is not known any more: everybody finds that out in the store.
    fn start_again(&self, newest: EventCursor) {
        let mut state = self.state();
        state.head = Some(newest);
        for topic in state.topics.values().filter_map(Weak::upgrade) {
            topic.forget();
        }
    }

    /// Of these events, those that the scope covers. They are [known](Self::know).
    pub(super) fn covered(&self, scope: Scope, events: Vec<PlacedEvent>) -> Vec<Arc<Told>> {
        let mut facts = self.facts();
        let mut runs = Vec::new();
        let mut covered = Vec::new();
        for placed in events {
            let run = about(&placed.event).and_then(|run| facts.get(run));
            runs.clear();
            let facts_of = |run| facts.get(run);
            concerned(&placed.event, run.as_deref(), facts_of, &mut runs);
            let is_covered = match scope {
                Scope::Everything => true,
                Scope::Run(run) => runs.contains(&run),
                Scope::RunAndPools(run) => runs.contains(&run) || is_of_pools(&placed.event),
            };
            if is_covered {
                covered.push(Arc::new(Told { placed, run }));
            }
        }
        covered
    }
}

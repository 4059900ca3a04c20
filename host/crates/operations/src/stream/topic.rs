//! The latest events for those who follow the same thing.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::{PlacedEvent, RunFacts};
use tokio::sync::watch;

/// Events that a topic holds for its slowest subscriber, at most, besides its newest batch.
const EVENTS_MAX: usize = 8192;

/// Events that all topics of a hub hold together before each keeps only [`EVENTS_FEW`].
/// An event takes some 400 bytes.
const EVENTS_OF_ALL_MAX: usize = 64 << 10;

/// What a topic may hold in any case, so that a subscriber need not be instant.
const EVENTS_FEW: usize = 256;

/// An event, with what never changes about its run.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    pub placed: PlacedEvent,
    /// `None`: it is about no run, or the run is gone.
    pub run: Option<Arc<RunFacts>>,
}

/// Events that were read together, oldest first. Never empty.
pub type Batch = Arc<[Arc<Told>]>;

/// Batches are numbered from 0. Those that are not held any more have to be read from the
/// store.
pub(super) struct Topic {
    ring: Mutex<Ring>,
    /// The number of the next batch.
    next: watch::Sender<u64>,
    held_by_all: Arc<AtomicUsize>,
}

#[derive(Default)]
struct Ring {
    batches: VecDeque<Batch>,
    /// The number of the first of these.
    first: u64,
    events: usize,
}

/// What a topic has under a number.
pub(super) enum Found {
    Batch(Batch),
    NotYet,
    /// It was dropped.
    Gone,
}

impl Topic {
    /// `held_by_all` counts the events of all topics.
    pub(super) fn new(held_by_all: Arc<AtomicUsize>) -> Self {
        Self {
            ring: Mutex::default(),
            next: watch::Sender::new(0),
            held_by_all,
        }
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn next(&self) -> u64 {
        *self.next.borrow()
    }

    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.next.subscribe()
    }

    pub(super) fn push(&self, batch: Batch) {
        let mut ring = self.ring();
        ring.events += batch.len();
        let mut all = self.held_by_all.fetch_add(batch.len(), Ordering::Relaxed) + batch.len();
        ring.batches.push_back(batch);
        while ring.batches.len() > 1
            && (ring.events > EVENTS_MAX || all > EVENTS_OF_ALL_MAX && ring.events > EVENTS_FEW)
        {
            all -= self.drop_first(&mut ring);
        }
        self.next.send_modify(|next| *next += 1);
    }

    /// Drops what it holds, so that all subscribers go back to the store.
    pub(super) fn forget(&self) {
        let mut ring = self.ring();
        while !ring.batches.is_empty() {
            self.drop_first(&mut ring);
        }
        ring.first += 1;
        self.next.send_modify(|next| *next += 1);
    }

    /// How many events that was.
    fn drop_first(&self, ring: &mut Ring) -> usize {
        let Some(dropped) = ring.batches.pop_front() else {
            return 0;
        };
        ring.first += 1;
        ring.events -= dropped.len();
        self.held_by_all.fetch_sub(dropped.len(), Ordering::Relaxed);
        dropped.len()
    }

    pub(super) fn find(&self, number: u64) -> Found {
        let ring = self.ring();
        let Some(place) = number.checked_sub(ring.first) else {
            return Found::Gone;
        };
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        match ring.batches.get(place) {
            Some(batch) => Found::Batch(Arc::clone(batch)),
            None => Found::NotYet,
        }
    }
}

impl Drop for Topic {
    fn drop(&mut self) {
        let held = self.ring().events;
        self.held_by_all.fetch_sub(held, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Edited, Event, EventCursor, PoolName, Timestamp};

    fn batch(len: usize) -> Batch {
        let told = Told {
            placed: PlacedEvent {
                cursor: EventCursor::OLDEST,
                at: Timestamp(0),
                event: Event::Pool {
                    name: PoolName::default_pool(),
                    what: Edited::Changed,
                },
            },
            run: None,
        };
        let told = Arc::new(told);
        (0..len).map(|_| Arc::clone(&told)).collect()
    }

    #[test]
    fn a_topic_holds_the_newest_and_no_more_than_it_may() {
        let held = Arc::new(AtomicUsize::new(0));
        let topic = Topic::new(Arc::clone(&held));
        for number in 0..100 {
            assert!(matches!(topic.find(number), Found::NotYet));
            topic.push(batch(500));
            assert!(matches!(topic.find(number), Found::Batch(_)));
            assert!(held.load(Ordering::Relaxed) <= EVENTS_MAX);
        }
        assert!(matches!(topic.find(80), Found::Gone));
        // A batch that is larger than that is held for as long as it is the newest.
        topic.push(batch(2 * EVENTS_MAX));
        assert!(matches!(topic.find(99), Found::Gone));
        assert!(matches!(topic.find(100), Found::Batch(_)));
        topic.forget();
        assert!(matches!(topic.find(101), Found::Gone));
        assert!(matches!(topic.find(topic.next()), Found::NotYet));
        assert_eq!(held.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn many_topics_share_what_may_be_held() {
        let held = Arc::new(AtomicUsize::new(0));
        let topics: Vec<_> = (0..100).map(|_| Topic::new(Arc::clone(&held))).collect();
        for topic in &topics {
            for _ in 0..100 {
                topic.push(batch(50));
            }
        }
        let sum = held.load(Ordering::Relaxed);
        assert!(
            sum <= EVENTS_OF_ALL_MAX + topics.len() * (EVENTS_FEW + 50),
            "{sum}"
        );
        drop(topics);
        assert_eq!(held.load(Ordering::Relaxed), 0);
    }
}

//! The attempts of one flow's tasks that are to start.
//!
//! A flow may start a hundred thousand tasks at once. Only so many are handed on that the
//! instances of a worker are busy; the others wait here without their arguments, which are put
//! together when an attempt has a place.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use model::{Json, Seq};
use orchestrator::flow::TaskJob;

/// Attempts of one flow that are handed on at once.
const PLACES: usize = 256;

/// Their arguments together, in kilobytes, if those of one attempt are no more.
const ARGUMENTS_KB: usize = 64 << 10;

/// The attempts that wait for a place.
pub(super) struct Starting {
    waiting: VecDeque<Box<TaskJob>>,
    places: Arc<Semaphore>,
    arguments: Arc<Semaphore>,
    /// Of the first that waits, if there was no room for them.
    next: Option<Json>,
}

/// The place of an attempt, free again when this is dropped.
pub(super) struct Place {
    _place: OwnedSemaphorePermit,
    _arguments: OwnedSemaphorePermit,
}

impl Starting {
    /// For attempts whose arguments are at most so many bytes each.
    pub fn new(arguments_max: usize) -> Self {
        let largest_kb = kilobytes(arguments_max) + 1;
        Self {
            waiting: VecDeque::new(),
            places: Arc::new(Semaphore::new(PLACES)),
            arguments: Arc::new(Semaphore::new(ARGUMENTS_KB.max(largest_kb))),
            next: None,
        }
    }

    pub fn add(&mut self, job: Box<TaskJob>) {
        self.waiting.push_back(job);
    }

    /// The attempt for this call is not to start.
    pub fn remove(&mut self, seq: Seq) {
        // What was put together is for the first that waits.
        if self.waiting.front().is_some_and(|job| job.seq == seq) {
            self.next = None;
        }
        self.waiting.retain(|job| job.seq != seq);
    }

    pub fn clear(&mut self) {
        self.waiting.clear();
        self.next = None;
    }

    /// The next attempt that has a place, with its arguments.
    pub fn next(
        &mut self,
        arguments_of: impl FnOnce(Seq) -> Json,
    ) -> Option<(Box<TaskJob>, Json, Place)> {
        let job = self.waiting.front()?;
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let arguments = self.next.take().unwrap_or_else(|| arguments_of(job.seq));
        let kb = u32::try_from(kilobytes(arguments.as_str().len())).ok()?;
        let of_arguments = Arc::clone(&self.arguments);
        let Ok(of_arguments) = of_arguments.try_acquire_many_owned(kb) else {
            self.next = Some(arguments);
            return None;
        };
        let job = self.waiting.pop_front()?;
        let place = Place {
            _place: place,
            _arguments: of_arguments,
        };
        Some((job, arguments, place))
    }
}

fn kilobytes(bytes: usize) -> usize {
    bytes >> 10
}

#[cfg(test)]
mod tests {
    use model::{RunId, TaskName, TaskRunId};

    use super::*;

    fn job(seq: u64) -> Box<TaskJob> {
        Box::new(TaskJob {
            seq: Seq(seq),
            id: TaskRunId::generate(),
            flow_run: RunId::generate(),
            scope: None,
            task: TaskName::trusted("load"),
            name: "load".to_owned(),
            attempt: 1,
            timeout: None,
        })
    }

    #[test]
    fn attempts_start_in_order_as_places_and_memory_allow() {
        let mut starting = Starting::new(32 << 20);
        (1..=300).for_each(|seq| starting.add(job(seq)));
        let large = |_| Json::string(&"x".repeat((4 << 20) + 1024));
        let mut held = Vec::new();
        while let Some((job, arguments, place)) = starting.next(large) {
            assert_eq!(job.seq.0, held.len() as u64 + 1);
            held.push((arguments, place));
        }
        assert_eq!(held.len(), 15, "64 MiB with their names");
        held.clear();
        // The one that found no room is the next.
        let (job, ..) = starting.next(|_| panic!("they are there")).unwrap();
        assert_eq!(job.seq.0, 16);
        let mut places = Vec::new();
        while let Some((_, _, place)) = starting.next(|_| Json::null()) {
            places.push(place);
        }
        assert_eq!(places.len(), PLACES);
        places.pop();
        assert!(starting.next(|_| Json::null()).is_some());
        let next = starting.waiting.front().unwrap().seq;
        starting.remove(next);
        assert!(starting.waiting.iter().all(|job| job.seq > next));
        starting.clear();
        places.clear();
        assert!(starting.next(|_| Json::null()).is_none());
    }
}

//! Notices a thread that one instance holds for long, and says which run it is.
//!
//! No call of the host should take longer than a few milliseconds. If one does, everything
//! else on that thread waits, so people must be able to see whose call it is.

use std::time::Duration;

use super::meter::{HeldThread, held_threads};

/// Held for so long, a thread is told of.
const HELD_MAX: Duration = Duration::from_secs(1);

/// Tells of each thread again after this time, doubled each time.
#[derive(Debug, Default)]
pub(super) struct Watchdog {
    /// What was told, by the beginning of the hold: for how long it was held then.
    told: Vec<(u64, Duration)>,
}

impl Watchdog {
    /// Looks at all threads of the process.
    pub fn look(&mut self) {
        let held = held_threads(HELD_MAX);
        for thread in self.news(&held) {
            let HeldThread { run, held_for, .. } = thread;
            let run = run.map_or("a component that describes itself".to_owned(), |run| {
                run.to_string()
            });
            tracing::error!(%run, ?held_for, "one call of this run holds a thread; others wait for it");
        }
    }

    /// The threads that are to be told of now.
    fn news(&mut self, held: &[HeldThread]) -> Vec<HeldThread> {
        self.told
            .retain(|(since, _)| held.iter().any(|thread| thread.since == *since));
        let mut news = Vec::new();
        for thread in held {
            let told = self
                .told
                .iter_mut()
                .find(|(since, _)| *since == thread.since);
            match told {
                Some((_, before)) if thread.held_for < *before * 2 => continue,
                Some((_, before)) => *before = thread.held_for,
                None => self.told.push((thread.since, thread.held_for)),
            }
            news.push(*thread);
        }
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::RunId;

    #[test]
    fn a_held_thread_is_told_of_now_and_then() {
        let run = Some(RunId::generate());
        let held = |seconds, since| HeldThread {
            run,
            held_for: Duration::from_secs(seconds),
            since,
        };
        let mut watchdog = Watchdog::default();
        let mut told = Vec::new();
        for seconds in 1..=20 {
            let news = watchdog.news(&[held(seconds, 7)]);
            told.extend(news.iter().map(|thread| thread.held_for.as_secs()));
        }
        assert_eq!(told, [1, 2, 4, 8, 16]);
        // It was let go, and another call holds it.
        assert_eq!(watchdog.news(&[]), []);
        assert_eq!(watchdog.news(&[held(1, 8)]), [held(1, 8)]);
    }
}

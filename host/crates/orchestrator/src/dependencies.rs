//! Which tasks may start: those whose upstream calls have all settled.

use std::collections::{HashMap, VecDeque};

use model::Seq;

/// Tasks that wait for earlier calls of their flow.
#[derive(Debug, Default)]
pub struct Dependencies {
    /// How many calls a task still waits for.
    missing: HashMap<Seq, usize>,
    /// The tasks that wait for a call, in the order they were added.
    dependents: HashMap<Seq, Vec<Seq>>,
    /// Tasks that wait for nothing any more, and have not been taken.
    ready: VecDeque<Seq>,
}

impl Dependencies {
    /// Adds a task that needs these calls, none of which has settled. Whether it may start
    /// at once, because there are none. A call named twice counts once.
    pub fn add(&mut self, task: Seq, unsettled: impl IntoIterator<Item = Seq>) -> bool {
        let mut missing = 0;
        for call in unsettled {
            let tasks = self.dependents.entry(call).or_default();
            if !tasks.contains(&task) {
                tasks.push(task);
                missing += 1;
            }
        }
        if missing > 0 {
            self.missing.insert(task, missing);
        }
        missing == 0
    }

    /// Takes note that `call` has settled.
    pub fn settled(&mut self, call: Seq) {
        for task in self.dependents.remove(&call).unwrap_or_default() {
            match self.missing.get_mut(&task) {
                Some(missing) if *missing > 1 => *missing -= 1,
                Some(_) => {
                    self.missing.remove(&task);
                    self.ready.push_back(task);
                }
                None => {}
            }
        }
    }

    /// The task does not wait any more, and is not to start.
    pub fn remove(&mut self, task: Seq) {
        self.missing.remove(&task);
        self.ready.retain(|ready| *ready != task);
        self.dependents.retain(|_, tasks| {
            tasks.retain(|dependent| *dependent != task);
            !tasks.is_empty()
        });
    }

    /// The next task that may start now, in the order in which they became ready.
    pub fn next_ready(&mut self) -> Option<Seq> {
        self.ready.pop_front()
    }

    /// The calls that tasks wait for.
    pub fn awaited(&self) -> impl Iterator<Item = Seq> + '_ {
        self.dependents.keys().copied()
    }

    /// How many tasks wait.
    pub fn len(&self) -> usize {
        self.missing.len()
    }

    pub fn is_empty(&self) -> bool {
        self.missing.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_starts_once_everything_it_needs_has_settled() {
        let mut tasks = Dependencies::default();
        assert!(tasks.add(Seq(1), []));
        assert!(!tasks.add(Seq(4), [Seq(2), Seq(3), Seq(2)]));
        assert!(!tasks.add(Seq(5), [Seq(3)]));
        tasks.settled(Seq(2));
        assert_eq!(tasks.next_ready(), None);
        tasks.settled(Seq(3));
        tasks.settled(Seq(3));
        assert_eq!(tasks.next_ready(), Some(Seq(4)));
        assert_eq!(tasks.next_ready(), Some(Seq(5)));
        assert_eq!(tasks.next_ready(), None);
        assert!(tasks.is_empty());
    }

    #[test]
    fn a_task_that_is_removed_never_starts() {
        let mut tasks = Dependencies::default();
        tasks.add(Seq(4), [Seq(2), Seq(3)]);
        tasks.add(Seq(5), [Seq(3)]);
        tasks.remove(Seq(4));
        assert_eq!(tasks.awaited().collect::<Vec<_>>(), [Seq(3)]);
        tasks.settled(Seq(2));
        tasks.settled(Seq(3));
        tasks.remove(Seq(5));
        assert_eq!(tasks.next_ready(), None);
        assert!(tasks.is_empty());
    }
}

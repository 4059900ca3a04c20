//! Which tasks may start: those whose upstream calls have all settled.

use std::collections::HashMap;

use crate::model::Seq;

/// Tasks that wait for earlier calls of their flow.
#[derive(Debug, Default)]
pub struct Dependencies {
    /// How many calls a task still waits for.
    missing: HashMap<Seq, usize>,
    /// The tasks that wait for a call, in the order they were added.
    dependents: HashMap<Seq, Vec<Seq>>,
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

    /// The tasks that may start now that `call` has settled.
    pub fn settled(&mut self, call: Seq) -> Vec<Seq> {
        let mut ready = self.dependents.remove(&call).unwrap_or_default();
        ready.retain(|task| match self.missing.get_mut(task) {
            Some(missing) if *missing > 1 => {
                *missing -= 1;
                false
            }
            Some(_) => self.missing.remove(task).is_some(),
            None => false,
        });
        ready
    }

    /// The tasks that wait.
    pub fn waiting(&self) -> impl Iterator<Item = Seq> + '_ {
        self.missing.keys().copied()
    }

    /// The calls that tasks wait for.
    pub fn awaited(&self) -> impl Iterator<Item = Seq> + '_ {
        self.dependents.keys().copied()
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
        assert_eq!(tasks.settled(Seq(2)), []);
        assert_eq!(tasks.settled(Seq(3)), [Seq(4), Seq(5)]);
        assert_eq!(tasks.settled(Seq(3)), []);
        assert!(tasks.is_empty());
    }
}

//! What the code of a script takes of limits.
//!
//! Runs of one script take in one order, none of them a limit of which it has something or waits for
//! some, and runs of other scripts take other limits. So nobody who has a slot waits for one that
//! stands behind it in a line.

use super::rng::Rng;

/// Limits that the code of one script takes.
const LIMITS: usize = 2;

#[derive(Default)]
pub(super) struct Taking {
    /// What was not given back: each by its limit and its handle, in the order of the limits.
    taken: Vec<(usize, usize)>,
    /// What was given back, or will be, and is waited for no longer.
    unawaited: Vec<usize>,
}

/// A call that takes slots.
pub(super) struct Takes {
    pub limit: usize,
    pub slots: u32,
    /// Whether it waits at once until it has them.
    pub waits: bool,
}

impl Taking {
    /// Sometimes it takes more, by the call that gets this handle.
    pub fn take(&mut self, rng: &mut Rng, handle: usize) -> Option<Takes> {
        let first = self.taken.last().map_or(0, |(limit, _)| limit + 1);
        if first == LIMITS || !rng.percent(40) {
            return None;
        }
        let limit = first + rng.below(LIMITS - first);
        self.taken.push((limit, handle));
        let slots = rng.between(1, 4) as u32;
        let waits = match rng.below(10) {
            // It gives them back whether it has them or not.
            0..=2 => {
                self.unawaited.push(handle);
                false
            }
            // It waits for them later.
            3 => false,
            _ => true,
        };
        Some(Takes {
            limit,
            slots,
            waits,
        })
    }

    /// Sometimes it gives back what it has: the handles of that.
    pub fn give_back(&mut self, rng: &mut Rng) -> Vec<usize> {
        let mut given_back = Vec::new();
        for (limit, handle) in std::mem::take(&mut self.taken) {
            if self.settles(handle) && !rng.percent(35) {
                self.taken.push((limit, handle));
            } else {
                given_back.push(handle);
            }
        }
        self.unawaited.extend(&given_back);
        given_back
    }

    /// What is given back before it was had never settles.
    pub fn settles(&self, handle: usize) -> bool {
        !self.unawaited.contains(&handle)
    }
}

//! How often a run has lost its worker, and whether that may be its own doing.
//!
//! ```text
//! lost ---------------------> 1 --lost--> 2: quarantine --lost in company--> 3, 4, .. quarantine
//!   ^                                        |
//!   +---- it had got further: counts anew ---+--lost alone--> Crashed
//! ```
//!
//! A worker executes many runs, so its loss says little about each of them. A run whose journal
//! has grown since it was last lost is not stuck, and its losses count anew. The one that gets no
//! further goes to quarantine: it is executed in a process of its own. Only if that one process
//! ends, while the worker beside it goes on, the run is what ended it.

use model::LOSSES_BEFORE_ALONE;

/// How far a run has come. Grows with each attempt, and with each call and each outcome in its
/// journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reached {
    pub attempt: u32,
    /// Calls, and outcomes of calls.
    pub steps: u64,
}

/// The losses of a run that count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    pub count: u32,
    /// How far it had come when it was last lost.
    pub at: Reached,
}

impl Losses {
    /// With one more, when it had come so far.
    #[must_use]
    pub fn and(self, at: Reached) -> Self {
        let count = if self.has_got_further(at) {
            0
        } else {
            self.count
        };
        Self {
            count: count.saturating_add(1),
            at,
        }
    }

    pub fn has_got_further(self, at: Reached) -> bool {
        at > self.at
    }

    /// Whether it is to be executed in a process of its own.
    pub fn is_quarantine(self) -> bool {
        self.count >= LOSSES_BEFORE_ALONE
    }
}

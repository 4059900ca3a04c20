//! What comes of a step of an execution.

use crate::{Progress, Recorded};

/// Where an execution is after a step.
pub(super) enum Stays {
    Running,
    /// In memory, without a slot.
    Parked,
    Gone,
}

/// What became of a wish to record.
pub(super) enum Written {
    Done(Recorded),
    /// The key of the run that it creates is taken.
    KeyTaken(Box<Progress>),
    /// The execution is gone: refused, crashed, or without an answer.
    Lost,
}

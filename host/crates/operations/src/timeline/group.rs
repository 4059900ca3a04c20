//! Many calls of one name, as one row.

use super::axis::Axis;
use super::items::Item;
use model::{StateType, Timestamp};

/// How many bins the members of a group are counted in.
pub const BINS: usize = 100;

/// Calls of one name in one scope.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    pub count: usize,
    /// Members that failed, or crashed.
    pub failed: usize,
    /// Members that have not settled.
    pub unsettled: usize,
    /// How many members are shown as rows below this one. None: it is not open.
    pub shown: Option<usize>,
    pub bins: Vec<Bin>,
}

/// The members of a group in a hundredth of what is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bin {
    /// Members that were executed.
    pub active: u32,
    /// Members that settled.
    pub settled: u32,
    /// Members that failed.
    pub failed: u32,
}

pub(super) fn has_failed(item: &Item) -> bool {
    matches!(item.state, StateType::Failed | StateType::Crashed)
}

/// Counts the members. `bins`: those that settle within what is drawn; one that is executed is
/// counted in every bin that it touches.
pub(super) fn group(members: &[&Item], axis: &Axis, shown: Option<usize>) -> Group {
    let mut bins = vec![Bin::default(); BINS];
    // By how many more are active than in the bin before.
    let mut steps = [0_i32; BINS + 1];
    let is_drawn = |at: Timestamp| axis.from <= at && at <= axis.to;
    for item in members {
        if let Some((from, to)) = item.executed()
            && from <= axis.to
            && to >= axis.from
        {
            steps[bin_of(axis, from)] += 1;
            steps[bin_of(axis, to) + 1] -= 1;
        }
        if let Some(at) = item.to.filter(|at| is_drawn(*at)) {
            let bin = &mut bins[bin_of(axis, at)];
            bin.settled += 1;
            bin.failed += u32::from(has_failed(item));
        }
    }
    let mut active = 0;
    for (bin, step) in bins.iter_mut().zip(steps) {
        active += step;
        bin.active = u32::try_from(active).unwrap_or(0);
    }
    Group {
        count: members.len(),
        failed: members.iter().filter(|item| has_failed(item)).count(),
        unsettled: members.iter().filter(|item| item.is_open()).count(),
        shown,
        bins,
    }
}

fn bin_of(axis: &Axis, at: Timestamp) -> usize {
    let bin = axis.place(at) / axis.width * BINS as f64;
    (bin as usize).min(BINS - 1)
}

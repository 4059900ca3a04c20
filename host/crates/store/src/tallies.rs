//! How many runs have ended, by time and state: for histograms and bars.
//!
//! A run is counted by the end that it has now; one that was deleted stays counted. Where time
//! is long past, an hour's runs are counted with the beginning of that hour.

use std::collections::BTreeMap;

use async_trait::async_trait;
use model::{DeploymentName, FlowName, StateType, Timestamp};

use crate::StoreResult;

/// Reads totals of runs that have ended.
#[async_trait]
pub trait Totals: Send + Sync + 'static {
    /// How many runs ended in each part of a span of time.
    async fn tallies(&self, tallying: &Tallying) -> StoreResult<Tallies>;

    /// How many runs of each flow and deployment have ever ended.
    async fn totals_by_origin(&self) -> StoreResult<Vec<OriginTally>>;
}

/// Runs that ended alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tallied {
    pub count: u64,
    /// How long their last attempts took together.
    pub total_ms: u64,
}

impl Tallied {
    pub fn and(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            total_ms: self.total_ms + other.total_ms,
        }
    }
}

/// How many ended in each state.
pub type ByState = BTreeMap<StateType, Tallied>;

/// What is counted. Several values of a field mean any of them; both fields mean both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TallyFilter {
    pub flows: Vec<FlowName>,
    pub deployments: Vec<DeploymentName>,
}

/// What is counted, and by which times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tallying {
    pub filter: TallyFilter,
    pub from: Timestamp,
    pub to: Timestamp,
    /// Parts of equal width, from 1 to [`BINS_MAX`].
    pub bins: u32,
}

/// More bars than that are not told apart.
pub const BINS_MAX: u32 = 1_000;

const MINUTE_US: i64 = 60_000_000;

impl Tallying {
    /// The bins, with nothing counted yet. Their width is whole minutes, so they begin at the
    /// minute of `from` and may end after `to`.
    pub fn empty(&self) -> Tallies {
        let bins = i64::from(self.bins.clamp(1, BINS_MAX));
        let from = self.from.0.div_euclid(MINUTE_US);
        let span = self.to.0.saturating_sub(from * MINUTE_US).max(1);
        // Upwards.
        let minutes = (span - 1) / MINUTE_US + 1;
        Tallies {
            from: Timestamp(from * MINUTE_US),
            bin_minutes: (minutes - 1) / bins + 1,
            bins: vec![ByState::new(); bins as usize],
        }
    }
}

/// How many runs ended in each part of a span of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tallies {
    pub from: Timestamp,
    pub bin_minutes: i64,
    pub bins: Vec<ByState>,
}

impl Tallies {
    /// When the bin begins, and the one before ends.
    pub fn begin(&self, bin: usize) -> Timestamp {
        let minutes = self.bin_minutes.saturating_mul(bin as i64);
        Timestamp(
            self.from
                .0
                .saturating_add(minutes.saturating_mul(MINUTE_US)),
        )
    }

    pub fn end(&self) -> Timestamp {
        self.begin(self.bins.len())
    }

    pub fn sum(&self) -> ByState {
        let mut sum = ByState::new();
        for (state, tallied) in self.bins.iter().flatten() {
            let so_far = sum.entry(*state).or_default();
            *so_far = so_far.and(*tallied);
        }
        sum
    }
}

/// How many runs of a flow and deployment ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginTally {
    pub flow: FlowName,
    /// None for subflows, and for runs of files.
    pub deployment: Option<DeploymentName>,
    pub states: ByState,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_whole_minutes_and_cover_the_span() {
        #[track_caller]
        fn check(from_s: i64, to_s: i64, bins: u32, expect: (i64, i64, usize)) {
            let tallying = Tallying {
                filter: TallyFilter::default(),
                from: Timestamp(from_s * 1_000_000),
                to: Timestamp(to_s * 1_000_000),
                bins,
            };
            let empty = tallying.empty();
            let begin = empty.from.0 / 1_000_000;
            assert_eq!((begin, empty.bin_minutes, empty.bins.len()), expect);
            assert!(empty.end() >= tallying.to);
            assert!(empty.begin(0) <= tallying.from);
        }
        check(0, 86_400, 48, (0, 30, 48));
        check(59, 61, 1, (0, 2, 1));
        check(60, 120, 1, (60, 1, 1));
        check(0, 61, 60, (0, 1, 60));
        check(0, 3_601, 60, (0, 2, 60));
        check(0, 0, 0, (0, 1, 1));
        check(120, 60, 2, (120, 1, 2));
    }
}

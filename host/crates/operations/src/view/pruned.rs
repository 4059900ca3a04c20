//! Runs that were deleted for their age.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::View;
use crate::pruning::Pruned;
use model::Timestamp;

/// What was deleted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PrunedView {
    /// Whether it was only counted.
    pub dry_run: bool,
    /// What has ended before this.
    pub before: Timestamp,
    /// Flow runs; subflows are not counted.
    pub flow_runs: u64,
    /// A run that nobody started, with all that it and they have started.
    pub families: u64,
    pub by_state: BTreeMap<String, u64>,
    /// Families whose first run is as old, and which stay.
    pub families_kept: u64,
}

impl View for PrunedView {}

impl PrunedView {
    pub fn new(pruned: Pruned, dry_run: bool) -> Self {
        Self {
            dry_run,
            before: pruned.before,
            flow_runs: pruned.runs,
            families: pruned.families,
            by_state: pruned.by_state,
            families_kept: pruned.kept,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::testing::{AT, shown};

    #[test]
    fn the_shape_of_what_was_deleted() {
        let pruned = Pruned {
            runs: 3,
            families: 1,
            by_state: [("COMPLETED".to_owned(), 3)].into(),
            kept: 2,
            before: AT,
        };
        insta::assert_snapshot!(shown(&PrunedView::new(pruned, true)), @r#"
        {
          "dry_run": true,
          "before": "2023-11-14T22:13:20.123456Z",
          "flow_runs": 3,
          "families": 1,
          "by_state": {
            "COMPLETED": 3
          },
          "families_kept": 2
        }
        "#);
    }
}

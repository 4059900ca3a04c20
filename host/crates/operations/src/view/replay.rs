//! What came of a replay.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::View;
use model::RunId;

/// Whether a flow asks again for what its journal holds.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ReplayView {
    pub run: RunId,
    pub diverged: bool,
    /// How many calls of the journal were answered.
    pub calls: u64,
    /// For people.
    pub message: String,
}

impl View for ReplayView {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::testing::{RUN, shown, uuid};

    #[test]
    fn the_shape_of_a_replay() {
        let view = ReplayView {
            run: RunId(uuid(RUN)),
            diverged: false,
            calls: 3,
            message: "the same so far: 3 calls".to_owned(),
        };
        insta::assert_snapshot!(shown(&view), @r#"
        {
          "run": "01920000-0000-7000-8000-000000000001",
          "diverged": false,
          "calls": 3,
          "message": "the same so far: 3 calls"
        }
        "#);
    }
}

//! What `doctor` finds.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::View;

/// What was found of one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingView {
    pub what: Cow<'static, str>,
    pub verdict: VerdictView,
    pub found: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl View for FindingView {}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VerdictView {
    Good,
    /// Something to think about.
    Note,
    Broken,
}

//! What is asked of limits.

use model::LimitName;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::given::given;

/// A limit to make.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "api", "slots": 100, "per_ms": 60000}))]
pub struct CreateLimit {
    pub name: LimitName,
    /// How many at once; of a rate limit, how many within its time.
    #[schema(minimum = 1)]
    pub slots: u32,
    /// Makes it a rate limit: each slot stays taken for so long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_ms: Option<u64>,
}

/// A change of a limit. What is left out stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(example = json!({"slots": 4}))]
pub struct ChangeLimit {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub slots: Option<u32>,
    /// `null` makes a limit of how many at once from a rate limit.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    pub per_ms: Option<Option<u64>>,
}

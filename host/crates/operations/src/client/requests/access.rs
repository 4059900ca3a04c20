//! What is asked of tokens.

use std::time::Duration;

use model::{Role, TokenName};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A token to make.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "ci", "role": "operator", "lasts_ms": 7_776_000_000_u64}))]
pub struct CreateToken {
    pub name: TokenName,
    pub role: Role,
    /// After how long it ends, 100 years at most. None: never.
    #[schema(minimum = 1, maximum = 3_162_240_000_000_u64)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lasts_ms: Option<u64>,
}

impl CreateToken {
    pub fn lasts(&self) -> Option<Duration> {
        self.lasts_ms.map(Duration::from_millis)
    }
}

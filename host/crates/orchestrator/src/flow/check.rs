//! Whether what a guest handed over fits a schema, or is one.
//!
//! ```text
//! value --light?-- yes --> checked at once
//!           `- no --> Step::Check --driver, elsewhere--> Event::Checked
//! ```
//!
//! The machine runs on threads that all flows share, so it makes only those checks itself that
//! take a few milliseconds.

use std::sync::Arc;

use crate::{InputSchema, Parameters};
use model::Json;

/// A schema of so many bytes, without patterns, is compiled in less than a few milliseconds.
const LIGHT_SCHEMA_BYTES: usize = 8 << 10;

/// Something to be checked.
#[derive(Clone, Debug)]
pub enum Check {
    /// Whether these parameters fit what a flow takes.
    Parameters { takes: Arc<Parameters>, given: Json },
    /// Whether this is a schema that a person can be asked for.
    Schema(Json),
}

impl Check {
    /// Whether it takes no longer than a few milliseconds.
    pub fn is_light(&self) -> bool {
        match self {
            Self::Parameters { takes, given } => takes.is_light(given),
            Self::Schema(schema) => {
                let text = schema.as_str();
                text.len() <= LIGHT_SCHEMA_BYTES && !text.contains("pattern")
            }
        }
    }

    /// Errs with what does not fit. Takes a second at most.
    pub fn make(&self) -> Result<(), String> {
        match self {
            Self::Parameters { takes, given } => takes.check(given).map_err(|err| err.to_string()),
            Self::Schema(schema) => InputSchema::new(schema).map(drop),
        }
    }
}

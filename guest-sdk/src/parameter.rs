//! Parameters of flows and tasks, as the macros write them down.

use schemars::{Schema, SchemaGenerator};
use serde::Serialize;
use serde_json::Value;

use crate::{arguments::absent, support};

/// A parameter of a flow or task.
pub struct Parameter {
    pub name: &'static str,
    pub schema: fn(&mut SchemaGenerator) -> Schema,
    pub required: fn() -> bool,
    pub default: Option<fn() -> Value>,
}

impl Parameter {
    pub const fn of<T: support::Value>(name: &'static str) -> Self {
        Self {
            name,
            schema: |generator| generator.subschema_for::<T>(),
            required: || absent::<T>().is_none(),
            default: None,
        }
    }

    pub const fn with_default(self, default: fn() -> Value) -> Self {
        Self {
            default: Some(default),
            ..self
        }
    }
}

/// A default as the schema shows it. One that is no JSON is not shown.
pub fn default_value(value: impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

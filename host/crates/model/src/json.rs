//! JSON texts that are passed on, mostly without being looked at.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A valid JSON text. Cheap to clone: results go to the journal, to the waiting flow and to
/// whoever watches.
#[derive(Clone, PartialEq, Eq)]
pub struct Json(Arc<str>);

/// Why a text is no JSON.
#[derive(Debug, thiserror::Error)]
#[error("not JSON: {0}")]
pub struct JsonError(#[from] serde_json::Error);

impl Json {
    /// Checks that the text is JSON; keeps it as it is.
    pub fn parse(text: impl Into<Arc<str>>) -> Result<Self, JsonError> {
        let text = text.into();
        serde_json::from_str::<serde::de::IgnoredAny>(&text)?;
        Ok(Self(text))
    }

    /// For a text that is JSON by construction or was checked before it was stored.
    pub fn trusted(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    pub fn null() -> Self {
        Self("null".into())
    }

    /// The empty object: no parameters.
    pub fn empty_object() -> Self {
        Self("{}".into())
    }

    pub fn of(value: &serde_json::Value) -> Self {
        Self(value.to_string().into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn value(&self) -> serde_json::Value {
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Json {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.0).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Ok(Self(raw.get().into()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::{num, prelude::*};

    use super::*;

    /// Every `f64` that JSON can hold.
    fn finite() -> impl Strategy<Value = f64> {
        num::f64::NORMAL | num::f64::SUBNORMAL | num::f64::ZERO
    }

    proptest! {
        /// Depends on the feature `float_roundtrip` of `serde_json`.
        #[test]
        fn a_number_is_read_as_it_was_written(number in finite()) {
            let text = serde_json::to_string(&number).unwrap();
            let json = Json::parse(text.as_str()).unwrap();
            prop_assert_eq!(json.as_str(), text.as_str());
            prop_assert_eq!(json.value().as_f64().map(f64::to_bits), Some(number.to_bits()));
            prop_assert_eq!(Json::of(&json.value()), json);
        }
    }
}

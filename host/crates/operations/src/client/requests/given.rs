//! Tells what is null from what is left out, for a field that has a default.

use serde::{Deserialize, Deserializer};

pub(super) fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    value: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(value).map(Some)
}

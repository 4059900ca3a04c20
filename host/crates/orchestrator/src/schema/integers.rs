//! Integers as the types of languages have them: the bounds that a schema names only by a format.
//!
//! A schema says `{"type": "integer", "format": "int32"}` of a Rust `i32`. For JSON Schema a format
//! is a remark, and `7.0` and `1e3` are integers. A program that reads an `i32` takes neither
//! `7.0` nor 3000000000, so a run with such a parameter could only fail.

use jsonschema::paths::Location;
use jsonschema::{Keyword, ValidationError};
use serde_json::{Map, Value};

/// The keyword that the checks of such a schema are added by. Nobody else has it.
pub(super) const KEYWORD: &str = "\u{0}integer";

/// The least and the largest value of a format. `None` if it is none of an integer.
fn bounds_of(format: &str) -> Option<(i128, u128)> {
    let signed = |min: i128, max: i128| Some((min, max.unsigned_abs()));
    match format {
        "int8" => signed(i8::MIN.into(), i8::MAX.into()),
        "int16" => signed(i16::MIN.into(), i16::MAX.into()),
        // The address space of a guest has 32 bits.
        "int32" | "int" => signed(i32::MIN.into(), i32::MAX.into()),
        "int64" => signed(i64::MIN.into(), i64::MAX.into()),
        "int128" => signed(i128::MIN, i128::MAX),
        "uint8" => Some((0, u8::MAX.into())),
        "uint16" => Some((0, u16::MAX.into())),
        "uint32" | "uint" => Some((0, u32::MAX.into())),
        "uint64" => Some((0, u64::MAX.into())),
        "uint128" => Some((0, u128::MAX)),
        _ => None,
    }
}

/// Adds the keyword to every part of a schema that describes such an integer.
pub(super) fn mark(schema: &mut Value) {
    let mut unseen = vec![schema];
    while let Some(part) = unseen.pop() {
        match part {
            Value::Array(items) => unseen.extend(items),
            Value::Object(members) => {
                if let Some(format) = integer_format(members) {
                    members.insert(KEYWORD.to_owned(), format.into());
                }
                let schemas = members.iter_mut().filter(|(name, _)| !is_data(name));
                unseen.extend(schemas.map(|(_, part)| part));
            }
            _ => {}
        }
    }
}

/// Whether what stands under this keyword is a value, and no schema.
fn is_data(keyword: &str) -> bool {
    matches!(keyword, "const" | "enum" | "default" | "examples")
}

fn integer_format(members: &Map<String, Value>) -> Option<String> {
    let is_integer = match members.get("type")? {
        Value::String(kind) => kind == "integer",
        Value::Array(kinds) => kinds.iter().any(|kind| kind == "integer"),
        _ => false,
    };
    let format = members.get("format")?.as_str()?;
    let is_known = is_integer && bounds_of(format).is_some();
    is_known.then(|| format.to_owned())
}

struct Integer {
    min: i128,
    max: u128,
}

/// What checks the keyword.
pub(super) fn keyword<'a>(
    schema: &'a Map<String, Value>,
    format: &'a Value,
    _: Location,
) -> Result<Box<dyn for<'i> Keyword<'i>>, ValidationError<'a>> {
    let bounds = format.as_str().and_then(bounds_of);
    let (mut min, mut max) = bounds.unwrap_or((i128::MIN, u128::MAX));
    // What the schema says itself is said once.
    if let Some(stated) = schema.get("minimum").and_then(Value::as_i64) {
        min = if i128::from(stated) >= min {
            i128::MIN
        } else {
            min
        };
    }
    if let Some(stated) = schema.get("maximum").and_then(Value::as_u64) {
        max = if u128::from(stated) <= max {
            u128::MAX
        } else {
            max
        };
    }
    Ok(Box::new(Integer { min, max }))
}

impl Integer {
    fn complaint(&self, value: &Value) -> Option<String> {
        let number = value.as_number()?;
        let (value, magnitude) = match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(value), ..) => (i128::from(value), u128::from(value.max(0).unsigned_abs())),
            (None, Some(value), _) => (i128::from(value), u128::from(value)),
            (None, None, Some(value)) => return self.complaint_of_float(value),
            (None, None, None) => return None,
        };
        if value < self.min {
            Some(format!("{value} is below the minimum {}", self.min))
        } else if magnitude > self.max {
            Some(format!("{value} is above the maximum {}", self.max))
        } else {
            None
        }
    }

    /// Of a number with a point or an exponent, or of one that has more than 64 bits.
    fn complaint_of_float(&self, value: f64) -> Option<String> {
        // 2 to the powers of 64 and 63: what lies between is no float as an integer.
        const ABOVE: f64 = 18_446_744_073_709_551_616.0;
        const BELOW: f64 = -9_223_372_036_854_775_808.0;
        let is_wide = self.max > u128::from(u64::MAX);
        if value.fract() != 0.0 {
            // The type says so already.
            None
        } else if value > BELOW && value < ABOVE {
            Some(format!("write it without a point or an exponent: {value}"))
        } else if value < 0.0 && (!is_wide || value < self.min as f64) {
            Some(format!("it is below the minimum {}", self.min))
        } else if value > 0.0 && (!is_wide || value > self.max as f64) {
            Some(format!("it is above the maximum {}", self.max))
        } else {
            None
        }
    }
}

impl<'i> Keyword<'i> for Integer {
    fn validate(&self, value: &'i Value) -> Result<(), ValidationError<'i>> {
        self.complaint(value)
            .map_or(Ok(()), |complaint| Err(ValidationError::custom(complaint)))
    }

    fn is_valid(&self, value: &'i Value) -> bool {
        self.complaint(value).is_none()
    }
}

//! A JSON Schema that a guest has written, and the work that it may make.
//!
//! ```text
//! text --shape--> within the limits? --compile--> BoundedSchema
//!                                                   | weigh: cheap for a value of this size?
//! value --count--> few enough steps? --validator----+--> fits, or what does not
//! ```
//!
//! A schema of a few lines can ask for more steps than there are nanoseconds in a century, and
//! the validator cannot be stopped. So the steps are counted before it begins. The count is a
//! function of schema and value alone: a check has the same outcome on every machine, and on
//! replay.

mod count;
mod integers;
mod shape;

use jsonschema::error::ValidationErrorKind as Kind;
use jsonschema::{PatternOptions, ValidationError, Validator};
use serde_json::Value;

use crate::misfit::{Misfit, misfits, shorten};
use count::count;
use model::Json;
use shape::Shape;

/// Steps of one check, at most: some tenths of a second.
pub const STEPS_MAX: u64 = 10_000_000;

/// A check of so few steps takes no longer than a few milliseconds.
const LIGHT_STEPS: u64 = 100_000;

/// A compiled pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 256 << 10;

/// A schema whose checks are bounded.
#[derive(Debug)]
pub struct BoundedSchema {
    schema: Value,
    validator: Validator,
    shape: Shape,
}

/// Why a value was not checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its check takes too long: the limit is {STEPS_MAX} steps")]
pub struct TooManySteps;

impl BoundedSchema {
    /// Errs with the reason if it is no valid JSON Schema, or goes over a limit.
    pub fn new(schema: Value) -> Result<Self, String> {
        let shape = Shape::of(&schema)?;
        let patterns = PatternOptions::regex()
            .size_limit(PATTERN_BYTES_MAX)
            .dfa_size_limit(PATTERN_BYTES_MAX);
        let mut marked = schema.clone();
        integers::mark(&mut marked);
        let validator = jsonschema::options()
            .with_pattern_options(patterns)
            .should_validate_formats(true)
            // There are several ways to write one, and the types of languages know others.
            .with_format("duration", |_: &str| true)
            .with_keyword(integers::KEYWORD, integers::keyword)
            .build(&marked)
            .map_err(|err| refusal(&err))?;
        Ok(Self {
            schema,
            validator,
            shape,
        })
    }

    pub fn value(&self) -> &Value {
        &self.schema
    }

    /// The value to check. Errs if it has so many parts that it would take the memory of several
    /// guests: a text of a few bytes a part takes a hundred times its size.
    pub fn tree(&self, value: &Json) -> Result<Value, TooManySteps> {
        if value.has_too_many_parts() {
            return Err(TooManySteps);
        }
        Ok(value.value())
    }

    /// Whether a check of a value of so many bytes takes no longer than a few milliseconds.
    pub fn is_light(&self, bytes: usize) -> bool {
        self.shape.steps_per_byte().saturating_mul(bytes as u64) <= LIGHT_STEPS
    }

    /// Whether the value fits. Errs if that takes too many steps to find out.
    pub fn fits(&self, value: &Value, bytes: usize) -> Result<bool, TooManySteps> {
        if !self.is_light(bytes) && count(&self.schema, value, STEPS_MAX).is_none() {
            return Err(TooManySteps);
        }
        Ok(self.validator.is_valid(value))
    }

    /// What does not fit. For a value that [`fits`](Self::fits) has found to fit not.
    pub fn misfits(&self, value: &Value) -> Vec<Misfit> {
        let mut misfits = misfits(&self.validator, value);
        for misfit in &mut misfits {
            misfit.rule = misfit.rule.replace(integers::KEYWORD, "format");
        }
        misfits
    }
}

/// Why the validator does not take a schema.
fn refusal(err: &ValidationError<'_>) -> String {
    match (err.kind(), err.instance().as_str()) {
        (Kind::Format { format }, Some(pattern)) if format == "regex" => format!(
            "its pattern `{}` is not supported: it has to be a regular expression without \
             look-around and back-references, of at most {PATTERN_BYTES_MAX} bytes when it is \
             compiled",
            shorten(pattern)
        ),
        _ => err.to_string(),
    }
}

#[cfg(test)]
mod tests;

//! Whether what a flow or a task has returned is what its component says that it returns.

use serde_json::{Map, Value};

use crate::input::{InputProblem, problems};
use crate::schema::BoundedSchema;
use model::Json;

/// Parts of a schema that allow every value.
const ANNOTATIONS: [&str; 9] = [
    "$schema",
    "$id",
    "$comment",
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "readOnly",
];

/// The schema of one result.
#[derive(Debug)]
pub struct ResultSchema {
    /// The types that it allows, if it says no more than that: what a large text or a list is then
    /// stands in its first byte.
    types: Option<Types>,
    schema: BoundedSchema,
}

/// Types of JSON that are known by their first byte.
#[derive(Debug)]
enum Types {
    Any,
    These(Vec<String>),
}

/// What does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct ResultMisfit(Vec<InputProblem>);

impl ResultSchema {
    /// Errs if the text is no valid JSON Schema, or one that goes over a limit.
    pub fn new(schema: &Json) -> Result<Self, String> {
        let schema = schema.value();
        Ok(Self {
            types: Types::of(&schema),
            schema: BoundedSchema::new(schema)?,
        })
    }

    /// Whether a check of this result takes no longer than a few milliseconds.
    pub fn is_light(&self, result: &Json) -> bool {
        self.fits_by_type(result) || self.schema.is_light(result.as_str().len())
    }

    /// Whether the result fits. One whose check takes too many steps is taken to fit: it was
    /// computed, and perhaps paid for.
    pub fn check(&self, result: &Json) -> Result<(), ResultMisfit> {
        if self.fits_by_type(result) {
            return Ok(());
        }
        let Ok(value) = self.schema.tree(result) else {
            return Ok(());
        };
        match self.schema.fits(&value, result.as_str().len()) {
            Ok(false) => Err(ResultMisfit(problems(&self.schema, &value))),
            Ok(true) | Err(_) => Ok(()),
        }
    }

    fn fits_by_type(&self, result: &Json) -> bool {
        match &self.types {
            Some(types) => types.allow(result),
            None => false,
        }
    }
}

impl Types {
    /// `None`: the schema says more than that.
    fn of(schema: &Value) -> Option<Self> {
        match schema {
            Value::Bool(true) => Some(Self::Any),
            Value::Object(parts) if is_type_alone(parts) => match parts.get("type") {
                None => Some(Self::Any),
                Some(Value::String(one)) => Some(Self::These(vec![one.clone()])),
                Some(several) => serde_json::from_value(several.clone())
                    .ok()
                    .map(Self::These),
            },
            _ => None,
        }
    }

    /// Whether the value is of one of them for certain.
    fn allow(&self, value: &Json) -> bool {
        let Self::These(types) = self else {
            return true;
        };
        let first = value.as_str().trim_ascii_start().bytes().next();
        let is = match first {
            Some(b'"') => "string",
            Some(b'{') => "object",
            Some(b'[') => "array",
            Some(b't' | b'f') => "boolean",
            Some(b'n') => "null",
            // An integer is a number. Whether this one is an integer is not looked at.
            _ => "number",
        };
        types.iter().any(|one| one == is)
    }
}

fn is_type_alone(parts: &Map<String, Value>) -> bool {
    let says_nothing = |part: &String| part == "type" || ANNOTATIONS.contains(&part.as_str());
    parts.keys().all(says_nothing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(schema: &str, result: &str, expect: &str) {
        let schema = ResultSchema::new(&Json::trusted(schema)).unwrap();
        let said = match schema.check(&Json::parse(result).unwrap()) {
            Ok(()) => "fits".to_owned(),
            Err(misfit) => misfit.to_string(),
        };
        assert_eq!(said, expect, "{result}");
    }

    #[test]
    fn a_result_is_of_the_type_that_its_schema_names() {
        let text = r#"{"$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "String", "type": "string"}"#;
        check(text, r#" "a""#, "fits");
        check(
            text,
            "null",
            r#"the value is `null`: null is not of type "string" (schema: `/type`)"#,
        );
        check(r#"{"type": ["null", "number"]}"#, "-1.5", "fits");
        check(r#"{"type": ["null", "number"]}"#, "null", "fits");
        check(r#"{"type": "number"}"#, "7", "fits");
        check(r#"{"type": "integer"}"#, "7", "fits");
        check(
            r#"{"type": "integer"}"#,
            "7.5",
            r#"the value is `7.5`: 7.5 is not of type "integer" (schema: `/type`)"#,
        );
        for any in ["true", "{}", r#"{"description": "whatever"}"#] {
            check(any, r#"{"a": [1]}"#, "fits");
        }
        check(
            "false",
            "1",
            "the value is `1`: False schema does not allow 1 (schema: ``)",
        );
    }

    #[test]
    fn a_misfit_names_the_place_and_the_value() {
        check(
            r##"{"type": "array", "items": {"$ref": "#/$defs/Row"}, "$defs": {"Row": {
                "type": "object", "required": ["price"],
                "properties": {"price": {"type": "number"}}}}}"##,
            r#"[{"price": 1}, {"price": null}]"#,
            "`1.price` is `null`: null is not of type \"number\" \
             (schema: `/$defs/Row/properties/price/type`)",
        );
    }

    /// Each level of the value doubles the steps.
    #[test]
    fn a_result_that_takes_too_long_to_check_is_taken() {
        let schema = r##"{"$ref": "#/$defs/tree", "$defs": {"tree": {"type": "object", "allOf": [
            {"properties": {"x": {"$ref": "#/$defs/tree"}}},
            {"properties": {"x": {"$ref": "#/$defs/tree"}}}]}}}"##;
        let nested = |levels| format!("{}0{}", r#"{"x":"#.repeat(levels), "}".repeat(levels));
        check(schema, &nested(60), "fits");
        let schema = ResultSchema::new(&Json::trusted(schema)).unwrap();
        let misfit = schema.check(&Json::parse(nested(1)).unwrap());
        assert!(misfit.is_err(), "{misfit:?}");
    }
}

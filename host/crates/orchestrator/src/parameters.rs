//! Whether parameters fit what a flow asks for, and what to say if not.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Map, Value};

use crate::misfit::{Cause, Misfit, escape, shorten};
use crate::nearest::nearest;
use crate::schema::{BoundedSchema, TooManySteps};
use model::{Json, JsonError};

/// The parameters of one flow: checks values against its schema. Compile once, use often.
#[derive(Debug)]
pub struct Parameters {
    schema: BoundedSchema,
}

/// Why parameters do not fit: every problem, in the order of the schema's complaints.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct ParameterError(pub Vec<ParameterProblem>);

/// One thing that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParameterProblem {
    /// The whole is not an object by parameter name.
    NotAnObject(String),
    /// It takes too long to find out whether they fit.
    TooManySteps(TooManySteps),
    Missing {
        name: String,
        expected: String,
    },
    Unknown {
        name: String,
        /// The parameter that was probably meant.
        meant: Option<String>,
        /// What the flow takes.
        known: Vec<String>,
    },
    Invalid {
        /// `/item/status`
        pointer: String,
        /// `item.status`: the parameter, and the way into it. Empty for all of them.
        place: String,
        value: String,
        /// `5000 is above the maximum 1000`
        complaint: String,
    },
}

impl From<TooManySteps> for ParameterProblem {
    fn from(too_many: TooManySteps) -> Self {
        Self::TooManySteps(too_many)
    }
}

impl ParameterProblem {
    /// Where it is, as a JSON pointer (RFC 6901). Of a missing parameter, where it belongs.
    pub fn pointer(&self) -> String {
        match self {
            Self::NotAnObject(_) | Self::TooManySteps(_) => String::new(),
            Self::Missing { name, .. } | Self::Unknown { name, .. } => {
                format!("/{}", escape(name))
            }
            Self::Invalid { pointer, .. } => pointer.clone(),
        }
    }

    /// What is wrong, for a reader who sees where.
    pub fn complaint(&self) -> String {
        match self {
            Self::Missing { expected, .. } => format!("missing: expected {expected}"),
            Self::Invalid { complaint, .. } => complaint.clone(),
            Self::NotAnObject(_) | Self::TooManySteps(_) | Self::Unknown { .. } => self.to_string(),
        }
    }
}

impl fmt::Display for ParameterProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnObject(value) => {
                write!(f, "parameters must be a JSON object by name, not `{value}`")
            }
            Self::TooManySteps(why) => write!(f, "the object of parameters: {why}"),
            Self::Missing { name, expected } => {
                write!(f, "parameter `{name}` is missing: expected {expected}")
            }
            Self::Unknown { name, meant, known } => {
                write!(f, "unknown parameter `{name}`")?;
                match meant {
                    Some(meant) => write!(f, ": did you mean `{meant}`?"),
                    None if known.is_empty() => f.write_str(": the flow takes none"),
                    None => write!(f, ": the flow takes `{}`", known.join("`, `")),
                }
            }
            Self::Invalid {
                place,
                value,
                complaint,
                ..
            } => {
                match place.as_str() {
                    "" => f.write_str("the object of parameters")?,
                    place => write!(f, "parameter `{place}`")?,
                }
                write!(f, " is `{value}`: {complaint}")
            }
        }
    }
}

impl Parameters {
    /// Errs if the text is no valid JSON Schema, or one that goes over a limit.
    pub fn new(schema: &Json) -> Result<Self, String> {
        let schema = BoundedSchema::new(schema.value())?;
        Ok(Self { schema })
    }

    /// Whether a check of these parameters takes no longer than a few milliseconds.
    pub fn is_light(&self, parameters: &Json) -> bool {
        self.schema.is_light(parameters.as_str().len())
    }

    /// Whether the object of parameters fits.
    pub fn check(&self, parameters: &Json) -> Result<(), ParameterError> {
        let value = match self.schema.tree(parameters) {
            Ok(value) => value,
            Err(too_many) => return Err(ParameterError(vec![too_many.into()])),
        };
        let Value::Object(given) = &value else {
            return Err(ParameterError(vec![ParameterProblem::NotAnObject(
                shorten(parameters.as_str()),
            )]));
        };
        match self.schema.fits(&value, parameters.as_str().len()) {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(too_many) => return Err(ParameterError(vec![too_many.into()])),
        }
        let mut problems = self.misnamed(given);
        let misfits = self.misfits(&value, &problems);
        problems.extend(misfits);
        Err(ParameterError(problems))
    }

    /// The names of the parameters, in the schema's order.
    pub fn names(&self) -> Vec<String> {
        match self.schema.value().get("properties") {
            Some(Value::Object(properties)) => properties.keys().cloned().collect(),
            _ => Vec::new(),
        }
    }

    fn property(&self, name: &str) -> Option<&Value> {
        self.schema.value().get("properties")?.get(name)
    }

    fn misnamed(&self, given: &Map<String, Value>) -> Vec<ParameterProblem> {
        let known = self.names();
        let unknown = given
            .keys()
            .filter(|name| !known.contains(name))
            .map(|name| ParameterProblem::Unknown {
                name: name.clone(),
                meant: nearest(name, &known).cloned(),
                known: known.clone(),
            });
        let required = self
            .schema
            .value()
            .get("required")
            .and_then(Value::as_array);
        let missing = required
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .filter(|name| !given.contains_key(*name))
            .map(|name| ParameterProblem::Missing {
                name: name.to_owned(),
                expected: self.property(name).map_or(ANYTHING.into(), expectation),
            });
        unknown.chain(missing).collect()
    }

    /// What the schema says of values that are there, and of all of them together.
    fn misfits(&self, value: &Value, misnamed: &[ParameterProblem]) -> Vec<ParameterProblem> {
        let is_said = |misfit: &Misfit| match misfit.cause {
            _ if !misfit.steps.is_empty() => false,
            Cause::Missing => misnamed.iter().any(|said| said.pointer() == misfit.pointer),
            Cause::Unknown => misnamed
                .iter()
                .any(|said| matches!(said, ParameterProblem::Unknown { .. })),
            Cause::Type | Cause::Other => false,
        };
        self.schema
            .misfits(value)
            .into_iter()
            .filter(|misfit| !is_said(misfit))
            .map(|misfit| {
                let expected = match (misfit.cause, misfit.steps.as_slice()) {
                    (Cause::Type, [name]) => self.property(name).map(expectation),
                    _ => None,
                };
                ParameterProblem::Invalid {
                    pointer: misfit.pointer,
                    place: misfit.steps.join("."),
                    value: misfit.value,
                    complaint: match expected {
                        Some(expected) if expected != ANYTHING => format!("expected {expected}"),
                        _ => misfit.complaint,
                    },
                }
            })
            .collect()
    }

    /// Reads what a person typed for a parameter: JSON, or plain text where the parameter
    /// takes text.
    pub fn read(&self, name: &str, text: &str) -> Result<Json, JsonError> {
        let root = self.schema.value();
        read_argument(root, self.property(name), text)
    }
}

/// Reads `text` as JSON. Where `schema` takes text, what is not JSON is the text itself; and
/// where it takes nothing but text and perhaps `null`, everything else is. `root`: where its
/// references lead.
pub fn read_argument(root: &Value, schema: Option<&Value>, text: &str) -> Result<Json, JsonError> {
    let parsed = Json::tidy(text);
    let types = schema.and_then(|schema| all_types_of(root, schema, 0));
    let types = types.unwrap_or_default();
    let takes_text = types.contains("string");
    let takes_null = types.contains("null");
    let takes_more = types.len() > 1 + usize::from(takes_null);
    match parsed {
        Ok(json) if json.is_string() || !takes_text || takes_more => Ok(json),
        Ok(json) if takes_null && json == Json::null() => Ok(json),
        Ok(_) => Ok(Json::string(text)),
        Err(_) if takes_text => Ok(Json::string(text)),
        Err(err) => Err(err),
    }
}

/// The types that a schema takes, through references, unions and lists of values. `None`: any.
fn all_types_of(root: &Value, schema: &Value, level: u32) -> Option<BTreeSet<String>> {
    const LEVELS_MAX: u32 = 20;
    if level > LEVELS_MAX {
        return None;
    }
    let own = types_of(schema);
    if !own.is_empty() {
        return Some(own.into_iter().collect());
    }
    let of = |schema| all_types_of(root, schema, level + 1);
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        return of(root.pointer(reference.strip_prefix('#')?)?);
    }
    if let Some(value) = schema.get("const") {
        return Some([type_of(value)].into());
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return Some(values.iter().map(type_of).collect());
    }
    let union = schema.get("anyOf").or_else(|| schema.get("oneOf"))?;
    let branches = union.as_array()?.iter().map(of);
    let types: Option<Vec<BTreeSet<String>>> = branches.collect();
    Some(types?.into_iter().flatten().collect())
}

fn type_of(value: &Value) -> String {
    let name = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    name.to_owned()
}

fn types_of(schema: &Value) -> Vec<String> {
    match schema.get("type") {
        Some(Value::String(kind)) => vec![kind.clone()],
        Some(Value::Array(kinds)) => kinds
            .iter()
            .filter_map(|kind| kind.as_str().map(str::to_owned))
            .collect(),
        _ => Vec::new(),
    }
}

/// What a schema without a type asks for.
const ANYTHING: &str = "a value";

/// What a parameter's schema asks for, in words.
fn expectation(schema: &Value) -> String {
    let types = types_of(schema);
    if types.is_empty() {
        return ANYTHING.to_owned();
    }
    let words = types.iter().map(|kind| match kind.as_str() {
        "integer" => match (schema.get("minimum"), schema.get("maximum")) {
            (Some(low), Some(high)) => format!("an integer from {low} to {high}"),
            (Some(low), None) => format!("an integer of at least {low}"),
            (None, Some(high)) => format!("an integer of at most {high}"),
            (None, None) => "an integer".to_owned(),
        },
        "number" => "a number".to_owned(),
        "string" => "a string".to_owned(),
        "boolean" => "`true` or `false`".to_owned(),
        "array" => "a list".to_owned(),
        "object" => "an object".to_owned(),
        "null" => "null".to_owned(),
        other => other.to_owned(),
    });
    words.collect::<Vec<_>>().join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = r##"{
        "type": "object", "additionalProperties": false, "required": ["item_id"],
        "properties": {
            "item_id": {"type": "integer", "format": "uint32", "minimum": 0},
            "label": {"type": ["string", "null"]},
            "zip": {"type": "string"},
            "item": {"$ref": "#/$defs/Item"},
            "code": {"anyOf": [{"$ref": "#/$defs/Code"}, {"type": "null"}]},
            "either": {"anyOf": [{"type": "string"}, {"type": "integer"}]}
        },
        "$defs": {"Item": {"type": "object", "required": ["status"],
            "properties": {"status": {"type": "string"}}},
            "Code": {"type": "string"}}
    }"##;

    #[track_caller]
    fn check(parameters: &str, expect: &str) {
        let schema = Parameters::new(&Json::parse(SCHEMA).unwrap()).unwrap();
        let said = match schema.check(&Json::parse(parameters).unwrap()) {
            Ok(()) => "fits".to_owned(),
            Err(err) => err.to_string(),
        };
        assert_eq!(said, expect);
    }

    #[test]
    fn a_misfit_names_the_parameter_the_value_and_what_was_expected() {
        check(r#"{"item_id": 1}"#, "fits");
        check(
            "{}",
            "parameter `item_id` is missing: expected an integer of at least 0",
        );
        check(
            r#"{"item_id": "one"}"#,
            "parameter `item_id` is `\"one\"`: expected an integer of at least 0",
        );
        check(
            r#"{"item_id": 1, "labl": "x"}"#,
            "unknown parameter `labl`: did you mean `label`?",
        );
        check(
            r#"{"item_id": 1, "colour": "x"}"#,
            "unknown parameter `colour`: the flow takes `code`, `either`, `item`, `item_id`, `label`, `zip`",
        );
        check(
            r#"{"item_id": 1, "item": {"status": 3}}"#,
            "parameter `item.status` is `3`: 3 is not of type \"string\"",
        );
        check("[1]", "parameters must be a JSON object by name, not `[1]`");
        check(
            r#"{"item_id": -1}"#,
            "parameter `item_id` is `-1`: -1 is below the minimum 0",
        );
    }

    #[test]
    fn what_all_parameters_together_do_wrong_is_said_too() {
        let schema = r#"{"type": "object", "properties": {"a": {}, "b": {}}, "maxProperties": 1}"#;
        let schema = Parameters::new(&Json::parse(schema).unwrap()).unwrap();
        let misfit = schema.check(&Json::parse(r#"{"a":1,"b":2}"#).unwrap());
        assert_eq!(
            misfit.unwrap_err().to_string(),
            "the object of parameters is `{\"a\":1,\"b\":2}`: \
             {\"a\":1,\"b\":2} has more than 1 property"
        );
    }

    #[test]
    fn a_problem_leads_to_its_field() {
        #[track_caller]
        fn check(parameters: &str, expect: &str) {
            let schema = Parameters::new(&Json::parse(SCHEMA).unwrap()).unwrap();
            let err = schema.check(&Json::parse(parameters).unwrap()).unwrap_err();
            let said = err.0.iter().map(|problem| {
                let (pointer, complaint) = (problem.pointer(), problem.complaint());
                format!("{pointer}: {complaint}")
            });
            assert_eq!(said.collect::<Vec<_>>().join("; "), expect);
        }
        check(
            r#"{"item_id": -1, "item": {}}"#,
            "/item/status: \"status\" is a required property; \
             /item_id: -1 is below the minimum 0",
        );
        check("{}", "/item_id: missing: expected an integer of at least 0");
        check(
            r#"{"item_id": 1, "lab/l": ""}"#,
            "/lab~1l: unknown parameter `lab/l`: did you mean `label`?",
        );
        check("7", ": parameters must be a JSON object by name, not `7`");
    }

    #[test]
    fn plain_text_is_taken_where_text_is_wanted() {
        let schema = Parameters::new(&Json::parse(SCHEMA).unwrap()).unwrap();
        let read = |name, text| schema.read(name, text).unwrap().to_string();
        assert_eq!(read("zip", "00501"), "\"00501\"");
        assert_eq!(read("zip", "\"00501\""), "\"00501\"");
        assert_eq!(read("label", "blue"), "\"blue\"");
        assert_eq!(read("label", "null"), "null");
        for text in ["123", "true", "1e5", "[1]"] {
            for name in ["zip", "label", "code"] {
                assert_eq!(read(name, text), format!("{text:?}"), "{name}");
            }
            assert_eq!(read("either", text), text);
        }
        assert_eq!(read("code", "null"), "null");
        assert_eq!(read("zip", "null"), "\"null\"");
        assert_eq!(read("item_id", "7"), "7");
        assert!(schema.read("item_id", "seven").is_err());
    }
}

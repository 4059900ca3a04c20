//! Whether a value fits what a flow has asked a person for, and what would.

use std::fmt;

use serde_json::{Map, Value, json};

use crate::parameters::read_argument;
use crate::schema::{BoundedSchema, TooManySteps};
use model::{Json, JsonError};

/// As JSON text, in bytes: what a result may have by default, too.
const VALUE_MAX: usize = 32 << 20;
/// Nesting below which an example has nothing: a type may contain itself.
const EXAMPLE_DEPTH_MAX: u32 = 8;
/// Parts of an example: a person reads it.
const EXAMPLE_PARTS_MAX: u32 = 1000;

/// The schema of one awaited input.
pub struct InputSchema {
    schema: BoundedSchema,
}

/// Why a value does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InputMisfit {
    #[error("the value has {bytes} bytes; the limit is {VALUE_MAX}")]
    TooLarge { bytes: usize },
    #[error("the value: {0}")]
    TooManySteps(#[from] TooManySteps),
    /// The complaints of the schema.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Problems(Vec<InputProblem>),
}

/// One thing that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputProblem {
    /// `/approval/by`: what is wrong or missing, as a JSON pointer (RFC 6901).
    pub pointer: String,
    /// `approval.by`: the way into the value; empty for all of it.
    pub place: String,
    /// What is there.
    pub value: String,
    /// What is wrong with it.
    pub complaint: String,
    /// Which part of the schema says so, as a JSON pointer.
    pub rule: String,
}

impl fmt::Display for InputProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place.as_str() {
            "" => f.write_str("the value")?,
            place => write!(f, "`{place}`")?,
        }
        let (value, complaint, rule) = (&self.value, &self.complaint, &self.rule);
        write!(f, " is `{value}`: {complaint} (schema: `{rule}`)")
    }
}

impl InputSchema {
    /// Errs if the text is no valid JSON Schema, or one that goes over a limit.
    pub fn new(schema: &Json) -> Result<Self, String> {
        let schema = BoundedSchema::new(schema.value())?;
        Ok(Self { schema })
    }

    /// Reads what a person typed: JSON, or plain text where text is wanted.
    pub fn read(&self, text: &str) -> Result<Json, JsonError> {
        let schema = self.schema.value();
        read_argument(schema, Some(schema), text)
    }

    /// Whether the value fits.
    pub fn check(&self, value: &Json) -> Result<(), InputMisfit> {
        let bytes = value.as_str().len();
        if bytes > VALUE_MAX {
            return Err(InputMisfit::TooLarge { bytes });
        }
        let value = self.schema.tree(value)?;
        if self.schema.fits(&value, bytes)? {
            return Ok(());
        }
        Err(InputMisfit::Problems(problems(&self.schema, &value)))
    }

    /// A value that fits, to show its form. None if it takes more than the types to find one,
    /// or if the form is too large to be shown.
    pub fn example(&self) -> Option<Json> {
        let mut maker = ExampleMaker {
            root: self.schema.value(),
            parts: 0,
        };
        let example = maker.of(self.schema.value(), 0)?;
        let json = Json::of(&example);
        let fits = self.schema.fits(&example, json.as_str().len());
        (fits == Ok(true)).then_some(json)
    }
}

/// What does not fit in a value that does not fit.
pub(crate) fn problems(schema: &BoundedSchema, value: &Value) -> Vec<InputProblem> {
    let misfits = schema.misfits(value).into_iter();
    let problems = misfits.map(|misfit| InputProblem {
        place: misfit.steps.join("."),
        pointer: misfit.pointer,
        value: misfit.value,
        complaint: misfit.complaint,
        rule: misfit.rule,
    });
    problems.collect()
}

/// Makes a value of the form that a schema asks for.
struct ExampleMaker<'s> {
    root: &'s Value,
    /// Schemas that were looked at.
    parts: u32,
}

impl ExampleMaker<'_> {
    /// `None` if the example grows too large.
    fn of(&mut self, schema: &Value, depth: u32) -> Option<Value> {
        self.parts += 1;
        if self.parts > EXAMPLE_PARTS_MAX {
            return None;
        }
        if depth > EXAMPLE_DEPTH_MAX {
            return Some(Value::Null);
        }
        let examples = schema.get("examples").and_then(|list| list.get(0));
        let given = [schema.get("default"), examples, schema.get("const")];
        if let Some(given) = given.into_iter().flatten().next() {
            return self.given(given);
        }
        if let Some(first) = schema.get("enum").and_then(|list| list.get(0)) {
            return self.given(first);
        }
        if let Some(named) = schema.get("$ref").and_then(Value::as_str) {
            let root = self.root;
            let part = named.strip_prefix('#').and_then(|at| root.pointer(at));
            return part.map_or(Some(Value::Null), |part| self.of(part, depth + 1));
        }
        for choice in ["oneOf", "anyOf", "allOf"] {
            if let Some(first) = schema.get(choice).and_then(|list| list.get(0)) {
                return self.of(first, depth + 1);
            }
        }
        self.of_type(schema, depth)
    }

    /// A value that stands in the schema, which may be large itself, and stand there once for
    /// many places.
    fn given(&mut self, value: &Value) -> Option<Value> {
        let parts = u32::try_from(value.to_string().len() / 16).unwrap_or(u32::MAX);
        self.parts = self.parts.saturating_add(parts);
        (self.parts <= EXAMPLE_PARTS_MAX).then(|| value.clone())
    }

    fn of_type(&mut self, schema: &Value, depth: u32) -> Option<Value> {
        let kind = match schema.get("type") {
            Some(Value::Array(kinds)) => kinds.first(),
            kind => kind,
        };
        Some(match kind.and_then(Value::as_str) {
            Some("object") => {
                let properties = schema.get("properties").and_then(Value::as_object);
                let mut fields = Map::new();
                for (name, part) in properties.into_iter().flatten() {
                    fields.insert(name.clone(), self.of(part, depth + 1)?);
                }
                Value::Object(fields)
            }
            Some("array") => match schema.get("items") {
                Some(items) => json!([self.of(items, depth + 1)?]),
                None => json!([]),
            },
            Some("string") => json!("text"),
            Some("boolean") => json!(true),
            Some("integer" | "number") => match schema.get("minimum") {
                Some(least) => least.clone(),
                None => json!(0),
            },
            _ => Value::Null,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = r##"{
        "title": "Approval", "type": "object", "required": ["approved", "by"],
        "properties": {
            "approved": {"type": "boolean"},
            "by": {"$ref": "#/$defs/Person"},
            "note": {"type": ["string", "null"]},
            "level": {"type": "integer", "minimum": 1},
            "tags": {"type": "array", "items": {"enum": ["urgent", "late"]}},
            "size": {"type": "string", "default": "small"}
        },
        "$defs": {"Person": {"type": "object", "required": ["name"],
            "properties": {"name": {"type": "string"}}}}
    }"##;

    fn schema(text: &str) -> InputSchema {
        InputSchema::new(&Json::trusted(text)).unwrap()
    }

    #[track_caller]
    fn check(value: &str, expect: &str) {
        let said = match schema(SCHEMA).check(&Json::parse(value).unwrap()) {
            Ok(()) => "fits".to_owned(),
            Err(misfit) => misfit.to_string(),
        };
        assert_eq!(said, expect);
    }

    #[test]
    fn a_misfit_names_the_place_the_value_and_the_rule() {
        check(r#"{"approved": true, "by": {"name": "Ada"}}"#, "fits");
        check(
            r#"{"approved": "yes", "by": {"name": "Ada"}}"#,
            "`approved` is `\"yes\"`: \"yes\" is not of type \"boolean\" \
             (schema: `/properties/approved/type`)",
        );
        check(
            r#"{"approved": true, "by": {"name": 7}}"#,
            "`by.name` is `7`: 7 is not of type \"string\" \
             (schema: `/$defs/Person/properties/name/type`)",
        );
        check(
            "[]",
            "the value is `[]`: [] is not of type \"object\" (schema: `/type`)",
        );
    }

    #[test]
    fn a_value_has_a_size() {
        let large = Json::of(&Value::String("x".repeat(VALUE_MAX)));
        let misfit = schema(r#"{"type": "string"}"#).check(&large);
        let bytes = VALUE_MAX + 2;
        assert_eq!(misfit, Err(InputMisfit::TooLarge { bytes }));
    }

    #[test]
    fn an_example_has_the_form_that_is_wanted() {
        let example = schema(SCHEMA).example().unwrap();
        let expect = json!({
            "approved": true, "by": {"name": "text"}, "note": "text", "level": 1,
            "tags": ["urgent"], "size": "small",
        });
        assert_eq!(example.value(), expect);
        let hard = schema(r#"{"type": "string", "pattern": "^[0-9]{5}$"}"#);
        assert_eq!(hard.example(), None);
        assert_eq!(schema("true").example(), Some(Json::null()));
    }

    /// Each of 300 fields is of the type of the whole.
    #[test]
    fn an_example_that_grows_without_an_end_is_none() {
        let fields = (0..300).map(|at| format!(r##""f{at}": {{"$ref": "#"}}"##));
        let fields = fields.collect::<Vec<_>>().join(",");
        let wide = schema(&format!(
            r#"{{"type": "object", "properties": {{{fields}}}}}"#
        ));
        assert_eq!(wide.example(), None);
    }

    #[test]
    fn a_type_that_contains_itself_has_an_end() {
        let list = schema(
            r##"{"$ref": "#/$defs/List", "$defs": {"List": {"type": "object",
                "properties": {"next": {"anyOf": [{"$ref": "#/$defs/List"}, {"type": "null"}]}}}}}"##,
        );
        assert!(list.example().is_some());
    }

    #[test]
    fn plain_text_is_taken_where_text_is_wanted() {
        let text = schema(r#"{"type": "string"}"#);
        assert_eq!(text.read("go on").unwrap().as_str(), r#""go on""#);
        let number = schema(r#"{"type": "number"}"#);
        assert_eq!(number.read(" 1.10").unwrap().as_str(), "1.10");
        assert!(number.read("1e400").is_err());
        let flag = schema(r#"{"type": "boolean"}"#);
        assert_eq!(flag.read("true").unwrap().as_str(), "true");
        assert!(flag.read("yes").is_err());
    }
}

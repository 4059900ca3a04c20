//! What a schema says of a value that does not fit, in words and with the place.
//!
//! The validator's own words name the value, so a large one is shortened. Of a tagged union it
//! only says that no branch fits. If the tag leaves one branch, that branch's complaints are
//! told instead: they name the member that is wrong.

use jsonschema::{ValidationError, Validator, error::ValidationErrorKind as Kind};
use serde_json::Value;

/// One thing that does not fit.
#[derive(Debug)]
pub struct Misfit {
    /// JSON pointer to what is wrong. Of something that is missing, where it belongs.
    pub pointer: String,
    /// The names on the way to the value that the complaint is about.
    pub steps: Vec<String>,
    /// What is there, shortened.
    pub value: String,
    /// `5000 is above the maximum 1000`
    pub complaint: String,
    /// Which part of the schema says so, as a JSON pointer.
    pub rule: String,
    pub cause: Cause,
}

/// What callers tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    Type,
    Missing,
    Unknown,
    Other,
}

/// Complaints about one value that are told. A person mends one after the other, and a list
/// may be wrong in a million places.
const TOLD_MAX: usize = 20;

/// The complaints about a value, in the schema's order: the first [`TOLD_MAX`].
pub fn misfits(validator: &Validator, value: &Value) -> Vec<Misfit> {
    let mut found = Vec::new();
    for error in validator.iter_errors(value).take(TOLD_MAX) {
        tell(&error, &mut found);
    }
    found.truncate(TOLD_MAX);
    found
}

fn tell(error: &ValidationError<'_>, found: &mut Vec<Misfit>) {
    if let Some(errors) = branch_meant(error) {
        errors.iter().for_each(|error| tell(error, found));
    } else if let Some((wrong, choices)) = choices(error) {
        let misfit = misfit_of(wrong);
        found.push(Misfit {
            complaint: format!("it is none of {choices}"),
            ..misfit
        });
    } else {
        found.push(misfit_of(error));
    }
}

/// The branches of a union, each with what it complains of.
fn branches<'a>(error: &'a ValidationError<'_>) -> Option<&'a [Vec<ValidationError<'static>>]> {
    match error.kind() {
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => Some(context),
        _ => None,
    }
}

/// Of a union that is a choice among given values: the complaint about the value that is none of
/// them, and those that there are. `null` may be one.
fn choices<'a>(error: &'a ValidationError<'_>) -> Option<(&'a ValidationError<'static>, String)> {
    let mut wrong: Option<&ValidationError<'_>> = None;
    let mut choices = Vec::new();
    for errors in branches(error)? {
        let is_choice = |error: &&ValidationError<'_>| {
            matches!(error.kind(), Kind::Constant { .. } | Kind::Enum { .. })
        };
        let Some(choice) = errors.iter().find(is_choice) else {
            let is_null = |error: &ValidationError<'_>| {
                matches!(error.kind(), Kind::Type { .. }) && error.to_string().contains("\"null\"")
            };
            if errors.iter().any(is_null) {
                choices.push("`null`".to_owned());
                continue;
            }
            return None;
        };
        let place = choice.instance_path().as_str();
        if wrong.is_some_and(|wrong| wrong.instance_path().as_str() != place) {
            return None;
        }
        wrong = wrong.or(Some(choice));
        match choice.kind() {
            Kind::Constant { expected_value } => choices.push(format!("`{expected_value}`")),
            Kind::Enum { options } => {
                let options = options.as_array().into_iter().flatten();
                choices.extend(options.map(|option| format!("`{option}`")));
            }
            _ => {}
        }
    }
    Some((wrong?, choices.join(", ")))
}

/// The complaints of the one branch of a union that the value is meant for, by its tag.
fn branch_meant<'a>(error: &'a ValidationError<'_>) -> Option<&'a [ValidationError<'static>]> {
    let branches = branches(error)?;
    let at = error.instance_path().as_str();
    let mut meant = branches.iter().filter(|errors| {
        let is_other = |error: &ValidationError<'_>| {
            let path = error.instance_path().as_str();
            let below = path.strip_prefix(at).unwrap_or(path);
            match error.kind() {
                Kind::Type { .. } | Kind::Enum { .. } | Kind::AdditionalProperties { .. } => {
                    below.is_empty()
                }
                Kind::Constant { .. } => below.matches('/').count() <= 1,
                _ => false,
            }
        };
        !errors.is_empty() && !errors.iter().any(is_other)
    });
    match (meant.next(), meant.next()) {
        (Some(errors), None) => Some(errors),
        _ => None,
    }
}

fn misfit_of(error: &ValidationError<'_>) -> Misfit {
    let path = error.instance_path().as_str();
    let value = shorten(&error.instance().to_string());
    let (cause, missing) = match error.kind() {
        Kind::Type { .. } => (Cause::Type, None),
        Kind::Required { property } => (Cause::Missing, property.as_str()),
        Kind::AdditionalProperties { .. } => (Cause::Unknown, None),
        _ => (Cause::Other, None),
    };
    let complaint = match error.kind() {
        Kind::Maximum { limit } => format!("{value} is above the maximum {limit}"),
        Kind::Minimum { limit } => format!("{value} is below the minimum {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("{value} is not below {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("{value} is not above {limit}"),
        Kind::Format { format } => match example_of(format) {
            Some((what, example)) => format!("it is not {what}, such as `{example}`"),
            None => format!("it is not a {format}"),
        },
        Kind::Custom { message, .. } => message.clone(),
        _ => error.masked_with(value.as_str()).to_string(),
    };
    Misfit {
        pointer: match missing {
            Some(name) => format!("{path}/{}", escape(name)),
            None => path.to_owned(),
        },
        steps: path.split('/').skip(1).map(unescape).collect(),
        rule: error.schema_path().to_string(),
        value,
        complaint,
        cause,
    }
}

/// A format in words, and a value that has it.
fn example_of(format: &str) -> Option<(&'static str, &'static str)> {
    match format {
        "date" => Some(("a date", "2026-10-01")),
        "time" => Some(("a time with its zone", "12:00:00Z")),
        "date-time" => Some(("a time", "2026-10-01T12:00:00Z")),
        "uuid" => Some(("a UUID", "0199a213-16bb-7462-b7c6-159f7f59d0ac")),
        "email" => Some(("an email address", "me@example.com")),
        "uri" => Some(("a URI", "https://example.com/")),
        _ => None,
    }
}

/// A name as a step of a JSON pointer (RFC 6901).
pub fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn unescape(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}

/// At most 60 characters of a value, for messages.
pub fn shorten(text: &str) -> String {
    const SHOWN_MAX: usize = 60;
    match text.char_indices().nth(SHOWN_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(schema: &str, value: &str, expect: &str) {
        let schema: Value = serde_json::from_str(schema).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let value = serde_json::from_str(value).unwrap();
        let said: Vec<String> = misfits(&validator, &value)
            .iter()
            .map(|misfit| format!("{}: {}", misfit.pointer, misfit.complaint))
            .collect();
        assert_eq!(said.join("; "), expect);
    }

    #[test]
    fn a_bound_is_named_with_the_value() {
        let size = r#"{"properties": {"size": {"minimum": 1, "maximum": 1000}}}"#;
        check(
            size,
            r#"{"size": 5000}"#,
            "/size: 5000 is above the maximum 1000",
        );
        check(size, r#"{"size": 0}"#, "/size: 0 is below the minimum 1");
        let open = r#"{"exclusiveMinimum": 0, "exclusiveMaximum": 1}"#;
        check(open, "0", ": 0 is not above 0");
        check(open, "1.5", ": 1.5 is not below 1");
    }

    #[test]
    fn a_place_is_a_pointer_whatever_the_name() {
        check(
            r#"{"properties": {"a/b~c": {"items": {"type": "string"}}}}"#,
            r#"{"a/b~c": ["x", 7]}"#,
            r#"/a~1b~0c/1: 7 is not of type "string""#,
        );
        check(
            r#"{"required": ["a/b"]}"#,
            "{}",
            r#"/a~1b: "a/b" is a required property"#,
        );
    }

    #[test]
    fn a_large_value_is_shortened() {
        let long = format!(r#""{}""#, "x".repeat(1000));
        let expect = format!(r#": "{}… is not of type "integer""#, "x".repeat(59));
        check(r#"{"type": "integer"}"#, &long, &expect);
    }

    #[test]
    fn a_tagged_union_complains_about_the_branch_that_is_tagged() {
        let notify = r#"{"oneOf": [
            {"type": "object", "required": ["via", "to"],
             "properties": {"via": {"const": "email"}, "to": {"type": "string"}}},
            {"type": "object", "required": ["via", "room"],
             "properties": {"via": {"const": "chat"}, "room": {"type": "integer"}}},
            {"type": "null"}]}"#;
        check(
            notify,
            r#"{"via": "email", "to": 7}"#,
            r#"/to: 7 is not of type "string""#,
        );
        check(
            notify,
            r#"{"via": "chat"}"#,
            r#"/room: "room" is a required property"#,
        );
        check(
            notify,
            r#"{"via": "fax"}"#,
            r#"/via: it is none of `"email"`, `"chat"`, `null`"#,
        );
        let mode = r#"{"anyOf": [
            {"oneOf": [{"const": "fast", "description": "At once"}, {"enum": ["slow", "slower"]}]},
            {"type": "null"}]}"#;
        check(mode, "\"slow\"", "");
        check(
            mode,
            "\"fats\"",
            r#": it is none of `"fast"`, `"slow"`, `"slower"`"#,
        );
        let by_name = r#"{"oneOf": [
            {"type": "object", "additionalProperties": false, "required": ["Email"],
             "properties": {"Email": {"properties": {"to": {"type": "string"}}}}},
            {"enum": ["Nobody"]}]}"#;
        check(
            by_name,
            r#"{"Email": {"to": 7}}"#,
            r#"/Email/to: 7 is not of type "string""#,
        );
    }
}

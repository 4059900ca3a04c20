//! What a flow or a task takes, in one line.

use model::{FlowDescription, Json};
use serde_json::Value;

/// A flow's parameters in one line: `item_id: integer, mode?: "fast"|"slow"|null = "fast"`.
pub fn signature(flow: &FlowDescription) -> String {
    signature_of(&flow.schema.parameters)
}

/// The same of a flow or a task, by the schema of its parameters.
pub fn signature_of(parameters: &Json) -> String {
    let schema = parameters.value();
    let required = |name: &str| {
        let names = schema.get("required").and_then(Value::as_array);
        names.is_some_and(|names| names.iter().any(|required| required == name))
    };
    let properties = schema.get("properties").and_then(Value::as_object);
    let parameters: Vec<String> = properties
        .into_iter()
        .flatten()
        .map(|(name, property)| {
            let mark = if required(name) { "" } else { "?" };
            let default = match property.get("default") {
                Some(value) if !value.is_null() => format!(" = {value}"),
                _ => String::new(),
            };
            format!("{name}{mark}: {}{default}", kind_of(&schema, property, 0))
        })
        .collect();
    if parameters.is_empty() {
        return "no parameters".to_owned();
    }
    parameters.join(", ")
}

/// Choices of one parameter that are named.
const CHOICES_MAX: usize = 8;

/// What a value may be: a type, the name of one, or the choices that there are. `root`: where
/// references lead.
fn kind_of(root: &Value, schema: &Value, level: u32) -> String {
    // A schema that refers to itself.
    const LEVELS_MAX: u32 = 8;
    if level > LEVELS_MAX {
        return "any".to_owned();
    }
    if let Some(value) = schema.get("const") {
        return value.to_string();
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return either(values.iter().map(ToString::to_string));
    }
    let union = schema.get("anyOf").or_else(|| schema.get("oneOf"));
    if let Some(branches) = union.and_then(Value::as_array) {
        return either(
            branches
                .iter()
                .map(|branch| kind_of(root, branch, level + 1)),
        );
    }
    match (schema.get("type"), schema.get("$ref")) {
        (Some(Value::String(kind)), _) => kind.clone(),
        (Some(Value::Array(kinds)), _) => {
            let kinds: Vec<&str> = kinds.iter().filter_map(Value::as_str).collect();
            kinds.join("|")
        }
        (_, Some(Value::String(reference))) => {
            let pointer = reference.strip_prefix('#').unwrap_or_default();
            match root
                .pointer(pointer)
                .map(|it| (it, kind_of(root, it, level + 1)))
            {
                // What is in it would be too much for one line.
                Some((_, kind)) if kind != "object" && kind != "any" => kind,
                _ => reference.rsplit('/').next().unwrap_or("any").to_owned(),
            }
        }
        _ => "any".to_owned(),
    }
}

/// `"fast"|"slow"|null`: each once, the first of them.
fn either(kinds: impl Iterator<Item = String>) -> String {
    let mut all: Vec<String> = Vec::new();
    for kind in kinds.flat_map(|kinds| kinds.split('|').map(str::to_owned).collect::<Vec<_>>()) {
        if !all.contains(&kind) {
            all.push(kind);
        }
    }
    if all.len() > CHOICES_MAX {
        all.truncate(CHOICES_MAX);
        all.push("…".to_owned());
    }
    all.join("|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(property: &str, expect: &str) {
        let schema = format!(
            r##"{{"required": ["x"], "properties": {{"x": {property}}}, "$defs": {{
                "Mode": {{"oneOf": [{{"const": "fast"}}, {{"enum": ["slow", "slower"]}}]}},
                "Item": {{"type": "object"}}, "Id": {{"type": "string"}},
                "Tree": {{"anyOf": [{{"$ref": "#/$defs/Tree"}}, {{"type": "null"}}]}}
            }}}}"##
        );
        assert_eq!(signature_of(&Json::trusted(schema)), format!("x: {expect}"));
    }

    #[test]
    fn choices_and_defaults_are_shown() {
        check(r#"{"type": "integer", "default": 10}"#, "integer = 10");
        check(
            r#"{"type": ["string", "null"], "default": null}"#,
            "string|null",
        );
        check(r##"{"$ref": "#/$defs/Item"}"##, "Item");
        check(r##"{"$ref": "#/$defs/Id"}"##, "string");
        let mode =
            r##"{"anyOf": [{"$ref": "#/$defs/Mode"}, {"type": "null"}], "default": "fast"}"##;
        check(mode, r#""fast"|"slow"|"slower"|null = "fast""#);
        check(
            r#"{"enum": [1, 2, 3, 4, 5, 6, 7, 8, 9]}"#,
            "1|2|3|4|5|6|7|8|…",
        );
        check(r##"{"$ref": "#/$defs/Tree"}"##, "Tree|null");
        check("{}", "any");
    }
}

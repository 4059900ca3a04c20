//! Shapes of the description, ready for a template.

use serde_json::Value;

/// The type of a value, with the shape that it refers to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Kind {
    pub text: String,
    /// The name of a shape, which has an anchor.
    pub shape: Option<String>,
}

pub(super) struct Shape {
    pub name: String,
    pub description: String,
    pub kind: Kind,
    pub fields: Vec<Field>,
    /// The words of a fixed set.
    pub words: String,
    pub example: String,
}

pub(super) struct Field {
    pub name: String,
    pub kind: Kind,
    pub is_required: bool,
    pub description: String,
}

/// All named shapes.
pub(super) fn shapes(document: &Value) -> Vec<Shape> {
    let shapes = document["components"]["schemas"].as_object();
    let shapes = shapes.into_iter().flatten();
    shapes.map(|(name, schema)| shape(name, schema)).collect()
}

fn shape(name: &str, schema: &Value) -> Shape {
    let words = schema["enum"].as_array().into_iter().flatten();
    let words: Vec<&str> = words.filter_map(Value::as_str).collect();
    let example = &schema["example"];
    Shape {
        name: name.to_owned(),
        description: text(&schema["description"]),
        kind: kind_of(schema),
        fields: fields(schema),
        words: words.join(", "),
        example: if example.is_object() {
            serde_json::to_string_pretty(example).unwrap_or_default()
        } else {
            String::new()
        },
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The fields of an object, those of its parts included.
fn fields(schema: &Value) -> Vec<Field> {
    let parts = ["allOf", "oneOf"].map(|name| schema[name].as_array());
    let parts = parts.into_iter().flatten().flatten();
    let mut all: Vec<Field> = parts.flat_map(part).collect();
    let required = schema["required"].as_array();
    let is_required = |name: &str| required.is_some_and(|all| all.iter().any(|it| it == name));
    let own = schema["properties"].as_object().into_iter().flatten();
    all.extend(own.map(|(name, field)| Field {
        name: name.clone(),
        kind: kind_of(field),
        is_required: is_required(name),
        description: text(&field["description"]),
    }));
    all
}

/// A part that is a shape of its own is named, not repeated.
fn part(schema: &Value) -> Vec<Field> {
    let kind = kind_of(schema);
    match kind.shape {
        Some(_) => vec![Field {
            name: "…".to_owned(),
            kind,
            is_required: true,
            description: "all of its fields".to_owned(),
        }],
        None => fields(schema),
    }
}

pub(super) fn kind_of(schema: &Value) -> Kind {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap_or_default();
        return Kind {
            text: name.to_owned(),
            shape: Some(name.to_owned()),
        };
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        return of_choices(choices);
    }
    match &schema["type"] {
        Value::String(kind) if kind == "array" => {
            let items = kind_of(&schema["items"]);
            Kind {
                text: format!("list of {}", items.text),
                ..items
            }
        }
        Value::String(kind) => plain(kind),
        Value::Array(kinds) => {
            let kinds: Vec<&str> = kinds.iter().filter_map(Value::as_str).collect();
            plain(&kinds.join(" or "))
        }
        _ => plain("any"),
    }
}

fn plain(text: &str) -> Kind {
    Kind {
        text: text.to_owned(),
        shape: None,
    }
}

fn of_choices(choices: &[Value]) -> Kind {
    let kinds: Vec<Kind> = choices.iter().map(kind_of).collect();
    let texts: Vec<&str> = kinds.iter().map(|kind| kind.text.as_str()).collect();
    // Of a list of variants the fields say more than the names of their types.
    let text = if texts.len() > 3 {
        "one of several".to_owned()
    } else {
        texts.join(" or ")
    };
    Kind {
        text,
        shape: kinds.into_iter().find_map(|kind| kind.shape),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_type_is_told_in_words() {
        let told = |schema: Value| kind_of(&schema).text;
        assert_eq!(told(json!({"type": "string"})), "string");
        assert_eq!(told(json!({"type": ["string", "null"]})), "string or null");
        assert_eq!(told(json!({})), "any");
        let reference = json!({"$ref": "#/components/schemas/RunId"});
        assert_eq!(
            told(json!({"type": "array", "items": reference})),
            "list of RunId"
        );
        let maybe = json!({"oneOf": [{"type": "null"}, reference]});
        assert_eq!(told(maybe.clone()), "null or RunId");
        assert_eq!(kind_of(&maybe).shape.as_deref(), Some("RunId"));
    }

    #[test]
    fn fields_of_all_parts_are_listed() {
        let schema = json!({
            "allOf": [
                {"$ref": "#/components/schemas/Run"},
                {"properties": {"n": {"type": "integer"}}, "required": ["n"]}
            ]
        });
        let names: Vec<_> = fields(&schema)
            .into_iter()
            .map(|field| (field.name, field.is_required))
            .collect();
        assert_eq!(names, [("…".to_owned(), true), ("n".to_owned(), true)]);
    }
}

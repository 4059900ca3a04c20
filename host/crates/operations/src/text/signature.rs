//! What a flow or a task takes, in one line.

use model::{FlowDescription, Json};
use serde_json::Value;

/// A flow's parameters in one line: `item_id: integer, label?: string|null`.
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
            format!("{name}{mark}: {}", kind_of(property))
        })
        .collect();
    if parameters.is_empty() {
        return "no parameters".to_owned();
    }
    parameters.join(", ")
}

fn kind_of(property: &Value) -> String {
    match (property.get("type"), property.get("$ref")) {
        (Some(Value::String(kind)), _) => kind.clone(),
        (Some(Value::Array(kinds)), _) => {
            let kinds: Vec<&str> = kinds.iter().filter_map(Value::as_str).collect();
            kinds.join("|")
        }
        (_, Some(Value::String(reference))) => {
            reference.rsplit('/').next().unwrap_or("any").to_owned()
        }
        _ => "any".to_owned(),
    }
}

//! JSON Schema (2020-12) of parameters and results.

use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::parameter::Parameter;

fn generator() -> SchemaGenerator {
    SchemaSettings::draft2020_12().into_generator()
}

/// The schema of the object of parameters by name. Types that it names are in one `$defs`.
pub fn of_parameters(parameters: &[Parameter]) -> Value {
    let mut generator = generator();
    let mut properties = Map::new();
    let mut required = Vec::new();
    for parameter in parameters {
        let mut schema = (parameter.schema)(&mut generator);
        match parameter.default {
            Some(default) => {
                schema.insert("default".into(), default());
            }
            None if (parameter.required)() => required.push(parameter.name),
            None => {}
        }
        properties.insert(parameter.name.into(), schema.into());
    }
    let mut object = json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    });
    add_definitions(&mut object, generator);
    object
}

/// The schema of a result.
///
/// It is that of what serde writes: the host checks results against it.
pub fn of_result(result: fn(&mut SchemaGenerator) -> Schema) -> Value {
    let mut generator = SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator();
    let mut schema = result(&mut generator).into();
    add_definitions(&mut schema, generator);
    schema
}

/// The schema of a value that a person gives. Its root describes the value.
pub fn of_input<T: JsonSchema>() -> Value {
    let mut generator = generator();
    let mut schema = T::json_schema(&mut generator);
    if !T::inline_schema() && schema.get("title").is_none() {
        schema.insert("title".into(), T::schema_name().into());
    }
    let mut schema = schema.into();
    add_definitions(&mut schema, generator);
    schema
}

fn add_definitions(schema: &mut Value, mut generator: SchemaGenerator) {
    let definitions = generator.take_definitions(true);
    if let (Some(object), false) = (schema.as_object_mut(), definitions.is_empty()) {
        object.insert("$defs".into(), definitions.into());
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Item {
        id: u32,
    }

    #[track_caller]
    fn check(parameters: &[Parameter], expect: Value) {
        assert_eq!(of_parameters(parameters), expect);
    }

    #[test]
    fn no_parameters_allow_none() {
        check(
            &[],
            json!({
                "type": "object", "properties": {}, "required": [], "additionalProperties": false,
            }),
        );
    }

    #[test]
    fn an_option_and_a_default_may_be_left_out() {
        let parameters = [
            Parameter::of::<String>("name"),
            Parameter::of::<Option<bool>>("loud"),
            Parameter::of::<u8>("times").with_default(|| json!(3)),
        ];
        check(
            &parameters,
            json!({
                "type": "object",
                "properties": {
                    "name": { "type": "string" },
                    "loud": { "type": ["boolean", "null"] },
                    "times": {
                        "type": "integer", "format": "uint8",
                        "minimum": 0, "maximum": 255, "default": 3,
                    },
                },
                "required": ["name"],
                "additionalProperties": false,
            }),
        );
    }

    #[test]
    fn named_types_are_defined_once() {
        let parameters = [
            Parameter::of::<Item>("one"),
            Parameter::of::<Vec<Item>>("many"),
        ];
        check(
            &parameters,
            json!({
                "type": "object",
                "properties": {
                    "one": { "$ref": "#/$defs/Item" },
                    "many": { "type": "array", "items": { "$ref": "#/$defs/Item" } },
                },
                "required": ["one", "many"],
                "additionalProperties": false,
                "$defs": {
                    "Item": {
                        "type": "object",
                        "properties": {
                            "id": { "type": "integer", "format": "uint32", "minimum": 0 },
                        },
                        "required": ["id"],
                    },
                },
            }),
        );
    }

    #[test]
    fn nothing_is_null() {
        let schema = of_result(crate::registry::result_schema::<()>);
        assert_eq!(schema, json!({ "type": "null" }));
    }
}

//! JSON Schema (2020-12) of parameters and results.

use schemars::{Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::registry::Parameter;

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
pub fn of_result(result: fn(&mut SchemaGenerator) -> Schema) -> Value {
    let mut generator = generator();
    let mut schema = result(&mut generator).into();
    add_definitions(&mut schema, generator);
    schema
}

fn add_definitions(schema: &mut Value, mut generator: SchemaGenerator) {
    let definitions = generator.take_definitions(true);
    if let (Some(object), false) = (schema.as_object_mut(), definitions.is_empty()) {
        object.insert("$defs".into(), definitions.into());
    }
}

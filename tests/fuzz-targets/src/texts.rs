//! Texts that hosts get from guests and people: names, JSON, JSON Schemas.

use model::Json;

use crate::Dice;

/// Short texts, among them what separates, quotes, ends or turns around.
pub fn text(dice: &mut Dice) -> String {
    const PARTS: [&str; 20] = [
        "a",
        "b",
        "item",
        "/",
        "\"",
        "\\",
        "\n",
        "\u{0}",
        "\u{7f}",
        "\u{9b}",
        "\u{202e}",
        "é",
        "\u{1f9ea}",
        "%",
        "{n}",
        "~1",
        "#",
        "$",
        " ",
        "0",
    ];
    let parts = dice.list(4, |dice| *dice.pick(&PARTS));
    let text = parts.concat();
    if dice.once_in(40) {
        return text.repeat(200);
    }
    text
}

/// A name that is likely to be met again.
pub fn name(dice: &mut Dice) -> String {
    if dice.once_in(12) {
        return text(dice);
    }
    (*dice.pick(&["a", "b", "c", "item", "x"])).to_owned()
}

/// A JSON text.
pub fn json(dice: &mut Dice) -> Json {
    let mut text = String::new();
    write_json(dice, 4, &mut text);
    Json::parse(text).unwrap_or_else(|_| Json::null())
}

fn write_json(dice: &mut Dice, depth: usize, into: &mut String) {
    const NUMBERS: [&str; 12] = [
        "0",
        "-0",
        "1",
        "-1",
        "1.10",
        "1E5",
        "1e-400",
        "1e400",
        "9007199254740993",
        "18446744073709551615",
        "12345678901234567890123",
        "0.1",
    ];
    let kinds = if depth == 0 { 6 } else { 8 };
    match dice.below(kinds) {
        0 => into.push_str("null"),
        1 => into.push_str(if dice.once_in(2) { "true" } else { "false" }),
        2 => into.push_str(dice.word(&NUMBERS)),
        3 => into.push_str(&dice.number().to_string()),
        4 => into.push_str(&quoted(&text(dice))),
        5 => into.push_str(&quoted(&name(dice))),
        6 => {
            into.push('[');
            for at in 0..dice.below(4) {
                into.push_str(if at > 0 { "," } else { "" });
                write_json(dice, depth - 1, into);
            }
            into.push(']');
        }
        _ => {
            into.push('{');
            for at in 0..dice.below(4) {
                into.push_str(if at > 0 { "," } else { "" });
                into.push_str(&quoted(&name(dice)));
                into.push(':');
                write_json(dice, depth - 1, into);
            }
            into.push('}');
        }
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A JSON Schema, or nearly one.
pub fn schema(dice: &mut Dice) -> Json {
    if dice.once_in(20) {
        return json(dice);
    }
    let mut text = String::new();
    write_schema(dice, 4, &mut text);
    Json::parse(text).unwrap_or_else(|_| Json::trusted("true"))
}

/// What a keyword of a schema takes.
enum Takes {
    Schema,
    Schemas,
    SchemasByName,
    Value,
    Values,
    Number,
    Names,
    Text(&'static [&'static str]),
}

const REFERENCES: &[&str] = &[
    "#",
    "#/$defs/a",
    "#/$defs/b",
    "#/properties/a",
    "#/properties/a~1b",
    "#/items",
    "#a",
    "file:///etc/passwd",
    "http://localhost/a",
    "b",
    "#/$defs/%61",
    "https://json-schema.org/draft/2020-12/schema",
];
const PATTERNS: &[&str] = &[
    "^a*$",
    "(a|b)+",
    "(a{1,50}){1,50}",
    "\\p{L}",
    "(?=a)",
    "(a)\\1",
    "[",
    "",
    "^.{0,1000}$",
    "\\w",
];
const TYPES: &[&str] = &[
    "object", "array", "string", "number", "integer", "boolean", "null", "any",
];
const FORMATS: &[&str] = &[
    "date-time",
    "uuid",
    "regex",
    "email",
    "hostname",
    "uri",
    "other",
];
const NAMES_OF_SCHEMAS: &[&str] = &["a", "b", "http://localhost/a", "#a", ""];

const KEYWORDS: &[(&str, Takes)] = &[
    ("type", Takes::Text(TYPES)),
    ("type", Takes::Text(TYPES)),
    ("properties", Takes::SchemasByName),
    ("properties", Takes::SchemasByName),
    ("items", Takes::Schema),
    ("$ref", Takes::Text(REFERENCES)),
    ("$ref", Takes::Text(REFERENCES)),
    ("$defs", Takes::SchemasByName),
    ("$defs", Takes::SchemasByName),
    ("allOf", Takes::Schemas),
    ("anyOf", Takes::Schemas),
    ("oneOf", Takes::Schemas),
    ("not", Takes::Schema),
    ("if", Takes::Schema),
    ("then", Takes::Schema),
    ("else", Takes::Schema),
    ("required", Takes::Names),
    ("additionalProperties", Takes::Schema),
    ("unevaluatedProperties", Takes::Schema),
    ("unevaluatedItems", Takes::Schema),
    ("patternProperties", Takes::SchemasByName),
    ("propertyNames", Takes::Schema),
    ("dependentSchemas", Takes::SchemasByName),
    ("dependentRequired", Takes::Value),
    ("prefixItems", Takes::Schemas),
    ("contains", Takes::Schema),
    ("minContains", Takes::Number),
    ("uniqueItems", Takes::Value),
    ("minimum", Takes::Number),
    ("exclusiveMaximum", Takes::Number),
    ("multipleOf", Takes::Number),
    ("maxLength", Takes::Number),
    ("minItems", Takes::Number),
    ("maxProperties", Takes::Number),
    ("pattern", Takes::Text(PATTERNS)),
    ("format", Takes::Text(FORMATS)),
    ("enum", Takes::Values),
    ("const", Takes::Value),
    ("default", Takes::Value),
    ("examples", Takes::Values),
    ("title", Takes::Value),
    ("$id", Takes::Text(NAMES_OF_SCHEMAS)),
    ("$anchor", Takes::Text(NAMES_OF_SCHEMAS)),
    ("$dynamicRef", Takes::Text(REFERENCES)),
    ("$dynamicAnchor", Takes::Text(NAMES_OF_SCHEMAS)),
    ("$schema", Takes::Text(REFERENCES)),
    ("definitions", Takes::SchemasByName),
];

fn write_schema(dice: &mut Dice, depth: usize, into: &mut String) {
    if depth == 0 || dice.once_in(12) {
        into.push_str(dice.word(&["true", "{}", "false", "{\"type\":\"string\"}"]));
        return;
    }
    into.push('{');
    for at in 0..dice.below(5) {
        let (keyword, takes) = dice.pick(KEYWORDS);
        into.push_str(if at > 0 { "," } else { "" });
        into.push_str(&quoted(keyword));
        into.push(':');
        write_keyword(dice, takes, depth - 1, into);
    }
    into.push('}');
}

fn write_keyword(dice: &mut Dice, takes: &Takes, depth: usize, into: &mut String) {
    // What is of the wrong kind is refused, which is to be tried as well.
    if dice.once_in(60) {
        return write_json(dice, 2, into);
    }
    match takes {
        Takes::Schema => write_schema(dice, depth, into),
        Takes::Schemas => {
            into.push('[');
            for at in 0..1 + dice.below(3) {
                into.push_str(if at > 0 { "," } else { "" });
                write_schema(dice, depth, into);
            }
            into.push(']');
        }
        Takes::SchemasByName => {
            into.push('{');
            for at in 0..dice.below(4) {
                into.push_str(if at > 0 { "," } else { "" });
                into.push_str(&quoted(&name(dice)));
                into.push(':');
                write_schema(dice, depth, into);
            }
            into.push('}');
        }
        Takes::Value => write_json(dice, 2, into),
        Takes::Values => {
            into.push('[');
            write_json(dice, 2, into);
            into.push(']');
        }
        Takes::Number => into.push_str(&dice.number().to_string()),
        Takes::Names => into.push_str(&format!("[{}]", quoted(&name(dice)))),
        Takes::Text(of) => into.push_str(&quoted(dice.word(of))),
    }
}

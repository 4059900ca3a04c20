//! Counts the steps of a check before it is made.
//!
//! The count follows the keywords as the validator does, and takes every branch: what the
//! validator does in fact is less. A schema that several references lead to is counted once for
//! each value and added each time, so the count itself is quick where the check would not be.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::shape::{SAME_VALUE, referred, schemas_of};

/// How deep a check may go: schemas within each other, on the stack of the validator.
const LEVELS_MAX: u32 = 1000;

/// Pairs of a schema and a value that are looked at for a count.
const PAIRS_MAX: u64 = 2_000_000;

/// How many steps a check of the value takes at most; `None` if that is more than `max`, or if
/// it goes too deep.
pub(super) fn count(schema: &Value, value: &Value, max: u64) -> Option<u64> {
    let mut count = Count {
        root: schema,
        max,
        known: HashMap::new(),
        pairs: 0,
    };
    count.of(schema, value, 0)
}

struct Count<'s> {
    root: &'s Value,
    max: u64,
    /// The steps of a schema that is referred to, with a value, by their addresses.
    known: HashMap<(*const Value, *const Value), u64>,
    pairs: u64,
}

impl<'s> Count<'s> {
    fn of(&mut self, schema: &'s Value, value: &Value, level: u32) -> Option<u64> {
        self.pairs += 1;
        if level > LEVELS_MAX || self.pairs > PAIRS_MAX {
            return None;
        }
        let Value::Object(members) = schema else {
            return Some(1);
        };
        let same = self.same_value(members, value, level)?;
        let within = match value {
            Value::Array(items) => self.items(members, items, level)?,
            Value::Object(fields) => self.fields(members, fields, level)?,
            _ => 0,
        };
        let own = own_steps(members, value);
        let mut steps = own.saturating_add(same).saturating_add(within);
        // What was evaluated is found out once more.
        if members.keys().any(|name| name.starts_with("unevaluated")) {
            steps = steps.saturating_mul(2);
        }
        (steps <= self.max).then_some(steps)
    }

    /// The schemas that look at the same value.
    fn same_value(
        &mut self,
        members: &'s Map<String, Value>,
        value: &Value,
        level: u32,
    ) -> Option<u64> {
        let mut steps = 0_u64;
        if let Some(target) = referred(self.root, members) {
            steps = steps.saturating_add(self.referred(target, value, level)?);
        }
        for keyword in SAME_VALUE {
            for schema in schemas_of(members, keyword) {
                steps = steps.saturating_add(self.of(schema, value, level + 1)?);
            }
        }
        Some(steps)
    }

    fn referred(&mut self, target: &'s Value, value: &Value, level: u32) -> Option<u64> {
        let pair = (std::ptr::from_ref(target), std::ptr::from_ref(value));
        if let Some(steps) = self.known.get(&pair) {
            return Some(*steps);
        }
        let steps = self.of(target, value, level + 1)?;
        self.known.insert(pair, steps);
        Some(steps)
    }

    fn items(
        &mut self,
        members: &'s Map<String, Value>,
        items: &[Value],
        level: u32,
    ) -> Option<u64> {
        let keywords = ["items", "additionalItems", "contains", "unevaluatedItems"];
        let mut steps = 0_u64;
        for schema in keywords.iter().filter_map(|name| members.get(*name)) {
            // Older drafts have a list of schemas in `items`, one for each item.
            if let Value::Array(schemas) = schema {
                for (schema, item) in schemas.iter().zip(items) {
                    steps = steps.saturating_add(self.of(schema, item, level + 1)?);
                }
                continue;
            }
            for item in items {
                steps = steps.saturating_add(self.of(schema, item, level + 1)?);
            }
        }
        if let Some(Value::Array(schemas)) = members.get("prefixItems") {
            for (schema, item) in schemas.iter().zip(items) {
                steps = steps.saturating_add(self.of(schema, item, level + 1)?);
            }
        }
        Some(steps)
    }

    fn fields(
        &mut self,
        members: &'s Map<String, Value>,
        fields: &Map<String, Value>,
        level: u32,
    ) -> Option<u64> {
        let mut steps = 0_u64;
        let named = members.get("properties").and_then(Value::as_object);
        for (name, schema) in named.into_iter().flatten() {
            steps = steps.saturating_add(1);
            if let Some(value) = fields.get(name) {
                steps = steps.saturating_add(self.of(schema, value, level + 1)?);
            }
        }
        let patterns = members.get("patternProperties").and_then(Value::as_object);
        for (pattern, schema) in patterns.into_iter().flatten() {
            for (name, value) in fields {
                steps = steps.saturating_add(match_steps(pattern, name));
                steps = steps.saturating_add(self.of(schema, value, level + 1)?);
            }
        }
        let is_named = |name: &String| named.is_some_and(|named| named.contains_key(name));
        for keyword in ["additionalProperties", "unevaluatedProperties"] {
            let Some(schema) = members.get(keyword) else {
                continue;
            };
            for (_, value) in fields.iter().filter(|(name, _)| !is_named(name)) {
                steps = steps.saturating_add(self.of(schema, value, level + 1)?);
            }
        }
        if let Some(schema) = members.get("propertyNames") {
            for name in fields.keys() {
                let name = Value::from(name.as_str());
                let steps_of_name = self.of_name(schema, &name, level)?;
                steps = steps.saturating_add(steps_of_name);
            }
        }
        Some(steps)
    }

    /// A name of a field is no part of the value: its address means nothing later.
    fn of_name(&mut self, schema: &'s Value, name: &Value, level: u32) -> Option<u64> {
        let known = std::mem::take(&mut self.known);
        let steps = self.of(schema, name, level + 1);
        self.known = known;
        steps
    }
}

/// The steps of the keywords that have no schemas in them.
fn own_steps(members: &Map<String, Value>, value: &Value) -> u64 {
    let mut steps = 1 + members.len() as u64;
    for (keyword, member) in members {
        let more = match (keyword.as_str(), member, value) {
            ("pattern", Value::String(pattern), Value::String(text)) => match_steps(pattern, text),
            ("minLength" | "maxLength" | "format", _, Value::String(text)) => {
                text.len() as u64 / 16
            }
            ("enum" | "const", member, _) => weight(member),
            ("uniqueItems", _, value) => weight(value).saturating_mul(8),
            ("required" | "dependentRequired", Value::Array(names), _) => names.len() as u64,
            _ => 0,
        };
        steps = steps.saturating_add(more);
    }
    steps
}

/// The time of a match grows with the text and with the pattern.
fn match_steps(pattern: &str, text: &str) -> u64 {
    let (pattern, text) = (pattern.len() as u64, text.len() as u64);
    1 + (text / 8).saturating_mul(1 + pattern / 16)
}

/// How much there is to compare.
fn weight(value: &Value) -> u64 {
    match value {
        Value::Array(items) => items.iter().map(weight).fold(1, u64::saturating_add),
        Value::Object(fields) => fields.values().map(weight).fold(1, u64::saturating_add),
        Value::String(text) => 1 + text.len() as u64 / 16,
        _ => 1,
    }
}

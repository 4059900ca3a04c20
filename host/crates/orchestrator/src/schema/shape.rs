//! The limits on a schema itself, and how much work it can make at most.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use crate::misfit::shorten;

/// Levels of nesting.
const DEPTH_MAX: usize = 64;

/// Regular expressions in one schema.
const PATTERNS_MAX: usize = 200;

/// `$ref`s in one schema.
const REFERENCES_MAX: usize = 2000;

/// Schemas that look at the same value, one because of the other.
const CHAIN_MAX: usize = 100;

/// Schemas and values in one schema.
const PARTS_MAX: usize = 50_000;

/// Keywords whose schemas look at the same value as the schema that they stand in.
pub(super) const SAME_VALUE: [&str; 9] = [
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "dependentSchemas",
    "dependencies",
];

/// Keywords that lead to another schema by rules which the count does not know.
const UNCOUNTED: [&str; 3] = ["$dynamicRef", "$recursiveRef", "$dynamicAnchor"];

/// What is known of a schema before any value is: its measures once all its references are
/// written out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    /// How many parts it has. [`ENDLESS`], if it refers to itself.
    size: u64,
}

/// Larger than any size that is counted.
const ENDLESS: u64 = u64::MAX / 4;

impl Shape {
    /// Errs with what is wrong if the schema goes over a limit.
    pub fn of(schema: &Value) -> Result<Self, String> {
        let schemas = Walk::of(schema).everything()?;
        let mut circles = Circles {
            root: schema,
            on_the_way: Vec::new(),
            done: HashSet::new(),
        };
        schemas.into_iter().try_for_each(|it| circles.from(it))?;
        let mut sizes = Sizes {
            root: schema,
            known: HashMap::new(),
        };
        Ok(Self {
            size: sizes.size(schema),
        })
    }

    /// How many steps a check of one byte of a value takes at most.
    pub fn steps_per_byte(self) -> u64 {
        self.size
    }
}

/// What stands in a member of a schema.
enum Holds {
    Schema,
    /// A list of schemas, or one.
    Schemas,
    SchemasByName,
    /// Anything, whatever its members are called.
    Value,
}

impl Holds {
    fn of(keyword: &str) -> Self {
        match keyword {
            "not"
            | "if"
            | "then"
            | "else"
            | "additionalItems"
            | "additionalProperties"
            | "contains"
            | "contentSchema"
            | "propertyNames"
            | "unevaluatedItems"
            | "unevaluatedProperties" => Self::Schema,
            "allOf" | "anyOf" | "oneOf" | "items" | "prefixItems" => Self::Schemas,
            "$defs" | "definitions" | "dependencies" | "dependentSchemas" | "patternProperties"
            | "properties" => Self::SchemasByName,
            _ => Self::Value,
        }
    }
}

/// Counts the parts of a schema, and finds all schemas in it and their references.
struct Walk<'s> {
    root: &'s Value,
    schemas: Vec<&'s Value>,
    known: HashSet<*const Value>,
    /// What references lead to.
    targets: Vec<&'s Value>,
    references: usize,
    patterns: usize,
    parts: usize,
}

impl<'s> Walk<'s> {
    fn of(root: &'s Value) -> Self {
        Self {
            root,
            schemas: Vec::new(),
            known: HashSet::new(),
            targets: Vec::new(),
            references: 0,
            patterns: 0,
            parts: 0,
        }
    }

    /// All schemas: where one stands, and wherever a reference leads to.
    fn everything(mut self) -> Result<Vec<&'s Value>, String> {
        self.schema(self.root, 0)?;
        while let Some(target) = self.targets.pop() {
            self.schema(target, 0)?;
        }
        Ok(self.schemas)
    }

    fn schema(&mut self, schema: &'s Value, depth: usize) -> Result<(), String> {
        if !self.known.insert(std::ptr::from_ref(schema)) {
            return Ok(());
        }
        self.schemas.push(schema);
        let Value::Object(members) = schema else {
            return self.value(schema, depth);
        };
        self.count(depth)?;
        for (name, member) in members {
            self.keyword(name, member, std::ptr::eq(schema, self.root))?;
            match (Holds::of(name), member) {
                (Holds::Schema | Holds::Schemas, Value::Object(_)) => {
                    self.schema(member, depth + 1)?;
                }
                (Holds::Schemas, Value::Array(schemas)) => {
                    self.count(depth + 1)?;
                    for schema in schemas {
                        self.schema(schema, depth + 2)?;
                    }
                }
                (Holds::SchemasByName, Value::Object(schemas)) => {
                    self.count(depth + 1)?;
                    for schema in schemas.values() {
                        self.schema(schema, depth + 2)?;
                    }
                }
                _ => self.value(member, depth + 1)?,
            }
        }
        Ok(())
    }

    fn value(&mut self, value: &'s Value, depth: usize) -> Result<(), String> {
        self.count(depth)?;
        match value {
            Value::Object(members) => {
                let mut members = members.values();
                members.try_for_each(|member| self.value(member, depth + 1))
            }
            Value::Array(items) => {
                let mut items = items.iter();
                items.try_for_each(|item| self.value(item, depth + 1))
            }
            _ => Ok(()),
        }
    }

    fn count(&mut self, depth: usize) -> Result<(), String> {
        self.parts += 1;
        if depth > DEPTH_MAX {
            return Err(format!(
                "it is nested deeper than {DEPTH_MAX} levels, which is the limit on a schema"
            ));
        }
        if self.parts > PARTS_MAX {
            return Err(format!(
                "it has more than {PARTS_MAX} parts, which is the limit on a schema"
            ));
        }
        Ok(())
    }

    fn is_draft_4(&self) -> bool {
        let draft = self.root.get("$schema").and_then(Value::as_str);
        draft.is_some_and(|draft| draft.contains("draft-04"))
    }

    fn keyword(&mut self, name: &str, member: &'s Value, of_root: bool) -> Result<(), String> {
        // The root may have a name; a part with a name changes what references mean.
        let renames = name == "$id" || (name == "id" && self.is_draft_4());
        if UNCOUNTED.contains(&name) || (renames && !of_root) {
            return Err(format!("it uses `{name}`, which is not supported"));
        }
        self.patterns += match (name, member) {
            ("pattern", Value::String(_)) => 1,
            ("patternProperties", Value::Object(patterns)) => patterns.len(),
            _ => 0,
        };
        if self.patterns > PATTERNS_MAX {
            return Err(format!(
                "it has more than {PATTERNS_MAX} patterns, which is the limit on a schema"
            ));
        }
        let ("$ref", Value::String(reference)) = (name, member) else {
            return Ok(());
        };
        self.references += 1;
        if self.references > REFERENCES_MAX {
            return Err(format!(
                "it has more than {REFERENCES_MAX} references, which is the limit on a schema"
            ));
        }
        let Some(target) = target(self.root, reference) else {
            let reference = shorten(reference);
            return Err(format!(
                "its reference `{reference}` leads out of it or nowhere: write `#/$defs/NAME`"
            ));
        };
        self.targets.push(target);
        Ok(())
    }
}

/// The part of a schema that a reference names.
pub(super) fn target<'s>(root: &'s Value, reference: &str) -> Option<&'s Value> {
    let pointer = reference.strip_prefix('#')?;
    // The fragment of a URI may be percent-encoded.
    let pointer = percent_encoding::percent_decode_str(pointer);
    root.pointer(&pointer.decode_utf8().ok()?)
}

/// How large schemas are once their references are written out.
struct Sizes<'s> {
    root: &'s Value,
    /// Of what is referred to, by its address. `None`: being measured, so it contains itself.
    known: HashMap<*const Value, Option<u64>>,
}

impl<'s> Sizes<'s> {
    fn size(&mut self, part: &'s Value) -> u64 {
        let size = match part {
            Value::Object(members) => {
                let sizes = members.iter().map(|(name, member)| match name.as_str() {
                    // They are part of it where something refers to them.
                    "$defs" | "definitions" => 0,
                    "$ref" => referred(self.root, members).map_or(1, |it| self.size_of_target(it)),
                    _ => self.size(member),
                });
                sizes.fold(1, u64::saturating_add)
            }
            Value::Array(items) => {
                let sizes = items.iter().map(|item| self.size(item));
                sizes.fold(1, u64::saturating_add)
            }
            // A text is compared or matched.
            Value::String(text) => 1 + text.len() as u64 / 16,
            _ => 1,
        };
        size.min(ENDLESS)
    }

    fn size_of_target(&mut self, target: &'s Value) -> u64 {
        let at = std::ptr::from_ref(target);
        if let Some(known) = self.known.get(&at) {
            return known.unwrap_or(ENDLESS);
        }
        self.known.insert(at, None);
        let size = self.size(target);
        self.known.insert(at, Some(size));
        size
    }
}

/// Looks for schemas that lead to themselves without going into the value.
struct Circles<'s> {
    root: &'s Value,
    on_the_way: Vec<*const Value>,
    done: HashSet<*const Value>,
}

impl<'s> Circles<'s> {
    fn from(&mut self, schema: &'s Value) -> Result<(), String> {
        let at = std::ptr::from_ref(schema);
        if self.done.contains(&at) {
            return Ok(());
        }
        if self.on_the_way.contains(&at) {
            return Err("it refers to itself for the same value, without an end".to_owned());
        }
        if self.on_the_way.len() >= CHAIN_MAX {
            return Err(format!(
                "more than {CHAIN_MAX} of its schemas follow each other for the same value, which \
                 is the limit on a schema"
            ));
        }
        let Value::Object(members) = schema else {
            return Ok(());
        };
        self.on_the_way.push(at);
        if let Some(target) = referred(self.root, members) {
            self.from(target)?;
        }
        for keyword in SAME_VALUE {
            for next in schemas_of(members, keyword) {
                self.from(next)?;
            }
        }
        self.on_the_way.pop();
        self.done.insert(at);
        Ok(())
    }
}

/// The schema that these members refer to.
pub(super) fn referred<'s>(root: &'s Value, members: &'s Map<String, Value>) -> Option<&'s Value> {
    let reference = members.get("$ref")?.as_str()?;
    target(root, reference)
}

/// The schemas of a keyword that holds one, a list of them, or some by name.
pub(super) fn schemas_of<'s>(
    members: &'s Map<String, Value>,
    keyword: &str,
) -> Box<dyn Iterator<Item = &'s Value> + 's> {
    match (members.get(keyword), keyword) {
        (Some(Value::Array(items)), _) => Box::new(items.iter()),
        (Some(Value::Object(by_name)), "dependentSchemas" | "dependencies") => {
            Box::new(by_name.values())
        }
        (Some(one), _) => Box::new(std::iter::once(one)),
        (None, _) => Box::new(std::iter::empty()),
    }
}

//! What a schema says of one value: its keywords, and those of what it refers to.
//!
//! ```text
//! {"$ref": "#/$defs/Email", "description": "…"}     the definition's keywords, under one's own
//! {"allOf": [{"$ref": "…"}], "default": …}          the same
//! {"$ref": "…", "properties": {"via": {"const": …}}}   a tagged variant: the members of both
//! ```
//!
//! Invariant: what is not understood is said to be so, and is drawn as JSON. Nothing is decided
//! by it but how a field looks: whether a value fits, `orchestrator::parameters` says.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};

use super::tree::Tree;

/// References on the way to a field. A longer way is drawn as JSON.
const TRAIL_MAX: usize = 32;
/// Keywords and properties that are looked at for one form. What is looked at later is drawn
/// as JSON: a schema of a few kilobytes can refer to itself millions of times.
const WORK_MAX: usize = 500_000;

/// A schema, and its definitions by name.
pub struct Schema<'s> {
    pub root: &'s Tree,
    named: HashMap<String, &'s Tree>,
    work: Cell<usize>,
}

/// The references that were followed from the root to a field. It starts with `#`, the root.
pub type Trail<'s> = Vec<&'s str>;

/// The keywords about one value.
#[derive(Default)]
pub struct Keywords<'s> {
    pub title: Option<&'s str>,
    pub description: Option<&'s str>,
    pub default: Option<&'s Tree>,
    pub format: Option<&'s str>,
    pub kinds: Option<Vec<&'s str>>,
    pub fixed: Option<&'s Tree>,
    pub options: Option<&'s [Tree]>,
    pub branches: Option<&'s [Tree]>,
    pub items: Option<&'s Tree>,
    pub has_properties: bool,
    pub properties: Vec<(&'s str, &'s Tree)>,
    pub required: HashSet<&'s str>,
    pub additional: Option<&'s Tree>,
    /// `minimum`, `maxLength` and the like, for the hint.
    pub bounds: HashMap<&'s str, &'s Tree>,
    /// The name of the definition, if it is one.
    pub named: Option<&'s str>,
    /// Something is there that no field shows.
    pub is_strange: bool,
}

impl<'s> Schema<'s> {
    pub fn new(root: &'s Tree) -> Self {
        let mut named = HashMap::new();
        for place in ["$defs", "definitions"] {
            if let Some(Tree::Object(definitions)) = root.get(place) {
                for (name, definition) in definitions {
                    let name = name.replace('~', "~0").replace('/', "~1");
                    named.insert(format!("#/{place}/{name}"), definition);
                }
            }
        }
        named.insert("#".to_owned(), root);
        Self {
            root,
            named,
            work: Cell::new(0),
        }
    }

    /// The keywords of a schema, and the references that were followed for them.
    pub fn keywords(&self, schema: &'s Tree, trail: &[&'s str]) -> (Keywords<'s>, Trail<'s>) {
        let mut keywords = Keywords::default();
        let mut trail = trail.to_vec();
        self.add(schema, &mut keywords, &mut trail);
        (keywords, trail)
    }

    /// Adds the keywords of another schema for the same value.
    pub fn add(&self, schema: &'s Tree, keywords: &mut Keywords<'s>, trail: &mut Trail<'s>) {
        if self.gather(schema, keywords, trail).is_none() {
            keywords.is_strange = true;
        }
    }

    /// Adds the keywords of a schema. None if some of them are not understood.
    fn gather(
        &self,
        schema: &'s Tree,
        keywords: &mut Keywords<'s>,
        trail: &mut Trail<'s>,
    ) -> Option<()> {
        let Tree::Object(members) = schema else {
            return (schema == &Tree::Bool(true)).then_some(());
        };
        let properties = match schema.get("properties") {
            Some(Tree::Object(properties)) => properties.len(),
            _ => 0,
        };
        self.work
            .set(self.work.get() + 1 + members.len() + properties);
        if self.work.get() > WORK_MAX {
            return None;
        }
        let mut understood = Some(());
        for (word, value) in members {
            understood = understood.and(keywords.add(word, value));
        }
        if let Some(parts) = schema.get("allOf") {
            match parts {
                Tree::List(parts) if parts.len() == 1 => {
                    self.gather(&parts[0], keywords, trail)?;
                }
                _ => return None,
            }
        }
        if let Some(reference) = schema.get("$ref") {
            let reference = reference.as_str()?;
            if trail.contains(&reference) || trail.len() >= TRAIL_MAX {
                return None;
            }
            trail.push(reference);
            keywords.named.get_or_insert(reference.rsplit('/').next()?);
            self.gather(self.named.get(reference)?, keywords, trail)?;
        }
        understood
    }
}

impl<'s> Keywords<'s> {
    /// Adds one keyword. What was said before counts for words about the field; for words
    /// about the value, a second time is not understood.
    fn add(&mut self, word: &'s str, value: &'s Tree) -> Option<()> {
        match word {
            "title" => once(&mut self.title, value.as_str()),
            "description" => once(&mut self.description, value.as_str()),
            "default" => once(&mut self.default, Some(value)),
            "format" => once(&mut self.format, value.as_str()),
            "type" => self.add_kinds(value),
            "const" => set(&mut self.fixed, Some(value)),
            "enum" => set(&mut self.options, list(value)),
            "oneOf" | "anyOf" => set(&mut self.branches, list(value)),
            "items" => set(&mut self.items, Some(value)),
            "properties" => self.add_properties(value),
            "required" => {
                self.required
                    .extend(list(value)?.iter().filter_map(Tree::as_str));
                Some(())
            }
            "additionalProperties" => once(&mut self.additional, Some(value)),
            "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf"
            | "minLength" | "maxLength" | "pattern" | "minItems" | "maxItems" | "uniqueItems"
            | "minProperties" | "maxProperties" => {
                self.bounds.entry(word).or_insert(value);
                Some(())
            }
            "$ref" | "allOf" | "$defs" | "definitions" | "$schema" | "$comment" | "examples"
            | "deprecated" | "readOnly" | "writeOnly" | "contentEncoding" | "contentMediaType" => {
                Some(())
            }
            _ => None,
        }
    }

    fn add_kinds(&mut self, value: &'s Tree) -> Option<()> {
        let kinds: Vec<&str> = match value {
            Tree::String(kind) => vec![kind],
            value => list(value)?
                .iter()
                .map(Tree::as_str)
                .collect::<Option<_>>()?,
        };
        match &self.kinds {
            Some(before) if *before != kinds => None,
            _ => {
                self.kinds = Some(kinds);
                Some(())
            }
        }
    }

    fn add_properties(&mut self, value: &'s Tree) -> Option<()> {
        let Tree::Object(members) = value else {
            return None;
        };
        let before: HashSet<&str> = self.properties.iter().map(|(name, _)| *name).collect();
        if members
            .iter()
            .any(|(name, _)| before.contains(name.as_str()))
        {
            return None;
        }
        self.has_properties = true;
        let members = members.iter().map(|(name, schema)| (name.as_str(), schema));
        self.properties.extend(members);
        Some(())
    }

    /// A bound as it is written, if it is a number.
    pub fn bound(&self, word: &str) -> Option<&'s str> {
        match self.bounds.get(word) {
            Some(Tree::Number(bound)) => Some(bound),
            _ => None,
        }
    }
}

fn once<T>(place: &mut Option<T>, value: Option<T>) -> Option<()> {
    place.get_or_insert(value?);
    Some(())
}

fn set<T>(place: &mut Option<T>, value: Option<T>) -> Option<()> {
    if place.is_some() {
        return None;
    }
    *place = Some(value?);
    Some(())
}

fn list(value: &Tree) -> Option<&[Tree]> {
    match value {
        Tree::List(items) => Some(items),
        _ => None,
    }
}

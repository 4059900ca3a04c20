//! How a value is drawn, by its schema.
//!
//! ```text
//! string                  one line, or several      enum, boolean    radios, or a list to select from
//! string, date-time       date, time and zone       oneOf, anyOf     a fieldset for each branch
//! integer, number         a line                    list of scalars  a line for each
//! object                  a fieldset                list of others   items with Add and Remove
//! all else                JSON
//! ```

use std::collections::HashSet;

use super::keywords::{Keywords, Schema, Trail};
use super::tree::Tree;

/// Branches of one union. More are drawn as JSON.
const BRANCHES_MAX: usize = 64;

/// Members of one object. More are drawn as JSON.
const MEMBERS_MAX: usize = 500;

static NULL: Tree = Tree::Null;

/// One value as a schema describes it.
pub struct Node<'s> {
    pub keywords: Keywords<'s>,
    /// The references that led here, for what is inside.
    pub trail: Trail<'s>,
    pub shape: Shape<'s>,
    pub is_nullable: bool,
}

pub enum Shape<'s> {
    Text,
    /// RFC 3339, as date, time and zone.
    Moment,
    Number,
    Choice(Vec<Choice>),
    /// There is nothing to choose, such as the tag of a variant.
    Fixed(&'s Tree),
    Lines(Line),
    Items(&'s Tree),
    Group(Vec<Member<'s>>),
    Union(Vec<&'s Tree>),
    Json,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    pub label: String,
    pub about: Option<String>,
    pub value: Tree,
}

/// What a line of a list stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    Text,
    Number,
    OneOf(Vec<Choice>),
}

pub struct Member<'s> {
    pub name: &'s str,
    pub schema: &'s Tree,
    pub is_required: bool,
}

impl<'s> Node<'s> {
    pub fn of(schema: &Schema<'s>, part: &'s Tree, trail: &[&'s str]) -> Self {
        let (mut keywords, mut trail) = schema.keywords(part, trail);
        let mut is_null_typed = without_null(&mut keywords);
        let mut is_nullable = false;
        if let Some(branches) = keywords.branches {
            let mut others = branches.iter().filter(|branch| !is_null(branch));
            is_nullable = branches.iter().any(is_null);
            if let (Some(only), None) = (others.next(), others.next()) {
                keywords.branches = None;
                schema.add(only, &mut keywords, &mut trail);
                is_null_typed |= without_null(&mut keywords);
            }
        }
        // A constant and a list of options say themselves whether they are null.
        is_nullable |= is_null_typed && keywords.fixed.is_none() && keywords.options.is_none();
        let mut shape = shape(schema, &keywords, &trail);
        match &mut shape {
            Shape::Json => is_nullable = false,
            Shape::Choice(choices) if is_nullable => {
                choices.extend(self::choices(&[Tree::Null]));
                is_nullable = false;
            }
            _ => {}
        }
        Self {
            keywords,
            trail,
            shape,
            is_nullable,
        }
    }
}

/// Takes `null` out of the types. Whether it was there among others.
fn without_null(keywords: &mut Keywords<'_>) -> bool {
    match &mut keywords.kinds {
        Some(kinds) if kinds.len() > 1 => {
            let before = kinds.len();
            kinds.retain(|kind| *kind != "null");
            kinds.len() < before
        }
        _ => false,
    }
}

fn is_null(schema: &Tree) -> bool {
    let is_one_null = |options: &Tree| options.is_same(&Tree::List(vec![Tree::Null]));
    schema.get("type").and_then(Tree::as_str) == Some("null")
        || schema.get("const") == Some(&Tree::Null)
        || schema.get("enum").is_some_and(is_one_null)
}

fn shape<'s>(schema: &Schema<'s>, keywords: &Keywords<'s>, trail: &[&'s str]) -> Shape<'s> {
    let kind = match keywords.kinds.as_deref() {
        Some([kind]) => Some(*kind),
        None => None,
        Some(_) => return Shape::Json,
    };
    let has_parts = keywords.has_properties || keywords.items.is_some();
    match (keywords.fixed, keywords.options, keywords.branches) {
        _ if keywords.is_strange => Shape::Json,
        (None, None, None) => shape_of_kind(schema, keywords, kind, trail),
        _ if has_parts => Shape::Json,
        (Some(value), None, None) => Shape::Fixed(value),
        (None, Some([only]), None) => Shape::Fixed(only),
        (None, Some(options), None) => Shape::Choice(choices(options)),
        (None, None, Some(branches)) => union_of(schema, branches, trail),
        _ => Shape::Json,
    }
}

fn shape_of_kind<'s>(
    schema: &Schema<'s>,
    keywords: &Keywords<'s>,
    kind: Option<&str>,
    trail: &[&'s str],
) -> Shape<'s> {
    match kind {
        Some("string") if keywords.format == Some("date-time") => Shape::Moment,
        Some("string") => Shape::Text,
        Some("integer" | "number") => Shape::Number,
        Some("boolean") => Shape::Choice(choices(&[Tree::Bool(true), Tree::Bool(false)])),
        Some("null") => Shape::Fixed(&NULL),
        Some("array") => match keywords.items {
            Some(items) => list_of(schema, items, trail),
            None => Shape::Json,
        },
        Some("object") | None if keywords.has_properties || is_closed(keywords) => group(keywords),
        _ => Shape::Json,
    }
}

fn is_closed(keywords: &Keywords<'_>) -> bool {
    keywords.additional == Some(&Tree::Bool(false))
}

fn group<'s>(keywords: &Keywords<'s>) -> Shape<'s> {
    let is_map = keywords.additional.is_some() && !is_closed(keywords);
    if is_map || keywords.properties.len() > MEMBERS_MAX {
        return Shape::Json;
    }
    let known: HashSet<&str> = keywords.properties.iter().map(|(name, _)| *name).collect();
    if !keywords.required.is_subset(&known) {
        return Shape::Json;
    }
    let members = keywords.properties.iter().map(|&(name, schema)| Member {
        name,
        schema,
        is_required: keywords.required.contains(name),
    });
    Shape::Group(members.collect())
}

fn list_of<'s>(schema: &Schema<'s>, items: &'s Tree, trail: &[&'s str]) -> Shape<'s> {
    let item = Node::of(schema, items, trail);
    match item.shape {
        _ if item.is_nullable => Shape::Items(items),
        Shape::Text | Shape::Moment => Shape::Lines(Line::Text),
        Shape::Number => Shape::Lines(Line::Number),
        Shape::Choice(choices) => Shape::Lines(Line::OneOf(choices)),
        // Items of any kind are written as JSON, and so is their list.
        Shape::Json if is_anything(items) => Shape::Json,
        _ => Shape::Items(items),
    }
}

fn is_anything(schema: &Tree) -> bool {
    matches!(schema, Tree::Bool(_)) || schema == &Tree::Object(Vec::new())
}

fn union_of<'s>(schema: &Schema<'s>, branches: &'s [Tree], trail: &[&'s str]) -> Shape<'s> {
    let branches: Vec<&Tree> = branches.iter().filter(|branch| !is_null(branch)).collect();
    if branches.is_empty() || branches.len() > BRANCHES_MAX {
        return Shape::Json;
    }
    let mut choices = Vec::new();
    for branch in &branches {
        let node = Node::of(schema, branch, trail);
        let about = node.keywords.description.map(str::to_owned);
        match node.shape {
            _ if node.is_nullable => return Shape::Union(branches),
            Shape::Fixed(value) => choices.push(Choice {
                label: match node.keywords.title {
                    Some(title) => title.to_owned(),
                    None => label_of(value),
                },
                about,
                value: value.clone(),
            }),
            Shape::Choice(options) => choices.extend(options),
            _ => return Shape::Union(branches),
        }
    }
    Shape::Choice(choices)
}

fn choices(options: &[Tree]) -> Vec<Choice> {
    let choice = |value: &Tree| Choice {
        label: label_of(value),
        about: None,
        value: value.clone(),
    };
    options.iter().map(choice).collect()
}

/// A value in a list to choose from: text as it is, all else as JSON.
pub fn label_of(value: &Tree) -> String {
    match value {
        Tree::String(text) if !text.trim().is_empty() => text.clone(),
        value => value.compact(),
    }
}

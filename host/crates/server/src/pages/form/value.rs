//! A value as the source of a form: what a field shows if nothing was posted.
//!
//! Without a value the field shows the schema's default, and is left out unless it is required.

use super::field::{Format, Kind};
use super::keywords::Schema;
use super::lines;
use super::moment::Moment;
use super::shape::{Choice, Line, Node, Shape};
use super::tree::{self, Tree};
use super::union::branch_of;

#[derive(Clone, Copy, Default)]
pub struct Given<'a> {
    pub value: Option<&'a Tree>,
    default: Option<&'a Tree>,
}

impl<'a> Given<'a> {
    pub fn value(value: &'a Tree) -> Self {
        Self {
            value: Some(value),
            default: None,
        }
    }

    /// With the default of the field's own schema, if it can be shown.
    pub fn or_default<'s: 'a>(mut self, schema: &Schema<'s>, node: &Node<'s>) -> Self {
        if self.value.is_none() && self.default.is_none() {
            self.default = node.keywords.default;
        }
        let is_shown = |default: &&Tree| is_null(node, default) || fits(schema, node, default);
        if !matches!(node.shape, Shape::Json) {
            self.default = self.default.filter(is_shown);
        }
        self
    }

    fn content(&self) -> Option<&'a Tree> {
        self.value.or(self.default)
    }

    pub fn is_null(&self, node: &Node<'_>) -> bool {
        self.content().is_some_and(|content| is_null(node, content))
    }

    /// What is inside: nothing, if it is null.
    pub fn inside(self, node: &Node<'_>) -> Self {
        if self.is_null(node) {
            Self::default()
        } else {
            self
        }
    }

    /// The text of the field if it is written as JSON: because of its schema, or because its
    /// value does not go into the fields that the schema gives.
    pub fn as_json(&self, schema: &Schema<'_>, node: &Node<'_>) -> Option<String> {
        match self.content() {
            Some(content) if !fits(schema, node, content) => Some(content.pretty()),
            None if matches!(node.shape, Shape::Json) => Some(String::new()),
            _ => None,
        }
    }

    pub fn text(&self, format: Format) -> Kind {
        Kind::Text {
            text: self.string().unwrap_or_default().to_owned(),
            format,
        }
    }

    pub fn number(&self) -> Kind {
        Kind::Number(match self.content() {
            Some(Tree::Number(text) | Tree::String(text)) => text.clone(),
            _ => String::new(),
        })
    }

    pub fn moment(&self) -> Kind {
        match self.string() {
            None => Kind::Moment(Moment::default()),
            Some(text) => match Moment::split(text) {
                Some(moment) => Kind::Moment(moment),
                None => self.text(Format::Plain),
            },
        }
    }

    pub fn choice(&self, choices: &[Choice]) -> Option<usize> {
        let content = self.content()?;
        choices
            .iter()
            .position(|choice| choice.value.is_same(content))
    }

    pub fn lines(&self, line: &Line) -> String {
        let content = self.content();
        content
            .and_then(|list| lines::written(line, list))
            .unwrap_or_default()
    }

    pub fn branch<'s>(
        &self,
        schema: &Schema<'s>,
        branches: &[&'s Tree],
        trail: &[&'s str],
    ) -> Option<usize> {
        branch_of(schema, branches, trail, self.content()?)
    }

    pub fn items(&self) -> Vec<Self> {
        match self.content() {
            Some(Tree::List(items)) => items.iter().map(Self::value).collect(),
            _ => Vec::new(),
        }
    }

    /// A member's value. What is in the default of an object counts as given within it.
    pub fn member(&self, name: &str) -> Self {
        Self {
            value: self.content().and_then(|content| content.get(name)),
            default: None,
        }
    }

    /// The same for a branch that it is meant for.
    pub fn as_branch(&self) -> Self {
        Self {
            value: self.content(),
            default: None,
        }
    }

    fn string(&self) -> Option<&'a str> {
        self.content().and_then(Tree::as_str)
    }
}

fn is_null(node: &Node<'_>, value: &Tree) -> bool {
    node.is_nullable && value == &Tree::Null
}

/// Whether the value comes back from the fields of its schema as it is.
fn fits(schema: &Schema<'_>, node: &Node<'_>, value: &Tree) -> bool {
    if is_null(node, value) {
        return true;
    }
    match (&node.shape, value) {
        // A browser changes line ends, and shows no zero bytes.
        (Shape::Text | Shape::Moment, Tree::String(text)) => !text.contains(['\r', '\0']),
        (Shape::Number, Tree::Number(_)) => true,
        (Shape::Number, Tree::String(text)) => {
            let is_kept = !text.contains(['\r', '\n', '\0']) && !text.trim().is_empty();
            is_kept && tree::number(text).is_none()
        }
        (Shape::Choice(choices), value) => choices.iter().any(|choice| choice.value.is_same(value)),
        (Shape::Fixed(fixed), value) => fixed.is_same(value),
        (Shape::Lines(line), list) => lines::written(line, list).is_some(),
        (Shape::Items(_), Tree::List(_)) => true,
        (Shape::Group(members), Tree::Object(given)) => {
            let is_known = |name: &String| members.iter().any(|member| member.name == name);
            given.iter().all(|(name, _)| is_known(name))
        }
        (Shape::Union(branches), value) => {
            branch_of(schema, branches, &node.trail, value).is_some()
        }
        _ => false,
    }
}

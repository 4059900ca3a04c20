//! Which branch of a union a value is meant for.
//!
//! The first whose types, tags and required members are there. A wrong guess does no harm: a
//! branch that cannot show a value shows it as JSON.

use super::keywords::Schema;
use super::shape::{Node, Shape};
use super::tree::Tree;

/// Nesting that is compared.
const DEPTH_MAX: usize = 3;
/// Items of a list that are compared.
const ITEMS_MAX: usize = 8;

/// The place of the branch. First without members that it does not know, then with them.
pub fn branch_of<'s>(
    schema: &Schema<'s>,
    branches: &[&'s Tree],
    trail: &[&'s str],
    value: &Tree,
) -> Option<usize> {
    let accepting = |is_strict| {
        let matching = Matching { schema, is_strict };
        branches
            .iter()
            .position(|branch| matching.accepts(branch, trail, value, DEPTH_MAX))
    };
    accepting(true).or_else(|| accepting(false))
}

struct Matching<'a, 's> {
    schema: &'a Schema<'s>,
    is_strict: bool,
}

impl<'s> Matching<'_, 's> {
    fn accepts(&self, part: &'s Tree, trail: &[&'s str], value: &Tree, depth: usize) -> bool {
        let node = Node::of(self.schema, part, trail);
        if node.is_nullable && value == &Tree::Null {
            return true;
        }
        let Some(below) = depth.checked_sub(1) else {
            return true;
        };
        match &node.shape {
            Shape::Text | Shape::Moment => matches!(value, Tree::String(_)),
            Shape::Number => matches!(value, Tree::Number(_)),
            Shape::Choice(choices) => choices.iter().any(|choice| choice.value.is_same(value)),
            Shape::Fixed(fixed) => fixed.is_same(value),
            Shape::Lines(_) | Shape::Items(_) => {
                let (Tree::List(items), Some(schema)) = (value, node.keywords.items) else {
                    return false;
                };
                let mut items = items.iter().take(ITEMS_MAX);
                items.all(|item| self.accepts(schema, &node.trail, item, below))
            }
            Shape::Group(members) => {
                let Tree::Object(given) = value else {
                    return false;
                };
                let fits = members.iter().all(|member| match value.get(member.name) {
                    Some(value) => self.accepts(member.schema, &node.trail, value, below),
                    None => !member.is_required,
                });
                let is_known = |name: &String| members.iter().any(|member| member.name == name);
                fits && (!self.is_strict || given.iter().all(|(name, _)| is_known(name)))
            }
            Shape::Union(branches) => branches
                .iter()
                .any(|branch| self.accepts(branch, &node.trail, value, below)),
            Shape::Json => match &node.keywords.kinds {
                Some(kinds) => kinds.iter().any(|kind| {
                    *kind == value.kind() || (*kind == "integer" && value.kind() == "number")
                }),
                None => true,
            },
        }
    }
}

//! A form's fields, as they are filled in.
//!
//! What was typed stays as it was typed, right or wrong. The JSON is made of it when asked for.

use model::Json;
use sha2::{Digest, Sha256};

use super::lines;
use super::moment::Moment;
use super::path;
use super::shape::{Choice, Line};
use super::tree::{self, Tree};

/// One value, or a group of values, with what is said about it.
#[derive(Clone, Debug)]
pub struct Field {
    /// See [`path`]. Set by [`place`](Self::place), as are the next two.
    pub path: String,
    pub pointer: String,
    pub id: String,
    /// The member's name. Empty for an item, a branch and the whole value.
    pub key: String,
    pub label: String,
    pub about: Option<String>,
    /// `integer 1 to 1000, default 100`
    pub hint: String,
    pub is_required: bool,
    /// Whether it is part of the value. A required field always is.
    pub is_given: bool,
    /// Whether null is chosen, where it may be.
    pub null: Option<bool>,
    /// It had no value when it was drawn. A text is then given once something is typed.
    pub is_unset: bool,
    /// A button puts the default in place.
    pub has_reset: bool,
    pub kind: Kind,
    pub errors: Vec<String>,
}

#[derive(Clone, Debug)]
pub enum Kind {
    Text {
        text: String,
        format: Format,
    },
    Number(String),
    Moment(Moment),
    Choice {
        choices: Vec<Choice>,
        chosen: Option<usize>,
    },
    Fixed(Tree),
    Lines {
        line: Line,
        text: String,
    },
    Items(Vec<Field>),
    Group(Vec<Field>),
    Union {
        branches: Vec<Field>,
        chosen: Option<usize>,
    },
    Json(String),
}

/// What kind of text is wanted, for the keyboard of a phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Plain,
    Date,
    Email,
    Address,
}

impl Field {
    /// Gives the field and all below it their places.
    pub fn place(&mut self, path: &str) {
        path.clone_into(&mut self.path);
        self.pointer = path::pointer(path);
        self.id = path::id(path);
        match &mut self.kind {
            Kind::Group(members) => {
                for member in members {
                    member.place(&path::below(path, &member.key));
                }
            }
            Kind::Items(items) => {
                for (at, item) in items.iter_mut().enumerate() {
                    item.label = format!("{}", at + 1);
                    item.place(&path::below(path, &at.to_string()));
                }
            }
            Kind::Union { branches, .. } => {
                for (at, branch) in branches.iter_mut().enumerate() {
                    branch.place(&path::branch(path, at));
                }
            }
            _ => {}
        }
    }

    /// The value. None if the field is left out, or is required and empty.
    pub fn value(&self) -> Option<Tree> {
        if !self.is_given {
            return None;
        }
        match self.shown() {
            Some(value) => Some(value),
            None if self.is_required => None,
            // It is to be given, but nothing was filled in. The schema has to say so.
            None => Some(match &self.kind {
                Kind::Number(_) | Kind::Moment(_) => Tree::from(""),
                Kind::Json(text) => Tree::Typed(text.clone()),
                _ => Tree::Null,
            }),
        }
    }

    /// What it would be if it was given.
    pub fn shown(&self) -> Option<Tree> {
        if self.null == Some(true) {
            Some(Tree::Null)
        } else {
            self.content()
        }
    }

    /// What is filled in, whether or not it counts. None if nothing is.
    fn content(&self) -> Option<Tree> {
        match &self.kind {
            Kind::Text { text, .. } => {
                let is_empty = self.is_unset && text.is_empty();
                (!is_empty).then(|| Tree::String(text.clone()))
            }
            Kind::Number(text) => match tree::number(text) {
                _ if text.trim().is_empty() => None,
                Some(number) => Some(Tree::Number(number)),
                None => Some(Tree::String(text.clone())),
            },
            Kind::Moment(moment) => match moment.text() {
                _ if moment.is_blank() => None,
                Ok(text) => Some(Tree::String(text)),
                Err(_) => {
                    let Moment { date, time, zone } = moment;
                    Some(Tree::String(format!("{date} {time} {zone}")))
                }
            },
            Kind::Choice { choices, chosen } => Some(choices.get((*chosen)?)?.value.clone()),
            Kind::Fixed(value) => Some(value.clone()),
            Kind::Lines { line, text } => Some(Tree::List(lines::read(line, text))),
            Kind::Items(items) => {
                let items = items.iter().map(|item| item.value().unwrap_or(Tree::Null));
                Some(Tree::List(items.collect()))
            }
            Kind::Group(members) => {
                let members = members
                    .iter()
                    .filter_map(|member| Some((member.key.clone(), member.value()?)));
                Some(Tree::Object(members.collect()))
            }
            Kind::Union { branches, chosen } => branches.get((*chosen)?)?.value(),
            Kind::Json(text) => (!text.trim().is_empty()).then(|| Tree::Typed(text.clone())),
        }
    }

    /// A mark of what is filled in, for a field that is left out or null. If it is another one
    /// when it comes back, someone has typed into a field that does not count.
    pub fn mark(&self) -> Option<String> {
        if self.is_given && self.null != Some(true) {
            return None;
        }
        let content = self.content().map(|content| content.compact());
        let digest = Sha256::digest(content.unwrap_or_default());
        Some(
            digest
                .iter()
                .take(8)
                .map(|byte| format!("{byte:02x}"))
                .collect(),
        )
    }

    /// Says at each field that counts what can be no JSON. Whether all is well.
    pub fn check(&mut self) -> bool {
        if !self.is_given || self.null == Some(true) {
            return self.errors.is_empty();
        }
        let found = match &self.kind {
            Kind::Json(text) if !self.is_required || !text.trim().is_empty() => {
                Json::tidy(text).err().map(|err| err.to_string())
            }
            Kind::Moment(moment) if !moment.is_blank() => {
                moment.text().err().map(|err| err.to_string())
            }
            _ => None,
        };
        self.errors.extend(found);
        let mut is_well = self.errors.is_empty();
        for field in self.parts_that_count() {
            is_well &= field.check();
        }
        is_well
    }

    fn parts_that_count(&mut self) -> &mut [Self] {
        match &mut self.kind {
            Kind::Group(fields) | Kind::Items(fields) => fields,
            Kind::Union { branches, chosen } => match chosen.and_then(|at| branches.get_mut(at)) {
                Some(branch) => std::slice::from_mut(branch),
                None => &mut [],
            },
            _ => &mut [],
        }
    }

    /// The fields directly below it.
    pub fn parts(&self) -> &[Self] {
        match &self.kind {
            Kind::Group(fields)
            | Kind::Items(fields)
            | Kind::Union {
                branches: fields, ..
            } => fields,
            _ => &[],
        }
    }

    pub fn parts_mut(&mut self) -> &mut [Self] {
        match &mut self.kind {
            Kind::Group(fields)
            | Kind::Items(fields)
            | Kind::Union {
                branches: fields, ..
            } => fields,
            _ => &mut [],
        }
    }

    /// The innermost field on the way of a pointer that counts.
    pub fn find(&mut self, pointer: &str) -> &mut Self {
        let is_below = |part: &Self| {
            let rest = pointer.strip_prefix(part.pointer.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let found = self.parts_that_count().iter().position(is_below);
        match found {
            Some(at) => self.parts_that_count()[at].find(pointer),
            None => self,
        }
    }
}

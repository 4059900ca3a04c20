//! What a browser posted as the source of a form: the fields as they were typed.
//!
//! A field says by the names that it posts how it was drawn, so that it is read the same way
//! whatever its schema says. What a browser did not post is empty.

use std::collections::HashMap;

use super::field::{Format, Kind};
use super::moment::Moment;
use super::path::{self, Role};
use super::shape::{Choice, Node, Shape};
use super::tree::Tree;

/// Pairs of one form. A form of 2,000 fields posts fewer.
const PAIRS_MAX: usize = 20_000;
/// As large as a value may be.
const BYTES_MAX: usize = 4 << 20;
/// Items of a list, whatever is posted.
const ITEMS_MAX: usize = 2_000;

/// Why posted fields are not read at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("the form has {0} fields; the limit is {PAIRS_MAX}")]
    Fields(usize),
    #[error("the form has {0} bytes; the limit is {BYTES_MAX}")]
    Bytes(usize),
    /// The form was not drawn by this schema.
    #[error("the form has more fields than can be drawn: write the value as JSON")]
    Drawn,
}

/// What was asked for by the button that was pressed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Asked {
    #[default]
    Submit,
    ShowForm,
    ShowJson,
    /// One more item in the list at the path.
    Add(String),
    /// Without the item at the path.
    Remove(String),
    /// The default of the field at the path.
    Reset(String),
}

impl Asked {
    fn of(button: &str) -> Self {
        match button.split_once(' ') {
            None if button == "form" => Self::ShowForm,
            None if button == "json" => Self::ShowJson,
            Some(("add", path)) => Self::Add(path.to_owned()),
            Some(("remove", path)) => Self::Remove(path.to_owned()),
            Some(("reset", path)) => Self::Reset(path.to_owned()),
            _ => Self::Submit,
        }
    }
}

/// The fields of a form by name. Of equal names the last one counts.
#[derive(Clone, Debug)]
pub struct Posted<'a> {
    pairs: HashMap<&'a str, &'a str>,
    pub asked: Asked,
}

impl<'a> Posted<'a> {
    pub fn of(pairs: &'a [(String, String)]) -> Result<Self, Unreadable> {
        if pairs.len() > PAIRS_MAX {
            return Err(Unreadable::Fields(pairs.len()));
        }
        let bytes = pairs
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        if bytes > BYTES_MAX {
            return Err(Unreadable::Bytes(bytes));
        }
        let pairs: HashMap<&str, &str> = pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let asked = pairs
            .get(path::DO)
            .map_or(Asked::Submit, |button| Asked::of(button));
        Ok(Self { pairs, asked })
    }

    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.pairs.get(name).copied()
    }

    /// A text as it was typed: browsers post every line end as two characters.
    pub fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(|text| text.replace("\r\n", "\n"))
    }
}

/// A field among those that were posted.
#[derive(Clone)]
pub struct Typed<'a> {
    posted: &'a Posted<'a>,
    path: String,
}

impl<'a> Typed<'a> {
    pub fn root(posted: &'a Posted<'a>) -> Self {
        Self {
            posted,
            path: String::new(),
        }
    }

    fn get(&self, role: Role) -> Option<&'a str> {
        self.posted.get(&path::name(&self.path, role))
    }

    fn string(&self, role: Role) -> Option<String> {
        self.posted.text(&path::name(&self.path, role))
    }

    pub fn has(&self, role: Role) -> bool {
        self.get(role).is_some()
    }

    /// What [`Field::mark`](super::field::Field::mark) was when the field was drawn.
    pub fn mark(&self) -> Option<&'a str> {
        self.get(Role::Was)
    }

    pub fn is_reset(&self) -> bool {
        self.posted.asked == Asked::Reset(self.path.clone())
    }

    /// The text of the field if it was drawn as JSON, or has to be.
    pub fn as_json(&self, node: &Node<'_>) -> Option<String> {
        let typed = self.string(Role::Json);
        typed.or_else(|| match &node.shape {
            Shape::Json => Some(String::new()),
            Shape::Choice(choices) => {
                let chosen = self.string(Role::Choice);
                let chosen = chosen.filter(|chosen| !chosen.is_empty())?;
                self.choice(choices).is_none().then_some(chosen)
            }
            _ => None,
        })
    }

    pub fn text(&self, format: Format) -> Kind {
        Kind::Text {
            text: self.string(Role::Value).unwrap_or_default(),
            format,
        }
    }

    pub fn number(&self) -> Kind {
        Kind::Number(self.string(Role::Value).unwrap_or_default())
    }

    pub fn moment(&self) -> Kind {
        if self.has(Role::Value) {
            return self.text(Format::Plain);
        }
        Kind::Moment(Moment {
            date: self.string(Role::Date).unwrap_or_default(),
            time: self.string(Role::Time).unwrap_or_default(),
            zone: self.string(Role::Zone).unwrap_or_default(),
        })
    }

    pub fn choice(&self, choices: &[Choice]) -> Option<usize> {
        let chosen = Tree::parse(self.get(Role::Choice)?)?;
        choices
            .iter()
            .position(|choice| choice.value.is_same(&chosen))
    }

    pub fn lines(&self) -> String {
        self.string(Role::Value).unwrap_or_default()
    }

    pub fn branch(&self, count: usize) -> Option<usize> {
        let chosen = self.get(Role::Choice)?.parse().ok()?;
        (chosen < count).then_some(chosen)
    }

    pub fn at_branch(&self, at: usize) -> Self {
        self.at(path::branch(&self.path, at))
    }

    pub fn member(&self, name: &str) -> Self {
        self.at(path::below(&self.path, name))
    }

    /// The items that stay, and whether one is added.
    pub fn items(&self) -> (Vec<Self>, bool) {
        let count = self.get(Role::Items).and_then(|count| count.parse().ok());
        let count: usize = count.unwrap_or_default();
        let items = (0..count.min(ITEMS_MAX)).map(|at| self.member(&at.to_string()));
        let asked = &self.posted.asked;
        let items = items.filter(|item| *asked != Asked::Remove(item.path.clone()));
        (items.collect(), *asked == Asked::Add(self.path.clone()))
    }

    fn at(&self, path: String) -> Self {
        Self {
            posted: self.posted,
            path,
        }
    }
}

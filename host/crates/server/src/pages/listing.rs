//! The page of things that need no template of their own: facts, tables, values.

use askama::Template;

use super::fields::Fields;
use super::filters::Filters;
use super::parts::{Action, Link, Pair, Table};
use super::shell::Shell;
use super::show::Value;

#[derive(Template)]
#[template(path = "listing.html")]
pub struct Listing {
    pub shell: Shell,
    pub crumbs: Vec<Link>,
    pub heading: String,
    pub actions: Vec<Action>,
    pub notes: Vec<Note>,
    pub filters: Option<Filters>,
    pub facts: Vec<Pair>,
    pub form: Option<Fields>,
    pub tables: Vec<Table>,
    pub values: Vec<Headed>,
}

/// Something that one should know, and the command that helps.
pub struct Note {
    pub text: String,
    pub command: Option<String>,
}

/// A value under a heading.
pub struct Headed {
    pub heading: &'static str,
    pub value: Value,
}

impl Listing {
    pub fn new(shell: Shell, heading: impl Into<String>) -> Self {
        Self {
            shell,
            crumbs: Vec::new(),
            heading: heading.into(),
            actions: Vec::new(),
            notes: Vec::new(),
            filters: None,
            facts: Vec::new(),
            form: None,
            tables: Vec::new(),
            values: Vec::new(),
        }
    }
}

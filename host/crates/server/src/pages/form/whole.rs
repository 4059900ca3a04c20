//! A form as a whole: its fields, the same value as JSON, and what is wrong with it.

use model::Json;

use super::build::{Builder, DEPTH_MAX, Source};
use super::field::{Field, Kind};
use super::keywords::Schema;
use super::pairs::pairs_of;
use super::tree::Tree;
use super::value::Given;

/// Bytes of a schema or a value that is taken apart. A larger one is written as JSON.
const BYTES_MAX: usize = 256 << 10;
/// Problems that are listed. Each is at its field, too.
const PROBLEMS_MAX: usize = 100;

/// A form for one value.
#[derive(Clone, Debug)]
pub struct Form {
    pub root: Field,
    pub tab: Tab,
    /// The text on the tab for JSON.
    pub json: String,
    /// What is wrong, with the way to each field.
    pub problems: Vec<Problem>,
    /// Problems besides those that are listed.
    pub problems_more: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tab {
    Form,
    Json,
}

/// A problem in the list above the form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The id of the field.
    pub id: String,
    pub label: String,
    pub text: String,
}

impl Form {
    /// A form for a value. Fields that the value does not have show the schema's defaults.
    pub fn of(schema: &Json, value: &Json) -> Self {
        let tree = small(value).and_then(Tree::parse);
        let schema = small(schema).and_then(Tree::parse);
        let root = match (&schema, &tree) {
            (Some(schema), Some(value)) => drawn(&Schema::new(schema), value),
            _ => None,
        };
        Self::with(root.unwrap_or_else(|| {
            let text = tree.map_or_else(|| value.to_string(), |value| value.pretty());
            as_json(text)
        }))
    }

    /// A form for a value that is not there yet.
    pub fn empty(schema: &Json) -> Self {
        let tree = small(schema).and_then(Tree::parse);
        let root = tree.and_then(|tree| {
            let schema = Schema::new(&tree);
            fields(&schema, Source::Given(Given::default()))
        });
        Self::with(root.unwrap_or_else(|| as_json(String::new())))
    }

    /// What is wrong with the value, at the fields where it is: JSON pointers and texts.
    pub fn with_errors(mut self, errors: &[(String, String)]) -> Self {
        for (pointer, text) in errors {
            self.root.find(pointer).errors.push(text.clone());
        }
        self.list_problems();
        self
    }

    /// Whether there is more to it than one text of JSON.
    pub fn has_tabs(&self) -> bool {
        !matches!(self.root.kind, Kind::Json(_))
    }

    /// What a browser posts of the fields, whatever the tab.
    pub fn pairs(&self) -> Vec<(String, String)> {
        pairs_of(&self.root)
    }

    /// Fills in the zone of moments that nobody has typed anything into.
    pub fn in_zone(mut self, zone: &str) -> Self {
        fill_zone(&mut self.root, zone);
        self
    }

    pub fn with(root: Field) -> Self {
        Self {
            json: text_of(&root),
            root,
            tab: Tab::Form,
            problems: Vec::new(),
            problems_more: 0,
        }
    }

    /// Collects what is said at the fields.
    pub fn list_problems(&mut self) {
        let mut found = Vec::new();
        list(&self.root, &mut found);
        self.problems_more = found.len().saturating_sub(PROBLEMS_MAX);
        found.truncate(PROBLEMS_MAX);
        self.problems = found;
    }
}

/// The text, if it is taken apart at all.
pub fn small(json: &Json) -> Option<&str> {
    (json.as_str().len() <= BYTES_MAX).then(|| json.as_str())
}

/// The fields of a value. None if there would be too many of them.
fn drawn(schema: &Schema<'_>, value: &Tree) -> Option<Field> {
    fields(schema, Source::Given(Given::value(value)))
}

/// A form with too many fields is drawn less deep.
fn fields<'s: 'a, 'a>(schema: &Schema<'s>, source: Source<'a>) -> Option<Field> {
    (0..=DEPTH_MAX).rev().find_map(|depth_max| {
        let mut builder = Builder {
            schema,
            depth_max,
            fields: 0,
        };
        builder.root(source.clone()).ok()
    })
}

/// One field for all of the value.
pub fn as_json(text: String) -> Field {
    let mut field = Field {
        path: String::new(),
        pointer: String::new(),
        id: String::new(),
        key: String::new(),
        label: "Value".to_owned(),
        about: None,
        hint: "JSON".to_owned(),
        is_required: true,
        is_given: true,
        null: None,
        is_unset: text.is_empty(),
        has_reset: false,
        kind: Kind::Json(text),
        errors: Vec::new(),
    };
    field.place("");
    field
}

/// The value as a person reads and changes it. What can be no JSON is in it as it was typed.
fn text_of(root: &Field) -> String {
    match &root.kind {
        Kind::Json(text) => text.clone(),
        _ => root
            .value()
            .map_or_else(String::new, |value| value.pretty()),
    }
}

/// Problems of all fields, also of those that do not count: something may be typed there.
fn list(field: &Field, found: &mut Vec<Problem>) {
    found.extend(field.errors.iter().map(|text| Problem {
        id: field.id.clone(),
        label: field.label.clone(),
        text: text.clone(),
    }));
    for part in field.parts() {
        list(part, found);
    }
}

fn fill_zone(field: &mut Field, zone: &str) {
    if let Kind::Moment(moment) = &mut field.kind
        && moment.is_blank()
        && moment.zone.is_empty()
    {
        zone.clone_into(&mut moment.zone);
    }
    for part in field.parts_mut() {
        fill_zone(part, zone);
    }
}

//! Reads a form that came back.
//!
//! ```text
//! tab Form  fields ---------------------------> value, checked as JSON
//! tab JSON  text = what the fields say -------> the fields as they were, for the other tab
//!           text is other JSON ---------------> new fields, made of it
//!           text is no JSON ------------------> the fields as they were; the tab stays
//! ```
//!
//! The tab for JSON carries the fields along, hidden. So looking at the JSON loses nothing, not
//! even what was typed into a field that does not count.

use model::Json;

use super::build::{Builder, DEPTH_MAX, FIELDS_MAX, Source, TooMany};
use super::field::Field;
use super::keywords::Schema;
use super::path::{self, Role, TAB, WHOLE};
use super::posted::{Asked, Posted, Typed, Unreadable};
use super::tree::Tree;
use super::whole::{Form, Tab, as_json, small};

/// A form that came back.
#[derive(Debug)]
pub struct Read {
    /// As it was typed, for the next page.
    pub form: Form,
    pub asked: Asked,
    /// The value, names sorted. None if something in it can be no JSON: the form says what.
    pub json: Option<Json>,
}

impl Form {
    /// The form and the value of fields as a browser posted them.
    pub fn read(schema: &Json, pairs: &[(String, String)]) -> Result<Read, Unreadable> {
        let posted = Posted::of(pairs)?;
        let root = with_items(schema, &posted)?;
        Ok(match posted.text(WHOLE) {
            Some(text) if posted.get(TAB) == Some("json") => {
                read_json(schema, Self::with(root), text, posted.asked)
            }
            _ => read_fields(root, posted.asked),
        })
    }
}

fn read_fields(mut root: Field, asked: Asked) -> Read {
    let is_well = root.check();
    let text = root.value().unwrap_or(Tree::Null).compact();
    let json = if is_well {
        Json::tidy(&text).ok()
    } else {
        None
    };
    let mut form = Form::with(root);
    form.list_problems();
    if asked == Asked::ShowJson {
        form.tab = Tab::Json;
    }
    Read { form, asked, json }
}

fn read_json(schema: &Json, before: Form, text: String, asked: Asked) -> Read {
    let json = Json::tidy(&text);
    let is_as_before = text == before.json;
    let mut form = match &json {
        _ if is_as_before => before,
        Ok(_) => Form::of(schema, &Json::trusted(text.as_str())),
        Err(_) => before,
    };
    form.tab = match asked {
        Asked::ShowForm if is_as_before || json.is_ok() => Tab::Form,
        _ => Tab::Json,
    };
    form.json = text;
    let json = match json {
        Ok(json) => Some(json),
        Err(err) if form.tab == Tab::Json => {
            let whole = [(String::new(), err.to_string())];
            form = form.with_errors(&whole);
            None
        }
        Err(_) => None,
    };
    Read { form, asked, json }
}

/// The fields, with one item more if that was asked for and there is room for it.
fn with_items(schema: &Json, posted: &Posted<'_>) -> Result<Field, Unreadable> {
    match (fields(schema, posted), &posted.asked) {
        (Err(Unreadable::Drawn), Asked::Add(list)) => {
            let mut as_before = posted.clone();
            as_before.asked = Asked::Submit;
            let mut root = fields(schema, &as_before)?;
            let full = format!("a form has at most {FIELDS_MAX} fields: write the value as JSON");
            root.find(&path::pointer(list)).errors.push(full);
            Ok(root)
        }
        (fields, _) => fields,
    }
}

fn fields(schema: &Json, posted: &Posted<'_>) -> Result<Field, Unreadable> {
    let Some(tree) = small(schema).and_then(Tree::parse) else {
        let text = posted.text(&path::name("", Role::Json));
        return Ok(as_json(text.unwrap_or_default()));
    };
    let schema = Schema::new(&tree);
    let mut builder = Builder {
        schema: &schema,
        depth_max: DEPTH_MAX,
        fields: 0,
    };
    let root = builder.root(Source::Typed(Typed::root(posted)));
    root.map_err(|TooMany| Unreadable::Drawn)
}

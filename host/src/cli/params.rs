//! Parameters as typed: `-p name=value` and `--params JSON`, checked against a flow's schema.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::str::FromStr;

use super::error::UserError;
use super::files::{self, Unread};
use model::{FlowDescription, Json};
use operations::start::checker_of;
use orchestrator::Parameters;

/// `NAME=VALUE`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param {
    name: String,
    text: String,
}

impl FromStr for Param {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, text)) if !name.trim().is_empty() => Ok(Self {
                name: name.trim().to_owned(),
                text: text.to_owned(),
            }),
            _ => Err(format!("`{text}` is not of the form `name=value`")),
        }
    }
}

#[derive(Clone, Debug, Default, clap::Args)]
pub struct ParamArgs {
    /// A parameter, its value as JSON or, where the flow takes text, as it is; may be repeated
    #[arg(short, long = "param", value_name = "NAME=VALUE")]
    param: Vec<Param>,
    /// All parameters as a JSON object, or `@FILE` with one, or `@-` for stdin; `-p` goes over it
    #[arg(long, value_name = "JSON|@FILE")]
    params: Option<String>,
}

impl ParamArgs {
    /// The object of what was typed. Whether it fits is checked later, when defaults are
    /// below it; here the flow's schema only tells text from JSON.
    pub fn object(&self, flow: &FlowDescription) -> anyhow::Result<Json> {
        let schema = checker_of(flow)?;
        let mut object = match &self.params {
            Some(text) => object_of(text)?,
            None => BTreeMap::new(),
        };
        let mut typed = BTreeSet::new();
        for Param { name, text } in &self.param {
            if !typed.insert(name) {
                return Err(UserError::new(format!("parameter `{name}` is given twice"))
                    .hint(format!("a list is one value: `-p '{name}=[1, 2]'`"))
                    .into());
            }
            object.insert(name.clone(), read(&schema, name, text)?);
        }
        Ok(Json::object(&object))
    }
}

fn object_of(text: &str) -> Result<BTreeMap<String, Json>, UserError> {
    let (text, source) = match text.strip_prefix('@') {
        None => (text.to_owned(), "`--params`".to_owned()),
        Some("-") => (read_file(Path::new("-"))?, "stdin".to_owned()),
        Some(path) => (read_file(Path::new(path))?, format!("`{path}`")),
    };
    const HINT: &str = "pass an object such as `{\"item_id\": 7}`";
    match Json::tidy(&text).map(|json| json.members()) {
        Ok(Some(object)) => Ok(object),
        Ok(None) => Err(UserError::new(format!("{source} is no JSON object")).hint(HINT)),
        Err(err) => Err(UserError::new(format!("{source} is {err}")).hint(HINT)),
    }
}

/// The text of a file, or of stdin for `-`.
pub(super) fn read_file(path: &Path) -> Result<String, UserError> {
    files::text(path).map_err(|unread| {
        let error = UserError::new(format!("`{}` {unread}", path.display()));
        match unread {
            Unread::TooLarge { .. } => error.hint("a flow takes less: pass a part of it"),
            Unread::System(_) | Unread::Kind(_) => error.hint(READABLE),
        }
    })
}

/// What to say of a file that cannot be read.
pub fn unreadable(path: &Path, err: &std::io::Error) -> UserError {
    UserError::new(format!("`{}` cannot be read: {err}", path.display())).hint(READABLE)
}

const READABLE: &str = "name a file that is there and readable, or `-` for stdin";

/// What is not JSON is text, for the schema to complain of (as in Prefect); but what begins
/// like JSON was meant to be it.
fn read(schema: &Parameters, name: &str, text: &str) -> Result<Json, UserError> {
    match schema.read(name, text) {
        Ok(value) => Ok(value),
        Err(err) if text.starts_with(['{', '[', '"']) => Err(UserError::new(format!(
            "parameter `{name}` is `{text}`: {err}"
        ))
        .hint("quote it for the shell: `-p 'name={\"key\": [1, 2]}'`")),
        Err(_) => Ok(Json::string(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{FlowOptions, Schema};

    fn flow() -> FlowDescription {
        let parameters = r##"{
            "type": "object", "additionalProperties": false, "required": ["item_id"],
            "properties": {
                "item_id": {"type": "integer"},
                "label": {"type": ["string", "null"]},
                "item": {"$ref": "#/$defs/Item"},
                "extra": {}
            },
            "$defs": {"Item": {"type": "object"}}
        }"##;
        FlowDescription {
            name: "etl".parse().unwrap(),
            description: None,
            version: None,
            schema: Schema {
                parameters: Json::parse(parameters).unwrap(),
                result: Json::trusted("{}"),
            },
            options: FlowOptions::default(),
        }
    }

    #[track_caller]
    fn check(params: Option<&str>, typed: &[&str], expect: &str) {
        let args = ParamArgs {
            param: typed.iter().map(|text| text.parse().unwrap()).collect(),
            params: params.map(str::to_owned),
        };
        let said = match args.object(&flow()) {
            Ok(object) => object.to_string(),
            Err(err) => err.to_string(),
        };
        assert_eq!(said, expect);
    }

    #[test]
    fn a_value_is_json_or_text_where_text_is_taken() {
        check(None, &["item_id=7"], r#"{"item_id":7}"#);
        check(None, &["extra=1.10"], r#"{"extra":1.10}"#);
        let digits = "12345678901234567890123";
        let expect = format!(r#"{{"extra":[{digits}]}}"#);
        check(None, &[&format!("extra=[ {digits} ]")], &expect);
        // What no `f64` can hold is text, for the schema to complain of.
        check(None, &["extra=1e400"], r#"{"extra":"1e400"}"#);
        check(None, &["label=a=b"], r#"{"label":"a=b"}"#);
        check(None, &["extra=hello"], r#"{"extra":"hello"}"#);
        check(None, &["item={\"a\": 1}"], r#"{"item":{"a":1}}"#);
        check(
            None,
            &["item={\"a\":"],
            "parameter `item` is `{\"a\":`: not JSON: EOF while parsing a value at line 1 column 5",
        );
    }

    #[test]
    fn single_parameters_go_over_the_object() {
        check(
            Some(r#"{"item_id": 1, "label": "x"}"#),
            &["item_id=2"],
            r#"{"item_id":2,"label":"x"}"#,
        );
        check(
            Some(r#"{"extra": 1.10, "item_id": 1}"#),
            &["item_id=2"],
            r#"{"extra":1.10,"item_id":2}"#,
        );
        check(
            Some(r#"{"extra": 1e400}"#),
            &[],
            "`--params` is not JSON: number out of range at line 1 column 15",
        );
        check(Some("[1]"), &[], "`--params` is no JSON object");
        let twice = ["item_id=1", "item_id=2"];
        check(None, &twice, "parameter `item_id` is given twice");
        check(
            Some("{"),
            &[],
            "`--params` is not JSON: EOF while parsing an object at line 1 column 1",
        );
    }

    #[test]
    fn what_has_no_name_is_no_parameter() {
        let read = |text: &str| text.parse::<Param>().unwrap_err();
        assert_eq!(read("seven"), "`seven` is not of the form `name=value`");
        assert_eq!(read("=7"), "`=7` is not of the form `name=value`");
    }
}

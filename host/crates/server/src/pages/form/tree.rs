//! JSON as a form holds it: numbers keep their digits, objects keep their order.
//!
//! `serde_json::Value` does neither, so a number would come back from the form as another one.

use std::collections::HashMap;
use std::fmt;

use model::Json;
use serde::Deserializer;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

/// Nesting of a value that is looked into. It is what `serde_json` reads, too.
const DEPTH_MAX: usize = 128;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tree {
    Null,
    Bool(bool),
    /// As written.
    Number(String),
    String(String),
    List(Vec<Tree>),
    /// In the order of the text. No name is there twice: the last one counts.
    Object(Vec<(String, Tree)>),
    /// A text that was typed as JSON and may not be JSON.
    Typed(String),
}

impl Tree {
    /// None if the text is no JSON, or nested too deeply.
    pub fn parse(text: &str) -> Option<Self> {
        read(text, DEPTH_MAX)
    }

    pub fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members
                .iter()
                .find_map(|(of, value)| (of == name).then_some(value)),
            _ => None,
        }
    }

    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// Its type, as schemas name them.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Number(_) => "number",
            Self::String(_) => "string",
            Self::List(_) => "array",
            Self::Object(_) => "object",
            Self::Typed(_) => "typed",
        }
    }

    /// In one line, in its order.
    pub fn compact(&self) -> String {
        let mut text = String::new();
        write(self, None, &mut text);
        text
    }

    /// For a person: a line for each member.
    pub fn pretty(&self) -> String {
        let mut text = String::new();
        write(self, Some(0), &mut text);
        text
    }

    /// Whether both are the same JSON. The order of members does not count, digits do.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::List(items), Self::List(others)) => {
                items.len() == others.len()
                    && items
                        .iter()
                        .zip(others)
                        .all(|(item, other)| item.is_same(other))
            }
            (Self::Object(members), Self::Object(others)) => {
                let others: HashMap<_, _> = others.iter().map(|(name, of)| (name, of)).collect();
                members.len() == others.len()
                    && members.iter().all(|(name, value)| {
                        others.get(name).is_some_and(|other| value.is_same(other))
                    })
            }
            _ => self == other,
        }
    }
}

impl From<&str> for Tree {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

fn read(text: &str, depth: usize) -> Option<Tree> {
    let text = text.trim_ascii();
    let below = depth.checked_sub(1).filter(|below| *below > 0);
    match text.as_bytes().first()? {
        b'{' | b'[' if below.is_none() => None,
        b'{' => {
            let members = members(text)?;
            let mut read_members = Vec::with_capacity(members.len());
            for (name, value) in members {
                read_members.push((name, read(value.get(), below?)?));
            }
            Some(Tree::Object(read_members))
        }
        b'[' => {
            let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
            let items = items.into_iter().map(|item| read(item.get(), below?));
            items.collect::<Option<_>>().map(Tree::List)
        }
        b'"' => serde_json::from_str(text).ok().map(Tree::String),
        b'n' => (text == "null").then_some(Tree::Null),
        b't' | b'f' => text.parse().ok().map(Tree::Bool),
        _ => number(text).map(Tree::Number),
    }
}

/// The text of a number that JSON has and an `f64` can hold, without white space around it.
pub fn number(text: &str) -> Option<String> {
    let text = text.trim_ascii();
    let is_number = text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    (is_number && serde_json::from_str::<f64>(text).is_ok()).then(|| text.to_owned())
}

/// The members of an object, each name once.
fn members(text: &str) -> Option<Vec<(String, &RawValue)>> {
    struct Members;

    impl<'de> Visitor<'de> for Members {
        type Value = Vec<(String, &'de RawValue)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members: Self::Value = Vec::new();
            let mut places = HashMap::new();
            while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
                match places.get(&name) {
                    Some(&at) => members[at] = (name, value),
                    None => {
                        places.insert(name.clone(), members.len());
                        members.push((name, value));
                    }
                }
            }
            Ok(members)
        }
    }

    let mut json = serde_json::Deserializer::from_str(text);
    let members = json.deserialize_map(Members).ok()?;
    json.end().ok()?;
    Some(members)
}

/// Appends the text; with an indent, on several lines.
fn write(tree: &Tree, indent: Option<usize>, text: &mut String) {
    match tree {
        Tree::Null => text.push_str("null"),
        Tree::Bool(flag) => text.push_str(if *flag { "true" } else { "false" }),
        Tree::Number(number) => text.push_str(number),
        Tree::String(string) => text.push_str(Json::string(string).as_str()),
        Tree::Typed(typed) => text.push_str(typed),
        Tree::List(items) => {
            let below = indent.map(|indent| indent + 1);
            text.push('[');
            for (at, item) in items.iter().enumerate() {
                text.push_str(if at > 0 { "," } else { "" });
                break_line(below, text);
                write(item, below, text);
            }
            break_line(indent.filter(|_| !items.is_empty()), text);
            text.push(']');
        }
        Tree::Object(members) => {
            let below = indent.map(|indent| indent + 1);
            text.push('{');
            for (at, (name, value)) in members.iter().enumerate() {
                text.push_str(if at > 0 { "," } else { "" });
                break_line(below, text);
                text.push_str(Json::string(name).as_str());
                text.push_str(if below.is_some() { ": " } else { ":" });
                write(value, below, text);
            }
            break_line(indent.filter(|_| !members.is_empty()), text);
            text.push('}');
        }
    }
}

fn break_line(indent: Option<usize>, text: &mut String) {
    if let Some(indent) = indent {
        text.push('\n');
        text.extend(std::iter::repeat_n("  ", indent));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &str) {
        let said = Tree::parse(text).map_or("no JSON".to_owned(), |tree| tree.compact());
        assert_eq!(said, expect);
    }

    #[test]
    fn digits_and_order_are_kept() {
        check(
            r#" {"b": 1.10, "a": [12345678901234567890123, -0.0, 1E5]} "#,
            r#"{"b":1.10,"a":[12345678901234567890123,-0.0,1E5]}"#,
        );
        check(r#"{"a": 1, "b": 2, "a": 3}"#, r#"{"a":3,"b":2}"#);
        check(r#"" \u0041\n""#, r#"" A\n""#);
        check(r#"{"": {}, "x": []}"#, r#"{"":{},"x":[]}"#);
    }

    #[test]
    fn what_is_no_json_is_none() {
        for text in [
            "",
            "nul",
            "+1",
            "01",
            "1.",
            "1e400",
            "\"\\ud800\"",
            "[1,]",
            "{} {}",
        ] {
            check(text, "no JSON");
        }
        let nested = |depth| "[".repeat(depth) + &"]".repeat(depth);
        check(&nested(128), "no JSON");
        check(&nested(100), &nested(100));
    }

    #[test]
    fn a_person_reads_it_on_lines() {
        let tree = Tree::parse(r#"{"a": [1, {"b": {}}], "c": []}"#).unwrap();
        let expect = "{\n  \"a\": [\n    1,\n    {\n      \"b\": {}\n    }\n  ],\n  \"c\": []\n}";
        assert_eq!(tree.pretty(), expect);
        assert!(Tree::parse(expect).unwrap().is_same(&tree));
    }
}

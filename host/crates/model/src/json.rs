//! JSON texts that are passed on, mostly without being looked at.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::Arc;

use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A valid JSON text. Cheap to clone: results go to the journal, to the waiting flow and to
/// whoever watches.
#[derive(Clone, PartialEq, Eq)]
pub struct Json(Arc<str>);

/// Why a text is no JSON.
#[derive(Debug, thiserror::Error)]
#[error("not JSON: {0}")]
pub struct JsonError(#[from] serde_json::Error);

impl Json {
    /// Checks that the text is JSON; keeps it as it is, without white space around it: what
    /// is stored has none, and has to be the same text when it is read back.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    pub fn parse(text: impl Into<Arc<str>>) -> Result<Self, JsonError> {
        let text = text.into();
        Self::check(&text)?;
        let bare = text.trim_ascii();
        if bare.len() < text.len() {
            return Ok(Self(bare.into()));
        }
        Ok(Self(text))
    }

    /// Whether the text is JSON that all who read it read alike (I-JSON, RFC 7493).
    ///
    /// # Errors
    ///
    /// It is no JSON, or it has a number that no `f64` can hold, half of a surrogate pair, two
    /// members of one name in an object, or more than 128 levels.
    pub fn check(text: &str) -> Result<(), JsonError> {
        serde_json::from_str::<Readable>(text)?;
        Ok(())
    }

    /// Checks what a person wrote, and tidies it: white space goes, names are sorted. Numbers keep
    /// their digits as written.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    pub fn tidy(text: &str) -> Result<Self, JsonError> {
        Self::check(text)?;
        let mut tidied = String::with_capacity(text.len());
        write_tidy(text, &mut tidied)?;
        Ok(Self(tidied.into()))
    }

    /// For a text that is JSON by construction or was checked before it was stored.
    pub fn trusted(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    pub fn null() -> Self {
        Self("null".into())
    }

    /// The empty object: no parameters.
    pub fn empty_object() -> Self {
        Self("{}".into())
    }

    pub fn of(value: &serde_json::Value) -> Self {
        Self(value.to_string().into())
    }

    pub fn string(text: &str) -> Self {
        Self::of(&text.into())
    }

    pub fn object(members: &BTreeMap<String, Json>) -> Self {
        let mut text = String::from("{");
        for (name, value) in members {
            write_member(&mut text, name);
            text.push_str(&value.0);
        }
        text.push('}');
        Self(text.into())
    }

    /// The values of an object by name, each as written. `None` for any other value.
    pub fn members(&self) -> Option<BTreeMap<String, Json>> {
        serde_json::from_str(&self.0).ok()
    }

    /// The object `over` laid over this one: the values of both as written. If one of them is
    /// no object, the answer is `over`.
    pub fn overlaid(&self, over: &Self) -> Self {
        if self.as_str() == "{}" {
            return over.clone();
        }
        match (self.members(), over.members()) {
            (Some(mut members), Some(others)) => {
                members.extend(others);
                Self::object(&members)
            }
            _ => over.clone(),
        }
    }

    /// Whether both are the same value, however that is written. A number is the same only with
    /// the same digits.
    pub fn is_same_value(&self, other: &Self) -> bool {
        if self == other {
            return true;
        }
        let tidied = |json: &Self| Self::tidy(json.as_str()).ok();
        tidied(self).is_some_and(|this| tidied(other) == Some(this))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_string(&self) -> bool {
        self.0.trim_ascii_start().starts_with('"')
    }

    /// Whether it would take more memory as a [`value`](Self::value) than a text of 4 MiB can,
    /// whatever is in that: some hundred times as much as the text.
    pub fn has_too_many_parts(&self) -> bool {
        // An item of a list that grows; a small map, with its names.
        const ITEM: usize = 32;
        const MAP: usize = 640;
        const MOST: usize = 448 << 20;
        const NEVER: usize = 4 << 20;
        if self.0.len() <= NEVER {
            return false;
        }
        let (mut bytes, mut in_string, mut is_escaped) = (0, false, false);
        for byte in self.0.bytes() {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' => is_escaped = in_string,
                b'"' => in_string = !in_string,
                _ if in_string => {}
                b',' | b'[' | b':' => bytes += ITEM,
                b'{' => bytes += MAP,
                _ => {}
            }
        }
        bytes > MOST
    }

    /// Its beginning, where people are told which value it is.
    pub fn beginning(&self) -> impl fmt::Display + '_ {
        const SHOWN: usize = 1_000;
        let text = self.as_str();
        let shown = &text[..text.floor_char_boundary(SHOWN)];
        let rest = if shown.len() < text.len() { "…" } else { "" };
        fmt::from_fn(move |f| write!(f, "{shown}{rest}"))
    }

    pub fn value(&self) -> serde_json::Value {
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

/// A JSON text that was read to its last part, of which nothing is kept.
struct Readable;

impl<'de> Deserialize<'de> for Readable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Readable {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self, A::Error> {
        let mut names = Names::default();
        while let Some(Name(name)) = members.next_key()? {
            if let Err(name) = names.add(name) {
                let twice = format!("the name `{name}` stands twice in an object");
                return Err(serde::de::Error::custom(twice));
            }
            members.next_value::<Self>()?;
        }
        Ok(self)
    }
}

/// The name of a member, borrowed from the text where it has no escapes.
struct Name<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }

        deserializer.deserialize_str(Text)
    }
}

/// The names of an object's members so far.
#[derive(Default)]
struct Names<'de> {
    few: Vec<Cow<'de, str>>,
    /// Of an object with more than a few.
    many: HashSet<Cow<'de, str>>,
}

impl<'de> Names<'de> {
    const FEW: usize = 16;

    /// Errs with a name that is there already.
    fn add(&mut self, name: Cow<'de, str>) -> Result<(), Cow<'de, str>> {
        if self.few.len() < Self::FEW {
            if self.few.contains(&name) {
                return Err(name);
            }
            self.few.push(name);
            return Ok(());
        }
        if self.many.is_empty() {
            self.many.extend(self.few.iter().cloned());
        }
        match self.many.replace(name) {
            Some(name) => Err(name),
            None => Ok(()),
        }
    }
}

/// Appends a valid JSON text as [`Json::tidy`] describes.
fn write_tidy(text: &str, tidied: &mut String) -> Result<(), serde_json::Error> {
    let text = text.trim_ascii();
    match text.as_bytes().first() {
        Some(b'{') => {
            let members: BTreeMap<String, &RawValue> = serde_json::from_str(text)?;
            tidied.push('{');
            for (name, value) in members {
                write_member(tidied, &name);
                write_tidy(value.get(), tidied)?;
            }
            tidied.push('}');
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(text)?;
            tidied.push('[');
            for (at, item) in items.into_iter().enumerate() {
                if at > 0 {
                    tidied.push(',');
                }
                write_tidy(item.get(), tidied)?;
            }
            tidied.push(']');
        }
        Some(b'"') => {
            let string: serde_json::Value = serde_json::from_str(text)?;
            tidied.push_str(&string.to_string());
        }
        _ => tidied.push_str(text),
    }
    Ok(())
}

/// Appends a comma unless the member is the object's first, the name, and a colon.
fn write_member(text: &mut String, name: &str) {
    if !text.ends_with('{') {
        text.push(',');
    }
    text.push_str(&serde_json::Value::from(name).to_string());
    text.push(':');
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Json {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.0).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Ok(Self(raw.get().into()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::{num, prelude::*};

    use super::*;

    /// A call is looked for in the journal by its text, where serde has left out what is
    /// around a value.
    #[test]
    fn a_text_reads_back_as_it_was_given() {
        for text in ["1", " 1", "1\n", "\r\n\t {\"a\" : 1}\t", "\" a \""] {
            let given = Json::parse(text).unwrap();
            let stored = serde_json::to_string(&given).unwrap();
            let read: Json = serde_json::from_str(&stored).unwrap();
            assert_eq!(read, given, "{text:?}");
        }
        assert_eq!(Json::parse(" [ 1 ]\n").unwrap().as_str(), "[ 1 ]");
    }

    /// Every `f64` that JSON can hold.
    fn finite() -> impl Strategy<Value = f64> {
        num::f64::NORMAL | num::f64::SUBNORMAL | num::f64::ZERO
    }

    /// A number as people and programs write it.
    fn number() -> impl Strategy<Value = String> {
        prop_oneof![
            finite().prop_map(|number| serde_json::to_string(&number).unwrap()),
            finite().prop_map(|number| format!("{number:e}")),
            "-?(0|[1-9][0-9]{0,30})([.][0-9]{1,30})?([eE][+-]?[0-9]{1,2})?",
        ]
    }

    proptest! {
        /// Depends on the feature `float_roundtrip` of `serde_json`.
        #[test]
        fn a_number_is_read_as_it_was_written(number in finite()) {
            let text = serde_json::to_string(&number).unwrap();
            let json = Json::tidy(&text).unwrap();
            prop_assert_eq!(json.as_str(), text.as_str());
            prop_assert_eq!(json.value().as_f64().map(f64::to_bits), Some(number.to_bits()));
            prop_assert_eq!(Json::of(&json.value()), json);
        }

        #[test]
        fn a_number_keeps_its_digits(number in number()) {
            let typed = format!(r#" {{"b": [{number}, {{"c": {number} }}], "a" :{number}}} "#);
            let expect = format!(r#"{{"a":{number},"b":[{number},{{"c":{number}}}]}}"#);
            let tidied = Json::tidy(&typed).unwrap();
            prop_assert_eq!(tidied.as_str(), expect.as_str());
            let over = Json::trusted(format!(r#"{{"a":{number}}}"#));
            prop_assert_eq!(tidied.overlaid(&over), tidied.clone());
            prop_assert_eq!(over.overlaid(&tidied), tidied);
        }
    }

    #[test]
    fn what_a_person_wrote_is_tidied() {
        #[track_caller]
        fn check(text: &str, expect: &str) {
            let said = match Json::tidy(text) {
                Ok(json) => json.to_string(),
                Err(err) => err.to_string(),
            };
            assert_eq!(said, expect);
        }
        check(" 1.10\n", "1.10");
        check("12345678901234567890123", "12345678901234567890123");
        check("[ -0, -0.0, 1E5 ]", "[-0,-0.0,1E5]");
        check("[ ]", "[]");
        check("{ }", "{}");
        check(
            r#"{"b": {"y": 1, "x": true}, "a": null, "b2": []}"#,
            r#"{"a":null,"b":{"x":true,"y":1},"b2":[]}"#,
        );
        check(
            r#"{"a": 1, "a": 2.0}"#,
            "not JSON: the name `a` stands twice in an object at line 1 column 12",
        );
        check(r#"[" \u0041\u00e9\n", "\"{"]"#, r#"[" Aé\n","\"{"]"#);
        check(
            "[1e400]",
            "not JSON: number out of range at line 1 column 6",
        );
        check("[1,]", "not JSON: trailing comma at line 1 column 4");
        check("", "not JSON: EOF while parsing a value at line 1 column 0");
        let deep = "[".repeat(128) + &"]".repeat(128);
        let err = Json::tidy(&deep).unwrap_err().to_string();
        assert!(err.contains("recursion limit exceeded"), "{err}");
    }

    #[test]
    fn a_text_of_very_many_parts_is_known() {
        #[track_caller]
        fn check(part: &str, bytes: usize, expect: bool) {
            let parts = format!("{part},").repeat(bytes / (part.len() + 1));
            let json = Json::trusted(format!("[{parts}0]"));
            assert_eq!(json.has_too_many_parts(), expect, "{part} {bytes}");
        }
        // Of 4 MiB any text is taken.
        for part in ["0", "[]", r#"{"":0}"#, r#""\",[{""#] {
            check(part, 4 << 20, false);
        }
        check("0", 32 << 20, true);
        check(r#"{"":0}"#, 8 << 20, true);
        // As most large texts are.
        check("1234", 32 << 20, false);
        check(r#""\",[{,,,,,,,""#, 32 << 20, false);
        let row = r#"{"id":123456,"name":"some words of a row","at":"2026-01-01T00:00:00Z"}"#;
        check(row, 32 << 20, false);
    }

    #[test]
    fn one_object_lies_over_another() {
        #[track_caller]
        fn check(base: &str, over: &str, expect: &str) {
            let overlaid = Json::trusted(base).overlaid(&Json::trusted(over));
            assert_eq!(overlaid.as_str(), expect);
        }
        check(
            r#"{"a":1.10,"b":2}"#,
            r#"{"b":3.0}"#,
            r#"{"a":1.10,"b":3.0}"#,
        );
        check("{}", r#"{ "b":3}"#, r#"{ "b":3}"#);
        check(r#"{"a":1}"#, "{}", r#"{"a":1}"#);
        check(r#"{"a":1}"#, "[1]", "[1]");
        check(
            r#"{"a \" b":1}"#,
            r#"{"c":1e400}"#,
            r#"{"a \" b":1,"c":1e400}"#,
        );
    }

    proptest! {
        /// Of few names and of many, escaped or not.
        #[test]
        fn a_name_that_stands_twice_is_found(
            names in prop::collection::vec("[a-d\u{e4}\"]{1,3}", 0..40)
        ) {
            let members = names.iter().map(|name| format!("{}:1", serde_json::Value::from(&**name)));
            let object = format!("{{{}}}", members.collect::<Vec<_>>().join(","));
            let all: HashSet<&String> = names.iter().collect();
            prop_assert_eq!(Json::check(&object).is_ok(), all.len() == names.len());
        }
    }

    #[test]
    fn what_is_taken_can_be_read_everywhere() {
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        for text in [
            "1e300",
            "18446744073709551615",
            "-0.0",
            r#""\ud83d\ude00""#,
            "{}",
        ] {
            assert_eq!(Json::parse(text).unwrap().as_str(), text);
        }
        Json::parse(nested(127)).unwrap();
        for (wrong, why) in [
            ("1e400".to_owned(), "number out of range"),
            (
                r#"{"x": "\ud800"}"#.to_owned(),
                "unexpected end of hex escape",
            ),
            (
                r#"[{"a":{"b":1,"c":2,"b":3}}]"#.to_owned(),
                "the name `b` stands twice in an object at line 1 column 22",
            ),
            (
                r#"{"a":1,"\u0061":2}"#.to_owned(),
                "the name `a` stands twice",
            ),
            (nested(129), "recursion limit exceeded"),
            (nested(1_000_000), "recursion limit exceeded"),
            ("{\"a\":1".to_owned(), "EOF"),
        ] {
            let said = Json::parse(wrong.clone()).unwrap_err().to_string();
            assert!(said.contains(why), "{said}");
            assert!(Json::tidy(&wrong).is_err());
        }
    }
}

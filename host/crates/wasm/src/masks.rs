//! Hides the secrets that an instance was given in what leaves it: logs, failures, results.
//!
//! ```text
//! secret --add--> its forms: plain, in JSON, in URLs, in base64 at any place, in hex
//! line, failure, result --> every form becomes `***`
//! ```
//!
//! It catches mistakes. A guest that wants to tell a secret can write it in a form of its own.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};

use aho_corasick::{AhoCorasick, MatchKind};
use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use zeroize::Zeroizing;

use super::port::{GuestLine, LogFull, LogSink, SecretText};
use futures::future::BoxFuture;
use model::{Failure, Json, Outcome};

/// What stands in the place of a secret.
const MASK: &str = "***";

/// Shorter values would hide words that are none.
const LEAST: usize = 8;

/// What URLs need not encode (RFC 3986, section 2.3).
const URL: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The secrets that one instance was given.
#[derive(Default)]
pub(super) struct Masks(Mutex<State>);

#[derive(Default)]
struct State {
    forms: Vec<Zeroizing<String>>,
    /// Of all forms. None: there are none, or one has come since.
    matcher: Option<Arc<AhoCorasick>>,
}

impl Masks {
    /// Hides this one from now on.
    pub fn add(&self, secret: &str) {
        let mut state = self.lock();
        for form in forms(secret) {
            if !state.forms.contains(&form) {
                state.forms.push(form);
                state.matcher = None;
            }
        }
    }

    /// The text without secrets.
    pub fn text(&self, text: String) -> String {
        match self.matcher() {
            Some(matcher) if matcher.is_match(&text) => {
                let masks = vec![MASK; matcher.patterns_len()];
                matcher.replace_all(&text, &masks)
            }
            _ => text,
        }
    }

    pub fn failure(&self, failure: Failure) -> Failure {
        Failure::new(failure.kind, self.text(failure.message))
    }

    pub fn outcome(&self, outcome: Outcome) -> Outcome {
        match outcome {
            Ok(json) => Ok(self.json(json)),
            Err(failure) => Err(self.failure(failure)),
        }
    }

    /// The value without secrets. It stays JSON.
    pub fn json(&self, json: Json) -> Json {
        let Some(matcher) = self.matcher().filter(|it| it.is_match(json.as_str())) else {
            return json;
        };
        if json.has_too_many_parts() {
            return Json::trusted(format!("\"{MASK}\""));
        }
        let mut value = json.value();
        self.hide_in(&mut value);
        let text = value.to_string();
        if matcher.is_match(&text) {
            // It lies across values.
            Json::trusted(format!("\"{MASK}\""))
        } else {
            Json::trusted(text)
        }
    }

    fn hide_in(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.text(std::mem::take(text)),
            Value::Array(items) => items.iter_mut().for_each(|item| self.hide_in(item)),
            Value::Object(fields) => {
                let all = std::mem::take(fields);
                *fields = all
                    .into_iter()
                    .map(|(name, mut value)| {
                        self.hide_in(&mut value);
                        (self.text(name), value)
                    })
                    .collect();
            }
            Value::Number(number) => {
                let text = number.to_string();
                if self.matcher().is_some_and(|it| it.is_match(&text)) {
                    *value = MASK.into();
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn matcher(&self) -> Option<Arc<AhoCorasick>> {
        let mut state = self.lock();
        if state.matcher.is_none() && !state.forms.is_empty() {
            let built = AhoCorasick::builder()
                .match_kind(MatchKind::LeftmostLongest)
                .build(state.forms.iter().map(|form| form.as_bytes()));
            // It errs for gigabytes of patterns.
            state.matcher = Some(Arc::new(built.expect("secrets are small")));
        }
        state.matcher.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no panic while it is changed")
    }
}

/// A log without secrets.
pub(super) struct MaskedLog {
    pub log: Arc<dyn LogSink>,
    pub masks: Arc<Masks>,
}

impl LogSink for MaskedLog {
    fn line(&self, line: GuestLine) -> Result<(), LogFull> {
        self.log.line(GuestLine {
            target: self.masks.text(line.target),
            message: self.masks.text(line.message),
            ..line
        })
    }

    fn room(&self) -> Option<BoxFuture<'static, ()>> {
        self.log.room()
    }
}

/// What a secret is hidden in. A text of several lines is logged line by line, so each counts.
fn forms(secret: &str) -> Vec<Zeroizing<String>> {
    let lines = secret.lines().map(str::trim);
    let parts: BTreeSet<&str> = lines.chain([secret, secret.trim()]).collect();
    let mut forms = Vec::new();
    for part in parts {
        if part.len() < LEAST {
            continue;
        }
        let mut add = |form: String| {
            if form.len() >= LEAST {
                forms.push(Zeroizing::new(form));
            }
        };
        add(part.to_owned());
        let json = Value::from(part).to_string();
        add(json[1..json.len() - 1].to_owned());
        add(ascii_json(part));
        add(part.escape_debug().to_string());
        for set in [NON_ALPHANUMERIC, URL] {
            let encoded = utf8_percent_encode(part, set).to_string();
            add(small_escapes(&encoded));
            add(encoded.replace("%20", "+"));
            add(encoded);
        }
        add(HEXLOWER.encode(part.as_bytes()));
        add(HEXUPPER.encode(part.as_bytes()));
        for shift in 0..3 {
            for encoding in [&BASE64_NOPAD, &BASE64URL_NOPAD] {
                let shifted = [&[0; 3][..shift], part.as_bytes()].concat();
                let encoded = Zeroizing::new(encoding.encode(&shifted));
                // Only what depends on nothing around it.
                let (begin, end) = ((shift * 8).div_ceil(6), shifted.len() * 8 / 6);
                add(encoded[begin..end].to_owned());
            }
        }
    }
    forms
}

/// As some libraries write JSON: with nothing but ASCII.
fn ascii_json(text: &str) -> String {
    let json = Value::from(text).to_string();
    let mut ascii = String::new();
    for c in json[1..json.len() - 1].chars() {
        if c.is_ascii() {
            ascii.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                ascii += &format!("\\u{unit:04x}");
            }
        }
    }
    ascii
}

/// `%2F` as `%2f`.
fn small_escapes(encoded: &str) -> String {
    let mut parts = encoded.split('%');
    let mut small = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (escape, rest) = part.split_at(2);
        small += &format!("%{}{rest}", escape.to_ascii_lowercase());
    }
    small
}

/// A secret of an environment, with the name of its variable.
pub(super) type SecretVariable = (String, SecretText);

#[cfg(test)]
mod tests {
    use data_encoding::{BASE64, BASE64URL};
    use model::FailureKind;

    use super::*;

    fn masks(secret: &str) -> Masks {
        let masks = Masks::default();
        masks.add(secret);
        masks
    }

    #[test]
    fn a_secret_is_hidden_wherever_it_stands() {
        let masks = masks("hunter2 & more");
        for (text, expect) in [
            ("token: hunter2 & more!", "token: ***!"),
            ("q=hunter2%20%26%20more", "q=***"),
            ("q=hunter2+%26+more", "q=***"),
            ("nothing", "nothing"),
        ] {
            assert_eq!(masks.text(text.to_owned()), expect);
        }
        let failure = Failure::new(FailureKind::Error, "said hunter2 & more");
        assert_eq!(masks.failure(failure).message, "said ***");
    }

    #[test]
    fn a_result_stays_json() {
        let masks = masks("123456789");
        let hidden = |text: &str| masks.json(Json::parse(text).unwrap()).to_string();
        assert_eq!(
            hidden(r#"{"a":"x123456789","b":1.50}"#),
            r#"{"a":"x***","b":1.5}"#
        );
        assert_eq!(hidden(r#"{"123456789":[123456789]}"#), r#"{"***":["***"]}"#);
        assert_eq!(hidden(r#"{"b":1.50}"#), r#"{"b":1.50}"#);
        let across = self::masks(r#"ab","cdefg"#);
        let json = Json::parse(r#"["ab","cdefg"]"#).unwrap();
        assert_eq!(across.json(json).to_string(), r#""***""#);
    }

    #[test]
    fn short_values_are_not_hidden_and_lines_are() {
        assert_eq!(masks("short").text("short".to_owned()), "short");
        let key = "-----BEGIN KEY-----\nMIIEvQIBADAN\nabc\n";
        let masks = masks(key);
        assert_eq!(masks.text("MIIEvQIBADAN".to_owned()), "***");
    }

    proptest::proptest! {
        /// Whatever a secret is and wherever it stands, no form of it is left.
        #[test]
        fn nothing_is_left_of_any_form(
            secret in r"\PC{8,40}",
            before in r"\PC{0,7}",
            after in r"\PC{0,7}",
        ) {
            let masks = masks(&secret);
            let whole = format!("{before}{secret}{after}");
            let plain = masks.text(whole.clone());
            proptest::prop_assert!(!plain.contains(&secret), "{plain}");
            for encoding in [BASE64, BASE64URL, HEXLOWER, HEXUPPER] {
                let encoded = encoding.encode(whole.as_bytes());
                let hidden = masks.text(encoded.clone());
                proptest::prop_assert!(hidden.contains(MASK), "{encoded}: {hidden}");
            }
            let json = Value::from(whole.as_str()).to_string();
            proptest::prop_assert!(masks.text(json.clone()).contains(MASK), "{json}");
            let encoded = utf8_percent_encode(&whole, NON_ALPHANUMERIC).to_string();
            proptest::prop_assert!(masks.text(encoded.clone()).contains(MASK), "{encoded}");
            let result = masks.json(Json::trusted(json));
            proptest::prop_assert!(Json::parse(result.as_str()).is_ok());
            proptest::prop_assert!(!result.as_str().contains(&secret));
        }
    }
}

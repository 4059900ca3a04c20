//! Values as pages show them: texts made from views, ready for a template.

use std::time::Duration;

use jiff::tz::TimeZone;
use model::{BlobDigest, Json, StateType, Timestamp};
use operations::text::{ago, size, took};
use operations::view::{FlowRunView, StateView};

/// Bytes of a value that a page shows; the rest is a download away.
pub const SHOWN_MAX: usize = 16 * 1024;

/// The time zone of all times on a page.
#[derive(Clone, Debug)]
pub struct Zone {
    tz: TimeZone,
    pub label: String,
}

impl Zone {
    pub fn utc() -> Self {
        Self {
            tz: TimeZone::UTC,
            label: "UTC".to_owned(),
        }
    }

    /// None if this machine does not know it.
    pub fn named(name: &str) -> Option<Self> {
        Some(Self {
            tz: TimeZone::get(name).ok()?,
            label: name.to_owned(),
        })
    }

    pub fn text(&self, at: Timestamp, format: &str) -> String {
        match jiff::Timestamp::from_microsecond(at.0) {
            Ok(at) => at.to_zoned(self.tz.clone()).strftime(format).to_string(),
            Err(_) => "never".to_owned(),
        }
    }

    /// A time as people type it here, as programs write it.
    pub fn read(&self, text: &str) -> Option<String> {
        let at = text.trim();
        let civil: jiff::civil::DateTime = at.parse().ok()?;
        Some(
            civil
                .to_zoned(self.tz.clone())
                .ok()?
                .timestamp()
                .to_string(),
        )
    }

    pub fn tz(&self) -> &TimeZone {
        &self.tz
    }
}

/// What times are shown against.
#[derive(Clone, Debug)]
pub struct Now {
    pub at: Timestamp,
    pub zone: Zone,
}

impl Now {
    /// A time, as short as its distance allows.
    pub fn when(&self, at: Timestamp) -> When {
        let day = |at| self.zone.text(at, "%Y-%m-%d");
        let year = |at| self.zone.text(at, "%Y");
        let format = if day(at) == day(self.at) {
            "%H:%M:%S"
        } else if year(at) == year(self.at) {
            "%-d %b %H:%M"
        } else {
            "%-d %b %Y %H:%M"
        };
        When {
            iso: at.to_string(),
            full: format!(
                "{} {}, {}",
                self.zone.text(at, "%Y-%m-%d %H:%M:%S%.3f"),
                self.zone.label,
                self.distance(at)
            ),
            short: self.zone.text(at, format),
        }
    }

    /// When the day began.
    pub fn midnight(&self) -> Timestamp {
        let at = jiff::Timestamp::from_microsecond(self.at.0).unwrap_or_default();
        let start = at.to_zoned(self.zone.tz.clone()).start_of_day();
        start.map_or(self.at, |day| Timestamp(day.timestamp().as_microsecond()))
    }

    /// `3m ago`, `in 2h`.
    pub fn distance(&self, at: Timestamp) -> String {
        ago(at, self.at)
    }

    /// How long something has taken, or takes so far.
    pub fn span(&self, from: Option<Timestamp>, to: Option<Timestamp>) -> Took {
        match (from, to) {
            (None, _) => Took::default(),
            (Some(from), Some(to)) => Took {
                text: took(to.since(from)),
                since: None,
            },
            (Some(from), None) => Took {
                text: rough_span(self.at.since(from)),
                since: Some(from.0 / 1000),
            },
        }
    }
}

/// Of what goes on: whole seconds, as the script counts them on.
fn rough_span(span: Duration) -> String {
    if span.as_secs() < 60 {
        format!("{}s", span.as_secs())
    } else {
        took(span)
    }
}

/// A point in time.
#[derive(Clone, Debug)]
pub struct When {
    pub iso: String,
    pub full: String,
    pub short: String,
}

/// A span. `since`: it goes on since then, in Unix milliseconds.
#[derive(Clone, Debug, Default)]
pub struct Took {
    pub text: String,
    pub since: Option<i64>,
}

/// A state: its word, and the slug that gives hue and glyph.
#[derive(Clone, Debug)]
pub struct Shown {
    pub slug: String,
    pub name: String,
}

impl From<&StateView> for Shown {
    fn from(state: &StateView) -> Self {
        Self {
            slug: slug(state.kind.as_ref()),
            name: state.name.clone(),
        }
    }
}

/// Whether the run has ended.
pub fn is_over(run: &FlowRunView) -> bool {
    let kind: Result<StateType, _> = run.state.kind.parse();
    kind.is_ok_and(StateType::is_terminal)
}

/// The slug of a state's type.
pub fn slug(kind: &str) -> String {
    kind.to_ascii_lowercase()
}

/// A value that may be large.
#[derive(Clone, Debug)]
pub struct Value {
    pub shown: String,
    pub is_whole: bool,
    pub size: String,
    /// Where all of it is.
    pub href: String,
    pub file: String,
    /// The first of those that it refers to.
    pub blobs: Vec<BlobDigest>,
}

/// So many blobs of a value have links.
const BLOBS_MAX: usize = 20;

impl Value {
    pub fn new(text: &str, href: String, file: &str) -> Self {
        let mut end = text.len().min(SHOWN_MAX);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        Self {
            shown: text[..end].to_owned(),
            is_whole: end == text.len(),
            size: size(text.len() as u64),
            href,
            file: file.to_owned(),
            blobs: Vec::new(),
        }
    }
}

impl Value {
    /// JSON, indented as far as it is shown whole.
    pub fn json(json: &Json, href: String, file: &str) -> Self {
        let text = json.as_str();
        let mut value = Self::new(text, href, file);
        value.blobs = BlobDigest::all_in(text);
        value.blobs.truncate(BLOBS_MAX);
        if !value.is_whole {
            return value;
        }
        Self {
            shown: indented(text),
            ..value
        }
    }
}

/// JSON with line breaks. Nothing but white space is added, so that numbers keep their digits.
fn indented(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let mut depth = 0_usize;
    let (mut in_text, mut escaped) = (false, false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if in_text {
            out.push(c);
            in_text = escaped || c != '"';
            escaped = c == '\\' && !escaped;
            continue;
        }
        match c {
            '"' => {
                in_text = true;
                out.push(c);
            }
            '{' | '[' => {
                out.push(c);
                if chars.next_if(|next| matches!(next, '}' | ']')).is_some() {
                    out.push(if c == '{' { '}' } else { ']' });
                } else {
                    depth += 1;
                    new_line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                new_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            c if c.is_whitespace() => {}
            c => out.push(c),
        }
    }
    out
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    // Deep nesting would be mostly white space.
    out.extend(std::iter::repeat_n("  ", depth.min(32)));
}

/// `1,204`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 run`, `2 runs`.
pub fn plural(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

/// The first and the last digits of an id: enough to tell rows apart.
pub fn short_id(id: &str) -> String {
    if id.len() > 12 {
        format!("{}..{}", &id[..4], &id[id.len() - 4..])
    } else {
        id.to_owned()
    }
}

/// The beginning of a text that may be long.
pub fn first_chars(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((end, _)) => text[..end].to_owned() + "…",
        None => text.to_owned(),
    }
}

/// A word of a command line.
pub fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp(1_764_331_200_000_000); // 2025-11-28 12:00:00 UTC

    #[track_caller]
    fn check(at_s: i64, expect: &str) {
        let now = Now {
            at: NOON,
            zone: Zone::utc(),
        };
        let at = Timestamp(NOON.0 + at_s * 1_000_000);
        assert_eq!(now.when(at).short, expect);
    }

    #[test]
    fn times_are_as_short_as_their_distance_allows() {
        check(-5, "11:59:55");
        check(-43_201, "27 Nov 23:59");
        check(-400 * 86_400, "24 Oct 2024 12:00");
    }

    #[test]
    fn what_goes_on_is_counted_in_whole_seconds() {
        let now = Now {
            at: NOON,
            zone: Zone::utc(),
        };
        let from = Timestamp(NOON.0 - 3_400_000);
        let running = now.span(Some(from), None);
        assert_eq!(
            (running.text.as_str(), running.since),
            ("3s", Some(from.0 / 1000))
        );
        let over = now.span(Some(from), Some(NOON));
        assert_eq!((over.text.as_str(), over.since), ("3.4s", None));
        assert_eq!(now.span(None, None).text, "");
    }

    #[test]
    fn a_large_value_is_cut_between_characters() {
        let text = "é".repeat(SHOWN_MAX);
        let value = Value::new(&text, String::new(), "result.json");
        assert!(!value.is_whole && value.shown.len() <= SHOWN_MAX);
        assert_eq!(value.size, "32 KiB");
    }

    #[test]
    fn json_is_indented_and_keeps_every_digit() {
        #[track_caller]
        fn check(text: &str, expect: &str) {
            assert_eq!(indented(text), expect);
        }
        check("1.50", "1.50");
        check("[]", "[]");
        check(
            r#"{"a":[1e400,"x\"{,:"],"b":{}}"#,
            "{\n  \"a\": [\n    1e400,\n    \"x\\\"{,:\"\n  ],\n  \"b\": {}\n}",
        );
        check("[ 1 , 2 ]", "[\n  1,\n  2\n]");
    }

    #[test]
    fn words_of_a_command_are_quoted_where_needed() {
        assert_eq!(quoted("etl/nightly"), "etl/nightly");
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn numbers_have_groups() {
        assert_eq!(
            [count(0), count(999), count(1_204), count(1_000_000)],
            ["0", "999", "1,204", "1,000,000"]
        );
    }
}

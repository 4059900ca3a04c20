//! Text for people, the same wherever it is shown: on a terminal, in a problem, on a page.

mod signature;
mod size;
mod time;

use std::borrow::Cow;

pub use signature::{signature, signature_of};
pub use size::size;
pub use time::{ago, point, rough, span, took};

/// Text of a guest without what a terminal would obey: control characters are shown, not
/// sent, and so are those that change the direction of what follows. Line breaks and tabs stay.
pub fn harmless(text: &str) -> Cow<'_, str> {
    escaped(text, |c| c.escape_default().to_string())
}

/// The same of a JSON text, which means the same afterwards: such characters can only stand in its
/// strings, where JSON has another form for them.
pub fn harmless_json(text: &str) -> Cow<'_, str> {
    escaped(text, |c| format!("\\u{:04x}", u32::from(c)))
}

fn escaped(text: &str, escape: impl Fn(char) -> String) -> Cow<'_, str> {
    if !text.contains(is_obeyed) {
        return text.into();
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_obeyed(c) {
            safe.push_str(&escape(c));
        } else {
            safe.push(c);
        }
    }
    safe.into()
}

/// Whether a terminal does something at this character, or reads on in another direction.
fn is_obeyed(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}');
    turns || (c.is_control() && !matches!(c, '\n' | '\t'))
}

/// The same in one line.
pub fn one_line(text: &str) -> String {
    harmless(text).replace(['\n', '\t'], " ")
}

/// So much of a reason as a row of a list has room for.
const REASON_MAX: usize = 80;

/// The beginning of a text, if it is long.
pub fn shortened(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(REASON_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

/// `1 run`, `2 runs`.
pub fn counted(count: u64, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}

/// One word for a shell.
pub fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// Rows as lines, with columns as wide as their widest cell and two spaces between them.
pub fn aligned(rows: &[impl AsRef<[String]>]) -> Vec<String> {
    let columns = rows.iter().map(|row| row.as_ref().len()).max();
    let mut widths = vec![0; columns.unwrap_or(0)];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row.as_ref()) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &[String]| {
        let cells = row.iter().zip(&widths);
        let cells = cells.map(|(cell, width)| format!("{cell:0$}", *width));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(|row| line(row.as_ref())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_shortened_between_its_characters() {
        assert_eq!(shortened("no route"), "no route");
        let long = "é".repeat(200);
        assert_eq!(shortened(&long), format!("{}…", "é".repeat(80)));
    }

    #[test]
    fn a_guest_cannot_command_the_terminal() {
        assert_eq!(harmless("plain\n\ttext"), "plain\n\ttext");
        assert_eq!(harmless("\x1b[2Jgone"), "\\u{1b}[2Jgone");
        assert_eq!(one_line("a\nb\r"), "a b\\r");
        assert_eq!(
            harmless("a\u{202e}b\u{7f}\u{9b}"),
            "a\\u{202e}b\\u{7f}\\u{9b}"
        );
        let json = "{\"a\": \"\u{9b}2J\u{202e}\"}";
        let safe = harmless_json(json);
        assert_eq!(safe, r#"{"a": "\u009b2J\u202e"}"#);
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(value(&safe), value(json));
    }

    #[test]
    fn columns_are_as_wide_as_they_must_be() {
        let row = |one: &str, two: &str| [one.to_owned(), two.to_owned()];
        assert_eq!(
            aligned(&[row("ä", "x"), row("long", "")]),
            ["ä     x", "long"]
        );
    }
}

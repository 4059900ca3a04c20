//! Text for people, the same wherever it is shown: on a terminal, in a problem, on a page.

mod signature;
mod size;
mod time;

use std::borrow::Cow;

pub use signature::{signature, signature_of};
pub use size::size;
pub use time::{ago, rough, took};

/// Text of a guest without what a terminal would obey: control characters are shown, not
/// sent. Line breaks and tabs stay.
pub fn harmless(text: &str) -> Cow<'_, str> {
    let is_control = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if !text.contains(is_control) {
        return text.into();
    }
    text.chars()
        .flat_map(|c| {
            if is_control(c) {
                c.escape_default().collect::<Vec<_>>()
            } else {
                vec![c]
            }
        })
        .collect::<String>()
        .into()
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

//! Text for people.

use std::borrow::Cow;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_cannot_command_the_terminal() {
        assert_eq!(harmless("plain\n\ttext"), "plain\n\ttext");
        assert_eq!(harmless("\x1b[2Jgone"), "\\u{1b}[2Jgone");
        assert_eq!(one_line("a\nb\r"), "a b\\r");
    }

    #[test]
    fn a_long_text_is_shortened_between_its_characters() {
        assert_eq!(shortened("no route"), "no route");
        let long = "é".repeat(200);
        assert_eq!(shortened(&long), format!("{}…", "é".repeat(80)));
    }
}

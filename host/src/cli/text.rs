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
}

//! How texts are written into pages. Most come from guests, so each is taken for hostile.
//!
//! Besides what means something in HTML, control characters and marks that turn the direction
//! of text are shown as what they are: they would change how the text around them reads.

use std::fmt::{self, Write};

use askama::filters::{Escaper, Html};

/// What templates write texts with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Text;

impl Escaper for Text {
    fn write_escaped_str<W: Write>(&self, mut dest: W, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| !is_plain(*c)) {
            Html.write_escaped_str(&mut dest, &rest[..at])?;
            write_picture(&mut dest, c)?;
            rest = &rest[at + c.len_utf8()..];
        }
        Html.write_escaped_str(&mut dest, rest)
    }

    fn write_escaped_char<W: Write>(&self, mut dest: W, c: char) -> fmt::Result {
        if is_plain(c) {
            Html.write_escaped_char(dest, c)
        } else {
            write_picture(&mut dest, c)
        }
    }
}

/// The text as it is written into a page.
pub fn escaped(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    // Writing into a string does not fail.
    let _ = Text.write_escaped_str(&mut written, text);
    written
}

fn is_plain(c: char) -> bool {
    matches!(c, '\n' | '\t') || !(c.is_control() || turns_direction(c))
}

fn turns_direction(c: char) -> bool {
    matches!(
        c,
        '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

/// A picture of the character where there is one, else its number.
fn write_picture(dest: &mut impl Write, c: char) -> fmt::Result {
    match (c, char::from_u32(0x2400 + u32::from(c))) {
        ('\0'..='\u{1f}', Some(picture)) => dest.write_char(picture),
        _ => write!(dest, "\u{27e8}U+{:04X}\u{27e9}", u32::from(c)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &str) {
        let mut written = String::new();
        Text.write_escaped_str(&mut written, text).unwrap();
        assert_eq!(written, expect);
        let mut by_char = String::new();
        for c in text.chars() {
            Text.write_escaped_char(&mut by_char, c).unwrap();
        }
        assert_eq!(by_char, expect);
    }

    #[test]
    fn a_text_is_never_markup() {
        check("<script>\"'&", "&#60;script&#62;&#34;&#39;&#38;");
    }

    #[test]
    fn nothing_changes_how_the_text_around_it_reads() {
        check("a\u{1b}[31mred", "a\u{241b}[31mred");
        check("user\u{202e}gpj.exe", "user\u{27e8}U+202E\u{27e9}gpj.exe");
        check("tab\tand\nline, é", "tab\tand\nline, é");
        check(
            "\u{9b}\u{7f}",
            "\u{27e8}U+009B\u{27e9}\u{27e8}U+007F\u{27e9}",
        );
    }
}

//! Addresses within texts of guests become links; nothing else does.

/// A part of a text: a link if `href` is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    pub text: String,
    pub href: Option<String>,
}

/// The longest address that becomes a link.
const ADDRESS_MAX: usize = 2_000;

/// Cuts a text at its `http` and `https` addresses.
pub fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = next_address(rest) {
        let tail = &rest[at..];
        let end = end_of_address(tail);
        let (address, after) = tail.split_at(end);
        if address.len() > ADDRESS_MAX || address.ends_with("://") {
            push(&mut pieces, &rest[..at + end], None);
        } else {
            push(&mut pieces, &rest[..at], None);
            push(&mut pieces, address, Some(address.to_owned()));
        }
        rest = after;
    }
    push(&mut pieces, rest, None);
    pieces
}

fn push(pieces: &mut Vec<Piece>, text: &str, href: Option<String>) {
    if text.is_empty() {
        return;
    }
    pieces.push(Piece {
        text: shown(text),
        href,
    });
}

fn next_address(text: &str) -> Option<usize> {
    let found = ["http://", "https://"]
        .iter()
        .filter_map(|scheme| text.find(scheme));
    found.min()
}

fn end_of_address(text: &str) -> usize {
    let is_end = |c: char| c.is_whitespace() || c.is_control() || "<>\"'`{}|\\^".contains(c);
    let end = text.find(is_end).unwrap_or(text.len());
    // A full stop or a bracket that closes the sentence is not part of it.
    text[..end]
        .trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']'])
        .len()
}

/// A text without what would change how the text around it reads: control characters and
/// marks that turn the direction are shown as what they are.
pub fn shown(text: &str) -> String {
    let is_plain = |c: char| matches!(c, '\n' | '\t') || !(c.is_control() || is_bidi(c));
    if text.chars().all(is_plain) {
        return text.to_owned();
    }
    let mut clean = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_plain(c) {
            clean.push(c);
        } else if let ('\0'..='\u{1f}', Some(picture)) = (c, char::from_u32(0x2400 + u32::from(c)))
        {
            clean.push(picture);
        } else {
            clean += &format!("\u{27e8}U+{:04X}\u{27e9}", u32::from(c));
        }
    }
    clean
}

fn is_bidi(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &str) {
        let drawn = pieces(text).into_iter().map(|piece| match piece.href {
            Some(href) => format!("[{href}]"),
            None => piece.text,
        });
        assert_eq!(drawn.collect::<String>(), expect);
    }

    #[test]
    fn addresses_become_links() {
        check("no address", "no address");
        check(
            "see https://example.org/a?b=c#d. Then (http://x.org/).",
            "see [https://example.org/a?b=c#d]. Then ([http://x.org/]).",
        );
        check("https://", "https://");
        check(
            "javascript:alert(1) data:text/html,x",
            "javascript:alert(1) data:text/html,x",
        );
        check("\"https://a.org\"><script>", "\"[https://a.org]\"><script>");
    }

    #[test]
    fn nothing_changes_how_the_text_around_it_reads() {
        check("a\u{1b}[31mred", "a\u{241b}[31mred");
        check("user\u{202e}gpj.exe", "user\u{27e8}U+202E\u{27e9}gpj.exe");
        check("tab\tand\nline", "tab\tand\nline");
        check("bell\u{9b}", "bell\u{27e8}U+009B\u{27e9}");
    }

    #[test]
    fn a_huge_address_is_text() {
        let long = format!("https://a.org/{}", "x".repeat(ADDRESS_MAX));
        check(&long, &long);
    }
}

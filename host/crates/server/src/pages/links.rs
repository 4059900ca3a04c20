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
        text: text.to_owned(),
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
    fn a_huge_address_is_text() {
        let long = format!("https://a.org/{}", "x".repeat(ADDRESS_MAX));
        check(&long, &long);
    }
}

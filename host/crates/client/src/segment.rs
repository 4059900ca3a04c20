//! Names in paths.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Words that stand in paths where the name of a run may stand, too.
const WORDS: [&str; 1] = ["tallies"];

/// A name as one segment of a path.
pub fn segment(name: &str) -> String {
    if WORDS.contains(&name) || name == "." || name == ".." {
        // Means the same to the server, but is not the word, nor the way to another path.
        return name.bytes().map(|byte| format!("%{byte:02X}")).collect();
    }
    utf8_percent_encode(name, ESCAPED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_segment_whatever_is_in_it() {
        assert_eq!(segment("silver-otter"), "silver-otter");
        assert_eq!(segment("a/b?c d"), "a%2Fb%3Fc%20d");
        assert_eq!(segment("né"), "n%C3%A9");
        assert_eq!(segment(".."), "%2E%2E");
        assert_eq!(segment("tallies"), "%74%61%6C%6C%69%65%73");
    }
}

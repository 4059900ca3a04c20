//! Names of fields: where a value is, what a browser posts it under, and its id in the page.
//!
//! ```text
//! path      /notify/~o1/level          the way: keys as in a JSON pointer, `~o1` is branch 1
//! pointer   /notify/level              the way into the value
//! name      /notify/~o1/level:value    what is posted: a path and a role
//! id        f.notify.~o1.level         for labels and links
//! ```
//!
//! A JSON pointer has `~` only before `0` and `1`, so a branch is never taken for a key. Neither
//! are `~n`, `~r` and `~z`: a browser changes line ends and zero bytes in names. The role is
//! after the last colon, so a key may have colons.

use std::fmt::Write;

/// What a posted value says about its field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The switch of a field that may be left out.
    Give,
    /// `null` is chosen.
    Null,
    Value,
    Date,
    Time,
    Zone,
    /// The JSON of a choice's option, or the number of a branch.
    Choice,
    /// How many items a list has.
    Items,
    /// The text of a field that is written as JSON.
    Json,
    /// The field had no value when it was drawn: if it is empty still, it has none.
    Unset,
    /// A mark of what was in a field that was drawn as left out or null.
    Was,
}

impl Role {
    fn as_str(self) -> &'static str {
        match self {
            Self::Give => "give",
            Self::Null => "null",
            Self::Value => "value",
            Self::Date => "date",
            Self::Time => "time",
            Self::Zone => "zone",
            Self::Choice => "choice",
            Self::Items => "items",
            Self::Json => "json",
            Self::Unset => "unset",
            Self::Was => "was",
        }
    }
}

/// A button's name; its value says what to do.
pub const DO: &str = ":do";
/// Which tab the form was drawn with.
pub const TAB: &str = ":tab";
/// The text on the tab for JSON.
pub const WHOLE: &str = ":whole";

/// What a field's value is posted under.
pub fn name(path: &str, role: Role) -> String {
    format!("{path}:{}", role.as_str())
}

/// The path of a member or an item.
pub fn below(path: &str, key: &str) -> String {
    let mut below = String::with_capacity(path.len() + 1 + key.len());
    below.push_str(path);
    below.push('/');
    for char in key.chars() {
        match char {
            '~' => below.push_str("~0"),
            '/' => below.push_str("~1"),
            '\n' => below.push_str("~n"),
            '\r' => below.push_str("~r"),
            '\0' => below.push_str("~z"),
            char => below.push(char),
        }
    }
    below
}

/// The path of a branch of a union.
pub fn branch(path: &str, at: usize) -> String {
    format!("{path}/~o{at}")
}

/// The JSON pointer to the value at a path.
pub fn pointer(path: &str) -> String {
    let steps = path
        .split('/')
        .skip(1)
        .filter(|step| !step.starts_with("~o"));
    let pointer = steps.fold(String::new(), |pointer, step| pointer + "/" + step);
    let pointer = pointer.replace("~n", "\n").replace("~r", "\r");
    pointer.replace("~z", "\0")
}

/// A name for the page: letters, digits, `.`, `-`, `_` and `~` only.
pub fn id(path: &str) -> String {
    let mut id = String::from("f");
    for step in path.split('/').skip(1) {
        id.push('.');
        if let Some(branch) = step.strip_prefix("~o") {
            id.push_str("~o");
            id.push_str(branch);
            continue;
        }
        for byte in step.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => id.push(byte.into()),
                // Writing to a `String` does not fail.
                _ => {
                    let _ = write!(id, "~{byte:02x}");
                }
            }
        }
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_its_own_name_and_id() {
        #[track_caller]
        fn check(keys: &[&str], expect_pointer: &str, expect_id: &str) {
            let path = keys
                .iter()
                .fold(String::new(), |path, key| below(&path, key));
            assert!(!path.contains(['\n', '\r', '\0']));
            assert_eq!(pointer(&path), expect_pointer);
            assert_eq!(id(&path), expect_id);
        }
        check(&[], "", "f");
        check(&["batch_size"], "/batch_size", "f.batch_size");
        check(&["a", "b"], "/a/b", "f.a.b");
        check(&["a/b"], "/a~1b", "f.a~7e1b");
        check(&["a.b"], "/a.b", "f.a~2eb");
        check(&["~o1"], "/~0o1", "f.~7e0o1");
        check(&["", ""], "//", "f..");
        check(&["~n", "\n"], "/~0n/\n", "f.~7e0n.~7en");
        check(&["\r\0"], "/\r\0", "f.~7er~7ez");
        check(&["é[0]"], "/é[0]", "f.~c3~a9~5b0~5d");
    }

    #[test]
    fn a_branch_is_no_step_of_the_value() {
        let path = below(&branch(&below("", "notify"), 1), "level");
        assert_eq!(path, "/notify/~o1/level");
        assert_eq!(pointer(&path), "/notify/level");
        assert_eq!(id(&path), "f.notify.~o1.level");
        assert_eq!(name(&path, Role::Value), "/notify/~o1/level:value");
    }
}

//! Lines of JSON objects, read one at a time: a file may be larger than memory.

use std::io::{BufRead, Read as _};

use crate::cli::error::UserError;
use crate::cli::files::without_mark;
use model::Json;

/// The longest line, in bytes: as much as a flow may be given as parameters.
pub const LINE_MAX: u64 = 32 << 20;

/// A line that is not blank.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    /// From 1, as editors count.
    pub number: u64,
    pub text: String,
}

/// Why a line is none of ours, or cannot be read.
#[derive(Debug)]
pub struct BadLine {
    pub number: u64,
    pub why: UserError,
}

/// The lines of `source` that are not blank.
pub struct Lines<R> {
    source: R,
    /// Of the latest line.
    number: u64,
}

impl<R: BufRead> Lines<R> {
    pub fn new(source: R) -> Self {
        Self { source, number: 0 }
    }

    /// The next line; `None` after the last.
    fn read_line(&mut self) -> Result<Option<String>, UserError> {
        let mut bytes = Vec::new();
        let mut source = (&mut self.source).take(LINE_MAX + 1);
        let read = source.read_until(b'\n', &mut bytes).map_err(|err| {
            UserError::new(format!("it cannot be read: {err}"))
                .hint("read the whole of it into a file that you can read, and pass that")
        })?;
        if read as u64 > LINE_MAX {
            return Err(UserError::new("it is longer than 32 MiB")
                .hint("parameters are that large at most: pass less, or in several runs"));
        }
        match (read, String::from_utf8(bytes)) {
            (0, _) => Ok(None),
            (_, Ok(text)) if self.number == 1 => Ok(Some(without_mark(&text).to_owned())),
            (_, Ok(text)) => Ok(Some(text)),
            (_, Err(_)) => Err(UserError::new("it is not UTF-8").hint(HINT)),
        }
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = Result<Line, BadLine>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.number += 1;
            let number = self.number;
            match self.read_line() {
                Ok(None) => return None,
                Ok(Some(text)) if text.trim().is_empty() => continue,
                Ok(Some(text)) => return Some(Ok(Line { number, text })),
                Err(why) => return Some(Err(BadLine { number, why })),
            }
        }
    }
}

const HINT: &str = "each line is a JSON object of parameters, such as `{\"item_id\": 7}`";

/// The object in `line` laid over `base`.
pub fn over(base: &Json, line: &str) -> Result<Json, UserError> {
    match Json::tidy(line) {
        Ok(parameters) if parameters.members().is_some() => Ok(base.overlaid(&parameters)),
        Ok(_) => Err(UserError::new("it is no JSON object").hint(HINT)),
        Err(err) => Err(UserError::new(format!("it is {err}")).hint(HINT)),
    }
}

/// What to say of a source without lines.
pub fn no_lines(name: &str) -> UserError {
    UserError::new(format!("{name} has no lines")).hint(HINT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_goes_over_what_was_typed() {
        #[track_caller]
        fn check(line: &str, expect: &str) {
            let said = match over(&Json::trusted(r#"{"a":1,"b":2}"#), line) {
                Ok(object) => object.to_string(),
                Err(err) => err.message,
            };
            assert_eq!(said, expect);
        }
        check(r#"{"b": 3}"#, r#"{"a":1,"b":3}"#);
        check(r#"{"c": 1.10}"#, r#"{"a":1,"b":2,"c":1.10}"#);
        check("[3]", "it is no JSON object");
        check("x", "it is not JSON: expected value at line 1 column 1");
    }

    #[test]
    fn lines_have_the_numbers_that_editors_show() {
        #[track_caller]
        fn check(source: &[u8], expect: &[&str]) {
            let said = Lines::new(source).map(|line| match line {
                Ok(line) => format!("{} {}", line.number, line.text.trim()),
                Err(bad) => format!("{} {}", bad.number, bad.why.message),
            });
            assert_eq!(said.collect::<Vec<_>>(), expect);
        }
        check(b"", &[]);
        check(b"\n \r\n", &[]);
        check(b"{}\n\n{\"a\":1}", &["1 {}", "3 {\"a\":1}"]);
        check(b"{}\r\n\xff\n{}\n", &["1 {}", "2 it is not UTF-8", "3 {}"]);
        let long = vec![b'x'; LINE_MAX as usize];
        let long = Lines::new(&long[..]).next().unwrap().unwrap();
        assert_eq!(long.text.len(), LINE_MAX as usize);
        let longer = vec![b'x'; LINE_MAX as usize + 1];
        let bad = Lines::new(&longer[..]).next().unwrap().unwrap_err();
        assert_eq!(bad.why.message, "it is longer than 32 MiB");
    }
}

//! Input that flows wait for: how it is shown, and what to type to give it.

use super::error::UserError;
use super::params::read_file;
use model::{AwaitedInput, Json};
use operations::inputs::example;
use orchestrator::InputSchema;

/// The command that gives the input, with an example.
pub fn command(input: &AwaitedInput, among: &[AwaitedInput]) -> String {
    let run = input.run;
    let value = match example(input) {
        Some(example) => quoted(example.as_str()),
        None => "JSON".to_owned(),
    };
    let is_other = |other: &&AwaitedInput| other.run == run && other.id != input.id;
    let key = match among.iter().find(is_other) {
        Some(_) => format!(" --key {}", quoted(&input.key)),
        None => String::new(),
    };
    format!("orch-host flow-run resume {run}{key} --input {value}")
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

/// `approval`, or `approval`: Release it?
pub fn wish(input: &AwaitedInput) -> String {
    match &input.description {
        Some(description) => format!("`{}`: {description}", input.key),
        None => format!("`{}`", input.key),
    }
}

/// The value that a person typed: JSON, text where text is wanted, `@FILE` or `@-`. Whether
/// it fits is checked when it is given.
pub fn value(input: &AwaitedInput, typed: &str) -> anyhow::Result<Json> {
    let (text, source) = match typed.strip_prefix('@') {
        None => (typed.to_owned(), None),
        Some(path) => (read_file(path.as_ref())?, Some(path)),
    };
    let schema = InputSchema::new(&input.schema).map_err(anyhow::Error::msg)?;
    let key = &input.key;
    schema.read(text.trim_end_matches('\n')).map_err(|err| {
        let what = match source {
            None => format!("input `{key}` is `{text}`: {err}"),
            Some("-") => format!("input `{key}` from stdin is {err}"),
            Some(path) => format!("input `{key}` from `{path}` is {err}"),
        };
        UserError::new(what).hint(wanted(input)).into()
    })
}

/// What would fit.
pub fn wanted(input: &AwaitedInput) -> String {
    match example(input) {
        Some(example) => format!("this would fit: `--input {}`", quoted(example.as_str())),
        None => format!("its schema is {}", input.schema),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{InputId, Timestamp};

    fn input(key: &str, schema: &str) -> AwaitedInput {
        AwaitedInput {
            id: InputId::generate(),
            run: "00000000-0000-0000-0000-000000000001".parse().unwrap(),
            key: key.to_owned(),
            description: None,
            schema: Json::trusted(schema),
            asked: Timestamp(0),
            until: None,
        }
    }

    #[track_caller]
    fn check(input: &AwaitedInput, typed: &str, expect: &str) {
        let said = match value(input, typed) {
            Ok(value) => value.to_string(),
            Err(err) => err.to_string(),
        };
        assert_eq!(said, expect);
    }

    #[test]
    fn a_value_is_json_or_text_where_text_is_wanted() {
        let flag = input("ok", r#"{"type":"boolean"}"#);
        check(&flag, "true", "true");
        let no_json = "input `ok` is `yes`: not JSON: expected value at line 1 column 1";
        check(&flag, "yes", no_json);
        check(
            &input("word", r#"{"type":"string"}"#),
            "go on",
            r#""go on""#,
        );
    }

    #[test]
    fn a_command_can_be_copied_into_a_shell() {
        let run = "orch-host flow-run resume 00000000-0000-0000-0000-000000000001";
        let flag = input("ok", r#"{"type":"boolean"}"#);
        let word = input("a word", r#"{"default":"it's"}"#);
        let alone = std::slice::from_ref(&flag);
        assert_eq!(command(&flag, alone), format!("{run} --input true"));
        let both = [flag, word];
        assert_eq!(
            command(&both[1], &both),
            format!(r#"{run} --key 'a word' --input '"it'\''s"'"#)
        );
    }
}

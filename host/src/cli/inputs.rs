//! Input that flows wait for, as it is typed.

use super::error::UserError;
use super::params::read_file;
use model::{AwaitedInput, Json};
use operations::problem::wanted;
use orchestrator::InputSchema;

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
}

//! Input that flows wait for: how it is shown, and what to type to give it.

use super::error::UserError;
use super::params::read_file;
use super::resolve::closest;
use model::{AwaitedInput, Json};
use operations::inputs::example;
use orchestrator::{InputMisfit, InputSchema};

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
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:".contains(c);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

/// `approval`, or `approval`: Release it?
pub fn wish(input: &AwaitedInput) -> String {
    match &input.description {
        Some(description) => format!("`{}`: {description}", input.key),
        None => format!("`{}`", input.key),
    }
}

/// Which of the inputs that a flow run waits for is meant. `run` is its name.
pub fn choose<'i>(
    run: &str,
    awaited: &[&'i AwaitedInput],
    key: Option<&str>,
) -> Result<&'i AwaitedInput, UserError> {
    let keys = || {
        let keys = awaited.iter().map(|input| input.key.as_str());
        format!("`{}`", keys.collect::<Vec<_>>().join("`, `"))
    };
    match (key, awaited) {
        (None, [only]) => Ok(only),
        (None, _) => {
            let message = format!("flow run '{run}' waits for several inputs: {}", keys());
            let first = awaited.first().map_or("KEY", |input| &input.key);
            let hint = format!("say which: `--key {}`", quoted(first));
            Err(UserError::new(message).hint(hint))
        }
        (Some(key), _) => match awaited.iter().find(|input| input.key == key) {
            Some(input) => Ok(input),
            None => {
                let known = awaited.iter().map(|input| input.key.clone());
                let hint = match closest(key, known) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("it waits for {}", keys()),
                };
                let message = format!("flow run '{run}' does not wait for input `{key}`");
                Err(UserError::new(message).hint(hint))
            }
        },
    }
}

/// The value that a person typed: JSON, text where text is wanted, `@FILE` or `@-`.
pub fn value(input: &AwaitedInput, typed: &str) -> anyhow::Result<Json> {
    let (text, source) = match typed.strip_prefix('@') {
        None => (typed.to_owned(), None),
        Some(path) => (read_file(path.as_ref())?, Some(path)),
    };
    let schema = InputSchema::new(&input.schema).map_err(anyhow::Error::msg)?;
    let key = &input.key;
    let value = schema.read(text.trim_end_matches('\n')).map_err(|err| {
        let what = match source {
            None => format!("input `{key}` is `{text}`: {err}"),
            Some("-") => format!("input `{key}` from stdin is {err}"),
            Some(path) => format!("input `{key}` from `{path}` is {err}"),
        };
        UserError::new(what).hint(wanted(input))
    })?;
    match schema.check(&value) {
        Ok(()) => Ok(value),
        Err(misfit) => Err(does_not_fit(input, &misfit).into()),
    }
}

pub fn does_not_fit(input: &AwaitedInput, misfit: &InputMisfit) -> UserError {
    UserError::new(format!("input `{}` does not fit: {misfit}", input.key)).hint(wanted(input))
}

/// What would fit.
fn wanted(input: &AwaitedInput) -> String {
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
            &flag,
            "7",
            "input `ok` does not fit: the value is `7`: 7 is not of type \"boolean\" (schema: `/type`)",
        );
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

    #[test]
    fn who_is_not_named_must_be_the_only_one() {
        let both = [input("first", "true"), input("second", "true")];
        let both: Vec<&AwaitedInput> = both.iter().collect();
        let chosen = |key| match choose("otter", &both, key) {
            Ok(input) => input.key.clone(),
            Err(err) => format!("{err}; {}", err.hint.as_deref().unwrap_or_default()),
        };
        assert_eq!(chosen(Some("second")), "second");
        assert_eq!(
            chosen(None),
            "flow run 'otter' waits for several inputs: `first`, `second`; say which: `--key first`"
        );
        assert_eq!(
            chosen(Some("secnd")),
            "flow run 'otter' does not wait for input `secnd`; did you mean `second`?"
        );
    }
}

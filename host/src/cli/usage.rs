//! What is said of a command line that is none: as of any other mistake, one sentence and a hint.
//!
//! clap knows what is wrong. Its advice is written for its own layout, so only what it knows is taken.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::error::UserError;

/// What people type who come from Prefect, below a command, and what it is here.
const SPELLED_OTHERWISE: [(&str, &str, &str); 9] = [
    ("", "version", "`orch-host --version` tells it"),
    (
        "",
        "flow",
        "`orch-host deployment ls` lists flows with their deployments",
    ),
    (
        "",
        "start",
        "`orch-host server start` serves pages and API, `orch-host worker` executes runs",
    ),
    (
        "",
        "config",
        "settings are options and variables: `orch-host --help` tells which",
    ),
    ("worker", "start", "`orch-host worker` alone starts one"),
    (
        "deployment",
        "apply",
        "`orch-host deploy FILE.wasm` makes deployments and changes them",
    ),
    (
        "deployment",
        "create",
        "`orch-host deploy FILE.wasm` makes deployments and changes them",
    ),
    (
        "flow-run",
        "execute",
        "`orch-host run` executes a flow here and waits for it",
    ),
    (
        "flow-run",
        "start",
        "`orch-host deployment run NAME` starts a run",
    ),
];

/// What the standard library says of numbers, and what a person is told.
const NO_NUMBERS: [(&str, &str); 5] = [
    ("invalid digit found in string", "it is no whole number"),
    (
        "cannot parse integer from empty string",
        "it is no whole number",
    ),
    ("number too large to fit in target type", "it is too large"),
    ("invalid float literal", "it is no number"),
    (
        "provided string was not `true` or `false`",
        "it is neither `true` nor `false`",
    ),
];

/// The mistake in a command line that clap refuses.
pub fn mistake(err: &clap::Error, command: &clap::Command, given: &[OsString]) -> UserError {
    let rendered = err.to_string();
    let said = rendered.split("\n\n").next().unwrap_or_default();
    let mut message = said.strip_prefix("error: ").unwrap_or(said).to_owned();
    for (technical, plain) in NO_NUMBERS {
        message = message.replace(technical, plain);
    }
    let path = path(command, given);
    UserError::new(message.trim_end()).hint(hint(err, &path))
}

/// The command that is meant, without the name of the program.
fn path(command: &clap::Command, given: &[OsString]) -> String {
    let mut words = Vec::new();
    let mut at = command;
    for word in given.iter().skip(1) {
        if let Some(below) = at.find_subcommand(word) {
            words.push(below.get_name());
            at = below;
        }
    }
    words.join(" ")
}

fn hint(err: &clap::Error, path: &str) -> String {
    let text = |kind| match err.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        Some(ContextValue::Strings(texts)) => texts.first().map(String::as_str),
        _ => None,
    };
    if let Some(unknown) = text(ContextKind::InvalidSubcommand) {
        let spelled = SPELLED_OTHERWISE
            .iter()
            .find(|(below, word, _)| *below == path && *word == unknown);
        if let Some((_, _, here)) = spelled {
            return (*here).to_owned();
        }
    }
    let suggested = [
        ContextKind::SuggestedSubcommand,
        ContextKind::SuggestedArg,
        ContextKind::SuggestedValue,
    ];
    if let Some(suggested) = suggested.into_iter().find_map(text) {
        return format!("did you mean `{suggested}`?");
    }
    if err.kind() == ErrorKind::MissingRequiredArgument
        && let Some(ContextValue::StyledStr(usage)) = err.get(ContextKind::Usage)
    {
        let usage = usage.to_string();
        let usage = usage.trim().trim_start_matches("Usage: ");
        return format!("write `{usage}`");
    }
    let command = match path {
        "" => "orch-host".to_owned(),
        path => format!("orch-host {path}"),
    };
    format!("`{command} --help` tells what it takes")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::super::Cli;
    use super::*;

    #[track_caller]
    fn check(line: &str, message: &str, hint: &str) {
        let given: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        let err = Cli::command().try_get_matches_from(&given).unwrap_err();
        let mistake = mistake(&err, &Cli::command(), &given);
        assert_eq!(mistake.message, message);
        assert_eq!(mistake.hint.as_deref(), Some(hint));
    }

    #[test]
    fn a_mistake_is_named_and_what_to_do() {
        check(
            "orch-host deployment run a/b --cron x",
            "unexpected argument '--cron' found",
            "`orch-host deployment run --help` tells what it takes",
        );
        check(
            "orch-host flow-run ls --limits 3",
            "unexpected argument '--limits' found",
            "did you mean `--limit`?",
        );
        check(
            "orch-host flow-rum ls",
            "unrecognized subcommand 'flow-rum'",
            "did you mean `flow-run`?",
        );
        check(
            "orch-host flow-run ls --limit abc",
            "invalid value 'abc' for '--limit <N>': it is no whole number",
            "`orch-host flow-run ls --help` tells what it takes",
        );
        check(
            "orch-host deploy",
            "the following required arguments were not provided:\n  <FILE.wasm>",
            "write `orch-host deploy <FILE.wasm>`",
        );
        check(
            "orch-host -o yaml flow-run ls",
            "invalid value 'yaml' for '--output <FORMAT>'\n  [possible values: text, wide, json]",
            "`orch-host flow-run ls --help` tells what it takes",
        );
    }

    #[test]
    fn what_prefect_calls_otherwise_is_found() {
        let command = Cli::command();
        for (path, word, here) in SPELLED_OTHERWISE {
            let given = ["orch-host", path, word].map(str::split_whitespace);
            let given: Vec<OsString> = given.into_iter().flatten().map(OsString::from).collect();
            let err = command.clone().try_get_matches_from(&given).unwrap_err();
            assert_eq!(mistake(&err, &command, &given).hint.as_deref(), Some(here));
        }
    }
}

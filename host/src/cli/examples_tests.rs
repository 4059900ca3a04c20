//! The `--help` of every command ends with two examples, and both are command lines of that
//! command.
//!
//! They are only parsed, not run, so nothing that they name has to be there.

use clap::{Command, CommandFactory as _, Parser as _};

use super::Cli;

/// Help is up to 100 columns wide; a longer line might be broken.
const LINE_MAX: usize = 96;

#[test]
fn every_command_shows_two_examples_that_parse() {
    let mistakes = mistakes("orch-host", &Cli::command());
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
}

#[test]
fn an_example_is_split_as_a_shell_does() {
    assert_eq!(words("a  b\t-o json"), ["a", "b", "-o", "json"]);
    assert_eq!(words("a -p 'x={\"y\": 1}'"), ["a", "-p", "x={\"y\": 1}"]);
    assert_eq!(words("a b | c"), ["a", "b"]);
    assert_eq!(words("a b > c"), ["a", "b"]);
    assert_eq!(words("a b < c"), ["a", "b"]);
}

/// What is wrong with the examples of a command, and with those of the commands below it.
fn mistakes(path: &str, command: &Command) -> Vec<String> {
    let mut found = Vec::new();
    // A group has no examples. `worker` is a group and a command, so it has them.
    if !command.is_subcommand_required_set() {
        let help = command.get_after_help();
        let help = help.map(ToString::to_string).unwrap_or_default();
        let lines = help.lines().skip_while(|line| *line != "Examples:");
        let examples: Vec<&str> = lines.skip(1).collect();
        if examples.len() != 2 {
            let count = examples.len();
            found.push(format!(
                "`{path}`: {count} lines after `Examples:`, not two"
            ));
        }
        found.extend(examples.iter().filter_map(|line| mistake(path, line)));
    }
    let below = command.get_subcommands();
    for command in below.filter(|it| !it.is_hide_set() && it.get_name() != "help") {
        let path = format!("{path} {}", command.get_name());
        found.extend(mistakes(&path, command));
    }
    found
}

/// What is wrong with an example of the command at this path.
fn mistake(path: &str, line: &str) -> Option<String> {
    if !line.starts_with(&format!("  {path}")) {
        return Some(format!("`{path}`: `{line}` does not begin with it"));
    }
    if line.chars().count() > LINE_MAX {
        return Some(format!("`{path}`: `{line}` is too long"));
    }
    let err = Cli::try_parse_from(words(line)).err()?;
    Some(format!("`{path}`: `{line}`: {err}"))
}

/// The words of a line, up to a pipe or a redirection. What stands in `'…'` is kept as it is.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut is_quoted = false;
    for character in line.chars() {
        match character {
            '\'' => is_quoted = !is_quoted,
            '|' | '<' | '>' if !is_quoted => break,
            _ if is_quoted || !character.is_whitespace() => {
                words.last_mut().unwrap().push(character);
            }
            _ => words.push(String::new()),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

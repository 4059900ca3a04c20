//! `orch-host variable set NAME VALUE`

use std::io::{IsTerminal as _, Read as _};

use crate::cli::context::Context;
use crate::cli::error::{ExitStatus, UserError};
use crate::cli::files::{regular_text, without_mark};
use model::{Json, VariableName};

/// A value is no larger than this, in bytes.
const VALUE_MAX: usize = 4 << 20;

/// Set a variable, whatever it was
///
/// Tasks and flows read it with `variable(name)`. A flow that is replayed is told what it was
/// told before.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host variable set region eu-west-1
  orch-host variable set region @region.json")]
pub struct SetArgs {
    /// Its name
    name: VariableName,
    /// Its value: JSON, or a text that is none; `@FILE` for the content of a file, `-` for stdin
    #[arg(allow_hyphen_values = true)]
    value: String,
}

pub async fn run(args: SetArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let value = value_of(&args.value)?;
    let set = cx.client.set_variable(&args.name, value).await?;
    cx.out.note(&format!("Set variable `{}`", set.name));
    cx.out.changed(&set)?;
    Ok(ExitStatus::Success)
}

/// JSON, or a text as it stands. What comes from a file or from stdin has to be JSON, and so has
/// what begins like an object, a list or a quoted text: a mistake in it is no wish for a text.
fn value_of(text: &str) -> Result<Json, UserError> {
    let must_be_json = |what: &str, text: &str| {
        Json::tidy(text).map_err(|err| {
            UserError::new(format!("{what} is {err}"))
                .hint("a value is JSON: `1`, `\"text\"`, `[1, 2]`, `{\"eur\": 1.5}`")
        })
    };
    if text == "-" {
        if std::io::stdin().is_terminal() {
            return Err(
                UserError::new("stdin is a terminal, and `-` reads the value from it")
                    .hint("`orch-host variable set NAME - < FILE`"),
            );
        }
        let mut read = String::new();
        let mut stdin = std::io::stdin().take(VALUE_MAX as u64 + 1);
        stdin.read_to_string(&mut read).map_err(|err| {
            UserError::new(format!("stdin cannot be read: {err}")).hint("a value is text in UTF-8")
        })?;
        return must_be_json("what stdin gives", without_mark(&read));
    }
    if let Some(file) = text.strip_prefix('@') {
        let read = regular_text(file.as_ref(), VALUE_MAX)?;
        return must_be_json(&format!("`{file}`"), without_mark(&read));
    }
    if text.trim_ascii_start().starts_with(['{', '[', '"']) {
        return must_be_json(&format!("`{}`", Json::trusted(text).beginning()), text);
    }
    Ok(Json::tidy(text).unwrap_or_else(|_| Json::string(text)))
}

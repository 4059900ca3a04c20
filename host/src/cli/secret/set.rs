//! `orch-host secret set NAME`

use std::io::{IsTerminal as _, Read as _};
use std::path::PathBuf;

use crate::cli::context::Context;
use crate::cli::error::{ExitStatus, UserError};
use crate::cli::files::regular_text;
use model::SecretName;
use operations::client::SecretText;
use operations::kept::MASKED_FROM;
use vault::SECRET_MAX;

/// Set a secret, whatever it was
///
/// The value is asked for on a terminal, without showing it, or read from stdin or from a file:
/// an argument would stay in the shell's history and be seen by others on the machine. Tasks of
/// deployments that were granted it read it with `secret(name)`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host secret set db-password
  orch-host secret set db-password --from-file password.txt")]
pub struct SetArgs {
    /// Its name
    name: SecretName,
    /// Read the value from a file, as it is
    #[arg(long, value_name = "FILE")]
    from_file: Option<PathBuf>,
    /// Where a value would stand
    #[arg(hide = true, value_name = "VALUE")]
    value: Vec<String>,
}

pub async fn run(args: SetArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let stdin_meant = args.value == ["-"];
    if !args.value.is_empty() && !stdin_meant {
        let name = &args.name;
        return Err(UserError::new("the value of a secret is never an argument")
            .hint(format!(
                "others could see it: `orch-host secret set {name}` asks for it, and `orch-host \
             secret set {name} < FILE` reads it"
            ))
            .into());
    }
    let value = match &args.from_file {
        Some(file) => SecretText::new(regular_text(file, SECRET_MAX)?),
        None if std::io::stdin().is_terminal() && !stdin_meant => prompted(&args.name)?,
        None => from_stdin()?,
    };
    let short = value.expose().len() < MASKED_FROM;
    let set = cx.client.set_secret(&args.name, value).await?;
    let name = &set.name;
    cx.out
        .note(&format!("Set secret `{name}`, version {}", set.version));
    cx.out.changed(&set)?;
    if short {
        cx.out.warn(
            &format!("secret `{name}` has less than {MASKED_FROM} bytes"),
            "so short a value is not hidden in logs and results",
        );
    }
    if set.deployments.is_empty() {
        cx.out.hint(&format!(
            "`orch-host deploy FILE.wasm --secret {name}` lets its tasks read it"
        ));
    }
    Ok(ExitStatus::Success)
}

fn prompted(name: &SecretName) -> Result<SecretText, UserError> {
    let asked = rpassword::prompt_password(format!("Value of secret `{name}`: "));
    let value = asked.map_err(|err| {
        UserError::new(format!("the terminal gives no value: {err}"))
            .hint(format!("`orch-host secret set {name} < FILE` reads it"))
    })?;
    Ok(SecretText::new(value))
}

/// Without the line break that `echo` adds.
fn from_stdin() -> Result<SecretText, UserError> {
    let mut read = String::new();
    let mut stdin = std::io::stdin().take(SECRET_MAX as u64 + 2);
    stdin.read_to_string(&mut read).map_err(|err| {
        UserError::new(format!("stdin cannot be read: {err}"))
            .hint("a secret is text in UTF-8: encode bytes, as with `base64`")
    })?;
    if read.ends_with('\n') {
        read.pop();
    }
    Ok(SecretText::new(read))
}

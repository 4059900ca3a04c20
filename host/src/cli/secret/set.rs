//! `orch-host secret set NAME`

use std::io::{ErrorKind, IsTerminal as _, Read as _};
use std::path::PathBuf;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::signal::unix::{SignalKind, signal};

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
        None if std::io::stdin().is_terminal() && !stdin_meant => match prompted(&args.name)? {
            Some(value) => value,
            None => return Ok(ExitStatus::Interrupted),
        },
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

/// Until it is dropped, what is typed is not shown, and Ctrl-C is a key. The library that reads the
/// value does the same, but only after it has asked: somebody may be quicker.
struct Unseen(Option<Termios>);

impl Unseen {
    fn begin() -> Self {
        let stdin = std::io::stdin();
        // A terminal that cannot be asked is left to the library.
        let Ok(before) = tcgetattr(&stdin) else {
            return Self(None);
        };
        let mut unseen = before.clone();
        let line = LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG;
        unseen.local_modes.remove(line);
        let is_set = tcsetattr(&stdin, OptionalActions::Now, &unseen).is_ok();
        Self(is_set.then_some(before))
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, before);
        }
    }
}

/// What a person types; `None` after Ctrl-C.
fn prompted(name: &SecretName) -> anyhow::Result<Option<SecretText>> {
    // Caught, so that the program does not end before the terminal is what it was.
    let _interrupt = signal(SignalKind::interrupt())?;
    let _unseen = Unseen::begin();
    match rpassword::prompt_password(format!("Value of secret `{name}`: ")) {
        Ok(value) => Ok(Some(SecretText::new(value))),
        Err(err) if err.kind() == ErrorKind::Interrupted => Ok(None),
        Err(err) => Err(UserError::new(format!(
            "the value cannot be read from the terminal: {err}"
        ))
        .hint(format!("`orch-host secret set {name} < FILE` reads it"))
        .into()),
    }
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

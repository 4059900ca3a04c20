//! `orch-host secret rotate-key`

use std::path::PathBuf;

use crate::cli::context::Context;
use crate::cli::error::{ExitStatus, UserError};
use crate::cli::text::counted;
use operations::kept::{SecretRefusal, rotate_key};
use operations::problem::Problem;
use vault::Keys;

/// Encrypt all secrets under a new key
///
/// The new key takes the place of the one before, unless it is kept in a file of your own:
/// `--new-key-file`. Whatever happens meanwhile, no secret is lost, and the same command goes on.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host secret rotate-key
  orch-host secret rotate-key --new-key-file secret.key")]
pub struct RotateKeyArgs {
    /// The file of the new key, which is made if it is not there
    #[arg(long, value_name = "FILE")]
    new_key_file: Option<PathBuf>,
}

pub async fn run(args: RotateKeyArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let store = cx.store("secret rotate-key")?;
    let keys = Keys::of_environment(&cx.place.home).map_err(SecretRefusal::from);
    let keys = keys.map_err(Problem::from)?;
    let file = args.new_key_file.as_deref();
    let count = rotate_key(&**store, &keys, file)
        .await
        .map_err(Problem::from)?;
    let count = counted(count as u64, "secret");
    cx.out.note(&format!("Encrypted {count} under a new key"));
    if let Some(file) = file {
        cx.out.hint(&format!(
            "set `ORCH_SECRET_KEY_FILE={}` where workers and commands run",
            file.display()
        ));
    }
    Ok(ExitStatus::Success)
}

/// The keys of a worker. Warns if there are secrets that it cannot read.
pub async fn keys_of_worker(cx: &Context) -> anyhow::Result<Keys> {
    let keys = Keys::of_environment(&cx.place.home).map_err(|err| {
        let hint = err.hint();
        UserError::new(err.to_string()).hint(hint)
    })?;
    let Some(store) = cx.local_store() else {
        return Ok(keys);
    };
    if let Some(secret) = store.secrets().await?.first()
        && let Err(err) = keys.open(secret)
    {
        cx.out.warn(
            &format!("tasks that ask for a secret will fail: {err}"),
            err.hint(),
        );
    }
    Ok(keys)
}

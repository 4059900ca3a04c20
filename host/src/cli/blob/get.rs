//! `orch-host blob get DIGEST`

use std::fs::{self, File};
use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use futures::TryStreamExt as _;

use crate::cli::context::Context;
use crate::cli::error::{ExitStatus, StdoutClosed, UserError};
use operations::client::BlobBytes;

/// Write the bytes of a blob to a file or to stdout
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host blob get blake3:… --to report.pdf
  orch-host blob get blake3:… | tar -t")]
pub struct GetArgs {
    /// What its reference has as `$blob`, in the values of a run
    digest: String,
    /// The file; one that is there is replaced once all bytes are there
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
}

pub async fn run(args: GetArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    if args.to.is_none() && io::stdout().is_terminal() {
        let message = "stdout is a terminal, and a blob may be anything";
        return Err(UserError::new(message)
            .hint("`--to FILE` names a file")
            .into());
    }
    let blob = cx.client.read_blob(&args.digest).await?;
    match args.to {
        None => copy(blob, &mut io::stdout().lock()).await?,
        Some(path) => to_file(blob, &path).await?,
    }
    Ok(ExitStatus::Success)
}

async fn copy(mut blob: BlobBytes, to: &mut impl Write) -> anyhow::Result<()> {
    while let Some(part) = blob.parts.try_next().await? {
        to.write_all(&part).map_err(|err| match err.kind() {
            io::ErrorKind::BrokenPipe => anyhow::Error::from(StdoutClosed),
            _ => err.into(),
        })?;
    }
    Ok(to.flush()?)
}

/// Whoever looks at the file sees all of it, or what was there before.
async fn to_file(blob: BlobBytes, path: &Path) -> anyhow::Result<()> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let unwritten = |err: io::Error| {
        UserError::new(format!("`{}` cannot be written: {err}", path.display()))
            .hint("`--to FILE` names another file")
    };
    let mut file = File::create(&part).map_err(unwritten)?;
    let copied = copy(blob, &mut file).await;
    match copied {
        Ok(()) => Ok(fs::rename(&part, path).map_err(unwritten)?),
        Err(err) => {
            let _ = fs::remove_file(&part);
            Err(err)
        }
    }
}

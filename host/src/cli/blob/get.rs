//! `orch-host blob get DIGEST`

use std::fs::{self, File};
use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use crate::cli::context::Context;
use crate::cli::error::{ExitStatus, StdoutClosed, UserError};
use crate::cli::storage;
use model::{BlobDigest, Failure};
use operations::blobs::BlobReading;
use store::{Missing, StoreError};

/// What is read at once, in bytes.
const PART: usize = 1 << 20;

/// Write the bytes of a blob to a file or to stdout
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host blob get blake3:… --output report.pdf
  orch-host blob get blake3:… | tar -t")]
pub struct GetArgs {
    /// What its reference has as `$blob`, in the values of a run
    digest: String,
    /// The file; one that is there is replaced once all bytes are there
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
}

pub async fn run(args: GetArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let store = cx.store("blob get")?;
    let digest: BlobDigest = args.digest.parse().map_err(|err| {
        UserError::new(format!("`{}` is no blob: it is {err}", args.digest))
            .hint("`orch-host flow-run inspect RUN` shows the values of a run")
    })?;
    if args.to.is_none() && io::stdout().is_terminal() {
        let message = "stdout is a terminal, and a blob may be anything";
        return Err(UserError::new(message)
            .hint("`--to FILE` names a file")
            .into());
    }
    let found = storage::blobs(cx, store)?.read_any(digest).await;
    let missing = || StoreError::NotFound(Missing::Blob(digest));
    let mut blob = found.map_err(unread)?.ok_or_else(missing)?;
    match args.to {
        None => copy(&mut blob, &mut io::stdout().lock()).await?,
        Some(path) => to_file(&mut blob, &path).await?,
    }
    Ok(ExitStatus::Success)
}

fn unread(err: operations::blobs::BlobError) -> anyhow::Error {
    anyhow::anyhow!(Failure::from(err).message)
}

async fn copy(blob: &mut BlobReading, to: &mut impl Write) -> anyhow::Result<()> {
    loop {
        let part = blob.read(PART).await.map_err(unread)?;
        if part.is_empty() {
            return Ok(to.flush()?);
        }
        to.write_all(&part).map_err(|err| match err.kind() {
            io::ErrorKind::BrokenPipe => anyhow::Error::from(StdoutClosed),
            _ => err.into(),
        })?;
    }
}

/// Whoever looks at the file sees all of it, or what was there before.
async fn to_file(blob: &mut BlobReading, path: &Path) -> anyhow::Result<()> {
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

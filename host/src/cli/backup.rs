//! `orch-host backup FILE` and `orch-host restore FILE`

use std::path::PathBuf;

use indicatif::BinaryBytes;

use super::error::{ExitStatus, UserError};
use super::output::{Format, Output};
use super::place::{DatabaseUrl, OpenWhole, Place};
use super::text::counted;
use ::blobs::StorageUrl;
use operations::database::{BackedUp, backup, restore};
use operations::view::BackedUpView;

/// Write the whole database into a file, while workers go on
///
/// The file is the database as it was at one moment, and is checked before it has its name. Large
/// values that this machine keeps beside the database go into the directory `FILE.blobs`. Keys of
/// secrets are not in it: keep them elsewhere.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host backup /backups/orch-monday.db
  orch-host backup copy.db --database sqlite:/srv/orch/orch.db")]
pub struct BackupArgs {
    /// A file that is not there yet
    file: PathBuf,
}

/// Put a backup where no database is
///
/// What was executed at that moment goes on once a worker is started. Do not start workers on the
/// database that the backup is of, too: they would execute the same runs a second time.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host restore /backups/orch-monday.db
  orch-host restore copy.db --database sqlite:/srv/orch/orch.db")]
pub struct RestoreArgs {
    /// What `orch-host backup` has written
    file: PathBuf,
}

/// Where the machine keeps blobs, if it does.
fn blobs_of(place: &Place) -> Option<PathBuf> {
    match place.blobs() {
        Some(StorageUrl::Directory(path)) => Some(path),
        _ => None,
    }
}

pub async fn run_backup(
    args: BackupArgs,
    place: &Place,
    open: OpenWhole,
    out: &Output,
) -> anyhow::Result<ExitStatus> {
    let dir = args.file.parent().filter(|dir| !dir.as_os_str().is_empty());
    if let Some(dir) = dir.filter(|dir| !dir.is_dir()) {
        let error = UserError::new(format!("there is no directory `{}`", dir.display()));
        return Err(error.hint("make it, or give another file").into());
    }
    let from = open(&place.database)?;
    let bar = out.progress_line();
    bar.set_message(format!("Writing `{}`", args.file.display()));
    let blobs = blobs_of(place);
    let written = backup(&*from, &args.file, blobs.as_deref()).await;
    bar.finish_and_clear();
    let written = written?;
    out.note(&format!("Wrote {}", in_words(&written)));
    out.hint(&format!(
        "`orch-host restore {}` puts it where no database is",
        written.to
    ));
    say(written, out)
}

pub async fn run_restore(
    args: RestoreArgs,
    place: &Place,
    open: OpenWhole,
    out: &Output,
) -> anyhow::Result<ExitStatus> {
    if !args.file.exists() {
        let error = UserError::new(format!("there is no file `{}`", args.file.display()));
        let hint = "give what `orch-host backup FILE` has written";
        return Err(error.hint(hint).into());
    }
    let file = open(&DatabaseUrl::Sqlite(args.file.clone()))?;
    let to = open(&place.database)?;
    let bar = out.progress_line();
    bar.set_message(format!("Restoring `{}`", args.file.display()));
    let blobs = blobs_of(place);
    let restored = restore(&*file, &*to, blobs.as_deref()).await;
    bar.finish_and_clear();
    let restored = restored?;
    out.note(&format!("Restored {}", in_words(&restored)));
    out.hint("`orch-host worker` goes on with what was executed");
    say(restored, out)
}

fn say(done: BackedUp, out: &Output) -> anyhow::Result<ExitStatus> {
    if out.format == Format::Json {
        out.json(&BackedUpView::from(done))?;
    }
    Ok(ExitStatus::Success)
}

/// `` `/backups/orch.db`: 12 flow runs, 1.2 MiB ``
fn in_words(done: &BackedUp) -> String {
    let blobs = match done.blobs {
        0 => String::new(),
        blobs => format!(", {}", counted(blobs, "blob")),
    };
    format!(
        "`{}`: {}, {}{blobs}",
        done.to,
        counted(done.runs, "flow run"),
        BinaryBytes(done.bytes)
    )
}

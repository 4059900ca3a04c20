//! `orch-host database migrate`

use crate::cli::error::ExitStatus;
use crate::cli::output::{Format, Output};
use operations::database::migrate;
use operations::view::MigratedView;
use store::moving::Database;

/// Bring the tables of the database to the version of this program
///
/// Every command does so where it may. For users of a PostgreSQL database who may not change
/// tables, its owner does it with this. There is no way back, so make a copy first.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host database migrate
  orch-host database migrate --database postgres://owner@db.example/flows")]
pub struct MigrateArgs {}

pub async fn run(
    _: MigrateArgs,
    database: &dyn Database,
    out: &Output,
) -> anyhow::Result<ExitStatus> {
    let migrated = migrate(database).await?;
    let place = database.place();
    out.note(&match migrated.from {
        None => format!("`{place}` is set up, with version {}", migrated.to),
        Some(from) if from == migrated.to => {
            format!("`{place}` has version {from} already: there was nothing to do")
        }
        Some(from) => format!("`{place}` had version {from}, and has {} now", migrated.to),
    });
    if out.format == Format::Json {
        out.json(&MigratedView::new(place, migrated))?;
    }
    Ok(ExitStatus::Success)
}

//! `orch-host database status`

use crate::cli::error::ExitStatus;
use crate::cli::output::{Format, Output};
use crate::cli::table::{Fields, text};
use crate::cli::text::counted;
use operations::view::DatabaseView;
use store::moving::Database;

/// Show what the database is and what is in it, and change nothing
///
/// It may be of an earlier or a later version, empty, or not there.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host database status
  orch-host database status --database postgres://orch@db.example/flows -o json")]
pub struct StatusArgs {}

pub async fn run(
    _: StatusArgs,
    database: &dyn Database,
    out: &Output,
) -> anyhow::Result<ExitStatus> {
    let look = database.look().await?;
    let view = DatabaseView::new(database.engine(), database.place(), look);
    if out.format == Format::Json {
        out.json(&view)?;
        return Ok(ExitStatus::Success);
    }
    let engine = match &view.server_version {
        Some(version) => format!("PostgreSQL {version}"),
        None => "SQLite".to_owned(),
    };
    let mut fields = Fields::default();
    fields
        .add("Database", text(&view.database))
        .add("Engine", text(engine))
        .add("Version", text(version(&view)))
        .add("Size", text(format!("{} KB", view.bytes.div_ceil(1000))));
    if let Some(runs) = &view.flow_runs {
        let by_state = runs.by_state.iter();
        let by_state: Vec<String> = by_state
            .map(|(of, count)| format!("{count} {of}"))
            .collect();
        let more = match by_state.as_slice() {
            [] => String::new(),
            all => format!(": {}", all.join(", ")),
        };
        fields
            .add("Flow runs", text(format!("{}{more}", runs.total)))
            .add("Not over", text(runs.unfinished));
    }
    if let Some(workers) = &view.workers {
        let names = match workers.as_slice() {
            [] => "none is alive".to_owned(),
            all => format!(
                "{}: {}",
                counted(all.len() as u64, "worker"),
                all.join(", ")
            ),
        };
        fields.add("Workers", text(names));
    }
    out.table(&fields.table(), "")?;
    Ok(ExitStatus::Success)
}

/// What the version of the tables means for this program.
fn version(view: &DatabaseView) -> String {
    let known = view.known_version;
    let found = view.version.unwrap_or_default();
    match view.state.as_str() {
        "missing" => "there is no such file; the first command that needs it makes it".to_owned(),
        "empty" => "it is empty; the first command that needs it sets it up".to_owned(),
        "older" => format!(
            "{found}; this program knows {known}: `orch-host database migrate` brings it there"
        ),
        "newer" => format!("{found}; this program knows {known}, so it does not use it"),
        "half-copied" => format!(
            "{found}; half a copy of `{}`: the same `orch-host database copy` finishes it",
            view.copy_of.as_deref().unwrap_or_default()
        ),
        _ => format!("{found}, that of this program"),
    }
}

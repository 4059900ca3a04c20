//! Copies a database to an empty one, perhaps of another engine.
//!
//! ```text
//! look at both --> mark the target --> rows, a page a transaction --> compare --> take the mark off
//!                       ^                     |
//!                       +--- killed: the same command goes on after the last page
//! ```
//!
//! The original is only read. It must not change meanwhile, for a page that was copied is not looked
//! at again: so no worker may be alive, and at the end all rows of both are read and compared. Until
//! then nobody else opens the target.
//!
//! What a dead worker had goes over with the worker, whose lease has ended there: it is rescued as
//! after any crash.

use serde::{Deserialize, Serialize};
use store::moving::{Cell, Condition, Database, Mark, Row, TABLES, Table};
use store::{StoreError, StoreResult};

use super::digest::TableDigest;
use super::{Standing, unfit};

/// How much of a table is read at once. One row may have more.
const PAGE_BYTES: usize = 4 << 20;

/// Why a copy was not made, or not finished.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CopyRefusal {
    #[error("`{place}` and `{other}` are the same database")]
    Same { place: String, other: String },
    #[error("there is no database to copy at `{place}`")]
    Nothing { place: String },
    #[error("`{}` is in use: {} alive", .place, workers(.names))]
    InUse { place: String, names: Vec<String> },
    #[error("`{place}` is not empty: its table `{table}` has {rows}")]
    NotEmpty {
        place: String,
        table: &'static str,
        rows: String,
    },
    #[error("`{place}` is half a copy of `{copied}`, not of `{asked}`")]
    OtherCopy {
        place: String,
        copied: String,
        asked: String,
    },
    #[error("`{place}` is not what `{from}` is now: they differ in table `{table}`")]
    Differs {
        place: String,
        from: String,
        table: &'static str,
    },
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn workers(names: &[String]) -> String {
    match names {
        [name] => format!("worker `{name}` is"),
        names => format!("workers `{}` are", names.join("`, `")),
    }
}

/// What a copy is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyStep {
    Copying,
    Comparing,
}

/// How far a copy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyProgress {
    pub step: CopyStep,
    pub table: &'static str,
    /// Of all tables.
    pub rows: u64,
    pub rows_total: u64,
}

/// What was copied, by table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    pub tables: Vec<(&'static str, u64)>,
    /// The rows that an earlier process had copied.
    pub earlier: u64,
}

impl Copied {
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|(_, rows)| rows).sum()
    }
}

/// How far a copy is, as its target keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct State {
    /// The identity of the original.
    from: String,
    /// The table that is copied, and the key of its last row. None: it is not begun.
    table: String,
    after: Option<Row>,
    rows: u64,
}

impl State {
    fn text(&self) -> StoreResult<String> {
        serde_json::to_string(self).map_err(|error| StoreError::Refused(error.to_string()))
    }
}

/// Copies `from` to `to`, or goes on with it. `tell` is told how far it is.
pub async fn copy(
    from: &dyn Database,
    to: &dyn Database,
    tell: impl FnMut(CopyProgress) + Send,
) -> Result<Copied, CopyRefusal> {
    copy_by(from, to, PAGE_BYTES, tell).await
}

/// The same by pages of so many bytes.
pub(super) async fn copy_by(
    from: &dyn Database,
    to: &dyn Database,
    page_bytes: usize,
    mut tell: impl FnMut(CopyProgress) + Send,
) -> Result<Copied, CopyRefusal> {
    let original = from.identity().await?;
    if original == to.identity().await? {
        let (place, other) = (from.place(), to.place());
        return Err(CopyRefusal::Same { place, other });
    }
    need_original(from).await?;
    let (mut state, mut written) = begin(from, to, original).await?;
    let mut counts = Vec::new();
    for table in &TABLES {
        counts.push(from.count(table).await?);
    }
    let rows_total = counts.iter().sum();
    let earlier = state.rows;
    let first = TABLES.iter().position(|table| table.name == state.table);
    for table in TABLES.iter().skip(first.unwrap_or(0)) {
        if table.name != state.table {
            state.after = None;
        }
        let pages = Pages {
            from,
            to,
            table,
            page_bytes,
        };
        pages
            .copy(&mut state, &mut written, |rows| {
                tell(CopyProgress {
                    step: CopyStep::Copying,
                    table: table.name,
                    rows,
                    rows_total,
                });
            })
            .await?;
    }
    let tables = compare(from, to, rows_total, tell).await?;
    // Nobody has begun to use it meanwhile, either.
    need_original(from).await?;
    to.end_copy(from.last_run_number().await?).await?;
    Ok(Copied { tables, earlier })
}

/// Errs if the original cannot be copied as it is.
async fn need_original(from: &dyn Database) -> Result<(), CopyRefusal> {
    let look = from.look().await?;
    let place = from.place();
    match Standing::of(&look) {
        Standing::Missing | Standing::Empty => return Err(CopyRefusal::Nothing { place }),
        Standing::Current(_) => {}
        other => return Err(unfit(from, &look, other).into()),
    }
    let names = look.contents.unwrap_or_default().workers;
    if names.is_empty() {
        Ok(())
    } else {
        Err(CopyRefusal::InUse { place, names })
    }
}

/// Makes the target ready, or finds how far it is: and as which text it has that.
async fn begin(
    from: &dyn Database,
    to: &dyn Database,
    original: String,
) -> Result<(State, String), CopyRefusal> {
    let look = to.look().await?;
    if let Condition::HalfCopied(mark) = &look.condition {
        return resume(from, to, mark, &original);
    }
    match Standing::of(&look) {
        Standing::Missing | Standing::Empty => to.migrate().await?,
        Standing::Current(_) => need_empty(to).await?,
        other => return Err(unfit(to, &look, other).into()),
    }
    let state = State {
        from: original,
        table: TABLES[0].name.to_owned(),
        after: None,
        rows: 0,
    };
    let written = state.text()?;
    to.begin_copy(Mark {
        from: from.place(),
        state: written.clone(),
    })
    .await?;
    Ok((state, written))
}

fn resume(
    from: &dyn Database,
    to: &dyn Database,
    mark: &Mark,
    original: &str,
) -> Result<(State, String), CopyRefusal> {
    let state: State = serde_json::from_str(&mark.state)
        .map_err(|error| StoreError::Damaged(format!("how far the copy is: {error}")))?;
    if state.from == original {
        return Ok((state, mark.state.clone()));
    }
    Err(CopyRefusal::OtherCopy {
        place: to.place(),
        copied: mark.from.clone(),
        asked: from.place(),
    })
}

/// Errs if the target holds more than what is in every new database: a pool and its queue.
async fn need_empty(to: &dyn Database) -> Result<(), CopyRefusal> {
    for table in &TABLES {
        let rows = to.count(table).await?;
        let is_empty = rows == 0 || rows == 1 && matches!(table.name, "pools" | "work_queues");
        if !is_empty {
            return Err(CopyRefusal::NotEmpty {
                place: to.place(),
                table: table.name,
                rows: crate::text::counted(rows, "row"),
            });
        }
    }
    Ok(())
}

/// What is copied of a table, and how much at once.
struct Pages<'d> {
    from: &'d dyn Database,
    to: &'d dyn Database,
    table: &'static Table,
    page_bytes: usize,
}

impl Pages<'_> {
    /// Copies what comes after that which the target has.
    async fn copy(
        &self,
        state: &mut State,
        written: &mut String,
        mut tell: impl FnMut(u64) + Send,
    ) -> Result<(), CopyRefusal> {
        let table = self.table;
        tell(state.rows);
        loop {
            let after = state.after.clone();
            let mut rows = self.from.rows(table, after, self.page_bytes).await?;
            let Some(last) = rows.last() else {
                return Ok(());
            };
            let after = last[..table.key].to_vec();
            for (at, column) in table.columns.iter().enumerate() {
                if let Some(fixed) = column.fixed {
                    for row in &mut rows {
                        row[at] = Cell::Int(fixed);
                    }
                }
            }
            state.table = table.name.to_owned();
            state.after = Some(after);
            state.rows += rows.len() as u64;
            let is = state.text()?;
            let was = std::mem::replace(written, is.clone());
            self.to.add_rows(table, rows, was, is).await?;
            tell(state.rows);
        }
    }
}

/// Reads all rows of both. How many each table has.
async fn compare(
    from: &dyn Database,
    to: &dyn Database,
    rows_total: u64,
    mut tell: impl FnMut(CopyProgress) + Send,
) -> Result<Vec<(&'static str, u64)>, CopyRefusal> {
    let mut compared = Vec::new();
    let mut rows = 0;
    for table in &TABLES {
        let mut tell = |of_table: u64| {
            tell(CopyProgress {
                step: CopyStep::Comparing,
                table: table.name,
                rows: rows + of_table,
                rows_total,
            });
        };
        let original = digest(from, table, &mut tell).await?;
        let copied = digest(to, table, |_| {}).await?;
        if original != copied {
            return Err(CopyRefusal::Differs {
                place: to.place(),
                from: from.place(),
                table: table.name,
            });
        }
        rows += original.rows;
        compared.push((table.name, original.rows));
    }
    Ok(compared)
}

async fn digest(
    database: &dyn Database,
    table: &'static Table,
    mut tell: impl FnMut(u64) + Send,
) -> StoreResult<TableDigest> {
    let mut digest = TableDigest::default();
    let mut after = None;
    loop {
        let rows = database.rows(table, after, PAGE_BYTES).await?;
        let Some(last) = rows.last() else {
            return Ok(digest);
        };
        after = Some(last[..table.key].to_vec());
        for row in &rows {
            digest.add(table, row);
        }
        tell(digest.rows);
    }
}

//! Looks through candidates until a page is full, nothing is left, or it has taken long enough.

use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::source::{Chunk, Source, Which};
use crate::columns::AsJson;
use crate::query::Query;
use crate::sql::Sql;
use store::{Cursor, Fingerprint, Order, PageRequest, StoreResult};

/// How long is looked for what no index finds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// No further chunk is begun after that.
    pub time: Duration,
    /// The most candidates of one chunk: what is looked at after the time is over.
    pub chunk: i64,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            time: Duration::from_millis(30),
            // Looked through in one or two milliseconds.
            chunk: 4096,
        }
    }
}

/// The most items of a page.
const LIMIT_MAX: u32 = 10_000;

/// The least candidates of a chunk.
const CHUNK_MIN: i64 = 64;

/// A part of a listing, by numbers.
pub(super) struct Part {
    pub order: Order,
    /// The candidates begin behind this one.
    pub from: i64,
    pub limit: usize,
}

impl Part {
    /// Errs if the request is about another filter.
    pub(super) fn of(request: &PageRequest, filter: Fingerprint) -> StoreResult<Self> {
        let from = match (&request.from, request.order) {
            (Some(cursor), _) => cursor.place_in(filter)?,
            (None, Order::NewestFirst) => i64::MAX,
            (None, Order::OldestFirst) => 0,
        };
        Ok(Self {
            order: request.order,
            from,
            limit: request.limit.clamp(1, LIMIT_MAX) as usize,
        })
    }
}

/// The number of the newest run; 0 if there is none.
pub(super) fn newest_run(conn: &Connection) -> StoreResult<i64> {
    conn.need("SELECT coalesce(max(no), 0) FROM flow_runs", [], |row| {
        row.get(0)
    })
}

/// What was found.
pub(super) struct Found<T> {
    /// Each with its number.
    pub items: Vec<(i64, T)>,
    /// The last number that was looked at, where it goes on. `None`: nothing is left.
    pub next: Option<i64>,
}

impl<T> Found<T> {
    pub(super) fn cursor(&self, filter: Fingerprint) -> Option<Cursor> {
        self.next.map(|place| Cursor::new(filter, place))
    }
}

/// `read` gives those of the candidates that fit, in order: up to so many.
pub(super) fn look<T>(
    conn: &Connection,
    patience: Patience,
    part: &Part,
    source: &Source,
    mut read: impl FnMut(&Which, usize) -> StoreResult<Vec<(i64, T)>>,
) -> StoreResult<Found<T>> {
    let begun = Instant::now();
    let mut items = Vec::new();
    let mut place = part.from;
    let mut size = (part.limit as i64 + 1).max(CHUNK_MIN);
    loop {
        size = size.min(patience.chunk);
        let Chunk {
            which,
            last,
            is_final,
        } = source.chunk(conn, place, part.order, size)?;
        // One more than wanted tells whether there are more.
        let missing = part.limit + 1 - items.len();
        items.append(&mut read(&which, missing)?);
        if items.len() > part.limit {
            items.truncate(part.limit);
            let next = items.last().map(|(no, _)| *no);
            return Ok(Found { items, next });
        }
        if is_final {
            return Ok(Found { items, next: None });
        }
        place = last;
        if begun.elapsed() >= patience.time {
            let next = Some(place);
            return Ok(Found { items, next });
        }
        size = size.saturating_mul(2);
    }
}

/// How many candidates fit, counted up to `max`. `count`: of these, up to so many.
pub(super) fn count(
    conn: &Connection,
    patience: Patience,
    source: &Source,
    from: i64,
    max: u64,
    mut count: impl FnMut(&Which, u64) -> StoreResult<u64>,
) -> StoreResult<store::Count> {
    let begun = Instant::now();
    let (mut place, mut found) = (from, 0);
    let order = if from == i64::MAX {
        Order::NewestFirst
    } else {
        Order::OldestFirst
    };
    loop {
        let chunk = source.chunk(conn, place, order, patience.chunk)?;
        found += count(&chunk.which, max + 1 - found)?;
        if found > max || chunk.is_final {
            return Ok(store::Count::up_to(max, found));
        }
        place = chunk.last;
        if begun.elapsed() >= patience.time {
            return Ok(store::Count {
                count: found,
                more: true,
            });
        }
    }
}

impl Which {
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Range(low, high) => low > high,
            Self::Numbers(numbers) => numbers.is_empty(),
        }
    }

    /// Only these. `column` has the numbers.
    pub(super) fn restrict(&self, query: &mut Query, column: &str) {
        match self {
            Self::Range(low, high) => {
                query.only(&format!("{column} >= ?"), *low);
                query.only(&format!("{column} <= ?"), *high);
            }
            Self::Numbers(numbers) => query.only(
                &format!("{column} IN (SELECT value FROM json_each(?))"),
                AsJson(numbers.clone()),
            ),
        }
    }
}

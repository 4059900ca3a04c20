//! Walks through the numbers of a table until a page is full, or it has looked long enough.
//!
//! ```text
//! newest  [ 512 numbers ][ 1,024 ][ 2,048 ] ...  oldest
//!                ^ a part is looked through by one query: what fits, in order
//! ```
//!
//! What most rows fit is found in the first part; what few fit, in parts that grow. So a query
//! never goes through the whole of a large table, whatever its plan.

use std::time::{Duration, Instant};

use super::query::Query;
use crate::error::Pg;
use crate::sql::{Conn, Row, params};
use store::{Count, Cursor, Fingerprint, Order, PageRequest, StoreResult};

/// How long a listing looks for what is rare.
const PATIENCE: Duration = Duration::from_millis(30);

/// Numbers that are looked through first.
const FIRST_PART: i64 = 512;

/// Numbers that are looked through at once, at most.
const PART_MAX: i64 = 1 << 16;

/// Which part of a listing is wanted.
pub(super) struct Part {
    /// Begin behind this number.
    from: i64,
    pub order: Order,
    limit: usize,
}

impl Part {
    pub(super) fn of(request: &PageRequest, print: Fingerprint) -> StoreResult<Self> {
        let from = request.from.map(|from| from.place_in(print)).transpose()?;
        let begin = match request.order {
            Order::NewestFirst => i64::MAX,
            Order::OldestFirst => 0,
        };
        Ok(Self {
            from: from.unwrap_or(begin),
            order: request.order,
            limit: request.limit.max(1) as usize,
        })
    }
}

/// What was found.
pub(super) struct Found<T> {
    pub items: Vec<(i64, T)>,
    /// Where it goes on. None: there is no more.
    pub next: Option<i64>,
}

impl<T> Found<T> {
    pub(super) fn cursor(&self, print: Fingerprint) -> Option<Cursor> {
        self.next.map(|next| Cursor::new(print, next))
    }
}

/// A range of numbers, and whether there is an index that finds just what is wanted, so that no
/// parts are needed.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub oldest: i64,
    pub newest: i64,
    pub is_found_by_index: bool,
}

/// Looks for a page. `query` selects and restricts; its first column is the `number`.
pub(super) async fn look<T: Send>(
    conn: &impl Conn,
    part: &Part,
    span: Span,
    query: &Query,
    number: &str,
    mut read: impl FnMut(&Row) -> Pg<T> + Send,
) -> Pg<Found<T>> {
    let begun = Instant::now();
    let mut items = Vec::new();
    let mut at = part.from;
    let mut width = if span.is_found_by_index {
        i64::MAX
    } else {
        FIRST_PART
    };
    loop {
        // One more tells whether there is more.
        let wanted = part.limit + 1 - items.len();
        let (low, high, is_last) = match part.order {
            Order::NewestFirst => {
                let high = at.saturating_sub(1).min(span.newest);
                let low = high
                    .saturating_sub(width)
                    .saturating_add(1)
                    .max(span.oldest);
                (low, high, low <= span.oldest)
            }
            Order::OldestFirst => {
                let low = at.saturating_add(1).max(span.oldest);
                let high = low.saturating_add(width).saturating_sub(1).min(span.newest);
                (low, high, high >= span.newest)
            }
        };
        if low <= high {
            let mut query = query.clone();
            query.only(&format!("{number} BETWEEN ? AND ?"), params![low, high]);
            let direction = match part.order {
                Order::NewestFirst => "DESC",
                Order::OldestFirst => "ASC",
            };
            let count = query.params.len() + 1;
            query.sql += &format!(" ORDER BY {number} {direction} LIMIT ${count}");
            query.params.push(crate::columns::Value::Int(wanted as i64));
            let found = conn
                .all(&query.sql, query.params, |row| {
                    Ok((row.get(0)?, read(row)?))
                })
                .await?;
            items.extend(found);
        }
        if items.len() > part.limit {
            items.truncate(part.limit);
            let next = items.last().map(|(no, _)| *no);
            return Ok(Found { items, next });
        }
        if is_last || low > high {
            return Ok(Found { items, next: None });
        }
        at = match part.order {
            Order::NewestFirst => low,
            Order::OldestFirst => high,
        };
        if begun.elapsed() >= PATIENCE {
            return Ok(Found {
                items,
                next: Some(at),
            });
        }
        width = width.saturating_mul(2).min(PART_MAX);
    }
}

/// Counts up to `max` of those after a number.
pub(super) async fn count(
    conn: &impl Conn,
    span: Span,
    query: &Query,
    number: &str,
    after: i64,
    max: u64,
) -> Pg<Count> {
    let begun = Instant::now();
    let oldest = span.oldest.max(after.saturating_add(1));
    let mut high = span.newest;
    let mut width = if span.is_found_by_index {
        i64::MAX
    } else {
        FIRST_PART
    };
    let mut found: u64 = 0;
    while high >= oldest {
        let low = high.saturating_sub(width).saturating_add(1).max(oldest);
        let mut query = query.clone();
        query.only(&format!("{number} BETWEEN ? AND ?"), params![low, high]);
        let limit = query.params.len() + 1;
        let sql = format!("SELECT count(*) FROM ({} LIMIT ${limit}) c", query.sql);
        query
            .params
            .push(crate::columns::Value::Int((max + 1 - found) as i64));
        found += conn
            .need(&sql, query.params, |row| row.get::<u64>(0))
            .await?;
        if found > max {
            return Ok(Count::up_to(max, found));
        }
        high = low - 1;
        if begun.elapsed() >= PATIENCE && high >= oldest {
            return Ok(Count {
                count: found,
                more: true,
            });
        }
        width = width.saturating_mul(2).min(PART_MAX);
    }
    Ok(Count::up_to(max, found))
}

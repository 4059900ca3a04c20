//! Reading the stream of events.
//!
//! ```text
//! rows, by the numbers of their transactions:  7 8 . 11 12 . 14 15
//!                                                      ^
//!                                                      13 goes on: 14 and 15 wait for it
//! ```
//!
//! Transactions are numbered as they begin to write, and committed in another order. A row is read
//! once no transaction before it goes on: then none can come before it any more. So there is one
//! order, and a cursor never leads past a row. What is held back so is waited for a moment. A long
//! transaction of somebody else in the same database holds back events, and loses none.

use std::time::{Duration, Instant};

use super::sql::{Conn, Row, params};
use crate::columns::List;
use crate::error::Pg;
use model::{EventCursor, PlacedEvent, RunFacts, RunId, Timestamp};
use store::EventPage;
use store::changes::read_row;

/// How long to wait for older transactions.
const PATIENCE: Duration = Duration::from_millis(200);

/// How often to look at least: on a busy machine, one look may take all that time, and what held rows
/// back at that moment was perhaps only a transaction that ended during the look.
const LOOKS_MIN: u32 = 20;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(1);

/// Rows that are read at once.
const ROWS: i64 = 200;

/// A row of the stream.
struct StreamRow {
    cursor: EventCursor,
    at: Timestamp,
    /// None: it was not asked for.
    changes: Option<Vec<Vec<u8>>>,
}

fn stream_row(row: &Row) -> Pg<StreamRow> {
    Ok(StreamRow {
        cursor: EventCursor {
            row: row.get(0)?,
            tag: row.get(1)?,
            seen: 0,
        },
        at: row.get(2)?,
        changes: row.get(3)?,
    })
}

/// How to find out which rows no transaction can come before any more.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Horizon {
    /// By all transactions of the server.
    Cheap,
    /// By those of this database.
    Exact,
}

impl Horizon {
    fn is_cheap(self) -> bool {
        self == Self::Cheap
    }
}

/// Looks, and looks again for a moment while rows are held back.
struct Patience {
    begun: Instant,
    looks: u32,
    horizon: Horizon,
}

impl Patience {
    fn new() -> Self {
        Self {
            begun: Instant::now(),
            looks: 1,
            horizon: Horizon::Cheap,
        }
    }

    /// Whether to look again.
    async fn wait(&mut self) -> bool {
        self.looks += 1;
        if self.horizon == Horizon::Cheap {
            self.horizon = Horizon::Exact;
            return true;
        }
        tokio::time::sleep(PAUSE).await;
        self.looks <= LOOKS_MIN || self.begun.elapsed() < PATIENCE
    }
}

/// The page after a cursor. The row of the cursor is read again: its tag tells whether it is the row
/// that the cursor was made of.
///
/// A place before a row of another form is too old: what lies in between cannot be told.
pub(crate) async fn page(conn: &impl Conn, after: EventCursor, limit: u32) -> Pg<EventPage> {
    let last = last(conn).await?.row;
    let mut patience = Patience::new();
    loop {
        let page = look(conn, after, limit, patience.horizon).await?;
        let is_behind = match &page {
            EventPage::Events { events, next } => {
                // A row that is partly seen may be held back again: it was seen by an exact look.
                let is_at_end = next.row >= last && next.seen == EventCursor::ALL;
                events.len() < limit.max(1) as usize && !is_at_end
            }
            EventPage::TooOld => false,
        };
        if !is_behind || !patience.wait().await {
            return Ok(page);
        }
    }
}

/// The last row that is committed, whether or not an older transaction goes on.
async fn last(conn: &impl Conn) -> Pg<EventCursor> {
    conn.need(
        "SELECT no, tag FROM events ORDER BY no DESC LIMIT 1",
        params![],
        cursor,
    )
    .await
}

fn cursor(row: &Row) -> Pg<EventCursor> {
    Ok(EventCursor {
        row: row.get(0)?,
        tag: row.get(1)?,
        seen: EventCursor::ALL,
    })
}

async fn look(conn: &impl Conn, after: EventCursor, limit: u32, horizon: Horizon) -> Pg<EventPage> {
    let limit = limit.max(1) as usize;
    let is_partly_seen = after.seen != EventCursor::ALL;
    let mut events = Vec::new();
    let mut next = after;
    // Whether the row of the cursor was found, and all rows after it can be read.
    let mut is_known = after == EventCursor::OLDEST;
    let mut from = after.row;
    loop {
        let rows = conn
            .all(
                "SELECT no, tag, at, CASE WHEN no > $1 OR $2 THEN changes END FROM events
                 WHERE no >= $3 AND no < (SELECT horizon($5)) ORDER BY no LIMIT $4",
                params![after.row, is_partly_seen, from, ROWS, horizon.is_cheap()],
                stream_row,
            )
            .await?;
        let is_last = rows.len() < ROWS as usize;
        for mut row in rows {
            from = row.cursor.row + 1;
            if !is_known {
                is_known = row.cursor.row == after.row && row.cursor.tag == after.tag;
                if !is_known {
                    return Ok(EventPage::TooOld);
                }
                if !is_partly_seen {
                    continue;
                }
                row.cursor.seen = after.seen;
            }
            let Some(end) = read_all(&row, limit, &mut events)? else {
                return Ok(EventPage::TooOld);
            };
            next = end;
            if events.len() == limit {
                return Ok(EventPage::Events { events, next });
            }
        }
        if is_last {
            break;
        }
    }
    if is_known || is_held(conn, after).await? {
        return Ok(EventPage::Events { events, next });
    }
    Ok(EventPage::TooOld)
}

/// Whether the row of the cursor is there, and only waits for an older transaction.
async fn is_held(conn: &impl Conn, cursor: EventCursor) -> Pg<bool> {
    conn.any(
        "SELECT 1 FROM events WHERE no = $1 AND tag = $2",
        params![cursor.row, cursor.tag],
    )
    .await
}

/// Adds the changes of a row that were not seen yet, until there are `limit`. Where it stopped; None
/// if it has another form.
///
/// The parts of a row are read as one: the count of changes goes on from part to part.
fn read_all(
    row: &StreamRow,
    limit: usize,
    events: &mut Vec<PlacedEvent>,
) -> Pg<Option<EventCursor>> {
    let whole = EventCursor {
        seen: EventCursor::ALL,
        ..row.cursor
    };
    let parts = row.changes.as_deref().unwrap_or_default();
    let mut before = 0;
    for (n, part) in parts.iter().enumerate() {
        let mut of_part = Vec::new();
        let from = EventCursor {
            seen: 0,
            ..row.cursor
        };
        if read_row(part, from, row.at, usize::MAX, &mut of_part)?.is_none() {
            return Ok(None);
        }
        let is_last_part = n + 1 == parts.len();
        let count = changes_of(part);
        for mut placed in of_part {
            let seen = match placed.cursor.seen {
                EventCursor::ALL => count,
                seen => seen,
            };
            let is_last = is_last_part && placed.cursor.seen == EventCursor::ALL;
            placed.cursor.seen = if is_last {
                EventCursor::ALL
            } else {
                before + seen
            };
            if before + seen > row.cursor.seen {
                let cursor = placed.cursor;
                events.push(placed);
                if events.len() == limit {
                    return Ok(Some(cursor));
                }
            }
        }
        before += count;
    }
    Ok(Some(whole))
}

/// How many changes there are in a part of a row, by their lengths.
fn changes_of(part: &[u8]) -> u32 {
    let mut rest = part.get(1..).unwrap_or_default();
    let mut count = 0;
    while let Some((len, after)) = rest.split_first_chunk::<2>() {
        let len = usize::from(u16::from_le_bytes(*len));
        rest = after.get(len..).unwrap_or_default();
        count += 1;
    }
    count
}

/// The page before a cursor, newest first. Before a row of another form nothing is known.
pub(crate) async fn page_before(
    conn: &impl Conn,
    before: Option<EventCursor>,
    limit: u32,
) -> Pg<EventPage> {
    let limit = limit.max(1) as usize;
    let begin = match before {
        Some(before) => before.place(),
        None => newest(conn).await?.place(),
    };
    let mut events: Vec<PlacedEvent> = Vec::new();
    // Whether the row of the cursor was found.
    let mut is_known = before.is_none_or(|before| before == EventCursor::OLDEST);
    let mut high = begin.0;
    'reading: loop {
        let rows = conn
            .all(
                "SELECT no, tag, at, changes FROM events
                 WHERE no <= $1 ORDER BY no DESC LIMIT $2",
                params![high, ROWS],
                stream_row,
            )
            .await?;
        let is_last = rows.len() < ROWS as usize;
        for row in rows {
            high = row.cursor.row - 1;
            let key = (row.cursor.row, row.cursor.tag);
            is_known |= before.is_some_and(|it| (it.row, it.tag) == key);
            if !is_known {
                break 'reading;
            }
            let mut of_row = Vec::new();
            if read_all(&row, usize::MAX, &mut of_row)?.is_none() {
                break 'reading;
            }
            let is_before = |it: &PlacedEvent| before.is_none() || it.cursor.place() < begin;
            let older = of_row.into_iter().rev().filter(is_before);
            events.extend(older.take(limit - events.len()));
            if events.len() == limit {
                break 'reading;
            }
        }
        if is_last {
            break;
        }
    }
    if !is_known {
        return Ok(EventPage::TooOld);
    }
    let last = events.last().map(|last| last.cursor);
    Ok(EventPage::Events {
        next: last.or(before).unwrap_or(EventCursor::OLDEST),
        events,
    })
}

pub(crate) async fn newest(conn: &impl Conn) -> Pg<EventCursor> {
    let last = last(conn).await?;
    let mut patience = Patience::new();
    loop {
        let newest = conn
            .first(
                "SELECT no, tag FROM events WHERE no < (SELECT horizon($1))
                 ORDER BY no DESC LIMIT 1",
                params![patience.horizon.is_cheap()],
                cursor,
            )
            .await?;
        // In a new database even the first row may be held back.
        let newest = newest.unwrap_or(EventCursor::OLDEST);
        if newest.row >= last.row || !patience.wait().await {
            return Ok(newest);
        }
    }
}

pub(crate) async fn run_facts(conn: &impl Conn, runs: &[RunId]) -> Pg<Vec<RunFacts>> {
    conn.all(
        "SELECT r.id, s.name, s.flow, s.deployment, r.pool, s.parent, s.within
         FROM unnest($1::uuid[]) WITH ORDINALITY i (id, place)
         JOIN flow_runs r ON r.id = i.id JOIN flow_run_specs s ON s.no = r.no ORDER BY i.place",
        params![List(runs)],
        |row| {
            Ok(RunFacts {
                id: row.get(0)?,
                name: row.get(1)?,
                flow: row.get(2)?,
                deployment: row.get(3)?,
                pool: row.get(4)?,
                parent: row.get(5)?,
                within: row.get(6)?,
            })
        },
    )
    .await
}

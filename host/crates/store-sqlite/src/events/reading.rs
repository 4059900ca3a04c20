//! Reading the stream.

use std::ops::ControlFlow;

use rusqlite::Connection;

use crate::sql::{Sql, params};
use model::{EventCursor, PlacedEvent, RunFacts, RunId};
use store::changes::read_row;
use store::{EventPage, StoreResult};

/// The page after a cursor. The row of the cursor is read again: its tag tells whether it is
/// the row that the cursor was made of. Its changes are read only if some were not seen.
///
/// A place before a row of another form is too old: what lies in between cannot be told.
pub(crate) fn page(conn: &Connection, after: EventCursor, limit: u32) -> StoreResult<EventPage> {
    let limit = limit.max(1) as usize;
    let is_partly_seen = after.seen != EventCursor::ALL;
    let mut events = Vec::new();
    let mut next = after;
    // Whether the row of the cursor was found, and all rows after it can be read.
    let mut is_known = after == EventCursor::OLDEST;
    conn.each(
        "SELECT no, tag, at, CASE WHEN no > ?1 OR ?2 THEN changes END
         FROM events WHERE no >= ?1 ORDER BY no",
        params![after.row, is_partly_seen],
        |row| {
            let mut cursor = EventCursor {
                row: row.get(0)?,
                tag: row.get::<_, i64>(1)?.cast_unsigned(),
                seen: EventCursor::ALL,
            };
            if !is_known {
                is_known = cursor.row == after.row && cursor.tag == after.tag;
                if !is_known {
                    return Ok(ControlFlow::Break(Ok(())));
                }
                if !is_partly_seen {
                    return Ok(ControlFlow::Continue(()));
                }
                cursor.seen = after.seen;
            } else {
                cursor.seen = 0;
            }
            let changes: Vec<u8> = row.get(3)?;
            let read = read_row(&changes, cursor, row.get(2)?, limit, &mut events);
            Ok(match read {
                Ok(Some(end)) => {
                    next = end;
                    if events.len() < limit {
                        ControlFlow::Continue(())
                    } else {
                        ControlFlow::Break(Ok(()))
                    }
                }
                Ok(None) => {
                    is_known = false;
                    ControlFlow::Break(Ok(()))
                }
                Err(error) => ControlFlow::Break(Err(error)),
            })
        },
    )?
    .unwrap_or(Ok(()))?;
    if is_known {
        Ok(EventPage::Events { events, next })
    } else {
        Ok(EventPage::TooOld)
    }
}

/// The page before a cursor, newest first. Each row stands for itself, so that they can be read
/// in this direction, too. Before a row of another form nothing is known.
pub(crate) fn page_before(
    conn: &Connection,
    before: Option<EventCursor>,
    limit: u32,
) -> StoreResult<EventPage> {
    let limit = limit.max(1) as usize;
    let begin = before.map_or((i64::MAX, EventCursor::ALL), EventCursor::place);
    let mut events: Vec<PlacedEvent> = Vec::new();
    // Whether the row of the cursor was found.
    let mut is_known = before.is_none_or(|before| before == EventCursor::OLDEST);
    conn.each(
        "SELECT no, tag, at, changes FROM events WHERE no <= ?1 ORDER BY no DESC",
        [begin.0],
        |row| {
            let cursor = EventCursor {
                row: row.get(0)?,
                tag: row.get::<_, i64>(1)?.cast_unsigned(),
                seen: 0,
            };
            is_known |= before.is_some_and(|it| (it.row, it.tag) == (cursor.row, cursor.tag));
            if !is_known {
                return Ok(ControlFlow::Break(Ok(())));
            }
            let changes: Vec<u8> = row.get(3)?;
            let mut of_row = Vec::new();
            match read_row(&changes, cursor, row.get(2)?, usize::MAX, &mut of_row) {
                Ok(Some(_)) => {}
                Ok(None) => return Ok(ControlFlow::Break(Ok(()))),
                Err(error) => return Ok(ControlFlow::Break(Err(error))),
            }
            let is_before = |it: &PlacedEvent| before.is_none() || it.cursor.place() < begin;
            let older = of_row.into_iter().rev().filter(is_before);
            events.extend(older.take(limit - events.len()));
            Ok(if events.len() < limit {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(Ok(()))
            })
        },
    )?
    .unwrap_or(Ok(()))?;
    if !is_known {
        return Ok(EventPage::TooOld);
    }
    let last = events.last().map(|last| last.cursor);
    Ok(EventPage::Events {
        next: last.or(before).unwrap_or(EventCursor::OLDEST),
        events,
    })
}

pub(crate) fn newest(conn: &Connection) -> StoreResult<EventCursor> {
    conn.need(
        "SELECT no, tag FROM events ORDER BY no DESC LIMIT 1",
        [],
        |row| {
            Ok(EventCursor {
                row: row.get(0)?,
                tag: row.get::<_, i64>(1)?.cast_unsigned(),
                seen: EventCursor::ALL,
            })
        },
    )
}

pub(crate) fn run_facts(conn: &Connection, runs: &[RunId]) -> StoreResult<Vec<RunFacts>> {
    let mut found = Vec::with_capacity(runs.len());
    for run in runs {
        found.extend(conn.first(
            "SELECT s.name, s.flow, s.deployment, r.pool, s.parent, s.within
             FROM flow_runs r JOIN flow_run_specs s ON s.no = r.no WHERE r.id = ?1",
            [*run],
            |row| {
                Ok(RunFacts {
                    id: *run,
                    name: row.get(0)?,
                    flow: row.get(1)?,
                    deployment: row.get(2)?,
                    pool: row.get(3)?,
                    parent: row.get(4)?,
                    within: row.get(5)?,
                })
            },
        )?);
    }
    Ok(found)
}

//! Reads the changes of a row.

use super::form::{self, Context, Row};
use crate::StoreResult;
use model::{EventCursor, PlacedEvent, Timestamp};

/// Adds the changes of a row that were not seen yet, until there are `limit`. Where it stopped;
/// `None` if the row has another form. Those that were seen are read as well: the others build
/// on them.
pub fn read_row(
    row: &[u8],
    from: EventCursor,
    at: Timestamp,
    limit: usize,
    events: &mut Vec<PlacedEvent>,
) -> StoreResult<Option<EventCursor>> {
    let Some(row) = Row::of(row)? else {
        return Ok(None);
    };
    let mut context = Context::default();
    let mut changes = (1..).zip(row).peekable();
    while let Some((seen, change)) = changes.next() {
        let event = form::read(change?, &mut context)?;
        let is_last = changes.peek().is_none();
        let cursor = EventCursor {
            seen: if is_last { EventCursor::ALL } else { seen },
            ..from
        };
        if seen > from.seen
            && let Some(event) = event
        {
            events.push(PlacedEvent { cursor, at, event });
            if events.len() == limit {
                return Ok(Some(cursor));
            }
        }
    }
    Ok(Some(EventCursor {
        seen: EventCursor::ALL,
        ..from
    }))
}

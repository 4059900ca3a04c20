//! The stream of events, by parts.

use std::time::{Duration, Instant};

use model::{CursorError, EventCursor, IdPrefix, PlacedEvent};

use super::Answered;
use super::cursor::limited;
use super::page::Page;
use super::requests::{EventQuery, ListOrder};
use crate::problem::{Problem, ProblemKind};
use crate::resolve;
use crate::stream::{Hub, Part, Scope};
use crate::view::{EventType, EventView};

/// How long to look for what may be rare before saying how far was looked.
const LOOK_FOR: Duration = Duration::from_millis(30);

/// Which events somebody wants.
#[derive(Clone, Debug)]
pub struct EventFilter {
    pub scope: Scope,
    /// None: all types.
    kinds: Vec<EventType>,
}

impl EventFilter {
    pub async fn of(hub: &Hub, query: &EventQuery) -> Answered<Self> {
        let scope = match &query.run {
            None => Scope::Everything,
            Some(run) => {
                let run = IdPrefix(run.clone());
                Scope::Run(resolve::run(hub.store(), &run).await?.id)
            }
        };
        Ok(Self {
            scope,
            kinds: query.kinds.clone(),
        })
    }

    /// Whether an event of the scope is wanted.
    pub fn wants(&self, placed: &PlacedEvent) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&EventType::of(&placed.event))
    }
}

/// The place in the stream that a text is.
pub fn place_of_event(text: &str) -> Answered<EventCursor> {
    text.parse().map_err(|err: CursorError| {
        Problem::new(ProblemKind::InvalidCursor, err.to_string())
            .hint("pass the `cursor` of an event as it is, or begin without")
    })
}

/// A part of the stream. Forward there is always a `next`, where what comes later will be; back
/// there is none after the oldest event that is kept.
pub async fn list_events(hub: &Hub, query: &EventQuery) -> Answered<Page<EventView>> {
    let limit = limited(query.limit)? as usize;
    let filter = EventFilter::of(hub, query).await?;
    let place = query.after.as_deref().or(query.cursor.as_deref());
    let mut place = place.map(place_of_event).transpose()?;
    let is_back = query.order == Some(ListOrder::NewestFirst);
    let mut items = Vec::new();
    let begun = Instant::now();
    loop {
        let part = read(hub, &filter, place, is_back).await?;
        let (mut is_last, mut next) = (part.is_last, part.next);
        let mut taken = next;
        for told in part.events.iter().filter(|told| filter.wants(&told.placed)) {
            if items.len() == limit {
                (is_last, next) = (false, taken);
                break;
            }
            taken = told.placed.cursor;
            items.push(EventView::from(&**told));
        }
        let is_full = items.len() == limit;
        if is_last || is_full || begun.elapsed() >= LOOK_FOR {
            return Ok(Page {
                items,
                next: (!is_back || !is_last).then(|| next.to_string()),
                newest: None,
                searched_to: part.looked_to.filter(|_| is_back && !is_last && !is_full),
            });
        }
        place = Some(next);
    }
}

async fn read(
    hub: &Hub,
    filter: &EventFilter,
    place: Option<EventCursor>,
    is_back: bool,
) -> Answered<Part> {
    let part = if is_back {
        hub.page_before(filter.scope, place).await?
    } else {
        let after = place.unwrap_or(EventCursor::OLDEST);
        hub.page(filter.scope, after).await?
    };
    part.ok_or_else(|| {
        let place = place.unwrap_or(EventCursor::OLDEST);
        let detail = format!("what lies beyond `{place}` is not known any more");
        Problem::new(ProblemKind::TooOld, detail)
            .hint("read the current state again, and begin without a cursor")
    })
}

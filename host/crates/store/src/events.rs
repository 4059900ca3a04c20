//! The one stream of events.

use async_trait::async_trait;
use model::{EventCursor, PlacedEvent, RunFacts, RunId};

use crate::StoreResult;

/// Reads what has changed, in the order of the commits.
///
/// Every change that [`Event`](model::Event) names has a place in the stream, from the commit
/// that makes it on. A commit that fails leaves none. The oldest are given up when there are
/// very many.
#[async_trait]
pub trait Events: Send + Sync + 'static {
    /// Up to `limit` events after the cursor, oldest first; fewer only if there are no more
    /// by now. `limit` counts from 1.
    async fn events(&self, after: EventCursor, limit: u32) -> StoreResult<EventPage>;

    /// Up to `limit` events before that of the cursor, newest first: `next` is where it goes on,
    /// further back. Without a cursor, from the newest on. Fewer only if none that can be read
    /// are older.
    async fn events_before(
        &self,
        before: Option<EventCursor>,
        limit: u32,
    ) -> StoreResult<EventPage>;

    /// After the newest event. To see each change from some moment on: take this, read what is
    /// of interest, and follow from here.
    async fn newest_event(&self) -> StoreResult<EventCursor>;

    /// What never changes about these runs; those that do not exist are left out.
    async fn run_facts(&self, runs: &[RunId]) -> StoreResult<Vec<RunFacts>>;
}

/// What there is beyond a cursor.
#[derive(Clone, Debug, PartialEq)]
pub enum EventPage {
    Events {
        events: Vec<PlacedEvent>,
        /// Where the next page begins.
        next: EventCursor,
    },
    /// What lies beyond the cursor is not known any more. Read anew what is of interest, and
    /// follow from [`Events::newest_event`].
    TooOld,
}

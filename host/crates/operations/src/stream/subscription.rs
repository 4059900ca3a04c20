//! One who follows the stream.

use std::sync::Arc;

use model::EventCursor;
use store::{EventPage, StoreResult};
use tokio::sync::watch;

use super::hub::{Hub, Joined, PAGE, Scope};
use super::topic::{Batch, Found, Told, Topic};

/// What comes next.
#[derive(Clone, Debug)]
pub enum Heard {
    Events(Batch),
    /// What came after the cursor is not known any more: read anew what is of interest. The
    /// subscription goes on from a place before that reading.
    Reset,
}

/// Follows the stream from a cursor on.
pub struct Subscription {
    scope: Scope,
    topic: Arc<Topic>,
    rung: watch::Receiver<u64>,
    /// The batch that is handed to it next.
    next: u64,
    /// What it has seen.
    at: EventCursor,
    /// Whether it reads from the store.
    is_behind: bool,
    // Last, so that the topic is gone when the hub looks for those that are left.
    hub: Member,
}

/// Tells the hub when it goes.
struct Member(Arc<Hub>);

impl Drop for Member {
    fn drop(&mut self) {
        self.0.leave();
    }
}

impl Hub {
    /// Follows from the cursor on. To be called within a runtime.
    pub async fn subscribe(
        self: &Arc<Self>,
        scope: Scope,
        from: EventCursor,
    ) -> StoreResult<Subscription> {
        let joined = self.join(scope).await?;
        Ok(Subscription::new(Arc::clone(self), scope, from, joined))
    }

    /// Follows from now on.
    pub async fn subscribe_now(self: &Arc<Self>, scope: Scope) -> StoreResult<Subscription> {
        let from = self.store.newest_event().await?;
        self.subscribe(scope, from).await
    }
}

impl Subscription {
    fn new(hub: Arc<Hub>, scope: Scope, from: EventCursor, joined: Joined) -> Self {
        Self {
            hub: Member(hub),
            scope,
            rung: joined.topic.watch(),
            topic: joined.topic,
            next: joined.next,
            at: from,
            // The same place under another tag is another place, which the store refuses.
            is_behind: from != joined.head,
        }
    }

    /// Where to go on after all that [`next`](Self::next) has returned.
    pub fn cursor(&self) -> EventCursor {
        if self.is_behind {
            return self.at;
        }
        // It may have read more than the hub has.
        let head = self.hub.0.head_of(&self.topic, self.next);
        head.filter(|head| head.place() > self.at.place())
            .unwrap_or(self.at)
    }

    /// What is new, once there is something. Cancel safe.
    pub async fn next(&mut self) -> StoreResult<Heard> {
        loop {
            if self.is_behind {
                if let Some(heard) = self.catch_up().await? {
                    return Ok(heard);
                }
                continue;
            }
            // Before the look, so that a batch that comes after it is noticed.
            self.rung.mark_unchanged();
            match self.topic.find(self.next) {
                Found::Batch(batch) => {
                    self.next += 1;
                    if let Some(batch) = self.unseen(batch) {
                        return Ok(Heard::Events(batch));
                    }
                }
                Found::Gone => {
                    // The order matters: all batches before that one can be read.
                    self.next = self.topic.next();
                    self.is_behind = true;
                }
                Found::NotYet => {
                    self.at = self.cursor();
                    // The sender lives in the topic, so it is there.
                    let _ = self.rung.changed().await;
                }
            }
        }
    }

    /// What was not read from the store already.
    fn unseen(&mut self, batch: Batch) -> Option<Batch> {
        let seen = self.at.place();
        let is_seen = |told: &&Arc<Told>| told.placed.cursor.place() <= seen;
        let count = batch.iter().take_while(is_seen).count();
        let last = batch.last().filter(|_| count < batch.len())?;
        self.at = last.placed.cursor;
        if count == 0 {
            Some(batch)
        } else {
            Some(Batch::from(&batch[count..]))
        }
    }

    /// Reads a page from the store. A page that is not full reaches what the hub had read
    /// when this subscriber joined, or more.
    async fn catch_up(&mut self) -> StoreResult<Option<Heard>> {
        match self.hub.0.store.events(self.at, PAGE).await? {
            EventPage::Events { events, next } => {
                let is_last = events.len() < PAGE as usize;
                self.hub.0.know(&events).await?;
                // Nothing is awaited from here on, so nothing is lost if it is dropped.
                let covered = self.hub.0.covered(self.scope, events);
                self.at = next;
                self.is_behind = !is_last;
                Ok((!covered.is_empty()).then(|| Heard::Events(Batch::from(covered))))
            }
            EventPage::TooOld => {
                // The order matters: all batches before that one can be read.
                let next = self.topic.next();
                self.at = self.hub.0.store.newest_event().await?;
                self.next = next;
                Ok(Some(Heard::Reset))
            }
        }
    }
}

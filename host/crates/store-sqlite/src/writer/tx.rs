//! A transaction, as a write sees it.

use std::cell::Cell;
use std::ops::Deref;

use rusqlite::Connection;

use crate::totals::Totals;
use orchestrator::lifecycle::News;
use store::changes::Changes;

/// A transaction, what it has to announce, and the events of it.
pub(crate) struct Tx<'c> {
    conn: &'c Connection,
    news: Cell<News>,
    changes: &'c Changes,
    totals: &'c Totals,
}

impl<'c> Tx<'c> {
    pub(super) fn new(conn: &'c Connection, changes: &'c Changes, totals: &'c Totals) -> Self {
        Self {
            conn,
            changes,
            totals,
            news: Cell::default(),
        }
    }

    /// What is to be announced so far.
    pub(super) fn news(&self) -> News {
        self.news.get()
    }

    /// Where a change is noted for those who follow events.
    pub(crate) fn changes(&self) -> &'c Changes {
        self.changes
    }

    /// Where runs that end are noted for those who count.
    pub(crate) fn totals(&self) -> &'c Totals {
        self.totals
    }

    /// To be announced after the commit.
    pub(crate) fn tell(&self, news: News) {
        self.news.set(self.news.get().and(news));
    }

    /// Something is there for those who execute; which is also a change.
    pub(crate) fn tell_ready(&self) {
        self.tell(News::READY);
    }
}

impl Deref for Tx<'_> {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        self.conn
    }
}

//! A transaction, as a write sees it.

use std::cell::Cell;
use std::ops::Deref;

use rusqlite::Connection;

use orchestrator::lifecycle::News;

/// A transaction, and what it has to announce.
pub(crate) struct Tx<'c> {
    conn: &'c Connection,
    news: Cell<News>,
}

impl<'c> Tx<'c> {
    pub(super) fn new(conn: &'c Connection) -> Self {
        Self {
            conn,
            news: Cell::default(),
        }
    }

    /// What is to be announced so far.
    pub(super) fn news(&self) -> News {
        self.news.get()
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

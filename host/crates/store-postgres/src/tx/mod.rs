//! A transaction, as a write sees it.
//!
//! ```text
//! changes --> buffer: changes of many rows, by kind; statements, in order
//!                |
//!                +-- sent together, before each question and with the commit
//! ```
//!
//! A change is noted and not waited for. Changes of one kind become one statement over arrays. So a
//! batch of writes costs one way to the server and back, and one more for each time that it asks.

mod buffer;
mod pipeline;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use buffer::{Buffer, Mark as BufferMark};
pub(crate) use buffer::{Bulk, How};
use pipeline::{Answers, Sending};

use crate::columns::Value;
use crate::error::Pg;
use crate::known::Known;
use crate::link::Link;
use crate::noted::{Ends, KnownOrigins};
use crate::sql::{Conn, Question, Row, params};
use orchestrator::lifecycle::News;
use store::StoreError;
use store::changes::Changes;

/// Lines that one transaction may number.
const LOG_BLOCK_BITS: u32 = 20;

/// A transaction, and what it has to announce. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Tx(Arc<Inner>);

struct Inner {
    conn: Link,
    origins: Arc<KnownOrigins>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    buffer: Buffer,
    changes: Changes,
    ends: Ends,
    news: News,
    /// Nothing was sent yet.
    is_new: bool,
    /// Its number, once something was sent.
    number: Option<i64>,
    known: Known,
    run_numbers: VecDeque<i64>,
    /// How many new runs are on their way.
    expected_runs: usize,
    /// The number of the next line.
    next_line: Option<i64>,
    /// Whether what the present write has changed was sent already.
    has_sent: bool,
    /// What the buffer held before the present write, as far as it was not sent.
    begun: BufferMark,
}

/// Where a transaction stands before a write.
pub(crate) struct Mark {
    changes: usize,
    ends: usize,
    news: News,
}

impl Tx {
    /// It begins with what is sent first.
    pub(crate) fn new(conn: Link, origins: Arc<KnownOrigins>) -> Self {
        Self(Arc::new(Inner {
            conn,
            origins,
            state: Mutex::new(State {
                is_new: true,
                ..State::default()
            }),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn conn(&self) -> &Link {
        &self.0.conn
    }

    pub(crate) fn origins(&self) -> &Arc<KnownOrigins> {
        &self.0.origins
    }

    /// A change of many rows at once: one of them, in the order of its columns.
    pub(crate) fn bulk(&self, bulk: &'static Bulk, row: Vec<Value>) {
        self.state().buffer.bulk(bulk, row);
    }

    /// A statement that may concern any row.
    pub(crate) fn run(&self, sql: &'static str, params: Vec<Value>) {
        self.state().buffer.run(sql, params);
    }

    /// Sends what is noted so far.
    pub(crate) async fn flush(&self) -> Pg<()> {
        if self.state().buffer.is_empty() {
            return Ok(());
        }
        self.send(Vec::new(), None).await.map(|_| ())
    }

    /// A command that takes no values, after what is noted so far.
    pub(crate) async fn command(&self, command: &str) -> Pg<()> {
        self.send(Vec::new(), Some(command)).await.map(|_| ())
    }

    /// Undoes what was sent, and forgets what was not.
    pub(crate) async fn roll_back(&self) -> Pg<()> {
        let is_new = {
            let mut state = self.state();
            state.buffer.take();
            state.is_new
        };
        if is_new {
            return Ok(());
        }
        self.conn().command("ROLLBACK").await
    }

    /// Asks several questions at once.
    pub(crate) async fn questions(&self, questions: Vec<Question<'_>>) -> Pg<Vec<Vec<Row>>> {
        Ok(self.send(questions, None).await?.rows)
    }

    /// The number of the transaction. It begins, if it has not yet.
    pub(crate) async fn number(&self) -> Pg<i64> {
        if self.state().is_new {
            self.send(Vec::new(), None).await?;
        }
        let number = self.state().number;
        let none = || StoreError::Damaged("a transaction has no number".to_owned());
        Ok(number.ok_or_else(none)?)
    }

    async fn send(&self, questions: Vec<Question<'_>>, command: Option<&str>) -> Pg<Answers> {
        let sending = self.take();
        let answers = pipeline::send(self.conn(), sending, questions, command).await?;
        if answers.transaction.is_some() {
            self.state().number = answers.transaction;
        }
        Ok(answers)
    }

    fn take(&self) -> Sending {
        let mut state = self.state();
        if state.buffer.mark() != state.begun {
            state.has_sent = true;
        }
        let statements = state.buffer.take();
        state.begun = state.buffer.mark();
        Sending {
            begins: std::mem::take(&mut state.is_new),
            statements,
        }
    }

    /// Notes a change for those who follow events.
    pub(crate) fn change(&self, note: impl FnOnce(&Changes)) {
        note(&self.state().changes);
    }

    /// Notes that a run has ended, or has not any more.
    pub(crate) fn count_end(&self, note: impl FnOnce(&mut Ends)) {
        note(&mut self.state().ends);
    }

    pub(crate) fn tell(&self, news: News) {
        let mut state = self.state();
        state.news = state.news.and(news);
    }

    pub(crate) fn news(&self) -> News {
        self.state().news
    }

    /// So many runs will be added.
    pub(crate) fn expect_runs(&self, count: usize) {
        self.state().expected_runs = count;
    }

    /// What was read of runs that are locked.
    pub(crate) fn known<T>(&self, ask: impl FnOnce(&mut Known) -> T) -> T {
        ask(&mut self.state().known)
    }

    /// The number of a new run.
    pub(crate) async fn run_number(&self) -> Pg<i64> {
        if let Some(number) = self.state().run_numbers.pop_front() {
            return Ok(number);
        }
        let wanted = std::mem::take(&mut self.state().expected_runs).max(1) as i64;
        let numbers: Vec<i64> = self
            .all(
                "SELECT nextval('run_numbers') FROM generate_series(1, $1::bigint)",
                params![wanted],
                |row| row.get(0),
            )
            .await?;
        let mut state = self.state();
        state.run_numbers.extend(numbers);
        let number = state.run_numbers.pop_front();
        number.ok_or_else(|| StoreError::Damaged("no number is left".to_owned()).into())
    }

    /// The number of the first of so many new lines, which come one after the other.
    pub(crate) async fn line_numbers(&self, count: usize) -> Pg<i64> {
        let known = self.state().next_line;
        let first = match known {
            Some(next) => next,
            None => {
                let block: i64 = self
                    .need("SELECT nextval('log_blocks')", params![], |row| row.get(0))
                    .await?;
                block << LOG_BLOCK_BITS
            }
        };
        self.state().next_line = Some(first + count as i64);
        Ok(first)
    }

    /// Before a write.
    pub(crate) fn mark(&self) -> Mark {
        let mut state = self.state();
        state.has_sent = false;
        state.begun = state.buffer.mark();
        Mark {
            changes: state.changes.mark(),
            ends: state.ends.mark(),
            news: state.news,
        }
    }

    /// Forgets what a write has noted that failed. False: some of it was sent.
    pub(crate) fn back_to(&self, mark: Mark) -> bool {
        self.0.origins.undone();
        let mut state = self.state();
        state.known.forget();
        state.changes.back_to(mark.changes);
        state.ends.back_to(mark.ends);
        state.news = mark.news;
        if state.has_sent {
            state.buffer.take();
            return false;
        }
        // What was noted before the write may have been sent with a question of it.
        let begun = state.begun.clone();
        state.buffer.back_to(&begun)
    }

    /// What is to be added before the commit.
    pub(crate) fn notes(&self) -> (Vec<Vec<u8>>, Ends) {
        let mut state = self.state();
        let mut rows = Vec::new();
        let read: Result<(), ()> = state.changes.rows(|row| {
            rows.push(row.to_vec());
            Ok(())
        });
        debug_assert!(read.is_ok());
        (rows, std::mem::take(&mut state.ends))
    }
}

impl Conn for Tx {
    async fn query(&self, sql: &str, params: Vec<Value>) -> Pg<Vec<Row>> {
        let mut rows = self.questions(vec![(sql, params)]).await?;
        Ok(rows.pop().unwrap_or_default())
    }
}

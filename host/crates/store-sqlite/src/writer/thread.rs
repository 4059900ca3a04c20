//! The loop of the writer's thread: take what waits, commit it, answer, announce.

use std::sync::mpsc::Receiver;
use std::time::Instant;

use rusqlite::Connection;

use super::batch::{Batch, Notes, commit};
use super::figures::Figures;
use super::request::{Durable, Message};
use crate::identity::Identity;
use crate::sql::store_error;
use orchestrator::lifecycle::News;
use store::StoreResult;

/// Writes in one commit. Bounds how long the first of them waits for the others.
const BATCH_MAX: usize = 512;

pub(super) fn serve(
    conn: &Connection,
    mut identity: Identity,
    messages: &Receiver<Message>,
    mut notes: Notes,
    figures: &Figures,
    mut announce: impl FnMut(News),
) {
    let mut batch = Batch::default();
    // What the connection is set to; it was opened to the safe one.
    let mut durable = Durable::AtOnce;
    while let Ok(first) = messages.recv() {
        batch.take(first);
        for message in messages.try_iter().take(BATCH_MAX - 1) {
            batch.take(message);
        }
        if batch.is_idle() {
            continue;
        }
        let (begin, writes) = (Instant::now(), batch.writes.len());
        let committed =
            set(conn, &mut durable, &batch).and_then(|()| commit(conn, &mut batch, &mut notes));
        // Also the reason why it failed, perhaps.
        let committed = identity.check(conn).and(committed);
        if let Err(error) = &committed {
            // The callers report it, each with what it means to them.
            tracing::debug!(%error, writes = batch.writes.len(), "a batch of writes failed");
        }
        figures.add(writes, committed.is_ok(), begin.elapsed());
        batch.answer(&committed);
        match committed {
            Ok(news) if news != News::default() => announce(news),
            _ => {}
        }
    }
}

/// Sets the connection to what the most demanding write of the batch needs.
fn set(conn: &Connection, is: &mut Durable, batch: &Batch) -> StoreResult<()> {
    let wanted = batch.writes.iter().map(|write| write.durable()).max();
    if let Some(wanted) = wanted.filter(|wanted| wanted != is) {
        // Not a cached statement: a pragma does what it does while it is prepared.
        conn.execute_batch(wanted.pragma())
            .map_err(|error| store_error(&error))?;
        *is = wanted;
    }
    Ok(())
}

//! The verbs about results of tasks that are kept for other runs.

use async_trait::async_trait;
use model::{CacheKey, CachedResult, Digest, Json, Timestamp};
use rusqlite::Connection;
use store::{Cache, CachePart, CachePlace, CachedEntry, StoreResult};

use super::SqliteStore;
use super::cache::forget_blobs;
use super::columns::ToColumn;
use super::sql::{Row, Sql, params};
use super::writer::Tx;

fn usable(conn: &Connection, ids: &[Digest], now: Timestamp) -> StoreResult<Vec<(Digest, Json)>> {
    let mut found = Vec::new();
    for id in ids {
        let value = conn.first(
            "SELECT value FROM cached_results
             WHERE id = ?1 AND (expires IS NULL OR expires > ?2)",
            params![*id, now],
            |row| row.get(0),
        )?;
        found.extend(value.map(|value| (*id, value)));
    }
    Ok(found)
}

/// A condition, and its parameters.
type Where = (&'static str, Vec<Box<dyn ToColumn>>);

fn one(value: impl ToColumn + 'static) -> Box<dyn ToColumn> {
    Box::new(value)
}

fn only(which: &CachePart) -> Where {
    match which {
        CachePart::All => ("1", Vec::new()),
        CachePart::Ids(from, to) => ("id BETWEEN ? AND ?", vec![one(*from), one(*to)]),
        CachePart::Task(task) => ("task = ?", vec![one(task.clone())]),
        CachePart::Component(component) => {
            let (from, to) = CachePart::scopes_of(*component);
            ("scope >= ? AND scope < ?", vec![one(from), one(to)])
        }
        CachePart::Expired(at) => ("expires <= ?", vec![one(*at)]),
    }
}

fn list(conn: &Connection, which: &CachePart, count: u32) -> StoreResult<Vec<CachedResult>> {
    let (only, mut params) = only(which);
    params.push(Box::new(count));
    conn.all(
        &format!(
            "SELECT task, scope, key, value, run, created, expires FROM cached_results
             WHERE {only} ORDER BY created DESC, id LIMIT ?"
        ),
        params,
        cached_result,
    )
}

fn entries(
    conn: &Connection,
    which: &CachePart,
    after: Option<CachePlace>,
    count: u32,
) -> StoreResult<Vec<CachedEntry>> {
    let (only, mut params) = only(which);
    let beyond = match after {
        None => "",
        Some(CachePlace { created, id }) => {
            params.extend([one(created), one(created), one(id)]);
            "AND created <= ? AND (created < ? OR id > ?)"
        }
    };
    params.push(one(count));
    conn.all(
        // This length is known without reading the value.
        &format!(
            "SELECT task, scope, key, octet_length(value), run, created, expires
             FROM cached_results WHERE {only} {beyond} ORDER BY created DESC, id LIMIT ?"
        ),
        params,
        |row| {
            Ok(CachedEntry {
                key: cache_key(row)?,
                size: row.get::<_, i64>(3)?.unsigned_abs(),
                run: row.get(4)?,
                created: row.get(5)?,
                expires: row.get(6)?,
            })
        },
    )
}

fn clear(tx: &Tx<'_>, which: &CachePart, count: u32) -> StoreResult<u64> {
    let (only, mut params) = only(which);
    params.push(Box::new(count));
    let ids: Vec<Digest> = tx.all(
        &format!(
            "DELETE FROM cached_results WHERE id IN (
                 SELECT id FROM cached_results WHERE {only} LIMIT ?
             ) RETURNING id"
        ),
        params,
        |row| row.get(0),
    )?;
    ids.iter().try_for_each(|id| forget_blobs(tx, *id))?;
    Ok(ids.len() as u64)
}

fn cache_key(row: &Row<'_>) -> rusqlite::Result<CacheKey> {
    Ok(CacheKey {
        task: row.get(0)?,
        scope: row.get(1)?,
        key: row.get(2)?,
    })
}

fn cached_result(row: &Row<'_>) -> rusqlite::Result<CachedResult> {
    Ok(CachedResult {
        key: cache_key(row)?,
        value: row.get(3)?,
        run: row.get(4)?,
        created: row.get(5)?,
        expires: row.get(6)?,
    })
}

#[async_trait]
impl Cache for SqliteStore {
    async fn cached(&self, ids: &[Digest], now: Timestamp) -> StoreResult<Vec<(Digest, Json)>> {
        self.readers.with(|conn| usable(conn, ids, now))
    }

    async fn cached_results(
        &self,
        which: &CachePart,
        count: u32,
    ) -> StoreResult<Vec<CachedResult>> {
        let which = which.clone();
        self.read_long(move |conn| list(conn, &which, count)).await
    }

    async fn cached_entries(
        &self,
        which: &CachePart,
        after: Option<CachePlace>,
        count: u32,
    ) -> StoreResult<Vec<CachedEntry>> {
        let which = which.clone();
        self.read_long(move |conn| entries(conn, &which, after, count))
            .await
    }

    async fn clear_cache(&self, which: &CachePart, count: u32) -> StoreResult<u64> {
        let which = which.clone();
        self.writer.write(move |tx| clear(tx, &which, count)).await
    }
}

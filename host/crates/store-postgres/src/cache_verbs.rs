//! The verbs about results of tasks that are kept for other runs.

use std::sync::Arc;

use async_trait::async_trait;
use model::{CacheKey, CachedResult, Digest, Json, Timestamp};
use store::{Cache, CachePart, CachePlace, CachedEntry, StoreResult};

use super::PostgresStore;
use super::cache::forget_blobs;
use super::sql::{Conn, Row, params};
use super::verbs::write;
use crate::columns::{List, Value};
use crate::error::Pg;
use crate::tx::Tx;

async fn usable(conn: &impl Conn, ids: &[Digest], now: Timestamp) -> Pg<Vec<(Digest, Json)>> {
    conn.all(
        "SELECT id, value FROM cached_results
         WHERE id = ANY($1) AND (expires IS NULL OR expires > $2)",
        params![List(ids), now],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
    .await
}

/// The results that a condition leaves, and its parameters.
fn only(which: &CachePart) -> (&'static str, Vec<Value>) {
    match which {
        CachePart::All => ("true", Vec::new()),
        CachePart::Ids(from, to) => ("id BETWEEN $1 AND $2", params![*from, *to]),
        CachePart::Task(task) => ("task = $1", params![*task]),
        CachePart::Component(component) => {
            let (from, to) = CachePart::scopes_of(*component);
            ("scope >= $1 AND scope < $2", params![from, to])
        }
        CachePart::Expired(at) => ("expires <= $1", params![*at]),
    }
}

async fn list(conn: &impl Conn, which: &CachePart, count: u32) -> Pg<Vec<CachedResult>> {
    let (only, params) = only(which);
    let sql = format!(
        "SELECT task, scope, key, value, run, created, expires FROM cached_results
         WHERE {only} ORDER BY created DESC, id LIMIT {count}"
    );
    conn.all(&sql, params, cached_result).await
}

async fn entries(
    conn: &impl Conn,
    which: &CachePart,
    after: Option<CachePlace>,
    count: u32,
) -> Pg<Vec<CachedEntry>> {
    let (only, mut params) = only(which);
    let beyond = match after {
        None => String::new(),
        Some(CachePlace { created, id }) => {
            let (at, next) = (params.len() + 1, params.len() + 2);
            params.extend(params![created, id]);
            format!("AND created <= ${at} AND (created < ${at} OR id > ${next})")
        }
    };
    let sql = format!(
        "SELECT task, scope, key, octet_length(value)::bigint, run, created, expires
         FROM cached_results WHERE {only} {beyond} ORDER BY created DESC, id LIMIT {count}"
    );
    conn.all(&sql, params, |row| {
        Ok(CachedEntry {
            key: cache_key(row)?,
            size: row.get(3)?,
            run: row.get(4)?,
            created: row.get(5)?,
            expires: row.get(6)?,
        })
    })
    .await
}

async fn clear(tx: &Tx, which: &CachePart, count: u32) -> Pg<u64> {
    let (only, params) = only(which);
    let sql = format!(
        "DELETE FROM cached_results WHERE id IN (
             SELECT id FROM cached_results WHERE {only} ORDER BY id LIMIT {count}
             FOR UPDATE SKIP LOCKED
         ) RETURNING id"
    );
    let ids: Vec<Digest> = tx.all(&sql, params, |row| row.get(0)).await?;
    if !ids.is_empty() {
        forget_blobs(tx, &ids);
    }
    Ok(ids.len() as u64)
}

fn cache_key(row: &Row) -> Pg<CacheKey> {
    Ok(CacheKey {
        task: row.get(0)?,
        scope: row.get(1)?,
        key: row.get(2)?,
    })
}

fn cached_result(row: &Row) -> Pg<CachedResult> {
    Ok(CachedResult {
        key: cache_key(row)?,
        value: row.get(3)?,
        run: row.get(4)?,
        created: row.get(5)?,
        expires: row.get(6)?,
    })
}

#[async_trait]
impl Cache for PostgresStore {
    async fn cached(&self, ids: &[Digest], now: Timestamp) -> StoreResult<Vec<(Digest, Json)>> {
        let ids = ids.to_vec();
        self.read(async move |conn| usable(&conn, &ids, now).await)
            .await
    }

    async fn cached_results(
        &self,
        which: &CachePart,
        count: u32,
    ) -> StoreResult<Vec<CachedResult>> {
        let which = which.clone();
        self.read(async move |conn| list(&conn, &which, count).await)
            .await
    }

    async fn cached_entries(
        &self,
        which: &CachePart,
        after: Option<CachePlace>,
        count: u32,
    ) -> StoreResult<Vec<CachedEntry>> {
        let which = which.clone();
        self.read(async move |conn| entries(&conn, &which, after, count).await)
            .await
    }

    async fn clear_cache(&self, which: &CachePart, count: u32) -> StoreResult<u64> {
        let which = which.clone();
        write!(self, |tx, which| clear(&tx, &which, count).await).await
    }
}

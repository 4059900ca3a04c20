//! Results of tasks that are kept for other runs.

use model::{BlobDigest, CachedResult, Digest};

use super::sql::{Conn, params};
use crate::columns::List;
use crate::error::Pg;
use crate::tx::Tx;

/// Keeps results, each in the place of an earlier one of the same key.
pub(crate) async fn put(tx: &Tx, results: &[CachedResult]) -> Pg<()> {
    // In one order, so that two that keep the same do not wait for each other.
    let mut results: Vec<(Digest, &CachedResult)> =
        results.iter().map(|it| (it.key.id(), it)).collect();
    results.sort_by_key(|(id, _)| *id);
    for (id, result) in results {
        tx.query(
            "INSERT INTO cached_results (id, task, scope, key, value, run, created, expires)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT (id) DO UPDATE SET value = excluded.value, run = excluded.run,
                 created = excluded.created, expires = excluded.expires",
            params![
                id,
                result.key.task,
                result.key.scope,
                result.key.key,
                result.value,
                result.run,
                result.created,
                result.expires
            ],
        )
        .await?;
        forget_blobs(tx, &[id]);
        let blobs = BlobDigest::all_of(&result.value);
        if !blobs.is_empty() {
            tx.run(
                "INSERT INTO cached_blobs (result, digest)
                 SELECT $1, digest FROM blobs WHERE digest = ANY($2) ORDER BY digest FOR KEY SHARE
                 ON CONFLICT DO NOTHING",
                params![id, List(&blobs)],
            );
        }
    }
    Ok(())
}

/// Before the blobs of results go: they may have no other holder.
pub(crate) fn forget_blobs(tx: &Tx, ids: &[Digest]) {
    tx.run(
        "UPDATE blobs SET loose = true WHERE digest IN (
             SELECT b.digest FROM blobs b WHERE b.digest IN (
                 SELECT digest FROM cached_blobs WHERE result = ANY($1)
             ) ORDER BY b.digest FOR NO KEY UPDATE
         )",
        params![List(ids)],
    );
    let sql = "DELETE FROM cached_blobs WHERE result = ANY($1)";
    tx.run(sql, params![List(ids)]);
}

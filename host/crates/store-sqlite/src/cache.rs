//! Results of tasks that are kept for other runs.

use model::{BlobDigest, CachedResult, Digest};
use store::StoreResult;

use super::sql::{Sql, params};
use super::writer::Tx;

/// Keeps results, each in the place of an earlier one of the same key.
pub(super) fn put(tx: &Tx<'_>, results: &[CachedResult]) -> StoreResult<()> {
    for result in results {
        let id = result.key.id();
        forget_blobs(tx, id)?;
        tx.run(
            "INSERT INTO cached_results (id, task, scope, key, value, run, created, expires)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
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
        )?;
        for digest in BlobDigest::all_of(&result.value) {
            tx.run(
                "INSERT INTO cached_blobs (result, digest)
                 SELECT ?1, digest FROM blobs WHERE digest = ?2",
                params![id, digest],
            )?;
        }
    }
    Ok(())
}

/// Before the blobs of a result go: they may have no other holder.
pub(super) fn forget_blobs(tx: &Tx<'_>, id: Digest) -> StoreResult<()> {
    let blobs: Vec<BlobDigest> = tx.all(
        "DELETE FROM cached_blobs WHERE result = ?1 RETURNING digest",
        [id],
        |row| row.get(0),
    )?;
    for digest in blobs {
        tx.run("UPDATE blobs SET loose = 1 WHERE digest = ?1", [digest])?;
    }
    Ok(())
}

//! Which run holds which blob.

use model::{BlobDigest, HoldsJson};
use orchestrator::lifecycle::RunKey;
use store::StoreResult;

use super::sql::{Sql, params};
use super::writer::Tx;

/// Lets a run hold what there is of these.
pub(super) fn hold(tx: &Tx<'_>, run: RunKey, digests: &[BlobDigest]) -> StoreResult<()> {
    for digest in digests {
        tx.run(
            "INSERT OR IGNORE INTO run_blobs (run, digest)
             SELECT ?1, digest FROM blobs WHERE digest = ?2",
            params![run, digest],
        )?;
    }
    Ok(())
}

/// Lets a run hold the blobs that a value of it refers to.
pub(super) fn hold_those_in(tx: &Tx<'_>, run: RunKey, value: &impl HoldsJson) -> StoreResult<()> {
    match BlobDigest::all_of(value) {
        none if none.is_empty() => Ok(()),
        some => hold(tx, run, &some),
    }
}

/// Before the holds of a deleted run go: their blobs may have no other.
pub(super) fn let_go(tx: &Tx<'_>, run: RunKey) -> StoreResult<()> {
    tx.run(
        "UPDATE blobs SET loose = 1
         WHERE digest IN (SELECT digest FROM run_blobs WHERE run = ?1)",
        [run],
    )
    .map(drop)
}

//! Which run holds which blob.

use model::{BlobDigest, HoldsJson};
use orchestrator::lifecycle::RunKey;

use super::sql::params;
use crate::columns::List;
use crate::tx::Tx;

/// Lets a run hold what there is of these.
pub(crate) fn hold(tx: &Tx, run: RunKey, digests: &[BlobDigest]) {
    tx.run(
        "INSERT INTO run_blobs (run, digest)
         SELECT $1, digest FROM blobs WHERE digest = ANY($2) ORDER BY digest FOR KEY SHARE
         ON CONFLICT DO NOTHING",
        params![run, List(digests)],
    );
}

/// Lets a run hold the blobs that a value of it refers to.
pub(crate) fn hold_those_in(tx: &Tx, run: RunKey, value: &impl HoldsJson) {
    let some = BlobDigest::all_of(value);
    if !some.is_empty() {
        hold(tx, run, &some);
    }
}

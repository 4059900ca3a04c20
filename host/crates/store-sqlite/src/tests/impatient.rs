//! The stories of lists, on a store that looks at two candidates and gives up.

use std::time::Duration;

use tempfile::TempDir;

use super::super::SqliteStore;
use super::super::listing::Patience;

async fn impatient_store() -> (SqliteStore, TempDir) {
    // In memory where that can be had: many short pages are read while runs change.
    let dir = tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap());
    let mut store = SqliteStore::open(dir.path().join("orch.db")).unwrap();
    store.patience = Patience {
        time: Duration::ZERO,
        chunk: 2,
    };
    (store, dir)
}

store::listing_stories!(impatient_store);

//! The contract, and what is particular to PostgreSQL.

use super::*;
use test_support::Database;

/// A store in a database of its own. None where PostgreSQL is not installed.
fn new_store_here() -> Option<(PostgresStore, Database)> {
    let database = test_support::database()?;
    let options = database.url().parse().unwrap();
    Some((PostgresStore::open(options).unwrap(), database))
}

async fn new_store() -> Option<(PostgresStore, Database)> {
    new_store_here()
}

store::contract!(new_store);

#[test]
fn whatever_happens_runs_end_as_they_should() {
    if test_support::database().is_some() {
        store::simulation::as_they_should(200, || new_store_here().unwrap());
    }
}

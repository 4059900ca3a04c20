//! The contract, and what is particular to PostgreSQL.

use super::*;
use store::contract::cast::new_run;
use store::{Events as _, Runs as _};
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

/// Snapshots know of the transactions of all databases. Those of the others hold nothing back, not
/// even what is left of a row whose first events are read.
#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_of_another_database_holds_no_event_back() {
    let Some((store, _database)) = new_store_here() else {
        return;
    };
    let elsewhere = test_support::database().expect("the first is there");
    let plain = tokio_postgres::NoTls;
    let (client, connection) = tokio_postgres::connect(&elsewhere.url(), plain)
        .await
        .unwrap();
    tokio::spawn(connection);
    let begin = "BEGIN; SELECT pg_current_xact_id()";
    client.batch_execute(begin).await.unwrap();

    let cast = store::contract::Cast::on(store).await;
    let from = cast.store.newest_event().await.unwrap();
    let runs = (0..3).map(|_| new_run("etl")).collect();
    cast.store.create_runs(runs).await.unwrap();
    for page in [1, 2, 3, 4] {
        let told = store::contract::events::read(&cast.store, from, page).await;
        assert_eq!(told.len(), 3, "pages of {page}");
    }
}

/// Whoever adds a column or a table is told that copies have to have it.
#[tokio::test(flavor = "multi_thread")]
async fn every_column_is_copied_or_left_out_on_purpose() {
    let Some((_store, database)) = new_store_here() else {
        return;
    };
    let listed = database.sql(
        "SELECT table_name || '.' || column_name FROM information_schema.columns
         WHERE table_schema = 'orch_host'",
    );
    // Of the schema, of the copy itself, and where a run was counted.
    let own = [
        "version.number",
        "events.tag",
        "events.bytes",
        "run_tallies.shard",
    ];
    let mut there: Vec<&str> = listed.lines().filter(|it| !own.contains(it)).collect();
    there.sort_unstable();
    let tables = store::moving::TABLES.iter();
    let known = tables.flat_map(|table| {
        let columns = table.columns.iter().filter(|it| it.name != "part");
        columns.map(|column| format!("{}.{}", table.name, column.name))
    });
    let mut known: Vec<String> = known.collect();
    known.sort_unstable();
    assert_eq!(there, known);
}

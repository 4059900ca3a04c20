//! A database of the version before, and programs of both versions that work on it.

use store::contract::cast::new_run;
use store::{Runs as _, StoreError, Workers as _};
use test_support::Database;

use crate::PostgresStore;
use crate::schema::{FIRST, KNOWN};

/// As the first version has left it.
fn of_the_first_version() -> Option<Database> {
    let database = test_support::database()?;
    database.sql(&format!(
        "CREATE SCHEMA orch_host; SET search_path = orch_host;
         CREATE TABLE version (number bigint NOT NULL);
         INSERT INTO version (number) VALUES (1); {FIRST}"
    ));
    Some(database)
}

fn open(url: &str) -> Result<PostgresStore, StoreError> {
    PostgresStore::open(url.parse().unwrap())
}

/// What a worker of the first version says when it begins.
const REGISTERS: &str =
    "INSERT INTO orch_host.workers (id, name, pool, run_limit, pid, host, started, heartbeat,
         lease_until)
     VALUES (gen_random_uuid(), 'before', 'default-pool', 8, 1, 'here', 0, 0, 9000000000000000)";

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_of_the_version_before_goes_on_beside_one_of_this_version() {
    let Some(database) = of_the_first_version() else {
        return;
    };
    database.sql(REGISTERS);
    let store = open(&database.url()).unwrap();
    let versions = "SELECT number, oldest FROM orch_host.version";
    assert_eq!(database.sql(versions), format!("{KNOWN}|7\n"));
    // Another one of the version before, whose statements know nothing of what was added.
    database.sql(REGISTERS);

    let cast = store::contract::Cast::on(store).await;
    cast.store.create_runs(vec![new_run("etl")]).await.unwrap();
    let workers = cast.store.workers().await.unwrap();
    let versions = workers.iter().map(|worker| worker.version.as_deref());
    assert_eq!(versions.collect::<Vec<_>>(), [None, None, Some("1.2.3")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_not_change_the_tables_is_told_so_and_changes_nothing() {
    let Some(database) = of_the_first_version() else {
        return;
    };
    let role = database.url().rsplit_once('/').unwrap().1.to_owned() + "_works";
    database.sql(&format!(
        "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA orch_host TO {role};
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA orch_host TO {role};
         GRANT USAGE ON ALL SEQUENCES IN SCHEMA orch_host TO {role}"
    ));
    let url = database.url().replace("orch@", &format!("{role}@"));
    match open(&url).map(|_| ()) {
        Err(StoreError::OlderVersion {
            found: 1, known, ..
        }) if known == KNOWN => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(database.sql("SELECT * FROM orch_host.version"), "1\n");
    // Whoever owns them goes first.
    open(&database.url()).unwrap();
    let store = open(&url).unwrap();
    // It may write what was added, too.
    let cast = store::contract::Cast::on(store).await;
    cast.create_pool("more").await;
    let closed = format!(
        "SELECT relname FROM pg_class WHERE relnamespace = 'orch_host'::regnamespace
             AND relkind = 'r' AND NOT has_table_privilege('{role}', oid, 'SELECT, INSERT')"
    );
    assert_eq!(database.sql(&closed), "");
}

/// A later version says what it can do with.
#[test]
fn a_later_version_says_whether_this_one_may_go_on() {
    let Some(database) = test_support::database() else {
        return;
    };
    open(&database.url()).unwrap();
    database.sql("UPDATE orch_host.version SET number = 99, oldest = 98");
    match open(&database.url()).map(|_| ()) {
        Err(StoreError::NewerVersion { found: 99, .. }) => {}
        other => panic!("{other:?}"),
    }
    database.sql("UPDATE orch_host.version SET oldest = 2");
    open(&database.url()).unwrap();
    let versions = "SELECT number, oldest FROM orch_host.version";
    assert_eq!(database.sql(versions), "99|2\n", "it is left as it is");
}

//! The contract, and what is particular to PostgreSQL.

mod upgrading;

use super::*;
use futures::FutureExt as _;
use store::contract::cast::new_run;
use store::{Events as _, Reading as _, Runs as _};
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

#[test]
fn whoever_stands_in_line_gets_their_turn() {
    if test_support::database().is_some() {
        store::simulation::everybody_gets_their_turn(60, |clock| {
            let (mut store, database) = new_store_here().unwrap();
            let inner = std::sync::Arc::get_mut(&mut store.inner);
            inner.expect("nobody else has it").clock = clock;
            (store, database)
        });
    }
}

#[test]
fn whatever_happens_everything_begins_once() {
    if test_support::database().is_some() {
        store::simulation::everything_begins_once(20, || new_store_here().unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn minutes_become_hours_when_they_are_long_past() {
    let Some((store, database)) = new_store_here() else {
        return;
    };
    let cast = store::contract::Cast::on(store).await;
    let end_one = async || {
        let lease = cast.running("etl").await;
        cast.end(lease, Ok(store::contract::cast::json("1")), 10)
            .await;
    };
    // Five days of three hours in which two processes counted an end a minute.
    database.sql(
        "INSERT INTO orch_host.run_tallies (minute, origin, state, shard, count, total_ms)
         SELECT extract(epoch FROM now())::bigint / 3600 * 60 - day * 1440 + minute, 1, 'FAILED',
             shard, 1, 1000
         FROM generate_series(3, 7) day, generate_series(0, 179) minute, generate_series(3, 4) shard",
    );
    let count = |what: &str| {
        let counted = database.sql(&format!("SELECT {what} FROM orch_host.run_tallies"));
        counted.trim().parse::<u64>().unwrap()
    };
    let ended = || count("sum(count)");
    let (before, rows) = (ended(), count("count(*)"));
    end_one().await;
    assert_eq!(ended(), before + 1);
    let hours = "count(*) FILTER (WHERE state = 'FAILED' AND minute % 60 = 0 AND count = 120)";
    assert_eq!(count(hours), 4, "not many at once");
    let of_failures = "count(*) FILTER (WHERE state = 'FAILED')";
    assert_eq!(count(of_failures), rows - 4 * 120 + 4);
    for _ in 0..4 {
        end_one().await;
    }
    assert_eq!(count(hours), 15);
    assert_eq!(ended(), before + 5);
    assert_eq!(count(of_failures), 15);
}

/// What was asked for is done, although nobody waits for it any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_closed_finishes_what_is_queued() {
    let Some((store, database)) = new_store_here() else {
        return;
    };
    let cast = store::contract::Cast::on(store).await;
    let runs: Vec<_> = (0..20).map(|_| new_run("etl")).collect();
    let ids: Vec<_> = runs.iter().map(|new| new.run.id).collect();
    for run in runs {
        // Asked for once, and left.
        let _ = cast.store.create_runs(vec![run]).now_or_never();
    }
    drop(cast);
    let again = PostgresStore::open(database.url().parse().unwrap()).unwrap();
    assert_eq!(again.flow_runs_by_id(&ids).await.unwrap().len(), 20);
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
    // Of the schema, of the copy itself, where a run was counted, and what became of transactions
    // that were under way.
    let own = [
        "version.number",
        "version.oldest",
        "commits.no",
        "commits.tag",
        "commits.at",
        "events.tag",
        "events.bytes",
        "run_tallies.shard",
        // Who has a turn now.
        "turns.duty",
        "turns.holder",
        "turns.until",
        // What is taken of rate limits now.
        "limit_uses.limit_name",
        "limit_uses.line",
        "limit_uses.slots",
        "limit_uses.until",
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

/// A text of 100 KB, which stands apart.
fn large(n: usize) -> model::Json {
    store::contract::cast::json(&format!("\"{}{n}\"", "x".repeat(100_000)))
}

async fn ended_with(
    cast: &store::contract::Cast<PostgresStore>,
    value: &model::Json,
) -> model::RunId {
    let lease = cast.running("etl").await;
    cast.end(lease, Ok(value.clone()), 3).await;
    lease.run
}

/// Two machines: one deletes the last run that holds a text, while the other records the same text.
#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_is_recorded_while_it_is_deleted_is_there() {
    let Some((store, database)) = new_store_here() else {
        return;
    };
    let other = PostgresStore::open(database.url().parse().unwrap()).unwrap();
    let cast = store::contract::Cast::on(store).await;
    let mut runs = vec![ended_with(&cast, &large(0)).await];
    for round in 0..40 {
        let lease = cast.running("etl").await;
        let mut progress = store::Progress::new(lease);
        progress.next = store::Next::End {
            outcome: Ok(large(0)),
        };
        let ended = model::State::ended(&Ok(large(0)), store::contract::cast::at(3));
        progress.states.push(ended);
        let deleted = other.delete_runs(&runs);
        let (deleted, recorded) = futures::join!(deleted, cast.store.record(progress));
        assert_eq!(deleted.unwrap(), [Ok(())], "{round}");
        recorded.unwrap();
        assert_eq!(cast.run(lease.run).await.outcome, Some(Ok(large(0))));
        assert_eq!(other.texts_apart().await.unwrap().count, 1, "{round}");
        runs = vec![lease.run];
    }
    other.delete_runs(&runs).await.unwrap();
    assert_eq!(other.texts_apart().await.unwrap().count, 0);
}

/// Two machines delete the last two runs that hold a text.
#[tokio::test(flavor = "multi_thread")]
async fn a_text_goes_with_its_last_two_holders_at_once() {
    let Some((store, database)) = new_store_here() else {
        return;
    };
    let other = PostgresStore::open(database.url().parse().unwrap()).unwrap();
    let cast = store::contract::Cast::on(store).await;
    for round in 0..20 {
        let one = [ended_with(&cast, &large(1)).await];
        let two = [ended_with(&cast, &large(1)).await];
        let (first, second) = futures::join!(cast.store.delete_runs(&one), other.delete_runs(&two));
        assert_eq!(
            (first.unwrap(), second.unwrap()),
            (vec![Ok(())], vec![Ok(())])
        );
        assert_eq!(other.texts_apart().await.unwrap().count, 0, "{round}");
    }
}

/// What the lines of a table say is read while its runs are deleted.
#[tokio::test(flavor = "multi_thread")]
async fn runs_are_read_whole_while_others_are_deleted() {
    let Some((store, database)) = new_store_here() else {
        return;
    };
    let other = PostgresStore::open(database.url().parse().unwrap()).unwrap();
    let cast = store::contract::Cast::on(store).await;
    let mut runs = Vec::new();
    for n in 0..60 {
        runs.push(ended_with(&cast, &large(n)).await);
    }
    let reading = async {
        loop {
            let all = store::RunFilter::default();
            let listed = cast.store.newest_flow_runs(&all, 0).await.unwrap();
            for run in &listed {
                let outcome = run.outcome.clone().unwrap().unwrap();
                assert!(outcome.as_str().len() > 100_000, "{outcome}");
            }
            if listed.is_empty() {
                break;
            }
        }
    };
    let deleting = async {
        for run in runs {
            other.delete_runs(&[run]).await.unwrap();
        }
    };
    futures::join!(reading, deleting);
}

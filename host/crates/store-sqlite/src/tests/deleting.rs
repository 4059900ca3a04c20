//! What is left of deleted runs.

use super::super::{deleting, sql::Sql as _};
use super::*;
use model::{LogLevel, LogLine, LogSource};
use store::contract::cast::{json, new_run, subflow, timer};
use store::{Runs as _, SubflowChange};

const TABLES: [&str; 9] = [
    "flow_runs",
    "flow_run_specs",
    "flow_run_states",
    "journal",
    "journal_kept",
    "past_calls",
    "task_runs",
    "logs",
    "deleted_runs",
];

fn rows(store: &SqliteStore) -> Vec<i64> {
    let count = |table: &&str| {
        let sql = format!("SELECT count(*) FROM {table}");
        let found = store
            .readers
            .with(|conn| conn.need(&sql, [], |row| row.get(0)));
        found.unwrap()
    };
    TABLES.iter().map(count).collect()
}

/// A run that is over and has this many log lines and subflows, after an attempt that failed.
async fn over(cast: &Cast<SqliteStore>, lines: usize, subflows: usize) -> model::RunId {
    let first = cast.running("etl").await;
    cast.go_on(first, |progress| {
        progress.entries = vec![timer(1, 60), timer(2, 60)];
        progress.states.push(State::awaiting_retry(at(1)));
        progress.next = Next::Release {
            at: at(1),
            failed: failure().err(),
        };
    })
    .await;
    let lease = cast.claim_only(1).await.lease;
    cast.go_on(lease, |p| p.states.push(State::running(2, at(1))))
        .await;
    let line = LogLine {
        run: lease.run,
        source: LogSource::Flow,
        at: at(2),
        level: LogLevel::Info,
        target: "etl".to_owned(),
        message: "hello".to_owned(),
    };
    cast.go_on(lease, |progress| {
        progress.logs = vec![line; lines];
        let begun = (0..subflows).map(|_| subflow(lease.run, "inner"));
        progress.subflows = begun.map(|it| SubflowChange::Begin(Box::new(it))).collect();
        progress.entries.push(task(1));
    })
    .await;
    cast.end(lease, Ok(json("1")), 3).await;
    lease.run
}

#[tokio::test]
async fn nothing_is_left_of_a_deleted_run_whatever_it_had() {
    let (store, _dir) = new_store().await;
    let cast = Cast::on(store).await;
    let before = rows(&cast.store);
    // More of both than one commit takes.
    let run = over(&cast, 5_000, 1_200).await;
    let small = over(&cast, 3, 0).await;
    let stays = cast.create(new_run("stays")).await;
    let deleted = cast.store.delete_runs(&[run, small]).await.unwrap();
    assert_eq!(deleted, [Ok(()), Ok(())]);
    let left: Vec<i64> = rows(&cast.store)
        .iter()
        .zip(before)
        .map(|(now, then)| now - then)
        .collect();
    assert_eq!(left, [1, 1, 1, 0, 0, 0, 0, 0, 0], "only `stays`");
    cast.store.cancel(stays, at(4)).await.unwrap();
    cast.store.delete_runs(&[stays]).await.unwrap()[0]
        .clone()
        .unwrap();
    // The last row stays for its number, until another comes.
    assert_eq!(rows(&cast.store), [1, 0, 0, 0, 0, 0, 0, 0, 1]);
    let next = over(&cast, 1, 0).await;
    let last = over(&cast, 1, 0).await;
    cast.store.delete_runs(&[next, last]).await.unwrap();
    assert_eq!(rows(&cast.store), [1, 0, 0, 0, 0, 0, 0, 0, 1]);
}

#[tokio::test]
async fn a_deletion_that_was_cut_off_is_finished_by_the_next() {
    let (store, _dir) = new_store().await;
    let cast = Cast::on(store).await;
    let run = over(&cast, 50, 0).await;
    over(&cast, 1, 0).await;
    let cut_off = move |tx: &writer::Tx<'_>| {
        deleting::delete(tx, run)?;
        deleting::sweep(tx, 7)
    };
    assert_eq!(cast.store.writer.write(cut_off).await, Ok(false));
    assert!(cast.store.flow_run(run).await.unwrap().is_none());
    assert_eq!(rows(&cast.store)[7..], [44, 1]);
    assert_eq!(cast.store.delete_runs(&[]).await, Ok(vec![]));
    assert_eq!(rows(&cast.store)[7..], [1, 0]);
}

/// A text may take as long as many rows.
#[tokio::test]
async fn texts_go_in_parts_and_none_that_another_run_holds() {
    let (store, _dir) = new_store().await;
    let cast = Cast::on(store).await;
    let text = |n: usize| {
        // Nothing in it repeats, so that it stays large.
        let random = (0..20_000).map(|at: usize| (at * 7_919 + n * 104_729) % 1_000_003);
        let items: Vec<String> = random.map(|item| item.to_string()).collect();
        json(&format!("[{}]", items.join(",")))
    };
    let with = async |texts: std::ops::Range<usize>| {
        let lease = cast.running("etl").await;
        for (seq, n) in (1..).zip(texts) {
            let mut entry = task(seq);
            entry.answer = model::Answer::Value { value: text(n) };
            cast.go_on(lease, |progress| progress.entries.push(entry))
                .await;
        }
        cast.end(lease, failure(), 3).await;
        lease.run
    };
    let (gone, stays) = (with(0..6).await, with(4..8).await);
    let count = async || cast.store.texts_apart().await.unwrap().count;
    assert_eq!(count().await, 8);
    let delete = move |tx: &writer::Tx<'_>| deleting::delete(tx, gone);
    assert_eq!(cast.store.writer.write(delete).await, Ok(true));
    // Its rows go first, then a text with each part.
    let mut counts = Vec::new();
    let sweep = |tx: &writer::Tx<'_>| deleting::sweep(tx, 11);
    loop {
        let is_done = cast.store.writer.write(sweep).await.unwrap();
        counts.push(count().await);
        if is_done {
            break;
        }
    }
    assert_eq!(counts.last(), Some(&4));
    assert!(counts.contains(&6), "{counts:?}");
    let journal = cast.store.journal(stays).await.unwrap();
    let values: Vec<_> = journal.into_iter().map(|entry| entry.answer).collect();
    let expect: Vec<_> = (4..8)
        .map(|n| model::Answer::Value { value: text(n) })
        .collect();
    assert_eq!(values, expect);
}

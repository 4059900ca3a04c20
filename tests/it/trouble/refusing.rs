//! A server that is there and refuses: it takes no writes, or gives no connections.

use test_support::{Database, Worker, eventually};

use super::super::SOON;
use super::super::load::{Load, deploy_all};
use super::{hasty, held, machine_at, times_away};

/// Ends all sessions, so that new ones are begun.
fn end_sessions(database: &Database, of: &Database) {
    database.sql(&format!(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '{}'",
        of.name()
    ));
}

/// Each has said so, once, and goes on.
#[track_caller]
fn said_once(workers: &[Worker]) {
    for worker in workers {
        eventually(SOON, || worker.stderr().contains("is available again"));
        assert_eq!(times_away(worker), 1, "{}", worker.stderr());
    }
}

/// What holds for sessions that begin from now on.
fn take_no_writes(other: &Database, database: &Database, is_on: bool) {
    let name = database.name();
    other.sql(&format!(
        "ALTER DATABASE {name} SET default_transaction_read_only = {is_on}"
    ));
}

#[test]
fn a_database_that_takes_no_writes_is_waited_for_and_can_be_read() {
    let Some((database, other)) = test_support::database().zip(test_support::database()) else {
        return;
    };
    let machine = machine_at(&database.url());
    deploy_all(&machine);
    let workers = [hasty(&machine), hasty(&machine)];
    let mut load = Load::default();
    load.more(&machine);
    take_no_writes(&other, &database, true);
    end_sessions(&other, &database);
    load.more(&machine);
    assert_eq!(load.refused.len(), 2);
    let hint = "hint: it takes no writes: is it a standby, or set to \
        `default_transaction_read_only`? With several hosts in the address, \
        `target_session_attrs=read-write` finds the right one";
    for refused in &load.refused {
        let (error, told) = refused.split_once('\n').unwrap();
        assert!(error.ends_with(" in a read-only transaction"), "{error}");
        assert_eq!(told.trim_end(), hint);
    }
    for worker in &workers {
        eventually(SOON, || times_away(worker) == 1);
    }
    machine.run(["flow-run", "ls"]).ok();
    // Sessions that were begun as read-only stay so; workers begin new ones.
    take_no_writes(&other, &database, false);
    load.has_ended_well(&machine, SOON);
    assert_eq!(held(&database), "0");
    said_once(&workers);
}

#[test]
fn a_worker_with_nothing_to_do_says_once_that_its_database_takes_no_writes() {
    let Some((database, other)) = test_support::database().zip(test_support::database()) else {
        return;
    };
    let machine = machine_at(&database.url());
    deploy_all(&machine);
    let workers = [hasty(&machine)];
    take_no_writes(&other, &database, true);
    end_sessions(&other, &database);
    eventually(SOON, || times_away(&workers[0]) == 1);
    // It begins a new session by itself; to end its sessions would be another trouble.
    take_no_writes(&other, &database, false);
    let mut load = Load::default();
    load.more(&machine);
    load.has_ended_well(&machine, SOON);
    said_once(&workers);
}

#[test]
fn a_user_who_gets_no_connections_is_told_so_and_workers_wait_for_some() {
    let Some((database, other)) = test_support::database().zip(test_support::database()) else {
        return;
    };
    let role = format!("{}_few", database.name());
    database.sql(&format!("CREATE ROLE {role} LOGIN"));
    database.sql(&format!(
        "GRANT CREATE ON DATABASE {} TO {role}",
        database.name()
    ));
    let url = database.url().replace("orch@", &format!("{role}@"));
    let machine = machine_at(&url);
    deploy_all(&machine);
    let workers = [hasty(&machine), hasty(&machine)];
    let mut load = Load::default();
    load.more(&machine);
    let limit = |to: i32| other.sql(&format!("ALTER ROLE {role} CONNECTION LIMIT {to}"));
    limit(0);
    end_sessions(&other, &database);
    load.more(&machine);
    assert_eq!(load.refused.len(), 2);
    let refused = load.refused[0].replace(&role, "[ROLE]");
    insta::assert_snapshot!(refused, @r#"
    error: the database is not available: too many connections for role "[ROLE]"
    hint: its server gives no more connections: raise its `max_connections` or the user's `CONNECTION LIMIT`, or end what holds them; a worker needs four
    "#);
    for worker in &workers {
        eventually(SOON, || times_away(worker) == 1);
    }
    limit(-1);
    load.has_ended_well(&machine, SOON);
    assert_eq!(held(&database), "0");
    said_once(&workers);
}

//! The primary server is lost, and its standby takes its place.

use test_support::{Database, cluster, eventually};

use super::super::SOON;
use super::super::load::{Load, deploy_all};
use super::{hasty, held, machine_at, times_away};

/// From now on nothing is acknowledged that the standby does not have.
fn keep_in_step(primary: &Database) {
    primary.sql("ALTER SYSTEM SET synchronous_standby_names = '*'");
    primary.sql("SELECT pg_reload_conf()");
    let in_step = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
    eventually(SOON, || primary.sql(in_step) == "1\n");
}

#[test]
fn a_standby_that_is_promoted_has_all_that_was_acknowledged_and_workers_find_it() {
    let Some(primary) = cluster() else { return };
    let standby = primary.standby();
    let database = primary.database();
    let (here, there) = (primary.port(), standby.port());
    let name = database.name();
    let url = format!(
        "postgres://orch@127.0.0.1:{here},127.0.0.1:{there}/{name}?target_session_attrs=read-write"
    );
    keep_in_step(&database);
    let (first, second) = (machine_at(&url), machine_at(&url));
    deploy_all(&first);
    let workers = [hasty(&first), hasty(&second)];
    let mut load = Load::default();
    for _ in 0..4 {
        load.more(&second);
    }
    let before = load.acknowledged.len();
    assert_eq!(before, 8);
    primary.crash();
    // Nobody is there who takes writes.
    load.more(&second);
    assert_eq!(load.acknowledged.len(), before);
    standby.promote();
    load.more(&second);
    assert_eq!(load.acknowledged.len(), before + 2);
    load.has_ended_well(&second, SOON);
    assert_eq!(held(&database.at(&standby)), "0");
    for worker in &workers {
        assert!(times_away(worker) <= 1, "{}", worker.stderr());
    }
}

/// Its machine has a disk that hangs, say: it takes connections, and says nothing.
#[test]
fn a_primary_that_stands_still_keeps_nobody_from_the_standby_that_was_promoted() {
    let Some(primary) = cluster() else { return };
    let standby = primary.standby();
    let database = primary.database();
    let hosts = format!("127.0.0.1:{},127.0.0.1:{}", primary.port(), standby.port());
    let name = database.name();
    let url = format!(
        "postgres://orch@{hosts}/{name}?target_session_attrs=read-write\
         &connect_timeout=5&answer_timeout=5"
    );
    keep_in_step(&database);
    let machine = machine_at(&url);
    deploy_all(&machine);
    let _worker = hasty(&machine);
    let mut load = Load::default();
    load.more(&machine);
    assert_eq!(load.acknowledged.len(), 2);
    let _frozen = primary.freeze();
    standby.promote();
    load.more(&machine);
    assert_eq!(load.acknowledged.len(), 4, "{:?}", load.refused);
    load.has_ended_well(&machine, SOON);
    assert_eq!(held(&database.at(&standby)), "0");
}

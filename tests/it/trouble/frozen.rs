//! A server that stands still and closes nothing: its machine swaps, its disk hangs.

use test_support::{cluster, eventually};

use super::super::SOON;
use super::super::load::{Load, deploy_all};
use super::{hasty, held, machine_at, times_away};

#[test]
fn a_server_that_stands_still_is_noticed_and_runs_go_on_when_it_does() {
    let Some(cluster) = cluster() else { return };
    let database = cluster.database();
    // Less patience than usual, so that the story is short; more than a busy machine needs.
    let url = format!("{}?answer_timeout=5&connect_timeout=5", database.url());
    let (first, second) = (machine_at(&url), machine_at(&url));
    deploy_all(&first);
    let workers = [hasty(&first), hasty(&second)];
    let mut load = Load::default();
    for _ in 0..3 {
        load.more(&second);
    }
    let frozen = cluster.freeze();
    // Longer than a lease: they have all given up by then.
    for worker in &workers {
        eventually(SOON, || times_away(worker) == 1);
    }
    let ran = second.run(["deployment", "ls"]).fails(70);
    insta::assert_snapshot!(ran.stderr, @r"
    error: the database is not available: the server does not answer, after 5 s
    hint: its server is there, and stands still or is overloaded; try again in a moment. `answer_timeout=SECONDS` in the address has commands wait longer
    ");
    load.more(&second);
    assert!(
        load.refused[0].contains("does not answer"),
        "{:?}",
        load.refused
    );
    drop(frozen);
    load.has_ended_well(&second, SOON);
    assert_eq!(held(&database), "0");
    for worker in &workers {
        assert_eq!(times_away(worker), 1, "{}", worker.stderr());
        eventually(SOON, || worker.stderr().contains("is available again"));
    }
}

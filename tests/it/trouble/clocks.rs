//! Machines whose clocks are an hour off: what counts is the clock of the database.

use test_support::{Database, Home, WrongClock, eventually};

use super::super::load::{Load, deploy_all};
use super::super::{SOON, deploy, inspect, json, start, text, wait_until, worker};
use super::machine_at;

fn machine_by(clock: &WrongClock, database: &Database) -> Home {
    let program = clock.program(env!("CARGO_BIN_EXE_orch-host"));
    Home::new(program).with_database(database.url())
}

/// Whether the database says that this is so.
fn says(database: &Database, what: &str) -> bool {
    database.sql(&format!("SELECT {what}")) == "t\n"
}

/// The clock of the database, as a literal.
fn time(database: &Database) -> String {
    let now = database.sql("SELECT clock_timestamp()");
    format!("'{}'::timestamptz", now.trim())
}

#[test]
fn machines_whose_clocks_are_wrong_do_no_harm() {
    let Some(database) = test_support::database() else {
        return;
    };
    let clocks = ["-1h", "+1h"].map(WrongClock::off_by);
    let [Some(slow), Some(fast)] = clocks else {
        return;
    };
    let machines = [machine_by(&slow, &database), machine_by(&fast, &database)];
    let right = machine_at(&database.url());
    deploy_all(&right);
    deploy(&right, "bench", &[]);
    // By a clock that is an hour behind, a lease is over before it begins.
    let workers = machines
        .each_ref()
        .map(|machine| worker(machine, &["--limit", "16"]));

    // A run that is delayed by a machine with a wrong clock is due when the database says so.
    for machine in &machines {
        let before = time(&database);
        let run = start(machine, "sleeper", &["--in", "2s", "-p", "ms=1000"]);
        let after = time(&database);
        wait_until(&right, &run, "COMPLETED");
        let run = inspect(&right, &run);
        let moment = |field: &str| format!("'{}'::timestamptz", text(&run[field]));
        let due = moment("scheduled");
        let between =
            format!("{due} - interval '2s' BETWEEN {before} - interval '1ms' AND {after}");
        assert!(says(&database, &between), "{between}: {run}");
        let (started, ended) = (moment("started"), moment("ended"));
        let in_order = format!(
            "{due} <= {started} AND {started} + interval '1s' <= {ended} AND {ended} <= clock_timestamp()"
        );
        assert!(says(&database, &in_order), "{in_order}");
    }

    // Nobody takes what another runs, in some looks at whose lease is over.
    let mut load = Load::default();
    let past = format!("clock_timestamp() > {} + interval '7s'", time(&database));
    eventually(SOON, || {
        load.more(&machines[load.acknowledged.len() / 2 % 2]);
        says(&database, &past)
    });
    load.has_ended_well(&right, SOON);
    assert!(load.refused.is_empty(), "{:?}", load.refused);
    let stolen = "NOT EXISTS (SELECT 1 FROM orch_host.flow_run_states WHERE name = 'Rescued')";
    assert!(says(&database, stolen));
    for worker in &workers {
        assert!(
            !worker.stderr().contains("the lease"),
            "{}",
            worker.stderr()
        );
    }

    // Ages are told by the clock of the database, too, whoever asks, of whatever machine.
    for machine in machines.iter().chain([&right]) {
        for listing in [["worker", "ls"], ["flow-run", "ls"]] {
            let shown = machine.run(listing).ok().stdout;
            assert!(shown.contains(" ago"), "{shown}");
            let is_off = |line: &str| line.contains("h ago") || line.contains("in 1h");
            assert!(!shown.lines().any(is_off), "{shown}");
        }
        let pool = json(machine, &["work-pool", "inspect", "default-pool"]);
        assert_eq!(pool["workers"], 2, "{pool}");
    }
}

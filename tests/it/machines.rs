//! Several machines with nothing in common but a PostgreSQL database: each story has homes that share
//! no directory.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;
use test_support::{Database, Event, Home, Network, Server, eventually};

use super::{SOON, deploy, flow_runs, inspect, own_home, start, text, wait_until, worker};

/// A machine that knows the database.
fn machine(database: &Database) -> Home {
    own_home().with_database(database.url())
}

#[test]
fn what_one_machine_deploys_another_executes_and_a_third_watches() {
    let Some(database) = test_support::database() else {
        return;
    };
    let (first, second, third) = (machine(&database), machine(&database), machine(&database));
    deploy(&first, "forms", &[]);
    let _worker = worker(&second, &[]);
    let run = start(&third, "says-things", &[]);
    third.run(["flow-run", "watch", &run]).ok();
    let logs = first.run(["flow-run", "logs", &run]).ok().stdout;
    assert!(logs.contains("printed by a task"), "{logs}");
    // A server on another machine shows the same, and hears of what happens elsewhere.
    let server = Server::start(&third, &[]);
    let path = "/v1/events?type=flow-run";
    let mut stream = server.ask("GET", path).follow(None);
    let another = start(&first, "says-things", &[]);
    let event = stream.next().unwrap();
    assert_eq!(event.data["run"]["id"], another);
    wait_until(&first, &another, "COMPLETED");
}

/// Each has an address and a link of its own.
#[test]
fn a_machine_whose_link_is_cut_loses_its_runs_and_comes_back() {
    let Some(database) = test_support::database() else {
        return;
    };
    let Some(network) = Network::of(3, database.port()) else {
        return;
    };
    let url = database.url_at(network.address(), network.port());
    let machine = |number: usize| {
        let program = network.program(number, env!("CARGO_BIN_EXE_orch-host"));
        Home::new(program).with_database(&url)
    };
    let (first, second, third) = (machine(0), machine(1), machine(2));
    for component in ["orchestrator", "process_item", "nesting"] {
        deploy(&third, component, &[]);
    }
    let workers = || {
        let listed = third.run(["worker", "ls", "-o", "json"]).ok().json();
        listed.as_array().unwrap().len()
    };
    let cut = worker(&first, &["--lease", "2s"]);
    let run = start(&third, "orchestrator", &[]);
    let items = ["--flow", "process-item", "--state", "running"];
    eventually(SOON, || flow_runs(&third, &items).len() == 10);
    network.cut(0);
    let other = worker(&second, &["--lease", "2s"]);
    eventually(SOON, || workers() == 1);
    wait_until(&third, &run, "COMPLETED");
    // It has said why it does nothing, also while the link is down.
    eventually(SOON, || cut.stderr().contains("could not renew the lease"));
    network.mend(0);
    eventually(SOON, || workers() == 2);
    let runs = flow_runs(&third, &[]);
    assert_eq!(runs.len(), 11, "each item was started once");
    for run in &runs {
        assert_eq!(run["state"]["type"], "COMPLETED", "{run}");
        assert_eq!(run["attempt"], 1, "a lost worker costs no attempt");
    }

    // The one that is back does what the other, which is killed, has left.
    third
        .run(["work-pool", "set-limit", "default-pool", "1"])
        .ok();
    let nested = start(&third, "nest", &["-p", "depth=10"]);
    other.sigkill();
    wait_until(&third, &nested, "COMPLETED");
    assert_eq!(inspect(&third, &nested)["result"], 10);
    let held = database.sql("SELECT count(*) FROM orch_host.flow_runs WHERE worker IS NOT NULL");
    assert_eq!(held.trim(), "0", "a slot is held by a run that has ended");
}

/// A machine whose network is gone looks just like one whose processes stand still.
#[test]
fn a_machine_that_comes_back_after_its_lease_writes_nothing_any_more() {
    let Some(database) = test_support::database() else {
        return;
    };
    let (first, second) = (machine(&database), machine(&database));
    deploy(&first, "process_item", &[]);
    let gone = worker(&first, &["--lease", "1s"]);
    let run = start(&second, "process-item", &["-p", "item_id=1"]);
    wait_until(&second, &run, "RUNNING");
    gone.sigstop();
    let _other = worker(&second, &["--lease", "1s"]);
    let by = |expect: &str| {
        let workers = second.run(["worker", "ls", "-o", "json"]).ok().json();
        let count = workers.as_array().unwrap().len();
        format!("{count}") == expect
    };
    // The others take it off the list.
    eventually(SOON, || by("1"));
    gone.sigcont();
    wait_until(&second, &run, "COMPLETED");
    let attempt = inspect(&second, &run)["attempt"].clone();
    assert_eq!(attempt, 1, "a lost worker costs no attempt");
    // It is as good as new, under another id.
    eventually(SOON, || by("2"));
}

/// The rows that it has locked are free, and what others tell is heard, before its lease would be
/// the least of their worries: the server ends its transaction.
#[test]
fn a_machine_that_stops_within_a_transaction_holds_nobody_up() {
    let Some(database) = test_support::database() else {
        return;
    };
    let (first, second) = (machine(&database), machine(&database));
    deploy(&first, "etl_distributed", &[]);
    let gone = worker(&first, &["--lease", "1s"]);
    let run = || start(&second, "etl-distributed", &[]);
    let within = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
    let mut runs = vec![run()];
    // Between two statements, which is where it is hardly ever.
    eventually(SOON, || {
        gone.sigstop();
        let is_within = database.sql(within).trim() != "0";
        if !is_within {
            gone.sigcont();
            runs.push(run());
        }
        is_within
    });
    let _other = worker(&second, &["--lease", "1s"]);
    for run in &runs {
        wait_until(&second, run, "COMPLETED");
    }
    // Events wait for older transactions.
    let path = "/v1/events?type=flow-run";
    let server = Server::start(&second, &[]);
    let mut stream = server.ask("GET", path).follow(None);
    let before = flow_runs(&second, &[]);
    let another = run();
    // While other databases of the server are busy, it may begin a little earlier than now.
    let is_new = |event: &Event| {
        let run = &event.data["run"]["id"];
        before.iter().all(|known| known["id"] != *run)
    };
    let event = stream.find(is_new).unwrap();
    assert_eq!(event.data["run"]["id"], another);
}

#[test]
fn connections_that_are_cut_cost_no_run_and_repeat_no_child() {
    let Some(database) = test_support::database() else {
        return;
    };
    let home = machine(&database);
    deploy(&home, "etl_distributed", &[]);
    let _workers = [
        worker(&home, &["--limit", "16"]),
        worker(&home, &["--limit", "16"]),
    ];
    // Never those of the machinery that asks for it.
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let end = Instant::now() + Duration::from_secs(5);
    let mut acknowledged = Vec::new();
    while Instant::now() < end {
        let args = [
            "deployment",
            "run",
            "etl-distributed/etl-distributed-deployment",
            "-o",
            "json",
        ];
        let ran = home.run(args);
        // One that was cut off says so; what it has said is so.
        if ran.code == 0 {
            acknowledged.push(text(&ran.json()["id"]).to_owned());
        }
        database.sql(cut);
        std::thread::sleep(Duration::from_millis(300));
    }
    assert!(!acknowledged.is_empty());
    let all = || flow_runs(&home, &[]);
    eventually(SOON, || all().iter().all(|run| !run["ended"].is_null()));
    let runs = all();
    let mut children = BTreeMap::<&str, usize>::new();
    for run in &runs {
        assert_eq!(run["state"]["type"], "COMPLETED", "{run}");
        if let Some(parent) = run["parent"].as_str() {
            *children.entry(parent).or_default() += 1;
        }
    }
    for run in &acknowledged {
        assert_eq!(inspect(&home, run)["state"]["type"], "COMPLETED");
    }
    let parents = runs.iter().filter(|run| run["parent"] == Value::Null);
    let counts: Vec<usize> = parents
        .map(|run| children.get(text(&run["id"])).copied().unwrap_or(0))
        .collect();
    assert!(counts.iter().all(|count| *count == counts[0]), "{counts:?}");
    let held = database.sql("SELECT count(*) FROM orch_host.flow_runs WHERE worker IS NOT NULL");
    assert_eq!(held.trim(), "0", "a slot is held by a run that has ended");
}

#[test]
fn an_address_that_leads_nowhere_is_told_without_its_password() {
    let Some(database) = test_support::database() else {
        return;
    };
    let home = machine(&database);
    let good = database.url().replace("orch@", "orch:secret@");
    let check = |url: &str, code: i32, expect: &str| {
        let ran = home
            .run(["deployment", "ls", "--database", url])
            .fails(code);
        assert!(ran.stderr.contains(expect), "{ran}");
        assert!(ran.stderr.contains("hint: "), "{ran}");
        assert!(!ran.stderr.contains("secret"), "{ran}");
    };
    let (place, _) = good.rsplit_once('/').unwrap();
    check(&format!("{place}/nothing"), 2, "\"nothing\" does not exist");
    check(
        &good.replace("orch:", "nobody:"),
        2,
        "\"nobody\" does not exist",
    );
    check(
        &format!("{good}?sslmode=require"),
        2,
        "does not support TLS",
    );
    check(&format!("{good}?sslmode=often"), 2, "`often` is no sslmode");
    check(place, 2, "names no database");
    check("postgres://orch:secret@127.0.0.1:1/flows", 70, "refused");
    check(
        "mysql://me:secret@host/flows",
        2,
        "`mysql` databases are not supported",
    );
    // One who may not set it up, and one who may not use it.
    database.sql("CREATE ROLE guest LOGIN");
    let guest = good.replace("orch:", "guest:");
    check(&guest, 2, "permission denied for database");
    home.run(["deployment", "ls"]).ok();
    check(&guest, 2, "may not use the schema `orch_host`");
    // What a later version has set up is left alone, unless that one says that this one may go on.
    database.sql("UPDATE orch_host.version SET number = 99, oldest = 98");
    check(&good, 2, "newer version");
    let version = database.sql("SELECT number, oldest FROM orch_host.version");
    assert_eq!(version, "99|98\n");
    database.sql("UPDATE orch_host.version SET oldest = 2");
    home.run(["deployment", "ls"]).ok();
    let version = database.sql("SELECT number, oldest FROM orch_host.version");
    assert_eq!(version, "99|2\n");
    database.sql("DROP SCHEMA orch_host CASCADE; CREATE SCHEMA orch_host");
    check(&good, 2, "schema \"orch_host\" already exists");
}

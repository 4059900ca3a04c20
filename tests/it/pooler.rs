//! A pooler stands before the PostgreSQL database: PgBouncer, which gives each transaction a
//! connection of its own.

use std::thread;
use std::time::Duration;

use test_support::{Database, Home, Pooler, eventually};

use super::{SOON, deploy, flow_runs, own_home, start, wait_until, worker};

fn machine(url: &str) -> Home {
    own_home().with_database(url)
}

/// Names mean our tables whichever connection a transaction gets.
fn let_the_role_have_the_search_path(database: &Database) {
    database.sql(
        "DO $$ BEGIN EXECUTE format('ALTER ROLE %I IN DATABASE %I SET search_path = orch_host',
             current_user, current_database()); END $$",
    );
}

#[test]
fn what_a_pooler_lets_through_is_enough() {
    let Some(database) = test_support::database() else {
        return;
    };
    let Some(pooler) = Pooler::before(&database, &["default_pool_size = 6"]) else {
        return;
    };
    let pooled = database.url_at("127.0.0.1", pooler.port());
    let_the_role_have_the_search_path(&database);
    // More machines than there are connections to the server.
    let machines: Vec<Home> = (0..3).map(|_| machine(&pooled)).collect();
    deploy(&machines[0], "etl_distributed", &[]);
    let direct = database.url();
    let listening = worker(&machines[1], &["--listen-url", &direct]);
    let looking = worker(&machines[2], &[]);
    let run = |_| start(&machines[0], "etl-distributed", &[]);
    let runs: Vec<String> = (0..4).map(run).collect();
    for run in &runs {
        wait_until(&machines[0], run, "COMPLETED");
    }
    assert!(looking.stderr().contains("is looked for each second"));
    assert!(!listening.stderr().contains("is looked for"));

    // A direct connection hears; without one it is a matter of a second.
    drop(looking);
    let run = start(&machines[0], "etl-distributed", &[]);
    wait_until(&machines[0], &run, "COMPLETED");
    drop(listening);
    let looking = worker(&machines[2], &[]);
    // Nothing is ready now: it has to look again.
    thread::sleep(Duration::from_millis(100));
    let run = start(&machines[0], "etl-distributed", &[]);
    wait_until(&machines[0], &run, "COMPLETED");
    drop(looking);

    // The pooler goes away with its connections, and comes back.
    let ended = |run: &serde_json::Value| run["state"]["type"] == "COMPLETED";
    eventually(SOON, || flow_runs(&machines[0], &[]).iter().all(ended));
    let run = start(&machines[0], "etl-distributed", &[]);
    let worker = worker(&machines[1], &["--listen-url", &direct]);
    let port = pooler.port();
    drop(pooler);
    let url = machine(&direct);
    let _pooler = Pooler::at(port, &database, &["default_pool_size = 6"]);
    wait_until(&url, &run, "COMPLETED");
    drop(worker);
}

#[test]
fn what_a_pooler_does_not_let_through_is_told() {
    let Some(database) = test_support::database() else {
        return;
    };
    let Some(pooler) = Pooler::before(&database, &[]) else {
        return;
    };
    let pooled = machine(&database.url_at("127.0.0.1", pooler.port()));
    let ran = pooled.run(["deployment", "ls"]).fails(2);
    let role = "ALTER ROLE \"orch\" IN DATABASE \"orch_";
    assert!(ran.stderr.contains("a pooler stands before it"), "{ran}");
    assert!(ran.stderr.contains(role), "{ran}");
    assert!(ran.stderr.contains("hint: "), "{ran}");
    // Nothing was set up elsewhere instead.
    let tables = "SELECT count(*) FROM pg_tables WHERE tablename = 'flow_runs'";
    assert_eq!(database.sql(tables).trim(), "0");
    drop(pooler);

    // One that ignores what it does not know is found out, too.
    let ignoring = ["ignore_startup_parameters = options"];
    let pooler = Pooler::before(&database, &ignoring).unwrap();
    let pooled = machine(&database.url_at("127.0.0.1", pooler.port()));
    let ran = pooled.run(["deployment", "ls"]).fails(2);
    assert!(ran.stderr.contains(role), "{ran}");
    let_the_role_have_the_search_path(&database);
    drop(pooler);
    let pooler = Pooler::before(&database, &ignoring).unwrap();
    machine(&database.url_at("127.0.0.1", pooler.port()))
        .run(["deployment", "ls"])
        .ok();

    let settings = ["max_prepared_statements = 0", "default_pool_size = 1"];
    let forgetful = Pooler::before(&database, &settings).unwrap();
    let pooled = machine(&database.url_at("127.0.0.1", forgetful.port()));
    // The first has the only connection to itself.
    pooled.run(["deployment", "ls"]);
    let ran = pooled.run(["deployment", "ls"]).fails(70);
    let hint = "hint: a pooler in transaction mode has to keep prepared statements";
    assert!(ran.stderr.contains(hint), "{ran}");
}

#[test]
fn where_to_listen_has_to_fit_the_database() {
    let home = super::home();
    let check = |database: Option<&str>, listen: &str, expect: &str| {
        let mut args = vec!["deployment", "ls", "--listen-url", listen];
        args.extend(database.iter().flat_map(|url| ["--database", url]));
        let ran = home.run(args).fails(2);
        assert!(ran.stderr.contains(expect), "{ran}");
        assert!(ran.stderr.contains("hint: "), "{ran}");
        assert!(!ran.stderr.contains("secret"), "{ran}");
    };
    let database = "postgres://orch:secret@127.0.0.1:1/flows";
    check(None, database, "needs `--database postgres://…`");
    check(
        Some("sqlite:here.db"),
        database,
        "needs `--database postgres://…`",
    );
    check(
        Some(database),
        "sqlite:here.db",
        "an SQLite file has no pooler",
    );
    check(
        Some(database),
        "mysql://orch:secret@host/flows",
        "`mysql` databases are not supported",
    );
}

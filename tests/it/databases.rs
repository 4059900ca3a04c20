//! A database is looked at, and brought to this version.

use std::fs;

use serde_json::json;
use test_support::Home;

use super::{deploy, json, own_home, start, watch, worker};

/// A home that knows only this database.
pub fn on(url: &str) -> Home {
    own_home().with_database(url)
}

pub fn version(home: &Home, file: &str) -> i64 {
    let conn = rusqlite::Connection::open(home.path().join(file)).unwrap();
    conn.pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap()
}

/// Whatever it is, it is told, and stays as it is.
#[test]
fn the_status_of_a_database_is_told_whatever_it_is() {
    let home = own_home();
    let status = |args: &[&str]| json(&home, &[&["database", "status"], args].concat());
    assert_eq!(status(&[])["state"], "missing");
    assert!(
        !home.path().join("orch.db").exists(),
        "looking makes nothing"
    );
    deploy(&home, "forms", &["--flow", "echo"]);
    start(&home, "echo", &["-p", "value=1", "--in", "1h"]);
    let known = version(&home, "orch.db");
    let told = status(&[]);
    assert_eq!(told["engine"], "sqlite");
    assert_eq!(told["version"], known);
    assert_eq!(
        told["flow_runs"],
        json!({"total": 1, "unfinished": 1, "by_state": {"SCHEDULED": 1}})
    );
    let _worker = worker(&home, &[]);
    assert_eq!(status(&[])["workers"].as_array().unwrap().len(), 1);
    let ran = home.run(["database", "status"]).ok();
    let said = ran
        .stdout
        .lines()
        .map(|line| line.split_whitespace().next().unwrap());
    let said: Vec<&str> = said.collect();
    let words = [
        "Database", "Engine", "Version", "Size", "Flow", "Not", "Workers",
    ];
    assert_eq!(said, words, "{ran}");

    // Those of other versions.
    let path = home.path().join("other.db");
    let url = format!("sqlite:{}", path.display());
    home.run(["database", "migrate", "--database", &url]).ok();
    for (version, expect) in [(known + 1, "newer"), (known - 1, "older")] {
        let conn = rusqlite::Connection::open(&path).unwrap();
        conn.pragma_update(None, "user_version", version).unwrap();
        drop(conn);
        let before = fs::read(&path).unwrap();
        let told = status(&["--database", &url]);
        assert_eq!(
            (&told["state"], &told["version"]),
            (&json!(expect), &json!(version))
        );
        assert_eq!(fs::read(&path).unwrap(), before);
    }
    let ran = home.run(["database", "status", "--server", "http://127.0.0.1:1"]);
    let ran = ran.fails(2);
    assert!(ran.stderr.contains("not through a server"), "{ran}");

    let Some(database) = test_support::database() else {
        return;
    };
    let url = database.url();
    let of = |url: &str| status(&["--database", url]);
    assert_eq!(of(&url)["state"], "empty");
    assert_eq!(
        database.sql("SELECT count(*) FROM pg_namespace WHERE nspname = 'orch_host'"),
        "0\n"
    );
    home.run(["database", "migrate", "--database", &url]).ok();
    let told = of(&url);
    assert_eq!(
        (&told["state"], &told["engine"]),
        (&json!("current"), &json!("postgresql"))
    );
    assert!(told["bytes"].as_u64().unwrap() > 0, "{told}");
    assert!(told["server_version"].is_string(), "{told}");
    database.sql("UPDATE orch_host.version SET number = 99");
    assert_eq!(of(&url)["state"], "newer");
}

#[test]
fn a_database_is_brought_to_this_version_and_that_is_told() {
    let home = own_home();
    let migrate = || home.run(["database", "migrate"]).ok().stderr;
    let said = migrate();
    assert!(said.contains("is set up, with version"), "{said}");
    let known = version(&home, "orch.db");
    let said = migrate();
    let expect = format!("has version {known} already: there was nothing to do");
    assert!(said.contains(&expect), "{said}");
    // As an earlier version has left it.
    let conn = rusqlite::Connection::open(home.path().join("orch.db")).unwrap();
    conn.execute_batch(&format!(
        "DROP TABLE cached_results;
         DROP TABLE cached_blobs;
         PRAGMA user_version = {}",
        known - 1
    ))
    .unwrap();
    drop(conn);
    let said = migrate();
    let expect = format!("had version {}, and has {known} now", known - 1);
    assert!(said.contains(&expect), "{said}");
    assert_eq!(version(&home, "orch.db"), known);
}

/// Who may not change tables says who has to, and works once that is done.
#[test]
fn a_worker_with_few_rights_works_and_leaves_the_tables_to_their_owner() {
    let Some(database) = test_support::database() else {
        return;
    };
    let owner = on(&database.url());
    // Roles are of the whole server, which other stories use, too.
    let role = format!("worker_{}", std::process::id());
    database.sql(&format!("CREATE ROLE {role} LOGIN"));
    let less = on(&database.url().replace("orch@", &format!("{role}@")));
    let ran = less.run(["deployment", "ls"]).fails(2);
    assert!(ran.stderr.contains("its tables cannot be made"), "{ran}");
    owner.run(["database", "migrate"]).ok();
    for grant in [
        "USAGE ON SCHEMA orch_host",
        "SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA orch_host",
        "USAGE ON ALL SEQUENCES IN SCHEMA orch_host",
    ] {
        database.sql(&format!("GRANT {grant} TO {role}"));
    }
    deploy(&less, "forms", &[]);
    let _worker = worker(&less, &[]);
    watch(&less, "direct-call", &[]).ok();
    let ran = less.run(["database", "migrate"]).ok();
    assert!(ran.stderr.contains("there was nothing to do"), "{ran}");

    database.sql("UPDATE orch_host.version SET number = 1");
    for args in [["deployment", "ls"], ["database", "migrate"]] {
        let ran = less.run(args).fails(2);
        assert!(
            ran.stderr
                .contains("is of an earlier version (its schema is 1"),
            "{ran}"
        );
        assert!(
            ran.stderr
                .contains("hint: `orch-host database migrate --database postgres://"),
            "{ran}"
        );
    }
}

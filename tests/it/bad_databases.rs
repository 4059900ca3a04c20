//! A database that cannot be used is refused with a clear error, and is not changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use insta_cmd::assert_cmd_snapshot;
use test_support::Home;

use super::{deploy, home, steady};

/// Every command opens the database the same way; these stand for all.
fn commands(home: &Home, database: &Path) -> [Command; 2] {
    let url = format!("sqlite:{}", database.display());
    [
        home.cmd(["deployment", "ls", "--database", &url]),
        home.cmd(["worker", "--database", &url]),
    ]
}

/// A database with deployments, all in one file.
fn database(home: &Home) -> PathBuf {
    deploy(home, "nesting", &[]);
    let path = home.path().join("orch.db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .pragma_update(None, "wal_checkpoint", "TRUNCATE")
        .unwrap();
    path
}

#[test]
fn a_file_that_is_no_database_is_left_alone() {
    let home = home();
    let _steady = steady(&home);
    let path = home.path().join("notes.txt");
    let notes = "these are notes, and long enough to hold what could be a header of sorts";
    fs::write(&path, notes).unwrap();
    insta::allow_duplicates!(for mut command in commands(&home, &path) {
        assert_cmd_snapshot!(command, @r"
        success: false
        exit_code: 2
        ----- stdout -----

        ----- stderr -----
        error: `[HOME]/notes.txt` is not a database of this program, or it is damaged: file is not a database
        hint: restore the file, or name another with `--database sqlite:PATH`
        ");
    });
    assert_eq!(fs::read_to_string(&path).unwrap(), notes);
}

#[test]
fn a_damaged_database_is_left_alone() {
    let home = home();
    let _steady = steady(&home);
    let whole = fs::read(database(&home)).unwrap();
    let path = home.path().join("half.db");
    fs::write(&path, &whole[..20_000]).unwrap();
    insta::allow_duplicates!(for mut command in commands(&home, &path) {
        assert_cmd_snapshot!(command, @r"
        success: false
        exit_code: 2
        ----- stdout -----

        ----- stderr -----
        error: `[HOME]/half.db` is not a database of this program, or it is damaged: database disk image is malformed
        hint: restore the file, or name another with `--database sqlite:PATH`
        ");
    });
    assert_eq!(fs::read(&path).unwrap(), &whole[..20_000]);
}

#[test]
fn a_database_of_a_newer_version_is_left_alone() {
    let home = home();
    let _steady = steady(&home);
    let path = database(&home);
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    insta::allow_duplicates!(for mut command in commands(&home, &path) {
        assert_cmd_snapshot!(command, @r"
        success: false
        exit_code: 2
        ----- stdout -----

        ----- stderr -----
        error: the database `[HOME]/orch.db` was written by a newer version (its schema is 99, this program knows [KNOWN])
        hint: install the version that wrote it, or name another with `--database sqlite:PATH`
        ");
    });
    let connection = rusqlite::Connection::open(&path).unwrap();
    let version: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    assert_eq!(version, 99);
}

#[test]
fn a_read_only_database_is_left_alone() {
    let home = home();
    let _steady = steady(&home);
    let path = database(&home);
    let before = fs::read(&path).unwrap();
    let mut permissions = fs::metadata(&path).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&path, permissions).unwrap();
    insta::allow_duplicates!(for command in commands(&home, &path) {
        assert_cmd_snapshot!(without_privileges(command, &path), @r"
        success: false
        exit_code: 2
        ----- stdout -----

        ----- stderr -----
        error: the database `[HOME]/orch.db` cannot be written: Permission denied (os error 13)
        hint: make the file and its directory writable, or name another with `--database sqlite:PATH`
        ");
    });
    assert_eq!(fs::read(&path).unwrap(), before);
}

/// Root may write to what is read-only, unless it gives that up.
fn without_privileges(command: Command, read_only: &Path) -> Command {
    if fs::OpenOptions::new().append(true).open(read_only).is_err() {
        return command;
    }
    let mut less = Command::new("setpriv");
    less.args(["--bounding-set=-dac_override", "--inh-caps=-all"])
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear()
        .current_dir(command.get_current_dir().unwrap());
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            less.env(name, value);
        }
    }
    less
}

#[test]
fn a_place_that_does_not_exist_is_not_made() {
    let home = home();
    let _steady = steady(&home);
    let path = home.path().join("no/such/orch.db");
    insta::allow_duplicates!(for mut command in commands(&home, &path) {
        assert_cmd_snapshot!(command, @r"
        success: false
        exit_code: 2
        ----- stdout -----

        ----- stderr -----
        error: the database `[HOME]/no/such/orch.db` cannot be opened: No such file or directory (os error 2)
        hint: its directory must exist and be yours; `--database sqlite:PATH` names another
        ");
    });
    assert!(!home.path().join("no").exists());
}

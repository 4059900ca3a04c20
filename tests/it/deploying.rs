//! Deploying: once, again, with a change, under another name.

use insta_cmd::assert_cmd_snapshot;
use serde_json::json;
use test_support::guest;

use super::{everything, home, json, list, steady};

#[test]
fn the_same_command_twice_changes_nothing() {
    let home = home();
    let _steady = steady(&home);
    let path = guest("process_item");
    let deploy = || home.cmd(["deploy".as_ref(), path.as_os_str()]);
    assert_cmd_snapshot!(deploy(), @r"
    success: true
    exit_code: 0
    ----- stdout -----
    created process-item/process-item-deployment

    ----- stderr -----
    hint: `orch-host worker --pool default-pool` executes their runs
    ");
    let before = everything(&home);
    assert_cmd_snapshot!(deploy(), @r"
    success: true
    exit_code: 0
    ----- stdout -----
    unchanged process-item/process-item-deployment

    ----- stderr -----
    ");
    assert_eq!(everything(&home), before);
}

/// What the command line says is what the deployment is, and what is not as it was is told.
#[test]
fn a_change_is_told_in_words() {
    let home = home();
    let _steady = steady(&home);
    let path = guest("process_item").display().to_string();
    let deploy = |more: &[&str]| home.cmd([&["deploy", &path], more].concat());
    home.run(["deploy", &path]).ok();
    assert_cmd_snapshot!(deploy(&["-p", "item_id=7", "--tag", "a", "--tag", "a"]), @r"
    success: true
    exit_code: 0
    ----- stdout -----
    updated process-item/process-item-deployment (parameters, tags)

    ----- stderr -----
    ");
    assert_cmd_snapshot!(deploy(&["--allow-http", "example.com"]), @r"
    success: true
    exit_code: 0
    ----- stdout -----
    updated process-item/process-item-deployment (parameters, tags, grants): +HTTP to example.com

    ----- stderr -----
    ");
    assert_cmd_snapshot!(deploy(&[]), @r"
    success: true
    exit_code: 0
    ----- stdout -----
    updated process-item/process-item-deployment (grants): -HTTP to example.com

    ----- stderr -----
    ");

    // Another component under the same names.
    let other = home.path().join("other.wasm");
    let mut bytes = std::fs::read(&path).unwrap();
    // An empty custom section changes the digest and nothing else.
    bytes.extend(b"\0\x05\x04note");
    std::fs::write(&other, bytes).unwrap();
    assert_cmd_snapshot!(home.cmd(["deploy", "other.wasm"]), @r"
    success: true
    exit_code: 0
    ----- stdout -----
    updated process-item/process-item-deployment (component)

    ----- stderr -----
    ");
    assert_eq!(
        list(&home, &["component", "ls"]).len(),
        2,
        "runs of the old one may need it"
    );
    assert_eq!(list(&home, &["deployment", "ls"]).len(), 1);
}

#[test]
fn a_flow_may_have_several_deployments() {
    let home = home();
    let _steady = steady(&home);
    let path = guest("bench").display().to_string();
    home.run(["deploy", &path, "--flow", "empty", "--name", "day"])
        .ok();
    home.run(["deploy", &path, "--flow", "empty", "--name", "night"])
        .ok();
    assert_cmd_snapshot!(home.cmd(["deployment", "run", "empty"]), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: flow `empty` has 2 deployments: `empty/day`, `empty/night`
    hint: name one of them, such as `empty/day`
    ");
    home.run(["deployment", "delete", "empty/day"]).ok();
    home.run(["deployment", "run", "empty"]).ok();
}

/// What cannot be granted is refused with the reason, wherever it may be written.
#[test]
fn what_cannot_be_granted_is_refused() {
    let home = home();
    let path = guest("bench").display().to_string();
    for (option, grant, expect) in [
        ("--allow-http", "", "it is empty"),
        (
            "--allow-http",
            "https://example.com/x",
            "write `https://example.com`",
        ),
        ("--allow-http", "api.*.com", "has a `*` in the wrong place"),
        ("--allow-http", "example.com:99999", "`99999` is no port"),
        (
            "--allow-http",
            "ftp://example.com",
            "`ftp` is no scheme of HTTP",
        ),
        (
            "--allow-tcp",
            "db.example.com",
            "it has no port: write `db.example.com:PORT`",
        ),
        ("--allow-tcp", "db.example.com:0", "`0` is no port"),
        ("--allow-tcp", "a b:1", "`a b` is no name of a host"),
    ] {
        for command in ["deploy", "run"] {
            let ran = home.run([command, &path, option, grant]).fails(2);
            assert!(ran.stderr.starts_with("error: "), "{ran}");
            assert!(ran.stderr.contains(expect), "{ran}");
        }
    }
    assert!(list(&home, &["deployment", "ls"]).is_empty());

    home.run(["deploy", &path]).ok();
    let ran = home.run(["run", "empty", "--allow-http", "*"]).fails(2);
    let expect = "is granted to deployment `empty`, and not to a run of it";
    assert!(ran.stderr.contains(expect), "{ran}");
}

#[test]
fn what_is_granted_is_shown() {
    let home = home();
    let path = guest("process_item").display().to_string();
    let grants = [
        "--allow-http",
        "API.example.com",
        "--allow-http",
        "*.example.org",
    ];
    let more = ["--allow-tcp", "db.example.com:5432", "--allow-private"];
    home.run([&["deploy", &path][..], &grants, &more].concat())
        .ok();
    let shown = home
        .run(["deployment", "inspect", "process-item"])
        .ok()
        .stdout;
    let expect = "HTTP to api.example.com, HTTP to *.example.org, TCP to db.example.com:5432, \
                  private addresses";
    assert!(shown.contains(expect), "{shown}");
    let shown = json(&home, &["deployment", "inspect", "process-item"]);
    assert_eq!(
        shown["grants"],
        json!({
            "http": ["api.example.com", "*.example.org"],
            "tcp": ["db.example.com:5432"],
            "private": true,
        })
    );
}

//! Deploying: once, again, with a change, under another name.

use insta_cmd::assert_cmd_snapshot;
use test_support::guest;

use super::{everything, home, list, steady};

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
    updated process-item/process-item-deployment (parameters, tags, grants)

    ----- stderr -----
    ");
    assert_cmd_snapshot!(deploy(&[]), @r"
    success: true
    exit_code: 0
    ----- stdout -----
    updated process-item/process-item-deployment (grants)

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

/// A grant is a host, and nothing that looks like more.
#[test]
fn a_grant_that_is_no_host_is_refused() {
    let home = home();
    let path = guest("bench").display().to_string();
    for grant in ["https://example.com/x", "*.example.com", ""] {
        let ran = home.run(["deploy", &path, "--allow-http", grant]).fails(2);
        assert!(ran.stderr.starts_with("error: "), "{ran}");
    }
    assert!(list(&home, &["deployment", "ls"]).is_empty());
}

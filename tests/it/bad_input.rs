//! Mistyped commands: each ends with exit code 2, says what was wrong, with the value, and what
//! to type instead. Nothing is written.

use insta_cmd::assert_cmd_snapshot;
use test_support::Home;

use super::{deploy, everything, home, start, steady};

fn forms() -> Home {
    let home = home();
    deploy(&home, "forms", &[]);
    home
}

#[test]
fn parameters_that_do_not_fit_start_nothing() {
    let home = forms();
    let _steady = steady(&home);
    let before = everything(&home);
    let run =
        |params: &[&str]| home.cmd([&["deployment", "run", "doubling-later"], params].concat());

    // Missing, misspelled, too many.
    assert_cmd_snapshot!(run(&[]), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: parameter `n` is missing: expected an integer of at least 0; parameter `times` is missing: expected an integer of at least 0
    hint: pass it: `-p n=VALUE`
    ");
    assert_cmd_snapshot!(run(&["-p", "n=1", "-p", "tmes=2"]), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: unknown parameter `tmes`: did you mean `times`?
    hint: flow `doubling-later` takes n: integer, times: integer
    ");
    assert_cmd_snapshot!(run(&["-p", "n=1", "-p", "times=2", "-p", "colour=red"]), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: unknown parameter `colour`: the flow takes `n`, `times`
    hint: flow `doubling-later` takes n: integer, times: integer
    ");
    // Of another type, or no JSON at all.
    assert_cmd_snapshot!(run(&["-p", "n=many", "-p", "times=2"]), @r#"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: parameter `n` is `"many"`: expected an integer of at least 0
    hint: flow `doubling-later` takes n: integer, times: integer
    "#);
    assert_cmd_snapshot!(run(&["-p", "n=-1", "-p", "times=2"]), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: parameter `n` is `-1`: -1 is below the minimum 0
    hint: flow `doubling-later` takes n: integer, times: integer
    ");
    assert_cmd_snapshot!(run(&["-p", "n=[1", "-p", "times=2"]), @r#"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: parameter `n` is `[1`: not JSON: EOF while parsing a list at line 1 column 2
    hint: quote it for the shell: `-p 'name={"key": [1, 2]}'`
    "#);
    assert_cmd_snapshot!(run(&["--params", "n=1"]), @r#"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: `--params` is not JSON: expected ident at line 1 column 2
    hint: pass an object such as `{"item_id": 7}`
    "#);
    assert_cmd_snapshot!(run(&["--params", "[1]"]), @r#"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: `--params` is no JSON object
    hint: pass an object such as `{"item_id": 7}`
    "#);
    assert_cmd_snapshot!(run(&["--params", "@no-such-file"]), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: `no-such-file` cannot be read: No such file or directory (os error 2)
    hint: name a file that is there and readable, or `-` for stdin
    ");

    assert_eq!(everything(&home), before);
}

/// The same for a run in this process, and for a deployment's defaults.
#[test]
fn parameters_are_checked_wherever_they_are_given() {
    let home = forms();
    let _steady = steady(&home);
    let before = everything(&home);
    assert_cmd_snapshot!(home.cmd(["run", "sleeps", "-p", "ms=long"]), @r#"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: parameter `ms` is `"long"`: expected an integer of at least 0
    hint: flow `sleeps` takes ms: integer
    "#);
    let forms = test_support::guest("forms");
    let forms = forms.to_str().unwrap();
    assert_cmd_snapshot!(home.cmd(["deploy", forms, "--flow", "sleeps", "-p", "sm=1"]), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: flow `sleeps`: unknown parameter `sm`: did you mean `ms`?
    hint: flow `sleeps` takes ms: integer
    ");
    assert_cmd_snapshot!(home.cmd(["run", forms]).arg("--flow").arg("sleep"), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: there is no flow `sleep` in the component
    hint: did you mean `sleeps`?
    ");
    assert_eq!(everything(&home), before);
}

#[test]
fn names_that_nothing_has_are_told_with_what_was_meant() {
    let home = forms();
    let _steady = steady(&home);
    let before = everything(&home);

    assert_cmd_snapshot!(home.cmd(["run", "doublin"]), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: there is no deployed flow `doublin`
    hint: did you mean `doubling`?
    ");
    assert_cmd_snapshot!(home.cmd(["run", "etl"]), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: there is no deployed flow `etl`
    hint: `orch-host deployment ls` lists what there is
    ");
    assert_cmd_snapshot!(home.cmd(["deployment", "run", "echo/echo-deploymnt"]), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: there is no deployment `echo/echo-deploymnt`
    hint: did you mean `echo/echo-deployment`?
    ");
    assert_cmd_snapshot!(home.cmd(["deployment", "delete", "echo"]), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: `echo` is not of the form `flow/deployment`
    hint: `orch-host deployment ls` lists the deployments
    ");
    assert_cmd_snapshot!(home.cmd(["worker", "--pool", "defalt-pool"]), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: work pool `defalt-pool` does not exist
    hint: did you mean `default-pool`?
    ");
    assert_cmd_snapshot!(home.cmd(["work-pool", "pause", "gpu"]), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: work pool `gpu` does not exist
    hint: create it: `orch-host work-pool create gpu`
    ");
    assert_cmd_snapshot!(home.cmd(["component", "inspect", "abcd"]), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: no component has the digest `abcd`
    hint: `orch-host component ls` lists them
    ");
    let id = "00000000-0000-7000-8000-000000000000";
    for command in ["inspect", "logs", "watch"] {
        let ran = home.run(["flow-run", command, id]).fails(2);
        assert!(
            ran.stderr.contains(id) && ran.stderr.contains("hint: "),
            "{ran}"
        );
    }
    assert_cmd_snapshot!(home.cmd(["flow-run", "logs", "silver-otter"]), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: no flow run has the id or the name `silver-otter`
    hint: `orch-host flow-run ls` lists the newest ones
    ");

    assert_eq!(everything(&home), before);
}

/// A filter that says nothing is a mistake, not an empty list.
#[test]
fn a_filter_that_means_nothing_is_refused() {
    let home = home();
    let refused = |args: &[&str]| {
        let ran = home.run(args).fails(2);
        assert_eq!(ran.stdout, "", "{ran}");
        ran.stderr
    };
    let since = refused(&["flow-run", "ls", "--since", "yesterday"]);
    let why = "invalid value 'yesterday' for '--since <TIME>': `yesterday` is no time such as \
               `2026-10-01 12:00`, and no time ago such as `24h`";
    assert!(since.contains(why), "{since}");
    for command in ["flow-run", "task-run"] {
        let state = refused(&[command, "ls", "--state", "Lat"]);
        for part in ["invalid value 'Lat' for '--state <STATE>'", "Late"] {
            assert!(state.contains(part), "{state}");
        }
    }
    let tail = refused(&["flow-run", "logs", "silver-otter", "--tail", "0"]);
    assert!(tail.contains("'0' for '--tail <N>'"), "{tail}");
}

/// The beginning of an id is enough, if no other id begins so.
#[test]
fn half_an_id_is_enough_or_the_candidates_are_listed() {
    let home = forms();
    home.run(["work-pool", "pause", "default-pool"]).ok();
    let first = start(&home, "echo", &["-p", "value=a", "--name", "first"]);
    let second = start(&home, "echo", &["-p", "value=b", "--name", "second"]);
    let _steady = steady(&home);
    let before = everything(&home);

    // Ids begin with the time, so two of one day begin alike.
    let common = first
        .bytes()
        .zip(second.bytes())
        .take_while(|(a, b)| a == b)
        .count();
    let ambiguous = home.run(["flow-run", "inspect", &first[..common]]).fails(2);
    for part in [&first, &second, "first", "second", "hint: type its id"] {
        assert!(ambiguous.stderr.contains(part), "{part} in {ambiguous}");
    }
    let enough = super::inspect(&home, &first[..=common]);
    assert_eq!(enough["id"], first.as_str());
    let by_name = super::inspect(&home, "second");
    assert_eq!(by_name["id"], second.as_str());

    assert_eq!(everything(&home), before);
}

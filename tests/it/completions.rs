//! Completions for the shells that people use.

use super::home;

#[test]
fn each_shell_is_told_of_the_commands() {
    let home = home();
    for (shell, marker) in [
        ("bash", "complete -F _orch__host"),
        ("zsh", "#compdef orch-host"),
        ("fish", "complete -c orch-host"),
    ] {
        let ran = home.run(["completions", shell]).ok();
        for word in [marker, "deploy", "work-pool", "set-limit", "database"] {
            assert!(ran.stdout.contains(word), "no `{word}` for {shell}");
        }
        // A shell reads it at each start: it must need nothing, and leave nothing.
        assert!(!home.path().join("orch.db").exists());
        assert_eq!(ran.stderr, "");
    }
}

/// Where the shell is here, it reads what it is given.
#[test]
fn the_completions_of_bash_are_bash() {
    let home = home();
    let script = home.run(["completions", "bash"]).ok().stdout;
    let path = home.path().join("completions.bash");
    std::fs::write(&path, script).unwrap();
    let bash = test_support::Home::new("/bin/bash");
    bash.run(["-n", path.to_str().unwrap()]).ok();
}

#[test]
fn an_unknown_shell_is_told_with_those_there_are() {
    let ran = home().run(["completions", "csh"]).fails(2);
    assert!(
        ran.stderr.contains("`csh`") || ran.stderr.contains("'csh'"),
        "{ran}"
    );
    assert!(
        ran.stderr.contains("bash") && ran.stderr.contains("fish"),
        "{ran}"
    );
}

//! Completions for the shells that people use: what the shells themselves offer when Tab is pressed.

use std::process::Command;

use test_support::{Home, Ran, left_out};

use super::{deploy, flow_runs, home, start, text};

/// Runs a script in a shell that has `orch-host` on its path. `None`: the shell is not here.
fn in_shell(home: &Home, shell: &str, script: &str) -> Option<Ran> {
    let is_there = Command::new(shell).arg("--version").output().is_ok();
    if !is_there {
        left_out(
            &format!("completions of {shell}"),
            "tests/shells/install.sh",
        );
        return None;
    }
    let bin = std::path::Path::new(env!("CARGO_BIN_EXE_orch-host"));
    let path = format!("{}:/usr/bin:/bin", bin.parent().unwrap().display());
    let mut command = Command::new(shell);
    command.args(["-c", script]).env("PATH", path);
    command.env("ORCH_HOME", home.path());
    command.current_dir(home.path());
    Some(Ran::of(command, std::time::Duration::from_secs(60)).ok())
}

/// What bash offers for the last word of a line.
fn bash(home: &Home, line: &str) -> Option<Vec<String>> {
    let script = format!(
        "source <(orch-host completions bash)
         COMP_LINE='{line}'; COMP_POINT=${{#COMP_LINE}}; COMP_TYPE=9
         IFS=' ' read -ra COMP_WORDS <<< \"$COMP_LINE\"
         [[ $COMP_LINE == *' ' ]] && COMP_WORDS+=('')
         COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
         _clap_complete_orch_host
         printf '%s\\n' \"${{COMPREPLY[@]}}\""
    );
    let ran = in_shell(home, "bash", &script)?;
    Some(ran.stdout.lines().map(str::to_owned).collect())
}

/// What fish offers, without what it says of each.
fn fish(home: &Home, line: &str) -> Option<Vec<String>> {
    let script = format!("orch-host completions fish | source; complete --do-complete '{line}'");
    let ran = in_shell(home, "fish", &script)?;
    let words = ran
        .stdout
        .lines()
        .map(|line| line.split('\t').next().unwrap());
    Some(words.map(str::to_owned).collect())
}

/// What zsh asks for when Tab is pressed. Its own menus need a terminal.
fn zsh(home: &Home, line: &str) -> Option<Vec<String>> {
    let words: Vec<&str> = line.split(' ').collect();
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let script = format!(
        "autoload -U compinit; compinit -u -D; source <(orch-host completions zsh)
         (( $+functions[_clap_dynamic_completer_orch_host] )) || exit 3
         ORCH_COMPLETE=zsh _CLAP_COMPLETE_INDEX={} _CLAP_IFS=$'\\n' orch-host -- {}",
        words.len() - 1,
        quoted.join(" ")
    );
    let ran = in_shell(home, "zsh", &script)?;
    let words = ran
        .stdout
        .lines()
        .map(|line| line.split(':').next().unwrap());
    Some(words.map(str::to_owned).collect())
}

/// What a shell offers for a line.
type Offers = fn(&Home, &str) -> Option<Vec<String>>;

const SHELLS: [Offers; 3] = [bash, fish, zsh];

#[track_caller]
fn offers(home: &Home, line: &str, expect: &[&str]) {
    for (at, shell) in SHELLS.iter().enumerate() {
        let Some(offered) = shell(home, line) else {
            continue;
        };
        for word in expect {
            let is_offered = offered.iter().any(|it| it.trim() == *word);
            assert!(
                is_offered,
                "shell {at}, `{line}`: no `{word}` in {offered:?}"
            );
        }
    }
}

#[test]
fn commands_below_commands_are_offered() {
    let home = home();
    offers(&home, "orch-host flow-", &["flow-run"]);
    offers(
        &home,
        "orch-host flow-run ",
        &["inspect", "cancel", "logs", "replay"],
    );
    offers(&home, "orch-host work-pool set", &["set-limit"]);
    // A shell asks at every Tab: nothing is made by that.
    assert!(!home.path().join("orch.db").exists());
}

#[test]
fn names_of_what_is_there_are_offered() {
    let home = home();
    deploy(&home, "bench", &["--flow", "empty"]);
    home.run(["work-pool", "create", "gpu"]).ok();
    start(&home, "empty", &[]);
    let run = flow_runs(&home, &[]).remove(0);
    let name = text(&run["name"]);
    offers(&home, "orch-host flow-run inspect ", &[name]);
    offers(&home, "orch-host flow-run ls --flow ", &["empty"]);
    offers(
        &home,
        "orch-host work-pool inspect ",
        &["gpu", "default-pool"],
    );
    offers(&home, "orch-host worker --pool g", &["gpu"]);
    offers(
        &home,
        "orch-host deployment run empty",
        &["empty/empty-deployment"],
    );
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

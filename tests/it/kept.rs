//! Variables are read by name, and a replay is told the same. Secrets are read by whom they were
//! granted to, and told nobody else.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL};
use serde_json::{Value, json};
use test_support::{Home, Ran, Worker};

use super::server::Server as Calls;
use super::{
    deploy, home, inspect, json, list, on_terminal, start, state, task_runs, text, wait_until,
    watch, worker,
};

const SECRET: &str = "s3cr3t/väl ue\"+\\&=%?end";

#[track_caller]
fn set(home: &Home, name: &str, value: &str) -> Ran {
    home.feed(["secret", "set", name], value)
}

#[test]
fn a_variable_is_json_or_a_text() {
    let home = home();
    let value = |name: &str| home.run(["variable", "get", name]).ok().stdout;
    for (typed, kept) in [
        ("1.50", "1.50"),
        (r#"{"eur": [1, null]}"#, r#"{"eur": [1, null]}"#),
        ("plain text", r#""plain text""#),
        ("true", "true"),
        ("-7", "-7"),
    ] {
        home.run(["variable", "set", "rate", typed]).ok();
        let shown: Value = serde_json::from_str(&value("rate")).unwrap();
        assert_eq!(
            shown,
            serde_json::from_str::<Value>(kept).unwrap(),
            "{typed}"
        );
    }
    assert_eq!(value("rate").trim(), "-7");
    home.run(["variable", "set", "rate", "1.50"]).ok();
    // The digits that a person wrote.
    assert_eq!(value("rate").trim(), "1.50");
    let file = home.path().join("value.json");
    fs::write(&file, "[1, 2]").unwrap();
    home.run(["variable", "set", "list", &format!("@{}", file.display())])
        .ok();
    assert_eq!(
        json(&home, &["variable", "get", "list"])["value"],
        json!([1, 2])
    );
    home.feed(["variable", "set", "fed", "-"], "{\"a\": 1}")
        .ok();
    let names: Vec<_> = list(&home, &["variable", "ls"])
        .iter()
        .map(|it| it["name"].clone())
        .collect();
    assert_eq!(names, ["fed", "list", "rate"]);
    home.run(["variable", "delete", "fed"]).ok();
    for (args, words) in [
        (
            ["variable", "get", "fed"].as_slice(),
            "variable `fed` does not exist",
        ),
        (
            &["variable", "delete", "fed"],
            "variable `fed` does not exist",
        ),
        (&["variable", "set", "a/b", "1"], "contains '/'"),
        (&["variable", "set", "", "1"], "cannot be empty"),
        (&["variable", "set", "x", "{a}"], "`{a}` is not JSON"),
        (&["variable", "set", "x", " [1,"], "` [1,` is not JSON"),
        (
            &["variable", "set", "x", "@/nowhere"],
            "`/nowhere` cannot be read",
        ),
    ] {
        let refused = home.run(args).fails(2);
        assert!(refused.stderr.contains(words), "{refused}");
    }
    let refused = home.feed(["variable", "set", "x", "-"], "no JSON").fails(2);
    assert!(refused.stderr.contains("what stdin gives is"), "{refused}");
    assert_eq!(list(&home, &["variable", "ls"]).len(), 2);
}

#[test]
fn a_replay_is_told_what_the_flow_was_told() {
    let home = home();
    deploy(&home, "kept", &[]);
    home.run(["variable", "set", "rate", "1"]).ok();
    let first = worker(&home, &[]);
    let run = start(&home, "read-rate", &["-p", "sleeps=true"]);
    super::eventually(super::SOON, || {
        state(&home, &run) == "PAUSED" || state(&home, &run) == "WAITING"
    });
    first.sigkill();
    home.run(["variable", "set", "rate", "2"]).ok();
    let second = worker(&home, &[]);
    home.run(["flow-run", "resume", &run, "--input", "true"])
        .ok();
    wait_until(&home, &run, "COMPLETED");
    assert_eq!(inspect(&home, &run)["result"], json!([1, 2, 2]));
    second.sigkill();
    home.run(["variable", "delete", "rate"]).ok();
    home.run(["flow-run", "replay", &run]).ok();
    let journal = home.run(["flow-run", "inspect", &run, "--journal"]).ok();
    assert!(journal.stdout.contains("read variable `rate`"), "{journal}");
}

#[test]
fn a_variable_that_is_missing_or_unfit_is_said() {
    let home = home();
    deploy(&home, "kept", &[]);
    home.run(["variable", "set", "word", "text"]).ok();
    let _worker = worker(&home, &[]);
    let read = |flow: &str, name: &str| watch(&home, flow, &["-p", &format!("name={name}")]);
    assert_eq!(read("read-or", "word").ok().json(), "text");
    assert_eq!(read("read-or", "missing").ok().json(), "none");
    let missing = read("read-number", "missing").fails(1);
    let words = "there is no variable `missing`; `orch-host variable set missing VALUE` makes it";
    assert!(missing.stderr.contains(words), "{missing}");
    let unfit = read("read-number", "word").fails(1);
    assert!(
        unfit
            .stderr
            .contains("variable `word` is of another shape: "),
        "{unfit}"
    );
}

#[test]
fn a_secret_is_read_by_whom_it_was_granted_to() {
    let home = home();
    let warned = deploy(
        &home,
        "kept",
        &["--secret", "token", "--secret", "other=OTHER"],
    );
    assert!(
        warned.stderr.contains("there is no secret `token` yet"),
        "{warned}"
    );
    let _worker = worker(&home, &[]);
    let length = |name: &str| watch(&home, "secret-length", &["-p", &format!("name={name}")]);
    // The variable that it would stand in is needed before the task starts.
    let missing = length("token").fails(1);
    assert!(
        missing.stderr.contains("there is no secret `other`"),
        "{missing}"
    );
    set(&home, "other", "0123456789").ok();
    let missing = length("token").fails(1);
    let words = "there is no secret `token`; `orch-host secret set token` makes it";
    assert!(missing.stderr.contains(words), "{missing}");
    set(&home, "token", SECRET).ok();
    assert_eq!(length("token").ok().json(), SECRET.len());
    // It is the value of now.
    set(&home, "token", "another value").ok();
    assert_eq!(length("token").ok().json(), 13);
    assert_eq!(
        watch(&home, "env-length", &["-p", "variable=OTHER"])
            .ok()
            .json(),
        10
    );

    let run = start(&home, "secret-length", &["-p", "name=stranger"]);
    wait_until(&home, &run, "FAILED");
    let task = &task_runs(&home, &run)[0];
    assert_eq!(task["attempt"], 1);
    let failure = &task["attempts"][0]["failure"];
    assert_eq!(failure["kind"], "refused");
    assert!(
        text(&failure["message"]).contains("`--secret stranger` grants it"),
        "{failure}"
    );
    let here = watch(&home, "secret-of-flow", &["-p", "name=token"]).fails(1);
    assert!(
        here.stderr
            .contains("a flow has no secrets: let a task of it ask for `token`"),
        "{here}"
    );

    let listed = list(&home, &["secret", "ls"]);
    assert_eq!(listed[1]["name"], "token");
    assert_eq!(listed[1]["version"], 2);
    assert_eq!(listed[1]["deployments"].as_array().unwrap().len(), 11);
    home.run(["secret", "delete", "token"]).ok();
    length("token").fails(1);
}

/// Every form of a secret that a guest of this test, or this program, may have written.
fn forms() -> Vec<String> {
    let bytes = SECRET.as_bytes();
    let json = Value::from(SECRET).to_string();
    let middle = |before: &str| {
        let encoded = BASE64_NOPAD.encode(format!("{before}{SECRET}").as_bytes());
        encoded[(before.len() * 8).div_ceil(6)..encoded.len() - 1].to_owned()
    };
    vec![
        SECRET.to_owned(),
        json[1..json.len() - 1].to_owned(),
        format!("{SECRET:?}").trim_matches('"').to_owned(),
        data_encoding::HEXLOWER.encode(bytes),
        data_encoding::HEXUPPER.encode(bytes),
        BASE64.encode(bytes).trim_end_matches('=').to_owned(),
        BASE64URL.encode(bytes).trim_end_matches('=').to_owned(),
        middle("user:"),
        middle("xx"),
        "s3cr3t%2Fv".to_owned(),
    ]
}

/// Looks through everything that stands below a directory.
fn search(dir: &Path, forms: &[String]) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            search(&path, forms);
        } else if path.is_file() {
            let bytes = fs::read(&path).unwrap();
            for form in forms {
                let held = bytes
                    .windows(form.len())
                    .any(|part| part == form.as_bytes());
                assert!(!held, "`{form}` stands in {}", path.display());
            }
        }
    }
}

#[test]
fn a_secret_is_told_nobody_else() {
    let home = home();
    deploy(&home, "kept", &["--secret", "token"]);
    set(&home, "token", SECRET).ok();
    let worker = worker(&home, &[]);
    let forms = forms();
    let mut seen = String::new();
    for how in ["result", "key", "error", "panic"] {
        let run = start(
            &home,
            "tell-it",
            &["-p", "name=token", "-p", &format!("how={how}")],
        );
        super::eventually(super::SOON, || !inspect(&home, &run)["ended"].is_null());
        for args in [
            ["flow-run", "logs", &run].as_slice(),
            &["flow-run", "inspect", &run, "--journal"],
            &["flow-run", "inspect", &run, "-o", "json"],
            &["artifact", "inspect", "told"],
            &["artifact", "inspect", "told-rows"],
            &["task-run", "ls", "--flow-run", &run, "-o", "json"],
        ] {
            let ran = home.run(args).ok();
            seen += &ran.stdout;
            seen += &ran.stderr;
        }
        if how == "result" {
            let result = inspect(&home, &run)["result"].clone();
            assert_eq!(result["within"], "before***after");
            assert_eq!(result["json"], r#"{"token":"***"}"#);
        }
    }
    assert!(
        seen.contains("plain: ***") && seen.contains("shown as *** and ***"),
        "{seen}"
    );
    seen += &worker.stderr();
    seen += &home.run(["secret", "ls", "-o", "json"]).ok().stdout;
    for form in &forms {
        assert!(!seen.contains(form.as_str()), "`{form}` was told");
    }
    drop(worker);
    if !super::postgres::is_meant() {
        // What the secret was read from.
        fs::remove_file(home.path().join("stdin")).unwrap();
        search(home.path(), &forms);
    }
}

/// What a terminal shows of commands while this is typed at the question for a value.
fn typed(home: &Home, commands: &str, keys: &str) -> String {
    let mut command = on_terminal(home, commands);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut terminal = command.spawn().unwrap();
    let mut keyboard = terminal.stdin.take().unwrap();
    let mut screen = terminal.stdout.take().unwrap();
    let mut shown = Vec::new();
    while !shown.ends_with(b"Value of secret `token`: ") {
        let mut next = [0];
        screen.read_exact(&mut next).expect("it asks for the value");
        shown.push(next[0]);
    }
    keyboard.write_all(keys.as_bytes()).unwrap();
    screen.read_to_end(&mut shown).unwrap();
    assert!(terminal.wait().unwrap().success());
    String::from_utf8(shown).unwrap()
}

/// On a terminal it is asked for, and not shown when it is typed, however quickly.
#[test]
fn a_value_that_is_typed_is_not_shown() {
    let home = home();
    let set = format!("{} secret set token", env!("CARGO_BIN_EXE_orch-host"));
    let shown = typed(&home, &set, &format!("{SECRET}\n"));
    assert!(shown.contains("Set secret `token`, version 1"), "{shown}");
    assert!(!shown.contains(SECRET), "{shown}");
    deploy(&home, "kept", &["--secret", "token"]);
    let _worker = worker(&home, &[]);
    let ran = watch(&home, "secret-length", &["-p", "name=token"]).ok();
    assert_eq!(ran.json(), SECRET.len());
}

#[test]
fn a_terminal_is_as_before_when_nothing_is_typed_but_ctrl_c() {
    let home = home();
    let set = format!("{} secret set token", env!("CARGO_BIN_EXE_orch-host"));
    let shown = typed(&home, &format!("{set}; echo code $?; stty -a"), "\u{3}");
    assert!(shown.contains("code 130"), "{shown}");
    let modes: Vec<&str> = shown.split_whitespace().collect();
    for mode in ["echo", "icanon", "isig"] {
        assert!(modes.contains(&mode), "{mode}\n{shown}");
    }
    assert_eq!(json(&home, &["secret", "ls"]), serde_json::json!([]));
}

#[test]
fn a_value_comes_from_anywhere_but_the_command_line() {
    let home = home();
    let refused = home
        .run(["secret", "set", "token", "hunter2hunter2"])
        .fails(2);
    assert!(
        refused
            .stderr
            .contains("the value of a secret is never an argument"),
        "{refused}"
    );
    assert!(!refused.stderr.contains("hunter2"), "{refused}");
    let file = home.path().join("value");
    fs::write(&file, "from a file\n").unwrap();
    let file = file.display().to_string();
    home.run(["secret", "set", "token", "--from-file", &file])
        .ok();
    let fed = set(&home, "token", "from stdin\n").ok();
    assert!(
        fed.stderr.contains("Set secret `token`, version 2"),
        "{fed}"
    );
    assert!(fed.stderr.contains("--secret token"), "{fed}");
    let short = set(&home, "short", "1234567").ok();
    assert!(short.stderr.contains("has less than 8 bytes"), "{short}");
    let long = "x".repeat((64 << 10) + 1);
    for (refused, words) in [
        (
            set(&home, "token", ""),
            "the value of secret `token` is empty",
        ),
        (set(&home, "token", &long), "a secret at most 65536"),
        (set(&home, "a/b", "value"), "contains '/'"),
        (
            home.run(["secret", "set", "token", "--from-file", "/nowhere"]),
            "`/nowhere` cannot be read",
        ),
        (
            home.run(["secret", "delete", "missing"]),
            "secret `missing` does not exist",
        ),
    ] {
        let refused = refused.fails(2);
        assert!(refused.stderr.contains(words), "{refused}");
    }
    assert_eq!(list(&home, &["secret", "ls"])[1]["version"], 2);
}

/// The command with these variables in its environment.
#[track_caller]
fn run_with(home: &Home, variables: &[(&str, &str)], args: &[&str]) -> (i32, String) {
    let mut command = home.cmd(args);
    command.envs(variables.iter().copied());
    let out = command.output().unwrap();
    let said = String::from_utf8(out.stderr).unwrap() + &String::from_utf8(out.stdout).unwrap();
    (out.status.code().unwrap(), said)
}

#[test]
fn a_key_is_its_owners_alone_and_can_be_changed() {
    let home = home();
    set(&home, "token", SECRET).ok();
    let file = home.path().join("secret.key");
    let mode = || fs::metadata(&file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    let key = |home: &Home| text(&list(home, &["secret", "ls"])[0]["key"]).to_owned();
    let before = key(&home);
    home.run(["secret", "rotate-key"]).ok();
    assert_ne!(key(&home), before);
    assert_eq!(mode(), 0o600);
    deploy(&home, "kept", &["--secret", "token"]);
    let length = || home.run(["run", "secret-length", "-p", "name=token"]);
    assert_eq!(length().ok().json(), SECRET.len());

    // A rotation that was killed before the database changed, and after it.
    let old = fs::read(&file).unwrap();
    let next = home.path().join("secret.key.next");
    home.run([
        "secret",
        "rotate-key",
        "--new-key-file",
        next.to_str().unwrap(),
    ])
    .ok();
    assert_eq!(fs::read(&file).unwrap(), old);
    assert_eq!(length().ok().json(), SECRET.len());
    home.run(["secret", "rotate-key"]).ok();
    assert!(!next.exists());
    assert_eq!(length().ok().json(), SECRET.len());

    // Others could read it.
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let refused = set(&home, "token", "other value").fails(2);
    assert!(
        refused
            .stderr
            .contains("could be read by others: its mode is 644"),
        "{refused}"
    );
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    for (variables, words) in [
        (
            vec![("ORCH_SECRET_KEY", "short")],
            "`ORCH_SECRET_KEY` is no key",
        ),
        (
            vec![("ORCH_SECRET_KEY", "x"), ("ORCH_SECRET_KEY_FILE", "y")],
            "both `ORCH_SECRET_KEY_FILE` and `ORCH_SECRET_KEY` are set",
        ),
        (
            vec![("ORCH_SECRET_KEY_FILE", "/nowhere")],
            "there is no key: `/nowhere` is not there",
        ),
    ] {
        let (code, said) = run_with(&home, &variables, &["secret", "rotate-key"]);
        assert_eq!(code, 2, "{said}");
        assert!(said.contains(words) && said.contains("hint: "), "{said}");
    }
    assert_eq!(length().ok().json(), SECRET.len());
}

#[test]
fn a_worker_without_the_key_says_so_and_fails_only_who_asks() {
    let home = home();
    deploy(&home, "kept", &["--secret", "token"]);
    set(&home, "token", SECRET).ok();
    home.run(["variable", "set", "rate", "1"]).ok();
    let mut command = home.cmd(["worker", "--pool", "default-pool"]);
    let other = BASE64.encode(&[7; 32]);
    command.env("ORCH_SECRET_KEY", &other);
    let worker = Worker::of(command).wait_until_ready();
    let said = worker.stderr();
    assert!(
        said.contains("tasks that ask for a secret will fail"),
        "{said}"
    );
    watch(&home, "read-rate", &["-p", "sleeps=false"]).ok();
    let failed = watch(&home, "secret-length", &["-p", "name=token"]).fails(1);
    assert!(
        failed
            .stderr
            .contains("secret `token` is encrypted under the key"),
        "{failed}"
    );
}

#[test]
fn a_task_that_reads_a_secret_calls_nobody_by_that() {
    // The server of calls is not asked: to read is no call to the outside.
    let (calls, home) = Calls::granted();
    deploy(&home, "kept", &["--secret", "token"]);
    set(&home, "token", SECRET).ok();
    let _worker = worker(&home, &[]);
    watch(&home, "secret-length", &["-p", "name=token"]).ok();
    assert!(calls.try_call().is_none());
}

#[test]
fn variables_and_secrets_are_served() {
    use test_support::Server;
    let home = home();
    let server = Server::start(&home, &[]);
    let set = server
        .ask("PUT", "/v1/variables/rate")
        .json(&json!({"value": 1.5}))
        .send();
    assert_eq!(set.status, 200);
    assert_eq!(server.get("/v1/variables/rate")["value"], 1.5);
    let set = server
        .ask("PUT", "/v1/secrets/token")
        .json(&json!({"value": SECRET}))
        .send();
    assert_eq!(set.status, 200, "{}", set.text());
    assert!(!set.text().contains("s3cr3t"));
    let listed = server.get("/v1/secrets");
    assert_eq!(listed["items"][0]["name"], "token");
    let remote = [
        ("ORCH_API_URL", format!("http://{}", server.address)),
        ("ORCH_API_TOKEN", server.token.clone()),
    ];
    let remote: Vec<(&str, &str)> = remote
        .iter()
        .map(|(name, value)| (*name, &**value))
        .collect();
    let (code, said) = run_with(&home, &remote, &["variable", "get", "rate"]);
    assert_eq!((code, said.trim()), (0, "1.5"));
    let (code, said) = run_with(&home, &remote, &["secret", "ls"]);
    assert!(code == 0 && said.contains("token"), "{said}");
    let (code, said) = run_with(&home, &remote, &["secret", "rotate-key"]);
    assert_eq!(code, 2, "{said}");
}

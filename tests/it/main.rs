//! The program as its users meet it: the real binary, real components, a real database.
//!
//! Each module is a chapter. A story gets a home of its own, so stories can run at once.

mod accounting;
mod acknowledged;
mod acting;
mod api;
mod artifacts;
mod backups;
mod bad_databases;
mod bad_files;
mod bad_input;
mod blobs;
mod bulk;
mod cached_runs;
mod caching;
mod cancelling;
mod chaos;
mod circles;
mod code_cache;
mod completions;
mod components;
mod crafted;
mod databases;
mod deadlocks;
mod deleting;
mod deploying;
mod describing;
mod example;
mod files;
mod floors;
mod forms;
mod full_disk;
mod fuzzing;
mod giving;
mod golden;
mod gone_files;
mod grants;
mod guests;
mod hostile;
mod idle;
mod inheriting;
mod inputs;
mod kept;
mod keyed;
mod limits;
mod listening;
mod listings;
mod load;
mod locked;
mod logs;
mod lost;
mod machines;
mod many;
mod measuring;
mod memory;
mod mischief;
mod moving;
mod numbers;
mod outside;
mod past;
mod pausing;
mod peeking;
mod plans;
mod pooler;
mod pools;
mod postgres;
mod pruning;
mod queueing;
mod raw;
mod remote;
mod replaying;
mod retries;
mod retries_waiting;
mod retrying;
mod running;
mod scheduling;
mod server;
mod setting_up;
mod sockets;
mod stopping;
mod strangers;
mod streams;
mod survival;
mod tokens;
mod trouble;
mod visitor;
mod voice;
mod watching;
mod web;
mod words;

use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use test_support::{Home, Ran, Worker, eventually, guest};

/// How long something may take that takes a moment. Generous, because tests share few cores.
const SOON: Duration = Duration::from_secs(60);

/// A home with a database of its own in it, whatever engine the stories are told on.
fn own_home() -> Home {
    cold_home().with_compiled_code()
}

/// A home for one story.
fn home() -> Home {
    let home = own_home();
    if postgres::is_meant() {
        let database = test_support::database().expect("it was there when this was begun");
        return home.with_database(database.url());
    }
    home
}

/// A home where nothing is compiled yet.
fn cold_home() -> Home {
    Home::new(env!("CARGO_BIN_EXE_orch-host"))
}

/// Deploys a component of the tests or the examples.
#[track_caller]
fn deploy(home: &Home, component: &str, more: &[&str]) -> Ran {
    let path = guest(component).display().to_string();
    let mut args = vec!["deploy", &path];
    args.extend(more);
    home.run(args).ok()
}

/// Starts a worker on the default pool and waits until it listens.
#[track_caller]
fn worker(home: &Home, more: &[&str]) -> Worker {
    let mut args = vec!["--pool", "default-pool"];
    args.extend(more);
    home.worker(args).wait_until_ready()
}

/// Starts a run of the only deployment of `flow`, and returns its id.
#[track_caller]
fn start(home: &Home, flow: &str, more: &[&str]) -> String {
    let mut args = vec!["deployment", "run", flow];
    args.extend(more);
    home.run(args).ok().stdout.trim().to_owned()
}

/// The same, and follows the run to its end.
#[track_caller]
fn watch(home: &Home, flow: &str, more: &[&str]) -> Ran {
    let mut args = vec!["deployment", "run", flow, "--watch"];
    args.extend(more);
    home.run(args)
}

/// Commands of a shell on a terminal of their own, for as long as a minute.
fn on_terminal(home: &Home, commands: &str) -> Command {
    let mut terminal = Command::new("timeout");
    terminal.args(["60", "script", "-qec", commands, "/dev/null"]);
    let usual = home.cmd(["--version"]);
    let envs = usual.get_envs();
    terminal.envs(envs.filter_map(|(name, value)| Some((name, value?))));
    terminal
}

/// What `command -o json` prints.
#[track_caller]
fn json(home: &Home, command: &[&str]) -> Value {
    home.run(command.iter().chain(&["-o", "json"])).ok().json()
}

/// What `command -o json` lists.
#[track_caller]
fn list(home: &Home, command: &[&str]) -> Vec<Value> {
    match json(home, command) {
        Value::Array(list) => list,
        other => panic!("`{command:?} -o json` is not a list: {other}"),
    }
}

/// The flow runs, newest first.
#[track_caller]
fn flow_runs(home: &Home, more: &[&str]) -> Vec<Value> {
    list(home, &[&["flow-run", "ls", "--limit", "0"], more].concat())
}

/// The task runs of a flow run, oldest first.
#[track_caller]
fn task_runs(home: &Home, flow_run: &str) -> Vec<Value> {
    list(
        home,
        &["task-run", "ls", "--limit", "0", "--flow-run", flow_run],
    )
}

/// Waits until a flow run has failed, and returns the kind and the message of its first task's
/// last failure, and how many attempts there were.
#[track_caller]
fn failure_of_task(home: &Home, flow_run: &str) -> (String, String, usize) {
    wait_until(home, flow_run, "FAILED");
    let task = &task_runs(home, flow_run)[0];
    let attempts = task["attempts"].as_array().unwrap();
    let failure = &attempts[attempts.len() - 1]["failure"];
    (
        text(&failure["kind"]).to_owned(),
        text(&failure["message"]).to_owned(),
        attempts.len(),
    )
}

#[track_caller]
fn inspect(home: &Home, flow_run: &str) -> Value {
    json(home, &["flow-run", "inspect", flow_run])
}

/// The state type of a flow run, such as `RUNNING`.
#[track_caller]
fn state(home: &Home, flow_run: &str) -> String {
    text(&inspect(home, flow_run)["state"]["type"]).to_owned()
}

#[track_caller]
fn wait_until(home: &Home, flow_run: &str, expect: &str) {
    eventually(SOON, || state(home, flow_run) == expect);
}

/// A JSON text. What has none was not as the story expects.
#[track_caller]
fn text(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text"))
}

/// Snapshots show in this scope what is the same each time: no ids, no names, no places.
fn steady(home: &Home) -> insta::internals::SettingsBindDropGuard {
    let mut settings = insta::Settings::clone_current();
    let mut hide = |pattern: &str, word: &str| settings.add_filter(pattern, word);
    hide(home.path().to_str().unwrap(), "[HOME]");
    hide(test_support::guests().to_str().unwrap(), "[GUESTS]");
    hide(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "[ID]");
    hide(r"\b[0-9a-f]{64}\b", "[DIGEST]");
    hide(r"Flow run '[a-z-]+'", "Flow run '[NAME]'");
    hide(r"flow run '[a-z-]+'", "flow run '[NAME]'");
    hide(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d\.\d+Z?", "[TIME]");
    hide(r"\b\d\d:\d\d:\d\d\.\d{3}\b", "[CLOCK]");
    hide(r"after \d+(\.\d+)?(ms|s)\b", "after [SPAN]");
    hide(r"offset 0x[0-9a-f]+", "offset [OFFSET]");
    hide(r"this program knows \d+", "this program knows [KNOWN]");
    settings.bind_to_scope()
}

/// The words of a command line, which may stand in single quotes.
fn shlex(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (at, part) in command.split('\'').enumerate() {
        if at % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

/// Everything that a home holds, to see that it is still the same.
#[track_caller]
fn everything(home: &Home) -> Vec<Value> {
    [
        vec!["deployment", "ls"],
        vec!["flow-run", "ls", "--limit", "0"],
        vec!["task-run", "ls", "--limit", "0"],
        vec!["work-pool", "ls"],
        vec!["component", "ls"],
        vec!["worker", "ls"],
        vec!["work-queue", "ls"],
        vec!["limit", "ls"],
        vec!["cache", "ls", "--limit", "0"],
        vec!["schedule", "ls"],
    ]
    .map(|command| json(home, &command).to_string())
    // A run is late once its time is long enough past, whatever happens to it.
    .map(|listed| listed.replace(r#""name":"Late""#, r#""name":"Scheduled""#))
    .map(|listed| serde_json::from_str(&listed).unwrap())
    .into()
}

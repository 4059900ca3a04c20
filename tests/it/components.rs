//! A component is no more than was planned for it: what it consists of, and what compiling and
//! describing it takes, ends at a named limit. Whoever runs it and others suffers nothing.

use std::fs;
use std::time::Duration;

use rustix::process::{Pid, Signal, getpgid, kill_process};
use serde_json::Value;
use test_support::{Home, Server, Worker, eventually, guest};

use super::crafted::{Crafted, branches};
use super::{
    SOON, cold_home, deploy, everything, flow_runs, inspect, list, start, text, watch, worker,
};

/// A file that `deploy` refuses, saying this.
#[track_caller]
fn refused(home: &Home, file: &str, said: &str) {
    let before = everything(home);
    let ran = home.run(["deploy", file]).fails(2);
    assert!(ran.stderr.contains(said), "{said:?} in {ran}");
    assert!(ran.stderr.contains("\nhint: "), "{ran}");
    assert_eq!(everything(home), before);
}

#[test]
fn what_a_component_consists_of_is_limited() {
    let home = cold_home();
    let check = |crafted: Crafted, said: &str| {
        let file = crafted.file(&home, "crafted.wasm");
        refused(&home, &file, said);
    };
    let nesting = || Crafted::of("nesting");
    check(
        nesting().module("(module (memory 1))", 8),
        "it has 9 memories; the limit on memories is 8",
    );
    check(
        nesting().module(&format!("(module {})", "(table 1 funcref)".repeat(31)), 1),
        "it has 33 tables; the limit on tables is 32",
    );
    check(
        nesting().module("(module)", 200),
        "core instances; the limit on core instances is 128",
    );
    let many = (0..128).fold(nesting(), |it, _| it.module("(module)", 0));
    check(
        many,
        "it has 129 core modules; the limit on core modules is 128",
    );
    let many = (0..257).fold(nesting(), |it, _| it.component("(component)"));
    check(
        many,
        "nested components; the limit on nested components is 256",
    );
    check(
        nesting().module(&branches(120_000), 0),
        "it has a function of 1.37 MiB; the limit on the size of a function is 1.00 MiB",
    );
    check(
        nesting().module("(module (table 20001 funcref))", 1),
        "an instance of it takes too much: ",
    );
}

/// Few bytes that stand for many instances: each level instantiates the one below it twice.
#[test]
fn instances_within_instances_are_limited() {
    let home = cold_home();
    let mut inner = "(component $c0 (core module $m) (core instance (instantiate $m)))".to_owned();
    for level in 1..=8 {
        let below = level - 1;
        inner = format!(
            "(component $c{level} {inner} (instance (instantiate $c{below})) (instance (instantiate $c{below})))"
        );
    }
    let outer = format!("(component {inner} (instance (instantiate $c8)))");
    let file = home.path().join("levels.wasm");
    fs::write(&file, wat::parse_str(outer).unwrap()).unwrap();
    refused(
        &home,
        file.to_str().unwrap(),
        "256 core module instances, which exceeds the configured maximum of 128",
    );
}

/// Seven memories below the limit are together above it.
#[test]
fn memories_of_one_instance_count_together() {
    let home = cold_home();
    let grown = |pages: u32, name: &str| {
        let memory = format!("(module (memory {pages}))");
        Crafted::of("nesting").module(&memory, 7).file(&home, name)
    };
    let file = grown(640, "large.wasm");
    refused(
        &home,
        &file,
        "it could not describe itself: asked for 281.06 MiB of memory; the limit on memory is 256.00 MiB",
    );
    home.run(["deploy", &grown(500, "small.wasm")]).ok();
    let _worker = worker(&home, &[]);
    watch(&home, "nest", &["-p", "depth=1"]).ok();
}

/// An instance with eight memories takes the room of eight. When there is none left, everybody
/// waits for it, and nobody fails.
#[test]
fn those_with_many_memories_take_no_instance_from_others() {
    let home = cold_home();
    deploy(&home, "nesting", &[]);
    let bench = Crafted::of("bench").module("(module (memory 1))", 7);
    home.run(["deploy", &bench.file(&home, "bench.wasm")]).ok();
    let worker = worker(&home, &["--limit", "100", "--park", "1h"]);
    let waiting: Vec<String> = (0..60)
        .map(|_| start(&home, "sleeper", &["-p", "ms=3000"]))
        .collect();
    let innocent: Vec<String> = (0..20)
        .map(|_| start(&home, "nest", &["-p", "depth=1"]))
        .collect();
    // Each of their tasks takes the room of eight, too.
    let busy: Vec<String> = (0..5)
        .map(|_| start(&home, "map", &["-p", "n=60"]))
        .collect();
    eventually(SOON, || {
        flow_runs(&home, &[])
            .iter()
            .all(|run| !run["ended"].is_null())
    });
    for run in waiting.iter().chain(&innocent).chain(&busy) {
        let run = inspect(&home, run);
        assert_eq!(run["state"]["type"], "COMPLETED", "{run}");
    }
    worker.sigint();
    assert_eq!(worker.wait(), 0);
}

#[test]
fn what_takes_too_long_to_compile_is_refused() {
    let home = cold_home();
    let slow = Crafted::of("nesting").module(&branches(60_000), 0);
    let file = slow.file(&home, "slow.wasm");
    let ran = home
        .run(["deploy", &file, "--compile-limit", "1s"])
        .fails(2);
    let said = "compiling took longer than 1s, the limit on the processor time for compiling";
    assert!(ran.stderr.contains(said), "{ran}");
    assert!(ran.stderr.contains("`--compile-limit` gives"), "{ran}");
}

/// The server answers others meanwhile.
#[test]
fn a_server_refuses_what_takes_too_long_to_compile() {
    let home = cold_home();
    let server = Server::start(&home, &["--compile-limit", "1s"]);
    let slow = Crafted::of("nesting").module(&branches(60_000), 0);
    let ask = server.ask("POST", "/v1/components");
    let ask = ask.body("application/wasm", slow.bytes());
    let uploading = std::thread::spawn(move || ask.send());
    while !uploading.is_finished() {
        server.get("/v1/components");
    }
    let problem = uploading.join().unwrap().problem(422, "invalid-component");
    let said = "the component cannot be used: compiling took longer than 1s, the limit on the processor time for compiling";
    assert_eq!(problem["detail"], said);
    assert!(list(&home, &["component", "ls"]).is_empty());
}

#[test]
fn what_takes_too_much_memory_to_compile_is_refused() {
    let home = cold_home();
    let deep = 25_000;
    // What the innermost branch sets may be met at the end of each.
    let nested = format!(
        "(module (func (param i32) (result i32) {} i32.const 1 local.set 0 {} local.get 0))",
        "local.get 0 if ".repeat(deep),
        "end ".repeat(deep)
    );
    let file = Crafted::of("nesting")
        .module(&nested, 0)
        .file(&home, "deep.wasm");
    refused(
        &home,
        &file,
        "compiling took more than 2.00 GiB of memory, the limit on the memory for compiling",
    );
}

/// Code that runs while a component is instantiated to describe itself.
#[test]
fn what_misbehaves_while_it_describes_itself_is_refused() {
    let home = cold_home();
    let check = |body: &str, said: &str| {
        let module = format!("(module (memory 1) (func $begin {body}) (start $begin))");
        let file = Crafted::of("nesting")
            .module(&module, 1)
            .file(&home, "begins.wasm");
        let said = format!("it could not describe itself: {said}");
        refused(&home, &file, &said);
    };
    check(
        "(loop (br 0))",
        "computed for 2s without a pause, which is the limit on a component's description",
    );
    check(
        "(loop (drop (memory.grow (i32.const 100))) (br 0))",
        "asked for 257.38 MiB of memory; the limit on memory is 256.00 MiB",
    );
    check(
        "(call $begin)",
        "recursed too deep; the limit on the stack is 512.00 KiB",
    );
    check(
        "(unreachable)",
        "trapped: wasm `unreachable` instruction executed",
    );
}

/// Starts a deployment that compiles for long, and waits for the process that does so.
fn compiling(home: &Home) -> (Worker, u32) {
    let slow = Crafted::of("nesting").module(&branches(60_000), 0);
    let file = slow.file(home, "slow.wasm");
    let deploying = home.start(["deploy", &file]);
    let child = child_of(&deploying);
    (deploying, child)
}

/// The process that compiles for another one.
fn child_of(parent: &Worker) -> u32 {
    let mut found = None;
    eventually(SOON, || {
        found = children_of(parent.pid()).first().copied();
        found.is_some()
    });
    found.unwrap()
}

fn children_of(parent: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let processes = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    processes
        .filter(|pid: &u32| {
            field(*pid, "status", "PPid:") == Some(parent.to_string())
                && proc(*pid, "cmdline").contains("compile-child")
        })
        .collect()
}

fn proc(pid: u32, file: &str) -> String {
    let bytes = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The first word after a name in a file below `/proc`.
fn field(pid: u32, file: &str, name: &str) -> Option<String> {
    let text = proc(pid, file);
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.split_whitespace().next()?.to_owned())
}

#[test]
fn who_compiles_has_nothing_of_the_outside() {
    let home = cold_home();
    let (deploying, child) = compiling(&home);
    let limited = |name: &str| field(child, "limits", name).unwrap_or_default();
    // It has given up the last of it by then.
    eventually(SOON, || {
        field(child, "status", "Seccomp:").as_deref() == Some("2")
    });
    assert_eq!(proc(child, "environ"), "");
    // Ctrl-C at a terminal stops a worker, not what it waits for.
    let group = getpgid(Some(pid_of(child))).unwrap();
    assert_eq!(group, pid_of(child));
    assert_eq!(
        fs::read_link(format!("/proc/{child}/cwd")).unwrap(),
        std::path::Path::new("/")
    );
    assert_eq!(limited("Max cpu time"), "60");
    assert_eq!(limited("Max data size"), (2_u64 << 30).to_string());
    assert_eq!(limited("Max core file size"), "0");
    assert_eq!(limited("Max open files"), "64");
    assert_eq!(proc(child, "oom_score_adj").trim(), "1000");
    assert_eq!(field(child, "status", "NoNewPrivs:").as_deref(), Some("1"));
    let files: Vec<_> = fs::read_dir(format!("/proc/{child}/fd"))
        .unwrap()
        .map(|entry| {
            fs::read_link(entry.unwrap().path())
                .unwrap()
                .display()
                .to_string()
        })
        .collect();
    assert_eq!(files.len(), 3, "{files:?}");
    assert!(files.iter().all(|it| it.starts_with("pipe:")), "{files:?}");
    deploying.sigkill();
}

#[test]
fn a_compiler_that_dies_is_an_error_of_the_component() {
    let home = cold_home();
    let (deploying, child) = compiling(&home);
    kill(child);
    // What it said may be read a moment after its end.
    eventually(SOON, || {
        deploying.has_ended() && deploying.stderr().contains("hint: ")
    });
    let said = deploying.stderr();
    assert_eq!(deploying.wait(), 2);
    assert!(
        said.contains("compiling it crashed the compiler: signal: 9 (SIGKILL); it said nothing"),
        "{said}"
    );
}

#[test]
fn no_compiler_outlives_whom_it_compiles_for() {
    let home = cold_home();
    let (deploying, child) = compiling(&home);
    kill(deploying.pid());
    let is_gone = || !proc(child, "cmdline").contains("compile-child");
    eventually(Duration::from_secs(10), is_gone);
    drop(deploying);

    // Nor does it keep a person waiting who interrupts.
    let (deploying, child) = compiling(&home);
    deploying.sigint();
    eventually(Duration::from_secs(10), || {
        !proc(child, "cmdline").contains("compile-child")
    });
}

fn pid_of(process: u32) -> Pid {
    Pid::from_raw(process.try_into().unwrap()).unwrap()
}

fn kill(process: u32) {
    kill_process(pid_of(process), Signal::KILL).unwrap();
}

/// A worker that has not compiled a component yet, and cannot in time, executes the others'
/// runs meanwhile, is seen to be alive, and stops when it is asked to.
#[test]
fn a_worker_that_cannot_compile_serves_the_others() {
    let home = cold_home();
    let slow = Crafted::of("nesting").module(&branches(40_000), 0);
    home.run(["deploy", &slow.file(&home, "slow.wasm")]).ok();
    deploy(&home, "bench", &[]);
    fs::remove_dir_all(home.path().join("cache")).unwrap();
    let worker = worker(&home, &["--compile-limit", "2s", "--lease", "2s"]);
    let bad: Vec<String> = (0..3)
        .map(|_| start(&home, "nest", &["-p", "depth=0"]))
        .collect();
    child_of(&worker);
    // They need a compiler, too, and get one beside it.
    watch(&home, "three-tasks", &[]).ok();
    watch(&home, "three-tasks", &[]).ok();
    for run in &bad {
        eventually(SOON, || !inspect(&home, run)["ended"].is_null());
        let run = inspect(&home, run);
        assert_eq!(run["state"]["type"], "CRASHED", "{run}");
        let said = text(&run["failure"]["message"]);
        assert!(
            said.contains("compiling took longer than 2s, the limit on the processor time"),
            "{said}"
        );
    }
    // A machine that is busy may keep it from a lease as short as this for a moment.
    eventually(SOON, || list(&home, &["worker", "ls"]).len() == 1);
    let warned = worker.stderr();
    assert!(!warned.contains("lease"), "{warned}");
    worker.sigint();
    assert_eq!(worker.wait(), 0);
}

/// A worker that is told to stop at once does not wait for what it compiles, and gives the run
/// back.
#[test]
fn a_worker_that_compiles_stops_at_once() {
    let home = cold_home();
    let slow = Crafted::of("nesting").module(&branches(40_000), 0);
    home.run(["deploy", &slow.file(&home, "slow.wasm")]).ok();
    fs::remove_dir_all(home.path().join("cache")).unwrap();
    let worker = worker(&home, &[]);
    let run = start(&home, "nest", &["-p", "depth=0"]);
    let child = child_of(&worker);
    // It will not be done before the worker has to decide.
    kill_process(pid_of(child), Signal::STOP).unwrap();
    worker.sigint();
    eventually(SOON, || worker.stderr().contains("Ctrl-C again"));
    worker.sigint();
    assert_eq!(worker.wait(), 0);
    assert!(!proc(child, "cmdline").contains("compile-child"));
    let run = inspect(&home, &run);
    assert!(run["ended"].is_null(), "{run}");
}

/// What is compiled in a process of its own is what this process would have compiled.
#[test]
fn what_a_component_says_of_itself_is_the_same_in_either_process() {
    let home = cold_home();
    let file = guest("inputs").display().to_string();
    let shown: Value = home
        .run(["component", "inspect", &file, "-o", "json"])
        .ok()
        .json();
    let bytes = fs::read(&file).unwrap();
    let described = tokio::runtime::Runtime::new().unwrap().block_on(async {
        let runtime = wasm::Runtime::new(wasm::RuntimeConfig::default()).unwrap();
        runtime.describe(&bytes).await.unwrap()
    });
    let names = |list: &Value| -> Vec<String> {
        let list = list.as_array().unwrap();
        list.iter().map(|it| text(&it["name"]).to_owned()).collect()
    };
    let expected: Vec<_> = described
        .flows
        .iter()
        .map(|it| it.name.to_string())
        .collect();
    assert_eq!(names(&shown["manifest"]["flows"]), expected);
    let schemas: Vec<Value> = described
        .flows
        .iter()
        .map(|it| serde_json::from_str(it.schema.parameters.as_str()).unwrap())
        .collect();
    for (flow, schema) in shown["manifest"]["flows"]
        .as_array()
        .unwrap()
        .iter()
        .zip(schemas)
    {
        assert_eq!(flow["schema"]["parameters"], schema);
    }
}

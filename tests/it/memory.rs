//! All guests of a worker together stay within its memory: who would not fit waits before it
//! starts, or fails alone at a limit that has a name.

use serde_json::{Value, json};
use test_support::{Home, MemoryGroup, Ran, Worker, eventually};

use super::server::Server;
use super::{SOON, deploy, flow_runs, home, list, start, wait_until, watch, worker};

/// A worker whose guests have so much memory together, beside innocents.
fn with_memory(memory: &str) -> (Home, Worker) {
    let home = home();
    deploy(&home, "raw", &[]);
    deploy(&home, "bench", &[]);
    let worker = worker(&home, &["--memory", memory]);
    (home, worker)
}

fn fan_out(home: &Home, each: &str, count: u32, size: u32, more: &[&str]) -> Ran {
    let given = json!({"each": each, "count": count, "size": size});
    let given: Vec<String> = given
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let mut args = Vec::new();
    for one in &given {
        args.extend(["-p", one.as_str()]);
    }
    args.extend(more);
    watch(home, "raw", &args)
}

#[track_caller]
fn held_at_most(worker: &Worker, mib: u64) {
    let peak = worker.kilobytes("VmHWM") >> 10;
    println!("{peak} MiB at most");
    assert!(peak < mib, "{peak} MiB");
}

/// Forty tasks of 100 MiB each are four times what there is.
#[test]
fn tasks_that_would_not_fit_together_run_after_each_other() {
    let (home, worker) = with_memory("1GiB");
    fan_out(&home, "take-memory", 40, 100 << 20, &[]).ok();
    watch(&home, "three-tasks", &[]).ok();
    held_at_most(&worker, 1400);
}

#[test]
fn a_task_that_needs_more_than_there_is_fails_alone() {
    let (home, _worker) = with_memory("64MiB");
    let said = "of memory; the limit on one guest is 32.00 MiB, half of what all guests of the worker have together (64.00 MiB)";
    let ran = fan_out(&home, "take-memory", 2, 100 << 20, &[]).fails(1);
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    watch(&home, "three-tasks", &[]).ok();
}

/// Three thousand arguments of 1 MiB each stay in the journal, which is in memory.
#[test]
fn what_a_journal_holds_is_limited() {
    let (home, worker) = with_memory("2GiB");
    let ran = fan_out(&home, "do-nothing", 3000, 1 << 20, &[]).fails(1);
    let said = "the limit on the journal of a flow run is 268435456 bytes";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    watch(&home, "three-tasks", &[]).ok();
    held_at_most(&worker, 900);
}

/// A hundred tasks say 15 MB each, faster than it can be recorded.
#[test]
fn tasks_that_say_much_wait_until_it_is_recorded() {
    let (home, worker) = with_memory("2GiB");
    let quiet = &["--level", "error"];
    fan_out(&home, "log-much", 100, 15 << 20, quiet).ok();
    held_at_most(&worker, 400);
}

/// Where the kernel ends what takes too much, a worker takes what there is for its measure.
#[test]
fn a_worker_stays_within_the_group_that_it_is_started_in() {
    let Some(group) = MemoryGroup::new(700 << 20) else {
        return;
    };
    let home = home();
    deploy(&home, "raw", &[]);
    deploy(&home, "bench", &[]);
    let command = home.cmd(["worker", "--pool", "default-pool", "--limit", "20"]);
    let worker = Worker::of(group.command(&command)).wait_until_ready();
    let takes = ["-p", "each=take-memory", "-p", "count=20"];
    let takes = [&takes[..], &["-p", "size=60000000"]].concat();
    let says = ["-p", "trick=log-much", "-p", "size=15000000"];
    for args in [&takes[..], &says].repeat(3) {
        start(&home, "raw", args);
        for _ in 0..4 {
            start(&home, "three-tasks", &[]);
        }
    }
    let is_over = |run: &Value| !run["ended"].is_null();
    eventually(SOON * 4, || flow_runs(&home, &[]).iter().all(is_over));
    for run in flow_runs(&home, &["--flow", "three-tasks"]) {
        assert_eq!(run["state"]["type"], "COMPLETED", "{run}");
    }
    assert!(!worker.has_ended(), "{}", worker.stderr());
    assert_eq!(group.ended(), 0);
    let limit = usage(&home)["memory"]["limit"].as_u64().unwrap();
    assert!((480 << 20..500 << 20).contains(&limit), "{limit}");
}

/// Thirty flows say 15 MB each without making a call meanwhile. Nothing of it is lost.
#[test]
fn flows_that_say_much_wait_until_it_is_recorded() {
    let home = home();
    deploy(&home, "raw", &[]);
    let says = ["-p", "trick=log-much", "-p", "size=15000000"];
    let runs: Vec<String> = (0..30).map(|_| start(&home, "raw", &says)).collect();
    let worker = worker(&home, &["--limit", "30"]);
    for run in &runs {
        wait_until(&home, run, "COMPLETED");
    }
    held_at_most(&worker, 250);
    let lines = home
        .run(["flow-run", "logs", &runs[0], "--level", "info"])
        .ok();
    let said = lines.stdout.lines().filter(|line| line.len() > 60_000);
    assert_eq!(said.count(), 250);
}

/// The first worker on the list, as it has said last what it uses.
fn usage(home: &Home) -> Value {
    list(home, &["worker", "ls"])[0]["usage"].clone()
}

/// What it uses is said with the next heartbeat.
#[test]
fn a_listing_says_what_a_worker_uses_of_what_it_may() {
    let (server, home) = Server::granted();
    let _worker = worker(
        &home,
        &["--memory", "1GiB", "--limit", "40", "--lease", "1s"],
    );
    let listing = home.run(["worker", "ls"]).ok().stdout;
    assert!(!listing.contains("MEMORY"), "{listing}");
    let wide = home.run(["worker", "ls", "-o", "wide"]).ok().stdout;
    let (header, row) = wide.split_once('\n').unwrap();
    let columns: Vec<&str> = header.split("  ").filter(|it| !it.is_empty()).collect();
    let more = ["MEMORY", "PEAK", "INSTANCES", "DESCRIPTORS", "THREADS"];
    let more = more.map(|name| format!(" {name}"));
    assert!(columns.len() > more.len(), "{wide}");
    assert!(more.iter().all(|name| header.contains(name)), "{wide}");
    for expect in ["0 B of 1 GiB", "0 of 50 flows, 0 of 256 tasks"] {
        assert!(row.contains(expect), "{wide}");
    }

    let run = server.ask(&home, "ask");
    let call = server.call();
    eventually(SOON, || usage(&home)["tasks"]["used"] == 1);
    let busy = usage(&home);
    let number = |name: &str| busy.pointer(name).and_then(Value::as_u64).unwrap();
    assert!(number("/memory/used") > 0, "{busy}");
    assert_eq!(number("/memory/limit"), 1 << 30);
    assert!(number("/memory/used") <= number("/memory_peak"), "{busy}");
    assert!((4..number("/descriptors/limit")).contains(&number("/descriptors/used")));
    assert!(number("/threads") > 1);

    call.answer("enough");
    wait_until(&home, &run, "COMPLETED");
    let nothing = json!({"used": 0, "limit": 1 << 30});
    eventually(SOON, || usage(&home)["memory"] == nothing);
    assert!(usage(&home)["memory_peak"].as_u64() >= Some(number("/memory/used")));
}

#[test]
fn a_size_is_checked() {
    let home = home();
    let ran = home.run(["worker", "--memory", "1k"]).fails(2);
    assert!(
        ran.stderr.contains("it must be at least `4MiB`"),
        "{}",
        ran.stderr
    );
    let ran = home.run(["worker", "--memory", "much"]).fails(2);
    assert!(ran.stderr.contains("such as `512MiB`"), "{}", ran.stderr);
    for (size, said) in [
        ("0", "it must be at least `1KiB`"),
        ("much", "such as `512MiB`"),
        ("1GiB", "it must be at most `256MiB`"),
    ] {
        let ran = home.run(["worker", "--json-limit", size]).fails(2);
        assert!(ran.stderr.contains(&format!("'{size}'")), "{ran}");
        assert!(ran.stderr.contains(said), "{ran}");
    }
    for limit in ["--compute-limit", "--compile-limit"] {
        let ran = home.run(["worker", limit, "0s"]).fails(2);
        assert!(ran.stderr.contains("it must be more than `0s`"), "{ran}");
    }
    let worker = worker(&home, &["--memory", "90TiB"]);
    let said = worker.stderr();
    assert!(said.contains("more memory than there is"), "{said}");
}

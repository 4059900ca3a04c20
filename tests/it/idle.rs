//! An idle worker uses next to no processor time, and still starts a new run at once.

use std::fs;
use std::thread;
use std::time::Duration;

use super::{deploy, home, watch, worker};

/// Ticks of processor time (100 a second) that a process has used.
fn ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The name before may hold anything, in parentheses.
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let fields: Vec<&str> = fields.split_whitespace().collect();
    // `utime` and `stime`: 14 and 15 of the whole line.
    [fields[11], fields[12]]
        .map(|ticks| ticks.parse::<u64>().unwrap())
        .iter()
        .sum()
}

/// Measures for 3 seconds, which is as short as it can be.
#[test]
fn an_idle_worker_uses_next_to_no_processor() {
    let home = home();
    deploy(&home, "bench", &[]);
    let worker = worker(&home, &[]);
    // What it does at first, such as compiling, is not idleness.
    watch(&home, "three-tasks", &[]).ok();
    let before = ticks(worker.pid());
    thread::sleep(Duration::from_secs(3));
    let used = ticks(worker.pid()) - before;
    assert!(used < 15, "{used} ticks of 300");

    // A run that another process starts wakes it.
    watch(&home, "three-tasks", &[]).ok();
}

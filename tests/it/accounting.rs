//! What is counted is what is held. Guests sit just below a limit, and the worker's process is
//! asked what it really has: memory, threads, descriptors.
//!
//! An allowance is named where the process may have more than was counted, with its reason.

use test_support::{Home, Worker, eventually};

use super::{SOON, deploy, home, list, start, watch, worker};

const MIB: u64 = 1 << 20;

/// What a process has.
#[derive(Clone, Copy, Debug)]
struct Holds {
    /// In MiB.
    memory: u64,
    /// The most that it had at once.
    peak: u64,
    threads: usize,
    descriptors: usize,
}

fn holds(worker: &Worker) -> Holds {
    Holds {
        memory: worker.kilobytes("VmRSS") >> 10,
        peak: worker.kilobytes("VmHWM") >> 10,
        threads: worker.threads(),
        descriptors: worker.descriptors(),
    }
}

/// A worker that has run the component before, so that all it needs for that is there; and
/// what it has then.
fn settled(more: &[&str]) -> (Home, Worker, Holds) {
    let home = home();
    deploy(&home, "raw", &[]);
    let worker = worker(&home, more);
    watch(&home, "raw", &each("do-nothing", 2, 0)).ok();
    let before = holds(&worker);
    (home, worker, before)
}

fn each(trick: &str, count: u64, size: u64) -> [&'static str; 6] {
    let leak = |text: String| -> &'static str { text.leak() };
    let of = |name: &str, value: String| leak(format!("{name}={value}"));
    [
        "-p",
        of("each", trick.to_owned()),
        "-p",
        of("count", count.to_string()),
        "-p",
        of("size", size.to_string()),
    ]
}

/// Waits until so many guests of this run say that they hold what they were told to.
#[track_caller]
fn wait_until_held(home: &Home, run: &str, count: usize) {
    let logs = ["flow-run", "logs", run, "--level", "error"];
    eventually(SOON, || list(home, &logs).len() == count);
}

/// What was added: at most what was counted, and the allowance. Both in MiB.
#[track_caller]
fn held_memory(before: Holds, worker: &Worker, counted: u64, allowance: u64) {
    let now = holds(worker);
    println!("{before:?} {now:?}: {counted} MiB are counted");
    let more = now.memory.saturating_sub(before.memory);
    assert!(more <= counted + allowance, "{before:?} {now:?}");
}

/// Neither grows with the number of guests. The allowance is for threads that open files or
/// resolve names, and for connections to the database, which are kept for a while.
#[track_caller]
fn held_nothing_else(before: Holds, worker: &Worker) {
    let now = holds(worker);
    assert!(now.threads <= before.threads + 8, "{before:?} {now:?}");
    assert!(
        now.descriptors <= before.descriptors + 8,
        "{before:?} {now:?}"
    );
}

/// Three tasks with 250 of the 256 MiB that one may have.
#[test]
fn what_tasks_have_in_use_is_what_is_counted() {
    let (home, worker, before) = settled(&["--memory", "1GiB"]);
    let run = start(&home, "raw", &each("hold-memory", 3, 250 * MIB));
    wait_until_held(&home, &run, 3);
    // Tables of pages, and stacks.
    held_memory(before, &worker, 3 * 256, 32);
    let now = holds(&worker);
    let used = now.memory - before.memory;
    assert!(used >= 3 * 240, "{before:?} {now:?}: they do not hold it");
    held_nothing_else(before, &worker);
}

/// Two hundred instances, of the 256 that there may be. Each has a little more than 1 MiB.
#[test]
fn instances_hold_their_memory_and_no_thread_and_no_descriptor() {
    let (home, worker, before) = settled(&["--memory", "2GiB"]);
    let run = start(&home, "raw", &each("hold-memory", 200, MIB));
    wait_until_held(&home, &run, 200);
    // An instance of `raw` has 19 pages of its own before it takes any. The allowance is its
    // stack, and what the host knows of its task: 256 KiB each.
    held_memory(before, &worker, 200 * 5 / 2, 200 / 4);
    held_nothing_else(before, &worker);
}

/// Ten tasks have said 15 of the 16 MiB that one may say. Only what is not recorded is held,
/// which is 1 MiB for the tasks of a flow.
#[test]
fn lines_are_held_until_they_are_recorded() {
    let (home, worker, before) = settled(&["--memory", "1GiB"]);
    let run = start(&home, "raw", &each("hold-lines", 10, 15 * MIB));
    wait_until_held(&home, &run, 10);
    // Two MiB for each of the guests; the allowance is for the database's own pages and for
    // memory that the allocator keeps.
    held_memory(before, &worker, 10 * 2 + 1, 100);
    held_nothing_else(before, &worker);
    let now = holds(&worker);
    assert!(now.peak <= before.peak + 150, "{before:?} {now:?}");
}

/// A flow whose journal holds 250 of its 256 MiB, and that waits in memory.
#[test]
fn a_journal_is_held_once() {
    let (home, worker, before) = settled(&["--memory", "1GiB", "--park", "10m"]);
    let size = format!("size={}", 250 * MIB);
    let run = start(&home, "raw", &["-p", "trick=hold-journal", "-p", &size]);
    wait_until_held(&home, &run, 1);
    // What the flow's and its last task's guests have; the allowance is for one record on its
    // way to the database, for the database's pages and for what the allocator keeps.
    held_memory(before, &worker, 256 + 2 * 10, 100);
    held_nothing_else(before, &worker);
}

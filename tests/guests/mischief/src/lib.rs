//! Everything a guest can do wrong or try on its host, in a flow (`flow-..`) and in a task
//! (`task-..`). Nothing here may harm anyone but its own run.

mod peek;

use std::collections::BTreeMap;

use guest_sdk::prelude::*;

/// The ways to end a run that no `Result` describes.
fn misbehave(how: &str) -> Result<u64> {
    match how {
        "panic" => panic!("told to panic"),
        "trap" => trap(),
        "exit" => std::process::exit(3),
        "recurse" => Ok(recurse(0)),
        "loop" => endless(),
        "allocate" => allocate(),
        "log" => log_without_end(),
        "print" => print_without_end(),
        other => Err(Error::permanent(format!("no mischief is called `{other}`"))),
    }
}

fn trap() -> ! {
    #[cfg(target_arch = "wasm32")]
    core::arch::wasm32::unreachable();
    #[cfg(not(target_arch = "wasm32"))]
    std::process::abort();
}

#[allow(unconditional_recursion)]
fn recurse(depth: u64) -> u64 {
    // The array keeps the frame large, and the sum keeps the call from becoming a loop.
    let frame = std::hint::black_box([depth; 32]);
    recurse(depth + 1) + frame[(depth % 32) as usize]
}

fn endless() -> ! {
    let mut n = 0u64;
    loop {
        n = std::hint::black_box(n.wrapping_add(1));
    }
}

fn allocate() -> Result<u64> {
    let mut hoard: Vec<Vec<u8>> = Vec::new();
    loop {
        hoard.push(vec![1; 1 << 20]);
        std::hint::black_box(&hoard);
    }
}

fn log_without_end() -> Result<u64> {
    let line = "x".repeat(1000);
    let mut n = 0u64;
    loop {
        info!("{n} {line}");
        n += 1;
    }
}

fn print_without_end() -> Result<u64> {
    let line = "x".repeat(1000);
    loop {
        println!("{line}");
    }
}

macro_rules! mischief {
    ($(#[doc = $doc:literal] $how:literal $flow:ident $flow_name:literal $by_task:ident $by_task_name:literal)*) => {$(
        #[doc = $doc]
        #[flow(name = $flow_name)]
        fn $flow() -> Result<u64> {
            misbehave($how)
        }

        #[doc = $doc]
        #[doc = "In a task."]
        #[flow(name = $by_task_name)]
        fn $by_task() -> Result<u64> {
            misbehaving_task($how)
        }
    )*};
}

#[task]
fn misbehaving_task(how: String) -> Result<u64> {
    misbehave(&how)
}

mischief! {
    /// Panics.
    "panic" flow_panic "flow-panic" task_panic "task-panic"
    /// Runs into `unreachable`.
    "trap" flow_trap "flow-trap" task_trap "task-trap"
    /// Ends the process.
    "exit" flow_exit "flow-exit" task_exit "task-exit"
    /// Overflows the stack.
    "recurse" flow_recurse "flow-recurse" task_recurse "task-recurse"
    /// Never ends, and never calls the host.
    "loop" flow_loop "flow-loop" task_loop "task-loop"
    /// Takes memory without end.
    "allocate" flow_allocate "flow-allocate" task_allocate "task-allocate"
    /// Logs without end.
    "log" flow_log "flow-log" task_log "task-log"
    /// Prints without end.
    "print" flow_print "flow-print" task_print "task-print"
}

/// Returns `megabytes` of text.
#[flow]
fn flow_huge(megabytes: u32) -> String {
    "x".repeat((megabytes as usize) << 20)
}

#[task]
fn huge(megabytes: u32) -> String {
    "x".repeat((megabytes as usize) << 20)
}

/// Takes `megabytes` of text from a task, and returns its length.
#[flow]
fn task_huge(megabytes: u32) -> Result<usize> {
    Ok(huge(megabytes)?.len())
}

/// Fails with a message of `megabytes`.
#[flow]
fn flow_huge_error(megabytes: u32) -> Result<()> {
    bail!("{}", "x".repeat((megabytes as usize) << 20))
}

/// Logs one line of `megabytes`.
#[flow]
fn flow_huge_line(megabytes: u32) -> Result<()> {
    info!("{}", "x".repeat((megabytes as usize) << 20));
    Ok(())
}

/// Starts tasks without end, and waits for none.
#[flow]
fn flow_submit_without_end() -> Result<u64> {
    loop {
        drop(nothing::submit());
    }
}

#[task]
fn nothing() {}

/// Starts timers without end.
#[flow]
async fn flow_timers_without_end() -> Result<u64> {
    loop {
        sleep(Duration::from_nanos(1)).await?;
    }
}

/// Awaits what can never come.
#[flow]
async fn flow_stuck() -> Result<u64> {
    std::future::pending().await
}

/// Calls a task from within a task.
#[flow]
fn task_in_task() -> Result<u64> {
    calls_a_task()
}

#[task]
fn calls_a_task() -> Result<u64> {
    misbehaving_task("nothing")
}

/// What a flow can see of the outside, by what it tried.
#[flow]
fn flow_peek() -> BTreeMap<String, String> {
    peek::everything()
}

#[task]
fn peek_outside() -> BTreeMap<String, String> {
    peek::everything()
}

/// What a task can see of the outside, by what it tried.
#[flow]
fn task_peek() -> Result<BTreeMap<String, String>> {
    peek_outside()
}

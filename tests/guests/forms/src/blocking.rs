//! Tasks called and submitted from `fn` flows.

use guest_sdk::prelude::*;

use crate::{add, double, expect, fail, greet, nothing, sum};

/// Calls tasks as functions.
#[flow]
fn direct_call() -> Result<u32> {
    nothing()?;
    expect!(greet("you")?, "hello you");
    expect!(greet(String::from("me"))?, "hello me");
    double(double(5)?)
}

/// Submits first, and asks for the results later, in another order and more than once.
#[flow]
fn submit_and_result() -> Result<u32> {
    let first = double::submit(1);
    let second = double::submit(2);
    expect!(second.result()?, 4);
    expect!(first.result()?, 2);
    expect!(first.result()?, 2);
    // An `async` task is submitted like any other.
    add::submit(20, 22).result()
}

/// Maps over ranges, arrays, references and tuples.
#[flow]
fn map() -> Result<u32> {
    let results = |futures: Vec<TaskFuture<u32>>| -> Result<Vec<u32>> {
        futures.iter().map(TaskFuture::result).collect()
    };
    expect!(results(double::map(0..3))?, [0, 2, 4]);
    expect!(results(double::map([5, 6]))?, [10, 12]);
    let borrowed = vec![7];
    expect!(results(double::map(&borrowed))?, [14]);
    expect!(results(double::map(double::map(1..3)))?, [4, 8]);
    expect!(results(add::map([(1, 2), (3, 4)]))?, [3, 7]);
    expect!(results(double::map(Vec::<u32>::new()))?.len(), 0);
    sum(double::map(0..100))
}

/// Overrides options for one call.
#[flow]
fn options() -> Result<u32> {
    let first = double::options()
        .retries(2)
        .retry_delay([Duration::from_millis(10), Duration::from_millis(20)])
        .retry_jitter(0.5)
        .timeout(Duration::from_secs(5))
        .task_run_name("the first")
        .tags(["one", "two"])
        .submit(1);
    let rest = double::options().tags(["mapped"]).map(2..4);
    let last = double::options()
        .task_run_name("the last")
        .wait_for([&first])
        .wait_for(&rest)
        .call(4)?;
    expect!(last, 8);
    Ok(first.result()? + sum(rest)?)
}

#[task(name = "named", task_run_name = "name-{n}-{word}", tags = ["always"])]
fn tells_its_name(n: u32, word: String) -> Result<String> {
    let context = context();
    let task = context.task()?;
    expect!(task.task, "named");
    expect!(word.is_empty(), false);
    expect!(n, 3);
    Ok(task.name.clone())
}

/// Names a task run by its arguments.
#[flow]
fn names() -> Result<String> {
    let name = tells_its_name(3, "three")?;
    expect!(name, "name-3-three");
    tells_its_name::options()
        .task_run_name("mine")
        .call(3, "three")
}

/// Gives futures as arguments in place of their values.
#[flow]
fn futures_as_arguments() -> Result<u32> {
    let first = double::submit(1);
    let second = double::submit(&first);
    let both = add::submit(&first, second);
    double(both)
}

/// Gives lists of futures for a list.
#[flow]
fn futures_as_a_list() -> Result<u32> {
    let parts = double::map(0..5);
    let by_reference = sum(&parts)?;
    let by_slice = sum(&parts[1..])?;
    let by_array = sum([double::submit(10), double::submit(0)])?;
    expect!((by_reference, by_slice, by_array), (20, 20, 20));
    expect!(sum(vec![1, 2, 3])?, 6);
    expect!(sum([1, 2, 3])?, 6);
    expect!(sum(Vec::<u32>::new())?, 0);
    sum(parts)
}

/// Starts a task only after others, without their values.
#[flow]
fn wait_for() -> Result<String> {
    let before = double::submit(1);
    let also = greet::submit("you");
    let after = nothing::options()
        .wait_for([&before])
        .wait_for([&also])
        .submit();
    after.result()?;

    let broken = fail::submit("broken");
    let never = nothing::options().wait_for([&broken]).submit();
    match never.result() {
        Err(error) => {
            expect!(error.kind(), ErrorKind::Upstream);
            Ok(error.to_string())
        }
        Ok(()) => bail!("a task ran although what it waits for failed"),
    }
}

/// Says something at every level, and prints.
#[flow]
fn says_things() -> Result<()> {
    trace!("at trace");
    debug!("at debug");
    info!("at info");
    warn!("at warn");
    error!("at error");
    println!("printed");
    eprintln!("printed as an error");
    says_more()
}

#[task]
fn says_more() {
    info!("from a task");
    println!("printed by a task");
}

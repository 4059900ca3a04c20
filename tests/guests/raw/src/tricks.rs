//! What no SDK would do: calls that are refused, again and again, and calls that make the host
//! work or hold much.

use std::time::Duration;

use crate::bindings::types::Failure;
use crate::bindings::{context, deployments, inputs, logging, subflows, tasks, timers, waiting};
use crate::fields::{task_call, text};

/// Plays a trick. `None`: there is none of this name.
pub fn play(trick: &str, size: u64) -> Option<Result<u64, Failure>> {
    Some(match trick {
        "ask-what-settled" => forever(|| drop(waiting::settled(0))),
        "ask-what-was-given" => forever(|| drop(inputs::given(0))),
        "wait-for-nothing" => forever(|| drop(waiting::wait_any(&[]))),
        "wait-for-the-unknown" => forever(|| drop(waiting::wait_all(&[1 << 40]))),
        "wait-for-the-same" => wait_for_the_same(),
        "submit-the-unknown" => forever(submit_the_unknown),
        "watch-the-unknown" => forever(|| drop(deployments::wait_for_runs(&[nobody()]))),
        "read-the-unknown" => forever(|| drop(deployments::get_run(&nobody()))),
        "withdraw-the-unknown" => forever(|| drop(inputs::withdraw(1 << 40))),
        "end-the-unknown" => forever(|| drop(subflows::end(1 << 40, Ok("0")))),
        "read-the-context" => forever(|| drop(context::current(None))),
        "hand-over-much" => hand_over_much(size),
        "name-much-often" => name_much_often(size),
        "log-targets" => log_targets(size),
        "jitter" => jitter(),
        "keep-arguments" => keep_arguments(size),
        "take-memory" => take_memory(size),
        "log-much" => log_much(size),
        "hold-memory" => hold_memory(size),
        "hold-lines" => hold_lines(size),
        "hold-journal" => hold_journal(size),
        "do-nothing" => Ok(0),
        "open-sockets" => open_sockets(size),
        _ => return None,
    })
}

fn forever(mut call: impl FnMut()) -> Result<u64, Failure> {
    loop {
        call();
    }
}

fn nobody() -> String {
    "00000000-0000-0000-0000-000000000000".to_owned()
}

fn submit_the_unknown() {
    let mut call = task_call();
    call.task = "no-such-task".to_owned();
    drop(tasks::submit(&call));
}

/// The handle has settled and was told: only the first of these waits is one.
fn wait_for_the_same() -> Result<u64, Failure> {
    let timer = timers::start(0, None)?;
    forever(|| drop(waiting::wait_any(&[timer])))
}

/// One call with a text of `size` bytes.
fn hand_over_much(size: u64) -> Result<u64, Failure> {
    logging::log(logging::Level::Info, "raw", &text(size), None);
    Ok(size)
}

/// A name of `size` bytes, in a call that gives the host a reason to say it 100,000 times.
fn name_much_often(size: u64) -> Result<u64, Failure> {
    let mut call = task_call();
    call.task = text(size);
    let argument = (String::new(), tasks::Argument::Value("0".to_owned()));
    call.arguments = vec![argument; 100_000];
    tasks::submit(&call)
}

/// The message is small, and the target is not.
fn log_targets(size: u64) -> Result<u64, Failure> {
    let target = text(size);
    forever(|| logging::log(logging::Level::Info, &target, "", None))
}

/// A number that is none, where a fraction is wanted.
fn jitter() -> Result<u64, Failure> {
    let mut call = task_call();
    call.options.retries = Some(3);
    call.options.retry_jitter = Some(f64::NAN);
    tasks::submit(&call)
}

/// Every argument stays in the journal.
fn keep_arguments(size: u64) -> Result<u64, Failure> {
    let mut call = task_call();
    let much = format!("\"{}\"", text(size));
    call.arguments = vec![("much".to_owned(), tasks::Argument::Value(much))];
    let mut last = 0;
    loop {
        last = tasks::submit(&call)?.max(last);
    }
}

/// Has `size` bytes in use, and returns.
fn take_memory(size: u64) -> Result<u64, Failure> {
    let mut taken = Vec::new();
    // Piece by piece, as programs take memory.
    for _ in 0..size >> 20 {
        taken.push(vec![1_u8; 1 << 20]);
    }
    Ok(taken.iter().map(|piece| u64::from(piece[0])).sum())
}

/// Logs `size` bytes, in lines of 60,000.
fn log_much(size: u64) -> Result<u64, Failure> {
    let line = text(60_000);
    for _ in 0..size / 60_000 {
        logging::log(logging::Level::Info, "raw", &line, None);
    }
    Ok(size)
}

/// How long somebody holds something: until the test is over.
const LONG: Duration = Duration::from_secs(600);

/// Says so, for a test that waits until it is.
fn say_that_it_holds() {
    logging::log(logging::Level::Error, "raw", "holds", None);
}

/// Has `size` bytes in use, and keeps them. For a task.
fn hold_memory(size: u64) -> Result<u64, Failure> {
    let mut taken = Vec::new();
    for _ in 0..size >> 20 {
        taken.push(vec![1_u8; 1 << 20]);
    }
    say_that_it_holds();
    std::thread::sleep(LONG);
    Ok(taken.len() as u64)
}

/// Has logged `size` bytes, and goes on. For a task.
fn hold_lines(size: u64) -> Result<u64, Failure> {
    log_much(size)?;
    hold_memory(0)
}

/// The arguments of tasks that have ended, 1 MiB each, are `size` bytes of the journal, and
/// the flow waits on.
fn hold_journal(size: u64) -> Result<u64, Failure> {
    let mut call = task_call();
    let much = format!("\"{}\"", text(1 << 20));
    call.arguments = vec![("much".to_owned(), tasks::Argument::Value(much))];
    for _ in 0..size >> 20 {
        let handle = tasks::submit(&call)?;
        waiting::wait_all(&[handle])?;
    }
    say_that_it_holds();
    let timer = timers::start(LONG.as_millis() as u64, None)?;
    waiting::wait_all(&[timer])?;
    Ok(size)
}

/// So many tasks play a trick, all at once. The sum of what they return; what is in the way of
/// one of them fails the flow.
pub fn fan_out(trick: &str, count: u64, size: u64) -> Result<u64, Failure> {
    let mut call = task_call();
    call.task = "raw-task".to_owned();
    let value = |text: String| tasks::Argument::Value(text);
    call.arguments = vec![
        ("trick".to_owned(), value(format!("\"{trick}\""))),
        ("size".to_owned(), value(size.to_string())),
    ];
    if trick == "do-nothing" {
        // The arguments are what is large.
        call.arguments
            .push(("much".to_owned(), value(format!("\"{}\"", text(size)))));
    }
    let mut handles = Vec::new();
    for _ in 0..count {
        handles.push(tasks::submit(&call)?);
    }
    waiting::wait_all(&handles)?;
    let mut sum = 0;
    for handle in &handles {
        if let Some(waiting::Settlement::Task(outcome)) = waiting::settled(*handle) {
            sum += outcome?.parse().unwrap_or(0);
        }
    }
    Ok(sum)
}

/// Opens connections to a port of this machine until that is refused, and holds all of them for
/// a while. How many.
fn open_sockets(port: u64) -> Result<u64, Failure> {
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], port as u16));
    let mut open = Vec::new();
    while let Ok(connection) = std::net::TcpStream::connect(address) {
        open.push(connection);
    }
    std::thread::sleep(std::time::Duration::from_secs(2));
    Ok(open.len() as u64)
}

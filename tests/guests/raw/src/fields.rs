//! Calls in which one field of the contract has the size that a test asks for, and everything
//! else is small.

use crate::bindings::types::{Failure, FailureKind};
use crate::bindings::{
    artifacts, blobs, deployments, inputs, limits, logging, secrets, subflows, tasks, timers,
    variables, waiting,
};

/// What became of a call: `ok`, or its failure.
type Became = Result<(), Failure>;

/// Makes the call that has this field, `size` large. Fields are named by their place in the
/// contract, such as `tasks.task-call.task`.
pub fn call(field: &str, size: u64) -> Became {
    let (interface, rest) = field.split_once('.').unwrap_or((field, ""));
    match interface {
        "tasks" => submit(rest, size),
        "deployments" => deployment(rest, size),
        "subflows" => subflow(rest, size),
        "timers" => timers::start(size, None).map(drop),
        "inputs" => input(rest, size),
        "waiting" => wait(rest, size),
        "logging" => log(rest, size),
        "limits" => limits::take(&text(size), 1, None).map(drop),
        "variables" => variables::get(&text(size)).map(drop),
        "secrets" => secrets::get(&text(size)).map(drop),
        "artifacts" => artifact(rest, size),
        "blobs" => blob(rest, size),
        _ => Err(unknown(field)),
    }
}

fn artifact(field: &str, size: u64) -> Became {
    use artifacts::{Artifact, Content};
    let mut artifact = Artifact {
        key: "key".to_owned(),
        description: None,
        content: Content::Markdown(String::new()),
        scope: None,
    };
    match field {
        "content.markdown" => artifact.content = Content::Markdown(text(size)),
        // White space between the brackets is JSON, too.
        "content.table" => {
            let spaces = " ".repeat(size as usize - 2);
            artifact.content = Content::Table(format!("[{spaces}]"));
        }
        "content.link" => artifact.content = Content::Link(text(size)),
        "content.progress" => artifact.content = Content::Progress(size as f64),
        "content.image" => artifact.content = Content::Image(text(size)),
        "artifact.key" => artifact.key = text(size),
        "artifact.description" => artifact.description = Some(text(size)),
        _ => return Err(unknown(field)),
    }
    artifacts::make(&artifact)
}

/// A field that no call here has.
fn unknown(field: &str) -> Failure {
    Failure {
        kind: FailureKind::NotFound,
        message: format!("no call has the field `{field}`"),
    }
}

pub fn text(size: u64) -> String {
    "x".repeat(size as usize)
}

/// A JSON string of this many bytes, its quotes included.
fn json(size: u64) -> String {
    format!("\"{}\"", text(size.saturating_sub(2)))
}

fn texts(count: u64) -> Vec<String> {
    (0..count).map(|_| text(1)).collect()
}

/// A call of the task that does nothing.
pub fn task_call() -> tasks::TaskCall {
    tasks::TaskCall {
        task: "nothing".to_owned(),
        arguments: Vec::new(),
        wait_for: Vec::new(),
        options: no_options(),
        scope: None,
    }
}

pub fn no_options() -> tasks::TaskOptions {
    tasks::TaskOptions {
        retries: None,
        retry_delays: Vec::new(),
        retry_jitter: None,
        timeout: None,
        task_run_name: None,
        tags: Vec::new(),
    }
}

/// Changes one field of options. `false`: they have no such field.
pub fn set_option(options: &mut tasks::TaskOptions, field: &str, size: u64) -> bool {
    match field {
        "retries" => options.retries = Some(size as u32),
        "retry-delays" => options.retry_delays = vec![0; size as usize],
        "retry-delays[]" => options.retry_delays = vec![size],
        "retry-jitter" => options.retry_jitter = Some(size as f64),
        "timeout" => options.timeout = Some(size),
        "task-run-name" => options.task_run_name = Some(text(size)),
        "tags" => options.tags = texts(size),
        "tags[]" => options.tags = vec![text(size)],
        _ => return false,
    }
    true
}

fn submit(field: &str, size: u64) -> Became {
    let mut call = task_call();
    let argument = |value| vec![("a".to_owned(), value)];
    match field {
        "task-call.task" => call.task = text(size),
        "task-call.arguments" => {
            let one = |at: u64| (at.to_string(), tasks::Argument::Value("0".to_owned()));
            call.arguments = (0..size).map(one).collect();
        }
        "task-call.arguments[].0" => {
            call.arguments = vec![(text(size), tasks::Argument::Value("0".to_owned()))];
        }
        "argument.value" => call.arguments = argument(tasks::Argument::Value(json(size))),
        "argument.results-of" => {
            call.arguments = argument(tasks::Argument::ResultsOf(handles(size)?));
        }
        "task-call.wait-for" => call.wait_for = handles(size)?,
        other => {
            let option = other.strip_prefix("task-options.").unwrap_or_default();
            if !set_option(&mut call.options, option, size) {
                return Err(unknown(field));
            }
        }
    }
    tasks::submit(&call).map(drop)
}

/// The same handle many times.
fn handles(count: u64) -> Result<Vec<u64>, Failure> {
    let handle = timers::start(0, None)?;
    Ok(vec![handle; count as usize])
}

fn deployment(field: &str, size: u64) -> Became {
    let nobody = "00000000-0000-0000-0000-000000000000";
    match field {
        "wait-for-runs.runs" => {
            return deployments::wait_for_runs(&vec![nobody.to_owned(); size as usize]).map(drop);
        }
        "wait-for-runs.runs[]" => return deployments::wait_for_runs(&[text(size)]).map(drop),
        "get-run.run" => return deployments::get_run(&text(size)).map(drop),
        _ => {}
    }
    let mut request = deployments::RunRequest {
        deployment: "no-such/deployment".to_owned(),
        parameters: "{}".to_owned(),
        flow_run_name: None,
        tags: Vec::new(),
        scheduled_time: None,
        idempotency_key: None,
        work_queue: None,
        as_subflow: false,
        scope: None,
    };
    match field {
        "run-request.deployment" => request.deployment = format!("a/{}", text(size - 2)),
        "run-request.parameters" => request.parameters = json(size),
        "run-request.flow-run-name" => request.flow_run_name = Some(text(size)),
        "run-request.tags" => request.tags = texts(size),
        "run-request.tags[]" => request.tags = vec![text(size)],
        "run-request.scheduled-time" => request.scheduled_time = Some(size),
        "run-request.idempotency-key" => request.idempotency_key = Some(text(size)),
        "run-request.work-queue" => request.work_queue = Some(text(size)),
        _ => return Err(unknown(field)),
    }
    deployments::run_deployment(&request).map(drop)
}

fn subflow(field: &str, size: u64) -> Became {
    match field {
        "begin.flow" => subflows::begin(&text(size), "{}", None).map(drop),
        "begin.parameters" => subflows::begin("nothing", &json(size), None).map(drop),
        "end.outcome" => {
            let begun = subflows::begin("nothing", "{}", None)?;
            subflows::end(begun.handle, Ok(&json(size))).map(drop)
        }
        _ => Err(unknown(field)),
    }
}

fn input(field: &str, size: u64) -> Became {
    let mut request = inputs::InputRequest {
        key: "key".to_owned(),
        description: None,
        schema: "true".to_owned(),
        timeout: Some(1),
        scope: None,
    };
    match field {
        "input-request.key" => request.key = text(size),
        "input-request.description" => request.description = Some(text(size)),
        "input-request.schema" => {
            let title = text(size - r#"{"title":""}"#.len() as u64);
            request.schema = format!(r#"{{"title":"{title}"}}"#);
        }
        "input-request.timeout" => request.timeout = Some(size),
        _ => return Err(unknown(field)),
    }
    inputs::request(&request).map(drop)
}

fn blob(field: &str, size: u64) -> Became {
    match field {
        "blob.digest" => {
            let digest = text(size);
            blobs::Reader::open(&blobs::Blob { digest, size: 0 }).map(drop)
        }
        "writer.write.bytes" => match blobs::Writer::open() {
            Ok(writer) => writer.write(&vec![0; size as usize]),
            // Only a task has one.
            Err(_) => in_task("blobs.writer.write.bytes", size),
        },
        _ => Err(unknown(field)),
    }
}

/// Lets a task make the call.
fn in_task(field: &str, size: u64) -> Became {
    let mut call = task_call();
    call.task = "raw-task".to_owned();
    call.arguments = [
        ("field", format!("\"{field}\"")),
        ("size", size.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), tasks::Argument::Value(value)))
    .into();
    let handle = tasks::submit(&call)?;
    waiting::wait_all(&[handle])?;
    match waiting::settled(handle) {
        Some(waiting::Settlement::Task(outcome)) => outcome.map(drop),
        _ => Err(unknown(field)),
    }
}

fn wait(field: &str, size: u64) -> Became {
    match field {
        "wait-any.handles" => waiting::wait_any(&handles(size)?).map(drop),
        "wait-all.handles" => waiting::wait_all(&handles(size)?),
        _ => Err(unknown(field)),
    }
}

fn log(field: &str, size: u64) -> Became {
    match field {
        "log.target" => logging::log(logging::Level::Info, &text(size), "a line", None),
        "log.message" => logging::log(logging::Level::Info, "raw", &text(size), None),
        "panicked.message" => panicked(&text(size), "here"),
        "panicked.location" => panicked("told to", &text(size)),
        _ => return Err(unknown(field)),
    }
    Ok(())
}

fn panicked(message: &str, location: &str) -> ! {
    logging::panicked(message, location);
    #[cfg(target_arch = "wasm32")]
    core::arch::wasm32::unreachable();
    #[cfg(not(target_arch = "wasm32"))]
    std::process::abort();
}

//! A component that is written directly on `wit/`, without the SDK: what the host must stand
//! is the contract, not what the SDK makes of it.
//!
//! The flow `raw` takes `{"trick": .., "size": ..}`, `{"field": .., "size": ..}`, or
//! `{"each": trick, "count": .., "size": ..}` to have so many tasks play a trick. The task
//! `raw-task` takes the first two.

mod bindings;
mod fields;
mod manifest;
mod tricks;

use bindings::types::{Failure, FailureKind};
use bindings::{Raw, guest};
use serde_json::Value;

impl guest::Guest for Raw {
    fn describe() -> guest::Manifest {
        manifest::manifest()
    }

    fn run_flow(flow: String, parameters: String) -> Result<String, Failure> {
        match flow.as_str() {
            "raw" => run(&parameters),
            _ => Ok("null".to_owned()),
        }
    }

    fn run_task(task: String, arguments: String) -> Result<String, Failure> {
        match task.as_str() {
            "raw-task" => run(&arguments),
            _ => Ok("null".to_owned()),
        }
    }
}

fn run(arguments: &str) -> Result<String, Failure> {
    let arguments: Value =
        serde_json::from_str(arguments).map_err(|err| invalid(err.to_string()))?;
    let size = arguments["size"].as_u64().unwrap_or_default();
    if let Some(field) = arguments["field"].as_str() {
        return match field {
            "guest.run-flow" | "guest.run-task" => Ok(format!("\"{}\"", fields::text(size - 2))),
            "types.failure.message" => Err(failed(fields::text(size))),
            field => fields::call(field, size).map(|()| "\"ok\"".to_owned()),
        };
    }
    if let Some(each) = arguments["each"].as_str() {
        let count = arguments["count"].as_u64().unwrap_or_default();
        return tricks::fan_out(each, count, size).map(|count| count.to_string());
    }
    let trick = arguments["trick"].as_str().unwrap_or_default();
    let played = tricks::play(trick, size);
    let played = played.unwrap_or_else(|| Err(invalid(format!("no trick is called `{trick}`"))));
    played.map(|result| result.to_string())
}

fn invalid(message: String) -> Failure {
    Failure {
        kind: FailureKind::Invalid,
        message,
    }
}

fn failed(message: String) -> Failure {
    Failure {
        kind: FailureKind::Error,
        message,
    }
}

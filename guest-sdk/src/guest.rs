//! What the component exports: describe itself, run a flow, run a task.

use crate::{
    Error, Result,
    bindings::{
        Component, extras,
        guest::{Guest, Manifest},
        types::{Failure, FailureKind},
    },
    current::{self, Place},
    logger,
    registry::{self, Signature},
    task,
};

impl Guest for Component {
    fn describe() -> Manifest {
        registry::manifest()
    }

    fn run_flow(name: String, parameters: String) -> Result<String, Failure> {
        match registry::flow(&name) {
            Some(flow) => run(Place::Flow, &flow.signature, &parameters),
            None => Err(not_found("flow", &name)),
        }
    }

    fn run_task(name: String, arguments: String) -> Result<String, Failure> {
        match registry::task(&name) {
            Some(task) => run(
                Place::Task(task.signature.name),
                &task.signature,
                &arguments,
            ),
            None => match registry::cache_key(&name) {
                Some((task, key)) => {
                    current::set_place(Place::Task(task.signature.name));
                    key(&arguments).map_err(Error::into_failure)
                }
                None => Err(not_found("task", &name)),
            },
        }
    }
}

impl extras::Guest for Component {
    fn describe_more() -> String {
        registry::extras()
    }
}

fn run(place: Place, signature: &'static Signature, arguments: &str) -> Result<String, Failure> {
    current::set_place(place);
    logger::install();
    let result = (signature.run)(arguments).and_then(|result| {
        task::await_detached()?;
        Ok(result)
    });
    logger::flush();
    result.map_err(Error::into_failure)
}

fn not_found(what: &str, name: &str) -> Failure {
    Failure {
        kind: FailureKind::NotFound,
        message: format!("this component has no {what} `{name}`"),
    }
}

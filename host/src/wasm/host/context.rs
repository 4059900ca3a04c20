//! `context`: what a run may know of itself.

use crate::wasm::bindings::context;
use crate::wasm::convert;
use crate::wasm::guest::{Guest, Role};
use crate::wasm::port::RunContext;

impl context::Host for Guest {
    fn current(&mut self, scope: Option<u64>) -> wasmtime::Result<context::RunContext> {
        let context = match &self.role {
            Role::Flow(port) => port.context(convert::scope(scope)),
            Role::Task(context) => (**context).clone(),
            Role::Describe => wasmtime::bail!("there is no run to describe"),
        };
        Ok(wit_context(context))
    }
}

fn wit_context(context: RunContext) -> context::RunContext {
    context::RunContext {
        flow_run_id: context.run.to_string(),
        flow_run_name: context.name,
        flow: context.flow.to_string(),
        deployment: context.deployment.map(|name| name.to_string()),
        parent_flow_run_id: context.parent.map(|run| run.to_string()),
        attempt: context.attempt,
        scheduled_time: context.scheduled.as_millis(),
        parameters: context.parameters.to_string(),
        tags: context.tags,
        task: context.task.map(|task| context::TaskContext {
            task_run_id: task.id.to_string(),
            task_run_name: task.name,
            task: task.task.to_string(),
            attempt: task.attempt,
        }),
    }
}

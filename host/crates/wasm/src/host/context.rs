//! `context`: what a run may know of itself.

use crate::bindings::context;
use crate::convert;
use crate::guest::{Guest, Role};
use crate::port::{RunContext, TaskContext};

impl context::Host for Guest {
    fn current(&mut self, scope: Option<u64>) -> wasmtime::Result<context::RunContext> {
        Ok(match &self.role {
            Role::Flow(flow) => wit_context(&flow.port.context(convert::scope(scope)), None),
            Role::Task(task) => wit_context(&task.run, Some(&task.task)),
            Role::Describe(_) => wasmtime::bail!("there is no run to describe"),
        })
    }
}

fn wit_context(run: &RunContext, task: Option<&TaskContext>) -> context::RunContext {
    context::RunContext {
        flow_run_id: run.run.to_string(),
        flow_run_name: run.name.clone(),
        flow: run.flow.to_string(),
        deployment: run.deployment.as_ref().map(ToString::to_string),
        parent_flow_run_id: run.parent.map(|run| run.to_string()),
        attempt: run.attempt,
        scheduled_time: run.scheduled.as_millis(),
        parameters: run.parameters.to_string(),
        tags: run.tags.clone(),
        task: task.map(|task| context::TaskContext {
            task_run_id: task.id.to_string(),
            task_run_name: task.name.clone(),
            task: task.task.to_string(),
            attempt: task.attempt,
        }),
    }
}

//! `tasks`: starting tasks of the same component.

use crate::bindings::tasks;
use crate::convert;
use crate::guest::Guest;
use crate::port::CallResult;
use model::Ask;

impl tasks::Host for Guest {
    async fn submit(&mut self, call: tasks::TaskCall) -> CallResult<u64> {
        for (name, argument) in &call.arguments {
            if let tasks::Argument::Value(text) = argument {
                self.check_payload(&format!("argument `{name}` of task `{}`", call.task), text)?;
            }
        }
        let call = convert::task_call(call)?;
        Ok(self.flow()?.ask_handle(Ask::Task(call)).await?.0)
    }
}

//! `tasks`: starting tasks of the same component.

use crate::bindings::tasks;
use crate::convert;
use crate::guest::Guest;
use crate::port::CallResult;
use model::Ask;

impl tasks::Host for Guest {
    async fn submit(&mut self, call: tasks::TaskCall) -> CallResult<u64> {
        let call = convert::task_call(call, &self.limits)?;
        Ok(self.flow()?.ask_handle(Ask::Task(call)).await?.0)
    }
}

//! `tasks`: starting tasks of the same component, and cancelling them.

use crate::bindings::tasks;
use crate::convert;
use crate::guest::Guest;
use crate::port::CallResult;
use model::{Ask, Seq};

impl tasks::Host for Guest {
    async fn submit(&mut self, call: tasks::TaskCall) -> CallResult<u64> {
        let call = convert::task_call(call, &self.limits)?;
        Ok(self.flow()?.ask_handle(Ask::Task(call)).await?.0)
    }

    async fn cancel(&mut self, task: u64) -> CallResult<()> {
        self.flow()?.ask_done(Ask::CancelTask(Seq(task))).await
    }
}

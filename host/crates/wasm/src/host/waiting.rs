//! `waiting`: the only place where a guest blocks.

use crate::bindings::waiting;
use crate::convert;
use crate::fields;
use crate::guest::Guest;
use crate::port::CallResult;
use model::{Ask, Seq, Settlement};

impl waiting::Host for Guest {
    async fn wait_any(&mut self, handles: Vec<u64>) -> CallResult<Vec<u64>> {
        let handles = convert::handles(&fields::WAIT_ANY, handles)?;
        let port = self.flow()?;
        let before = port.waited_for();
        let settled = port.ask_handles(Ask::WaitAny(handles)).await?;
        if port.waited_for() > before {
            self.has_waited();
        }
        Ok(convert::raw(settled))
    }

    async fn wait_all(&mut self, handles: Vec<u64>) -> CallResult<()> {
        let handles = convert::handles(&fields::WAIT_ALL, handles)?;
        self.wait_for_all(handles).await
    }

    fn settled(&mut self, handle: u64) -> wasmtime::Result<Option<waiting::Settlement>> {
        let Ok(port) = self.flow() else {
            return Ok(None);
        };
        Ok(match port.settled(Seq(handle)) {
            Some(Settlement::Task(outcome)) => {
                Some(waiting::Settlement::Task(convert::wit_outcome(outcome)))
            }
            Some(Settlement::Run(run)) => Some(waiting::Settlement::Run(convert::wit_run(run))),
            Some(Settlement::Timer) => Some(waiting::Settlement::Timer),
            // The guest reads it with `inputs.given`.
            // Of slots there is nothing to say.
            Some(Settlement::Input(_) | Settlement::Slots) | None => None,
        })
    }
}

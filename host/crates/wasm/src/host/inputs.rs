//! `inputs`: what a flow asks a person for.

use crate::bindings::{inputs, types};
use crate::convert;
use crate::guest::Guest;
use crate::port::CallResult;
use model::{Ask, Seq, Settlement};

impl inputs::Host for Guest {
    async fn request(&mut self, request: inputs::InputRequest) -> CallResult<u64> {
        let request = convert::input_request(request)?;
        let asked = self.flow()?.ask_handle(Ask::RequestInput(request)).await;
        self.charge_for_work();
        Ok(asked?.0)
    }

    fn given(&mut self, handle: u64) -> wasmtime::Result<Option<Result<String, types::Failure>>> {
        let Ok(port) = self.flow() else {
            return Ok(None);
        };
        Ok(match port.settled(Seq(handle)) {
            Some(Settlement::Input(outcome)) => Some(convert::wit_outcome(outcome)),
            _ => None,
        })
    }

    async fn withdraw(&mut self, handle: u64) -> CallResult<()> {
        self.flow()?.ask_done(Ask::WithdrawInput(Seq(handle))).await
    }
}

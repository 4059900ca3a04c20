//! `types`: what happens to a call that has no answer.

use crate::bindings::types;
use crate::convert;
use crate::guest::Guest;
use crate::halt::Halt;
use crate::port::CallError;

impl types::Host for Guest {
    /// A guest's mistake is a value it gets back; everything else ends the instance.
    fn convert_failure(&mut self, err: CallError) -> wasmtime::Result<types::Failure> {
        match err {
            CallError::Failure(failure) => Ok(convert::wit_failure(failure)),
            err => Err(halt(err).into()),
        }
    }
}

/// The trap for an error that the guest does not get as a value.
pub(super) fn halt(err: CallError) -> Halt {
    match err {
        CallError::Interrupt => Halt::Interrupt,
        CallError::Limit(limit) => Halt::Limit(limit),
        CallError::Failure(failure) => Halt::Limit(failure.message),
    }
}

//! Why an instance ended other than by returning, in words for the run's failure.

use std::time::Duration;

use wasmtime::Trap;
use wasmtime::component::ResourceTableError;

use super::Limits;
use super::limits::RESOURCES_MAX;
use super::patience::refusal_of_system;
use model::{Failure, FailureKind};

/// Why the host ended an instance. Travels as the error of a trap.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Halt {
    /// The port ended it, and knows why.
    #[error("interrupted")]
    Interrupt,
    #[error("computed for {:?} without a pause, which is the limit on {what}", .max)]
    Compute { what: &'static str, max: Duration },
    #[error("asked for {asked} of memory; the limit on memory is {max}")]
    Memory { asked: String, max: String },
    /// All guests together have no more; so much would have been needed.
    #[error(
        "no memory is free for it: it needs {}, and all guests of the worker together have reached \
         their limit",
        bytes(*.needed)
    )]
    NothingFree { needed: usize },
    #[error("{0}")]
    Limit(String),
    /// Something that was granted is not there.
    #[error("{0}")]
    NotThere(String),
}

/// A number of bytes as people read it.
pub(super) fn bytes(count: usize) -> String {
    indicatif::BinaryBytes(count as u64).to_string()
}

/// The panic that the guest reported before it trapped.
#[derive(Clone, Debug)]
pub(super) struct Panic {
    pub message: String,
    pub location: String,
}

/// The failure for the error that ended a call, in an instance that could hand over so many
/// bytes in one call of its own. `None`: the port interrupted the call.
pub(super) fn failure_of(
    error: &wasmtime::Error,
    panic: Option<Panic>,
    limits: &Limits,
    call_bytes: usize,
) -> Option<Failure> {
    if let Some(halt) = error.downcast_ref::<Halt>() {
        return match halt {
            Halt::Interrupt => None,
            Halt::NotThere(what) => Some(Failure::new(FailureKind::Error, what)),
            halt => Some(Failure::new(FailureKind::Limit, halt.to_string())),
        };
    }
    if is_too_much_at_once(error) {
        let max = bytes(call_bytes);
        let message = format!("handed over too much in one call; the limit is {max}");
        return Some(Failure::new(FailureKind::Limit, message));
    }
    if let Some(ResourceTableError::Full) = error.downcast_ref() {
        return Some(Failure::new(FailureKind::Limit, failure_of_resources()));
    }
    if let Some(Panic { message, location }) = panic {
        let message = format!("panicked at {location}: {message}");
        return Some(Failure::new(FailureKind::Panicked, message));
    }
    // Its code is not what the author wrote: WASI passes on no more than "it failed".
    if error.is::<wasmtime_wasi::I32Exit>() {
        let message = "called `exit`: a flow or task ends by returning";
        return Some(Failure::new(FailureKind::Panicked, message));
    }
    if error.is::<wasmtime::PoolConcurrencyLimitError>() || refusal_of_system(error).is_some() {
        let message = format!("the machine could not run it: {error:#}");
        return Some(Failure::new(FailureKind::Crashed, message));
    }
    Some(match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => Failure::new(
            FailureKind::Limit,
            format!(
                "recursed too deep; the limit on the stack is {}",
                bytes(limits.stack_max)
            ),
        ),
        // A guest's own stack lies at the bottom of its memory: what grows over its end leaves
        // the memory.
        Some(Trap::MemoryOutOfBounds) => Failure::new(
            FailureKind::Panicked,
            "recursed too deep for the stack it was linked with, or followed a bad pointer: out of bounds memory access",
        ),
        Some(trap) => {
            let trap = trap.to_string();
            let why = trap.strip_prefix("wasm trap: ").unwrap_or(&trap);
            Failure::new(FailureKind::Panicked, format!("trapped: {why}"))
        }
        None => Failure::new(FailureKind::Panicked, format!("trapped: {error:#}")),
    })
}

/// What is said of an instance that holds too many.
pub(super) fn failure_of_resources() -> String {
    format!(
        "holds too much of the host at once: sockets, streams and the like; the limit is \
         {RESOURCES_MAX}"
    )
}

/// Whether wasmtime refused to copy so much out of the instance. Its error has no type that
/// others can name.
fn is_too_much_at_once(error: &wasmtime::Error) -> bool {
    const FUEL: &str = "fuel allocated for hostcalls has been exhausted";
    error.chain().any(|cause| cause.to_string().contains(FUEL))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_machine_refuses_is_not_the_guests_fault() {
        let refused = wasmtime::Error::from(std::io::Error::from_raw_os_error(12));
        let refused = refused.context("no memory for an instance");
        let failure = failure_of(&refused, None, &Limits::default(), 1).unwrap();
        assert_eq!(failure.kind, FailureKind::Crashed);
        assert_eq!(
            failure.message,
            "the machine could not run it: no memory for an instance: Cannot allocate memory (os error 12)"
        );
    }
}

//! The Rust types and traits that are generated from `wit/`.

wasmtime::component::bindgen!({
    path: "../../../wit",
    world: "component",
    imports: {
        "orch:workflow/logging.panicked": trappable,
        "orch:workflow/context": trappable,
        "orch:workflow/waiting.settled": trappable,
        "orch:workflow/inputs.given": trappable,
        default: async | trappable,
    },
    exports: { default: async },
    with: {
        "orch:workflow/blobs.writer": super::blobs::Writer,
        "orch:workflow/blobs.reader": super::blobs::Reader,
    },
    trappable_error_type: {
        "orch:workflow/types.failure" => super::port::CallError,
    },
});

pub use exports::orch::workflow::guest;
pub use orch::workflow::{
    artifacts, blobs, context, deployments, inputs, limits, logging, secrets, subflows, tasks,
    timers, types, variables, waiting,
};

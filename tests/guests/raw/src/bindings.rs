//! The contract of `wit/`, as Rust types.

#![allow(missing_docs, clippy::all)]

wit_bindgen::generate!({
    path: "../../../wit",
    world: "component",
    additional_derives: [Clone, PartialEq],
});

pub use exports::orch::workflow::guest;
pub use orch::workflow::{
    artifacts, blobs, context, deployments, inputs, limits, logging, secrets, subflows, tasks,
    timers, types, variables, waiting,
};

export!(Raw with_types_in self);

/// The component's export. Its functions are in the crate's root.
pub struct Raw;

//! The contract of `wit/`, as Rust types. The export lives here, so that an author's crate
//! needs neither WIT nor `export!`.

#![allow(missing_docs, clippy::all)]

wit_bindgen::generate!({
    path: "../wit",
    world: "described-component",
    additional_derives: [Clone, PartialEq],
});

pub use exports::orch::workflow::{extras, guest};
pub use orch::workflow::{
    artifacts, context, deployments, inputs, logging, subflows, tasks, types, waiting,
};

#[cfg(target_arch = "wasm32")]
export!(Component with_types_in self);

/// The component's export. Its functions are in `crate::guest`.
pub struct Component;

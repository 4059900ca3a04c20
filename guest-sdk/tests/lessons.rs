//! The unit tests of the examples, which are components and so no part of a bare `cargo test`.

#[path = "../../examples/etl_tasks/src/lib.rs"]
mod etl_tasks;
#[path = "../../examples/orchestrator/src/lib.rs"]
mod orchestrator;

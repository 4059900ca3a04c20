//! What a command, a request and a call of a flow all do, once for all of them.
//!
//! An operation asks the store, lets the orchestrator decide, and answers with typed facts;
//! the caller makes words of them.

pub mod access;
pub mod artifacts;
pub mod blobs;
pub mod bulk;
mod cache;
pub mod client;
pub mod control;
pub mod dashboard;
pub mod database;
pub mod deadlocks;
pub mod deploy;
mod elsewhere;
pub mod follow;
pub mod grants;
mod ids;
pub mod inputs;
pub mod inspect;
pub mod kept;
pub mod manifest;
pub mod problem;
pub mod pruning;
pub mod resolve;
pub mod schedules;
pub mod start;
pub mod stream;
pub mod text;
pub mod timeline;
pub mod view;

pub use ids::FreshIds;

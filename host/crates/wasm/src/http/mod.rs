//! HTTP for tasks: `wasi:http/outgoing-handler`, with the host's TLS and the host's connections.
//!
//! ```text
//! guest --request--> Hooks: granted? -- no --> HttpRequestDenied
//!                      |
//!                    Gate: recorded
//!                      |
//!                    Client, one for each deployment --free connection--> server
//!                      `--Connector--> look up, check, connect --+--TLS--> server
//!                                        `--> proxy -------------'
//! ```
//!
//! An instance lives for microseconds, so connections outlive it: they are pooled in the worker,
//! for each deployment and what it was granted apart. A guest names hosts; addresses are looked
//! up and checked here, and the address that was checked is the one that is connected to. Only
//! where the worker has a proxy, that looks names up, and the worker checks names alone.
//!
//! What requests make the host hold counts among the memory of all guests.

mod answer;
mod client;
mod config;
mod connect;
mod error;
mod exchange;
mod hooks;
mod outgoing;
mod roots;
mod target;

pub(super) use client::Clients;
pub use config::{HttpConfig, HttpLimits};
pub(super) use exchange::{Exchange, Taken};
pub(super) use hooks::{Hooks, Own, Sender};
pub use roots::RootsError;

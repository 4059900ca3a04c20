//! The API and the pages: what a command does, over HTTP.
//!
//! ```text
//! listen  a connection: TLS, limits, graceful end
//!   web   every request: its id, whose Host it names, how problems and headers look
//!     auth   who is there: a bearer of a token (API), a session (pages); the role of each route
//!       api    JSON; each operation declares its role, and is described by OpenAPI
//!       pages  HTML, from the same views
//! ```
//!
//! Nothing is decided here: what is asked goes to [`operations::client::Client`], and what it
//! refuses is a problem with the words of the command line.
//!
//! Invariant: every door asks who is there. A route that declares no role answers 403.

// A refusal is made once a request, and carries all that its answer says.
#![allow(clippy::result_large_err)]

mod api;
mod app;
mod auth;
mod docs;
mod escape;
mod listen;
mod metrics;
pub mod pages;
mod router;
mod settings;
mod web;

pub use app::{App, Parts};
pub use auth::{PageRouter, Visitor};
pub use listen::{Listen, ListenError, Listening, TlsFiles};
pub use router::router;
pub use settings::{Origin, PublicUrl, Settings, UrlError};
pub use web::{Host, Refused, RequestId, status};

//! What a command asks, of a server over HTTP.
//!
//! ```text
//! command --> Client --> HttpClient --requests below /v1--> a server --> its store
//!                             <-- views, problem documents --
//! ```
//!
//! An answer is what the server's own client gave: the same views. A problem document becomes
//! the [`Problem`](operations::problem::Problem) that it was made of, so a command says the same
//! words and ends with the same exit code wherever the database is. What goes wrong on the way
//! is a problem, too.

mod access;
mod address;
mod answer;
mod artifacts;
mod blobs;
mod bulk;
mod cache;
mod catalog;
mod housekeeping;
mod http;
mod kept;
mod limits;
mod overview;
mod pools;
mod runs;
mod schedules;
mod segment;
mod sse;
mod trouble;
mod watch;

pub use address::ServerUrl;
pub use http::HttpClient;

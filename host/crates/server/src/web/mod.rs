//! What is the same for every request: its id, its host, how problems and headers look, how
//! bodies and queries are read.

mod around;
mod body;
mod etag;
mod headers;
mod host;
mod origin;
mod problem;
mod query;

pub use around::{RequestId, around};
pub use body::{JsonBody, TextOrJson};
pub use etag::{ETag, IfMatch};
pub use host::{Host, check_host};
pub use origin::{cors, is_from_elsewhere};
pub use problem::{Refused, WebProblem, problem_body};
pub use query::Query;

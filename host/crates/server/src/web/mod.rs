//! What is the same for every request: its id, its host, how problems and headers look, how
//! bodies and queries are read.

mod accept;
mod around;
mod body;
mod bounds;
mod download;
mod etag;
mod headers;
mod host;
mod origin;
mod problem;
mod query;
mod sse;

pub use accept::acceptable;
pub use around::{Around, RequestId, around};
pub use body::{FormBody, JsonBody, OptionalBody, TextOrJson, check, unreadable};
pub use bounds::in_bounds;
pub use download::download;
pub use etag::{ETag, IfMatch};
pub use host::{Host, check_host};
pub use origin::{cors, is_from_elsewhere};
pub use problem::{Kind, ProblemDocument, Refused, WebProblem, kinds, status};
pub use query::Query;
pub use sse::{EventSender, Gone, event_stream, last_event_id, wants_stream};

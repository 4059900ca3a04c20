//! The log of actions: who did what, to what, and how it went.
//!
//! What only reads is not logged here; the log of requests has it.

use axum::http::Method;
use axum::response::Response;
use model::{AuditEntry, Timestamp};

use crate::app::App;
use crate::web::{Refused, RequestId};

/// What a request is about, noted before it is answered.
#[derive(Clone, Debug)]
pub(super) struct Action {
    pub who: String,
    /// The operation, such as `cancel_flow_run`.
    pub name: String,
    /// The path of the request, of the API with its query.
    pub target: String,
    pub request: Option<RequestId>,
}

/// Whether a request of this method may change something.
pub(super) fn is_unsafe(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

impl Action {
    /// The line for the request, now that it is answered.
    pub fn answered(self, at: Timestamp, response: &Response) -> AuditEntry {
        let status = response.status().as_u16();
        let outcome = match response.extensions().get::<Refused>() {
            Some(refused) => format!("{status} {}", refused.slug),
            None => status.to_string(),
        };
        AuditEntry {
            at,
            who: self.who,
            action: self.name,
            target: self.target,
            outcome,
            request: self.request.map(|RequestId(id)| id),
        }
    }
}

/// Adds a line to the log.
pub(super) async fn log(app: &App, entry: AuditEntry) {
    if let Err(error) = app.store.audit(entry).await {
        tracing::error!(%error, "an action was not logged");
    }
}

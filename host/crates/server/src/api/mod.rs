//! The API: JSON below `/v1`, and its own description.
//!
//! Handlers are thin: what is asked goes to the [`Client`](operations::client::Client), and
//! what it gives or refuses is the answer. Each operation declares its name (`verb_noun`) and
//! the role that it needs.

mod access;
mod artifacts;
mod blobs;
mod bulk;
mod cache;
mod components;
mod dashboard;
mod deployments;
mod document;
mod events;
mod health;
mod housekeeping;
mod idempotency;
mod kept;
mod limits;
mod log_stream;
mod metrics;
mod named;
mod pools;
mod queues;
mod runs;
mod schedules;
mod task_runs;
mod watch;

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::any;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::app::App;
use crate::auth::{Guard, Roles, UNKNOWN, authenticate};
use crate::web::{Refused, WebProblem, acceptable};

/// All operations, and their description.
fn operations(app: &App) -> (Router<App>, OpenApi) {
    let router = OpenApiRouter::with_openapi(document::head())
        .merge(runs::routes(app))
        .merge(bulk::routes(app))
        .merge(events::routes())
        .merge(watch::routes())
        .merge(dashboard::routes())
        .merge(task_runs::routes())
        .merge(deployments::routes(app))
        .merge(schedules::routes(app))
        .merge(components::routes())
        .merge(pools::routes(app))
        .merge(queues::routes(app))
        .merge(limits::routes(app))
        .merge(cache::routes())
        .merge(housekeeping::routes())
        .merge(kept::routes())
        .merge(artifacts::routes())
        .merge(blobs::routes())
        .merge(access::routes())
        .merge(metrics::routes());
    let (router, mut document) = router.split_for_parts();
    document::finish(&mut document);
    (router, document)
}

/// The operations behind their check, and their description.
pub fn router(app: &App) -> (Router<App>, OpenApi) {
    let (operations, document) = operations(app);
    let guard = Guard {
        app: app.clone(),
        roles: Arc::new(Roles::of(&document)),
    };
    let router = operations
        .route(UNKNOWN, any(nothing))
        .layer(from_fn(acceptable))
        .layer(from_fn_with_state(guard, authenticate))
        .merge(document::router(&document))
        .merge(health::router());
    (router, document)
}

async fn nothing(uri: axum::http::Uri) -> Refused {
    let detail = format!("there is no operation at `{}`", uri.path());
    Refused::new(WebProblem::NoRoute, detail).hint("`/docs` lists them")
}

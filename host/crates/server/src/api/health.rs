//! Whether the server lives, and whether it can do its work: for those who watch it.

use axum::Router;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::get;
use model::PoolName;

use crate::app::App;
use crate::web::Refused;

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
}

async fn live() -> impl IntoResponse {
    "ok\n"
}

/// Whether the database answers.
async fn ready(State(app): State<App>) -> Result<impl IntoResponse, Refused> {
    app.store.pool(&PoolName::default_pool()).await?;
    Ok("ok\n")
}

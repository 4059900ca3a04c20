//! Figures for those who watch.

use axum::extract::State;
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::metrics::scrape;
use crate::web::Refused;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(metrics))
}

/// Read the figures of the server and of all runs, as OpenMetrics
#[utoipa::path(
    get, path = "/metrics", operation_id = "get_metrics", tag = "watching",
    responses((status = 200, description = "The figures", body = String, content_type = "application/openmetrics-text")),
    security(("token" = ["viewer"]))
)]
async fn metrics(State(app): State<App>) -> Result<Response, Refused> {
    scrape(&app).await
}

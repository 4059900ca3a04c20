//! How things are, at one look.

use axum::Json;
use axum::extract::State;
use operations::view::DashboardView;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::web::Refused;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(dashboard))
}

/// Tell how things are now, and how they went in the last 24 hours
#[utoipa::path(
    get, path = "/v1/dashboard", operation_id = "get_dashboard", tag = "watching",
    responses((status = 200, description = "How things are", body = DashboardView)),
    security(("token" = ["viewer"]))
)]
async fn dashboard(State(app): State<App>) -> Result<Json<DashboardView>, Refused> {
    Ok(Json(app.client.dashboard().await?))
}

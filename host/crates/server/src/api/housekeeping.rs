//! What is deleted by itself.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use operations::client::PruneRule;
use operations::problem::{Problem, ProblemKind};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::web::{JsonBody, Refused};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(inspect, set, delete))
}

/// Show by which rule flow runs are deleted by themselves
#[utoipa::path(
    get, path = "/v1/prune-rule", operation_id = "get_prune_rule", tag = "flow runs",
    responses(
        (status = 200, description = "The rule", body = PruneRule),
        (status = 404, description = "Nothing is deleted by itself", body = crate::web::ProblemDocument, content_type = "application/problem+json"),
    ),
    security(("token" = ["viewer"]))
)]
async fn inspect(State(app): State<App>) -> Result<Json<PruneRule>, Refused> {
    let rule = app.client.prune_rule().await?;
    Ok(Json(rule.ok_or_else(|| {
        Problem::new(ProblemKind::NotFound, "no flow run is deleted by itself")
            .hint("`PUT` a rule, such as `{\"older_than_ms\": 2592000000}`")
    })?))
}

/// Set by which rule flow runs are deleted by themselves
///
/// Workers and servers follow it each hour. Families of runs that are over go with all that belongs
/// to them, and then components that no deployment and no run is of.
#[utoipa::path(
    put, path = "/v1/prune-rule", operation_id = "set_prune_rule", tag = "flow runs",
    request_body = PruneRule,
    responses((status = 200, description = "The rule as it is now", body = PruneRule)),
    security(("token" = ["admin"]))
)]
async fn set(
    State(app): State<App>,
    JsonBody(rule): JsonBody<PruneRule>,
) -> Result<Json<PruneRule>, Refused> {
    app.client.set_prune_rule(Some(rule.clone())).await?;
    Ok(Json(rule))
}

/// Let no flow run be deleted by itself
#[utoipa::path(
    delete, path = "/v1/prune-rule", operation_id = "delete_prune_rule", tag = "flow runs",
    responses((status = 204, description = "There is no rule")),
    security(("token" = ["admin"]))
)]
async fn delete(State(app): State<App>) -> Result<StatusCode, Refused> {
    app.client.set_prune_rule(None).await?;
    Ok(StatusCode::NO_CONTENT)
}

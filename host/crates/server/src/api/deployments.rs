//! Deployments.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use operations::client::{DeployRequest, DeploymentQuery, EditDeployment, Page};
use operations::view::{DeployedView, DeploymentDetailsView, DeploymentView};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;

use super::idempotency::once;
use crate::app::App;
use crate::web::{ETag, IfMatch, JsonBody, Query, Refused};

pub(super) fn routes(app: &App) -> OpenApiRouter<App> {
    OpenApiRouter::default()
        .routes(routes!(list))
        .routes(routes!(deploy).layer(from_fn_with_state(app.clone(), once)))
        .routes(routes!(inspect, edit, delete))
}

/// List deployments
#[utoipa::path(
    get, path = "/v1/deployments", operation_id = "list_deployments", tag = "deployments",
    params(DeploymentQuery),
    responses((status = 200, description = "A part of the listing", body = Page<DeploymentView>)),
    security(("token" = ["viewer"]))
)]
async fn list(
    State(app): State<App>,
    Query(query): Query<DeploymentQuery>,
) -> Result<Json<Page<DeploymentView>>, Refused> {
    Ok(Json(app.client.list_deployments(query).await?))
}

/// Deploy flows of a component that was uploaded
#[utoipa::path(
    post, path = "/v1/deployments", operation_id = "create_deployments", tag = "deployments",
    params(("Idempotency-Key" = Option<String>, Header, description = "Of this request, should it have to be sent again")),
    request_body = DeployRequest,
    responses((status = 200, description = "What became of each deployment", body = Vec<DeployedView>)),
    security(("token" = ["admin"]))
)]
async fn deploy(
    State(app): State<App>,
    JsonBody(request): JsonBody<DeployRequest>,
) -> Result<Json<Vec<DeployedView>>, Refused> {
    Ok(Json(app.client.deploy(request).await?))
}

/// Show a deployment, with the schemas of its flow
#[utoipa::path(
    get, path = "/v1/deployments/{flow}/{name}", operation_id = "get_deployment", tag = "deployments",
    params(
        ("flow" = String, Path, description = "The flow", example = "etl"),
        ("name" = String, Path, description = "The deployment's name after the slash", example = "nightly"),
    ),
    responses((status = 200, description = "The deployment; its `ETag` is for edits", body = DeploymentDetailsView)),
    security(("token" = ["viewer"]))
)]
async fn inspect(
    State(app): State<App>,
    Path((flow, name)): Path<(String, String)>,
) -> Result<impl IntoResponse, Refused> {
    let name = format!("{flow}/{name}");
    let details = app.client.inspect_deployment(&name).await?;
    Ok((ETag::of(&details.deployment).header(), Json(details)))
}

/// Change a deployment: what is left out stays
#[utoipa::path(
    patch, path = "/v1/deployments/{flow}/{name}", operation_id = "update_deployment", tag = "deployments",
    params(
        ("flow" = String, Path, description = "The flow", example = "etl"),
        ("name" = String, Path, description = "The deployment's name after the slash", example = "nightly"),
        ("If-Match" = String, Header, description = "The `ETag` with which it was read, or `*`"),
    ),
    request_body = EditDeployment,
    responses(
        (status = 200, description = "The deployment as it is now", body = DeployedView),
        (status = 412, description = "It was changed meanwhile", body = crate::web::ProblemDocument, content_type = "application/problem+json"),
        (status = 428, description = "`If-Match` is missing", body = crate::web::ProblemDocument, content_type = "application/problem+json"),
    ),
    security(("token" = ["admin"]))
)]
async fn edit(
    State(app): State<App>,
    Path((flow, name)): Path<(String, String)>,
    seen: IfMatch,
    JsonBody(edit): JsonBody<EditDeployment>,
) -> Result<impl IntoResponse, Refused> {
    let name = format!("{flow}/{name}");
    edit.check()?;
    let _one_by_one = app.edits.lock().await;
    let now = app.client.inspect_deployment(&name).await?;
    seen.check(&ETag::of(&now.deployment))?;
    let deployed = app.client.edit_deployment(&name, edit).await?;
    let now = app.client.inspect_deployment(&name).await?;
    Ok((ETag::of(&now.deployment).header(), Json(deployed)))
}

/// Delete a deployment, and leave its runs
#[utoipa::path(
    delete, path = "/v1/deployments/{flow}/{name}", operation_id = "delete_deployment", tag = "deployments",
    params(
        ("flow" = String, Path, description = "The flow", example = "etl"),
        ("name" = String, Path, description = "The deployment's name after the slash", example = "nightly"),
    ),
    responses((status = 204, description = "It is deleted")),
    security(("token" = ["admin"]))
)]
async fn delete(
    State(app): State<App>,
    Path((flow, name)): Path<(String, String)>,
) -> Result<StatusCode, Refused> {
    app.client
        .delete_deployment(&format!("{flow}/{name}"))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

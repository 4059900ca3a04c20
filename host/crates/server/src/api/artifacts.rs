//! Artifacts.

use axum::Json;
use axum::extract::{Path, State};
use operations::client::{ArtifactQuery, Page};
use operations::view::ArtifactView;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::web::{Query, Refused};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default()
        .routes(routes!(list))
        .routes(routes!(inspect))
        .routes(routes!(of_run))
}

/// List artifacts: of each key the latest, or all of a key or a run
#[utoipa::path(
    get, path = "/v1/artifacts", operation_id = "list_artifacts", tag = "artifacts",
    params(ArtifactQuery),
    responses((status = 200, description = "A part of the listing", body = Page<ArtifactView>)),
    security(("token" = ["viewer"]))
)]
async fn list(
    State(app): State<App>,
    Query(query): Query<ArtifactQuery>,
) -> Result<Json<Page<ArtifactView>>, Refused> {
    Ok(Json(app.client.list_artifacts(query).await?))
}

/// Show an artifact
#[utoipa::path(
    get, path = "/v1/artifacts/{artifact}", operation_id = "get_artifact", tag = "artifacts",
    params(("artifact" = String, Path, description = "Its id, or a key: the latest with this key")),
    responses((status = 200, description = "The artifact", body = ArtifactView)),
    security(("token" = ["viewer"]))
)]
async fn inspect(
    State(app): State<App>,
    Path(artifact): Path<String>,
) -> Result<Json<ArtifactView>, Refused> {
    Ok(Json(app.client.inspect_artifact(&artifact).await?))
}

/// List the artifacts of a flow run, newest first
#[utoipa::path(
    get, path = "/v1/flow-runs/{run}/artifacts", operation_id = "list_flow_run_artifacts",
    tag = "artifacts",
    params(
        ("run" = String, Path, description = "Its id, the beginning of it, or its name"),
        ArtifactQuery
    ),
    responses((status = 200, description = "A part of the listing", body = Page<ArtifactView>)),
    security(("token" = ["viewer"]))
)]
async fn of_run(
    State(app): State<App>,
    Path(run): Path<String>,
    Query(query): Query<ArtifactQuery>,
) -> Result<Json<Page<ArtifactView>>, Refused> {
    let query = ArtifactQuery {
        flow_run: Some(run),
        ..query
    };
    Ok(Json(app.client.list_artifacts(query).await?))
}

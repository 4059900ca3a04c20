//! Blobs.

use axum::extract::{Path, State};
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::Bearer;
use crate::web::{Refused, download};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(get))
}

/// Get the bytes of a blob
#[utoipa::path(
    get, path = "/v1/blobs/{digest}", operation_id = "get_blob", tag = "blobs",
    params((
        "digest" = String, Path, description = "What its reference has as `$blob`",
        example = "blake3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
    )),
    responses((
        status = 200, description = "All of them, in order; a connection that ends before has failed",
        body = Vec<u8>, content_type = "application/octet-stream"
    )),
    security(("token" = ["viewer"]))
)]
async fn get(
    State(app): State<App>,
    Bearer(token): Bearer,
    Path(digest): Path<String>,
) -> Result<Response, Refused> {
    let slot = app.limits.stream(token.id)?;
    let blob = app.client.read_blob(&digest).await?;
    Ok(download(&digest, blob, slot))
}

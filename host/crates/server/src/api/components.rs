//! Components.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use operations::client::{ComponentQuery, Page};
use operations::view::ComponentView;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::web::{Query, Refused, check, unreadable};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default()
        .routes(routes!(list))
        .routes(routes!(upload))
        .routes(routes!(inspect))
}

/// List components
#[utoipa::path(
    get, path = "/v1/components", operation_id = "list_components", tag = "components",
    params(ComponentQuery),
    responses((status = 200, description = "A part of the listing", body = Page<ComponentView>)),
    security(("token" = ["viewer"]))
)]
async fn list(
    State(app): State<App>,
    Query(query): Query<ComponentQuery>,
) -> Result<Json<Page<ComponentView>>, Refused> {
    Ok(Json(app.client.list_components(query).await?))
}

/// Upload a component
///
/// It is checked, describes itself, and is kept. The same bytes again change nothing.
#[utoipa::path(
    post, path = "/v1/components", operation_id = "upload_component", tag = "components",
    request_body(content = Vec<u8>, description = "The `.wasm`, of at most 64 MiB", content_type = "application/wasm"),
    responses(
        (status = 201, description = "The new component; `Location` is its place", body = ComponentView),
        (status = 200, description = "The component, which was there already", body = ComponentView),
    ),
    security(("token" = ["admin"]))
)]
async fn upload(
    State(app): State<App>,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Response, Refused> {
    check(&headers, "application/wasm")?;
    let bytes = bytes.map_err(|err| unreadable(&err))?;
    let (component, is_new) = app.client.upload_component(bytes.into()).await?;
    let status = if is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let place = format!("/v1/components/{}", component.digest);
    Ok((status, [(LOCATION, place)], Json(component)).into_response())
}

/// Show a component
#[utoipa::path(
    get, path = "/v1/components/{digest}", operation_id = "get_component", tag = "components",
    params(("digest" = String, Path, description = "Its digest, or the beginning of it", example = "9f86d081884c")),
    responses((status = 200, description = "The component", body = ComponentView)),
    security(("token" = ["viewer"]))
)]
async fn inspect(
    State(app): State<App>,
    Path(digest): Path<String>,
) -> Result<Json<ComponentView>, Refused> {
    Ok(Json(app.client.inspect_component(&digest).await?))
}

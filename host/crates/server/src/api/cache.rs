//! Results of tasks that are kept for other runs.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use operations::client::{CacheQuery, ClearCache, Page};
use operations::view::{CachedView, ClearedView};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::web::{Query, Refused};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default()
        .routes(routes!(list, clear))
        .routes(routes!(inspect, clear_one))
}

/// List cached results, newest first
///
/// Also those that have expired, until they are cleared.
#[utoipa::path(
    get, path = "/v1/cache", operation_id = "list_cached_results", tag = "cache",
    params(CacheQuery),
    responses((status = 200, description = "A part of the listing, without values", body = Page<CachedView>)),
    security(("token" = ["viewer"]))
)]
async fn list(
    State(app): State<App>,
    Query(query): Query<CacheQuery>,
) -> Result<Json<Page<CachedView>>, Refused> {
    Ok(Json(app.client.list_cache(query).await?))
}

/// Show a cached result and its value
#[utoipa::path(
    get, path = "/v1/cache/{id}", operation_id = "get_cached_result", tag = "cache",
    params(("id" = String, Path, description = "Its id, or at least 4 digits of its beginning", example = "9f86d081884c")),
    responses((status = 200, description = "The result", body = CachedView)),
    security(("token" = ["viewer"]))
)]
async fn inspect(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<CachedView>, Refused> {
    Ok(Json(app.client.inspect_cached(&id).await?))
}

/// Clear a cached result
///
/// The next call with its key computes it anew. A run that has it already keeps it.
#[utoipa::path(
    delete, path = "/v1/cache/{id}", operation_id = "delete_cached_result", tag = "cache",
    params(("id" = String, Path, description = "Its id, or at least 4 digits of its beginning", example = "9f86d081884c")),
    responses((status = 204, description = "It is cleared")),
    security(("token" = ["admin"]))
)]
async fn clear_one(State(app): State<App>, Path(id): Path<String>) -> Result<StatusCode, Refused> {
    app.client.clear_cached(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Clear many cached results
///
/// Exactly one of the parameters says which. They are cleared a part at a time; if the answer does
/// not come, the same request clears the rest.
#[utoipa::path(
    delete, path = "/v1/cache", operation_id = "delete_cached_results", tag = "cache",
    params(ClearCache),
    responses((status = 200, description = "How many were cleared", body = ClearedView)),
    security(("token" = ["admin"]))
)]
async fn clear(
    State(app): State<App>,
    Query(which): Query<ClearCache>,
) -> Result<Json<ClearedView>, Refused> {
    Ok(Json(app.client.clear_cache(which).await?))
}

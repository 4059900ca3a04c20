//! Work pools and workers.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use model::{PoolName, Timestamp};
use operations::client::{ChangePool, CreatePool, Page, PoolQuery, WorkerQuery};
use operations::problem::{Problem, ProblemKind};
use operations::view::{PoolView, WorkerView};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;

use super::idempotency::once;
use crate::app::App;
use crate::web::{ETag, IfMatch, JsonBody, Query, Refused};

pub(super) fn routes(app: &App) -> OpenApiRouter<App> {
    OpenApiRouter::default()
        .routes(routes!(list))
        .routes(routes!(create).layer(from_fn_with_state(app.clone(), once)))
        .routes(routes!(inspect, change, delete))
        .routes(routes!(workers))
}

fn named(text: &str) -> Result<PoolName, Refused> {
    let name = text.parse::<PoolName>();
    name.map_err(|err| Problem::new(ProblemKind::InvalidName, err.to_string()).into())
}

/// The version of what can be changed: how a pool is used does not count.
fn etag(pool: &PoolView) -> ETag {
    let settings: (&PoolName, Option<u32>, bool, Timestamp) =
        (&pool.name, pool.limit, pool.paused, pool.created);
    ETag::of(&settings)
}

/// List work pools
#[utoipa::path(
    get, path = "/v1/work-pools", operation_id = "list_work_pools", tag = "work pools",
    params(PoolQuery),
    responses((status = 200, description = "A part of the listing", body = Page<PoolView>)),
    security(("token" = ["viewer"]))
)]
async fn list(
    State(app): State<App>,
    Query(query): Query<PoolQuery>,
) -> Result<Json<Page<PoolView>>, Refused> {
    Ok(Json(app.client.list_pools(query).await?))
}

/// Create a work pool
#[utoipa::path(
    post, path = "/v1/work-pools", operation_id = "create_work_pool", tag = "work pools",
    params(("Idempotency-Key" = Option<String>, Header, description = "Of this request, should it have to be sent again")),
    request_body = CreatePool,
    responses((status = 201, description = "The new work pool; `Location` is its place", body = PoolView)),
    security(("token" = ["admin"]))
)]
async fn create(
    State(app): State<App>,
    JsonBody(create): JsonBody<CreatePool>,
) -> Result<impl IntoResponse, Refused> {
    let pool = app.client.create_pool(create).await?;
    let place = format!("/v1/work-pools/{}", pool.name);
    let etag = etag(&pool).header();
    Ok((StatusCode::CREATED, [(LOCATION, place)], etag, Json(pool)))
}

/// Show a work pool, and how it is used
#[utoipa::path(
    get, path = "/v1/work-pools/{name}", operation_id = "get_work_pool", tag = "work pools",
    params(("name" = PoolName, Path, description = "Its name")),
    responses((status = 200, description = "The work pool; its `ETag` is for edits", body = PoolView)),
    security(("token" = ["viewer"]))
)]
async fn inspect(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<impl IntoResponse, Refused> {
    let pool = app.client.inspect_pool(&named(&name)?).await?;
    Ok((etag(&pool).header(), Json(pool)))
}

/// Change a work pool: pause it, let it go on, change its limit
#[utoipa::path(
    patch, path = "/v1/work-pools/{name}", operation_id = "update_work_pool", tag = "work pools",
    params(
        ("name" = PoolName, Path, description = "Its name"),
        ("If-Match" = String, Header, description = "The `ETag` with which it was read, or `*`"),
    ),
    request_body = ChangePool,
    responses(
        (status = 200, description = "The work pool as it is now", body = PoolView),
        (status = 412, description = "It was changed meanwhile", body = crate::web::ProblemDocument, content_type = "application/problem+json"),
        (status = 428, description = "`If-Match` is missing", body = crate::web::ProblemDocument, content_type = "application/problem+json"),
    ),
    security(("token" = ["admin"]))
)]
async fn change(
    State(app): State<App>,
    Path(name): Path<String>,
    seen: IfMatch,
    JsonBody(change): JsonBody<ChangePool>,
) -> Result<impl IntoResponse, Refused> {
    let name = named(&name)?;
    let _one_by_one = app.edits.lock().await;
    seen.check(&etag(&app.client.inspect_pool(&name).await?))?;
    let pool = app.client.change_pool(&name, change).await?;
    Ok((etag(&pool).header(), Json(pool)))
}

/// Delete a work pool that nothing uses
#[utoipa::path(
    delete, path = "/v1/work-pools/{name}", operation_id = "delete_work_pool", tag = "work pools",
    params(("name" = PoolName, Path, description = "Its name")),
    responses((status = 204, description = "It is deleted")),
    security(("token" = ["admin"]))
)]
async fn delete(State(app): State<App>, Path(name): Path<String>) -> Result<StatusCode, Refused> {
    app.client.delete_pool(&named(&name)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List the workers that are alive
#[utoipa::path(
    get, path = "/v1/workers", operation_id = "list_workers", tag = "work pools",
    params(WorkerQuery),
    responses((status = 200, description = "A part of the listing", body = Page<WorkerView>)),
    security(("token" = ["viewer"]))
)]
async fn workers(
    State(app): State<App>,
    Query(query): Query<WorkerQuery>,
) -> Result<Json<Page<WorkerView>>, Refused> {
    Ok(Json(app.client.list_workers(query).await?))
}

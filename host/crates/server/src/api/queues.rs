//! Queues of work pools.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use model::{PoolName, Priority, QueueName, Timestamp};
use operations::client::{ChangeQueue, CreateQueue, Page, QueueQuery};
use operations::problem::{Problem, ProblemKind};
use operations::view::QueueView;
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
}

fn pool(text: &str) -> Result<PoolName, Refused> {
    let name = text.parse::<PoolName>();
    name.map_err(|err| Problem::new(ProblemKind::InvalidName, err.to_string()).into())
}

fn place(pool_name: &str, queue: &str) -> Result<(PoolName, QueueName), Refused> {
    let name = queue.parse::<QueueName>();
    let name = name.map_err(|err| Problem::new(ProblemKind::InvalidName, err.to_string()))?;
    Ok((pool(pool_name)?, name))
}

/// The version of what can be changed: how a queue is used does not count.
fn etag(queue: &QueueView) -> ETag {
    let settings: (&QueueName, Priority, Option<u32>, bool, Timestamp) = (
        &queue.name,
        queue.priority,
        queue.limit,
        queue.paused,
        queue.created,
    );
    ETag::of(&settings)
}

/// List the queues of a work pool
#[utoipa::path(
    get, path = "/v1/work-pools/{pool}/queues", operation_id = "list_work_queues", tag = "work pools",
    params(("pool" = PoolName, Path, description = "The work pool"), QueueQuery),
    responses((status = 200, description = "A part of the listing", body = Page<QueueView>)),
    security(("token" = ["viewer"]))
)]
async fn list(
    State(app): State<App>,
    Path(name): Path<String>,
    Query(query): Query<QueueQuery>,
) -> Result<Json<Page<QueueView>>, Refused> {
    Ok(Json(app.client.list_queues(&pool(&name)?, query).await?))
}

/// Create a queue of a work pool
///
/// Runs go in the order of the priorities of their queues, and within a queue in that of their own.
/// Every tenth start of a pool is for the run that has waited longest, whatever its priority.
#[utoipa::path(
    post, path = "/v1/work-pools/{pool}/queues", operation_id = "create_work_queue", tag = "work pools",
    params(
        ("pool" = PoolName, Path, description = "The work pool"),
        ("Idempotency-Key" = Option<String>, Header, description = "Of this request, should it have to be sent again"),
    ),
    request_body = CreateQueue,
    responses((status = 201, description = "The new queue; `Location` is its place", body = QueueView)),
    security(("token" = ["admin"]))
)]
async fn create(
    State(app): State<App>,
    Path(name): Path<String>,
    JsonBody(create): JsonBody<CreateQueue>,
) -> Result<impl IntoResponse, Refused> {
    let queue = app.client.create_queue(&pool(&name)?, create).await?;
    let place = format!("/v1/work-pools/{}/queues/{}", queue.pool, queue.name);
    let etag = etag(&queue).header();
    Ok((StatusCode::CREATED, [(LOCATION, place)], etag, Json(queue)))
}

/// Show a queue of a work pool, and how it is used
#[utoipa::path(
    get, path = "/v1/work-pools/{pool}/queues/{name}", operation_id = "get_work_queue", tag = "work pools",
    params(
        ("pool" = PoolName, Path, description = "The work pool"),
        ("name" = QueueName, Path, description = "The queue"),
    ),
    responses((status = 200, description = "The queue; its `ETag` is for edits", body = QueueView)),
    security(("token" = ["viewer"]))
)]
async fn inspect(
    State(app): State<App>,
    Path((pool, name)): Path<(String, String)>,
) -> Result<impl IntoResponse, Refused> {
    let (pool, name) = place(&pool, &name)?;
    let queue = app.client.inspect_queue(&pool, &name).await?;
    Ok((etag(&queue).header(), Json(queue)))
}

/// Change a queue of a work pool: its priority or its limit; pause it, let it go on
#[utoipa::path(
    patch, path = "/v1/work-pools/{pool}/queues/{name}", operation_id = "update_work_queue", tag = "work pools",
    params(
        ("pool" = PoolName, Path, description = "The work pool"),
        ("name" = QueueName, Path, description = "The queue"),
        ("If-Match" = String, Header, description = "The `ETag` with which it was read, or `*`"),
    ),
    request_body = ChangeQueue,
    responses(
        (status = 200, description = "The queue as it is now", body = QueueView),
        (status = 412, description = "It was changed meanwhile", body = crate::web::ProblemDocument, content_type = "application/problem+json"),
        (status = 428, description = "`If-Match` is missing", body = crate::web::ProblemDocument, content_type = "application/problem+json"),
    ),
    security(("token" = ["admin"]))
)]
async fn change(
    State(app): State<App>,
    Path((pool, name)): Path<(String, String)>,
    seen: IfMatch,
    JsonBody(change): JsonBody<ChangeQueue>,
) -> Result<impl IntoResponse, Refused> {
    let (pool, name) = place(&pool, &name)?;
    let _one_by_one = app.edits.lock().await;
    seen.check(&etag(&app.client.inspect_queue(&pool, &name).await?))?;
    let queue = app.client.change_queue(&pool, &name, change).await?;
    Ok((etag(&queue).header(), Json(queue)))
}

/// Delete a queue of a work pool that nothing uses
#[utoipa::path(
    delete, path = "/v1/work-pools/{pool}/queues/{name}", operation_id = "delete_work_queue", tag = "work pools",
    params(
        ("pool" = PoolName, Path, description = "The work pool"),
        ("name" = QueueName, Path, description = "The queue"),
    ),
    responses((status = 204, description = "It is deleted")),
    security(("token" = ["admin"]))
)]
async fn delete(
    State(app): State<App>,
    Path((pool, name)): Path<(String, String)>,
) -> Result<StatusCode, Refused> {
    let (pool, name) = place(&pool, &name)?;
    app.client.delete_queue(&pool, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

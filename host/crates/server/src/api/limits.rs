//! Limits across runs.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use model::{LimitName, Timestamp};
use operations::client::{ChangeLimit, CreateLimit, LimitQuery, Page};
use operations::problem::{Problem, ProblemKind};
use operations::view::{DeadlockedRunView, LimitDetailsView, LimitView};
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
        .routes(routes!(deadlocked))
}

fn named(text: &str) -> Result<LimitName, Refused> {
    let name = text.parse::<LimitName>();
    name.map_err(|err| Problem::new(ProblemKind::InvalidName, err.to_string()).into())
}

/// The version of what can be changed: how a limit is used does not count.
fn etag(limit: &LimitView) -> ETag {
    let settings: (&LimitName, u32, Option<u64>, Timestamp) =
        (&limit.name, limit.slots, limit.per_ms, limit.created);
    ETag::of(&settings)
}

/// List limits
#[utoipa::path(
    get, path = "/v1/limits", operation_id = "list_limits", tag = "limits",
    params(LimitQuery),
    responses((status = 200, description = "A part of the listing", body = Page<LimitView>)),
    security(("token" = ["viewer"]))
)]
async fn list(
    State(app): State<App>,
    Query(query): Query<LimitQuery>,
) -> Result<Json<Page<LimitView>>, Refused> {
    Ok(Json(app.client.list_limits(query).await?))
}

/// Create a limit
///
/// Flow runs of deployments that name it take a slot of it, from their first claim until they are
/// over, and wait for one in the order in which they came.
#[utoipa::path(
    post, path = "/v1/limits", operation_id = "create_limit", tag = "limits",
    params(("Idempotency-Key" = Option<String>, Header, description = "Of this request, should it have to be sent again")),
    request_body = CreateLimit,
    responses((status = 201, description = "The new limit; `Location` is its place", body = LimitView)),
    security(("token" = ["admin"]))
)]
async fn create(
    State(app): State<App>,
    JsonBody(create): JsonBody<CreateLimit>,
) -> Result<impl IntoResponse, Refused> {
    let limit = app.client.create_limit(create).await?;
    let place = format!("/v1/limits/{}", limit.name);
    let etag = etag(&limit).header();
    Ok((StatusCode::CREATED, [(LOCATION, place)], etag, Json(limit)))
}

/// Show a limit, who has slots of it, and who waits
#[utoipa::path(
    get, path = "/v1/limits/{name}", operation_id = "get_limit", tag = "limits",
    params(("name" = LimitName, Path, description = "Its name")),
    responses((status = 200, description = "The limit; its `ETag` is for edits", body = LimitDetailsView)),
    security(("token" = ["viewer"]))
)]
async fn inspect(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<impl IntoResponse, Refused> {
    let details = app.client.inspect_limit(&named(&name)?).await?;
    Ok((etag(&details.limit).header(), Json(details)))
}

/// Change a limit
///
/// One that is made smaller takes nothing back: nobody gets a slot until enough are free.
#[utoipa::path(
    patch, path = "/v1/limits/{name}", operation_id = "update_limit", tag = "limits",
    params(
        ("name" = LimitName, Path, description = "Its name"),
        ("If-Match" = String, Header, description = "The `ETag` with which it was read, or `*`"),
    ),
    request_body = ChangeLimit,
    responses(
        (status = 200, description = "The limit as it is now", body = LimitView),
        (status = 412, description = "It was changed meanwhile", body = crate::web::ProblemDocument, content_type = "application/problem+json"),
        (status = 428, description = "`If-Match` is missing", body = crate::web::ProblemDocument, content_type = "application/problem+json"),
    ),
    security(("token" = ["admin"]))
)]
async fn change(
    State(app): State<App>,
    Path(name): Path<String>,
    seen: IfMatch,
    JsonBody(change): JsonBody<ChangeLimit>,
) -> Result<impl IntoResponse, Refused> {
    let name = named(&name)?;
    change.check()?;
    let _one_by_one = app.edits.lock().await;
    seen.check(&etag(&app.client.inspect_limit(&name).await?.limit))?;
    let limit = app.client.change_limit(&name, change).await?;
    Ok((etag(&limit).header(), Json(limit)))
}

/// Delete a limit
///
/// What waited for it goes on.
#[utoipa::path(
    delete, path = "/v1/limits/{name}", operation_id = "delete_limit", tag = "limits",
    params(("name" = LimitName, Path, description = "Its name")),
    responses((status = 204, description = "It is deleted")),
    security(("token" = ["admin"]))
)]
async fn delete(State(app): State<App>, Path(name): Path<String>) -> Result<StatusCode, Refused> {
    app.client.delete_limit(&named(&name)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List flow runs that wait for each other's slots
///
/// They go on only once one of them is cancelled, or a limit is made larger. At most 100, those that
/// have slots first.
#[utoipa::path(
    get, path = "/v1/deadlocked-runs", operation_id = "list_deadlocked_runs", tag = "limits",
    responses((status = 200, description = "The flow runs, those that have slots first", body = Page<DeadlockedRunView>)),
    security(("token" = ["viewer"]))
)]
async fn deadlocked(State(app): State<App>) -> Result<Json<Page<DeadlockedRunView>>, Refused> {
    Ok(Json(app.client.list_deadlocked().await?))
}

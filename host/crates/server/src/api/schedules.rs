//! Schedules of deployments.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use model::ScheduleId;
use operations::client::{CreateSchedule, Page, ScheduleQuery, SlotQuery};
use operations::problem::{Problem, ProblemKind};
use operations::view::{ScheduleView, SlotView};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;

use super::idempotency::once;
use crate::app::App;
use crate::web::{JsonBody, Query, Refused};

pub(super) fn routes(app: &App) -> OpenApiRouter<App> {
    OpenApiRouter::default()
        .routes(routes!(list))
        .routes(routes!(create).layer(from_fn_with_state(app.clone(), once)))
        .routes(routes!(inspect, delete))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(slots))
}

fn id(text: &str) -> Result<ScheduleId, Refused> {
    text.parse().map_err(|_| {
        let detail = format!("`{text}` is no id of a schedule");
        let problem = Problem::new(ProblemKind::InvalidName, detail);
        problem.hint("`/v1/schedules` lists them").into()
    })
}

/// List schedules
#[utoipa::path(
    get, path = "/v1/schedules", operation_id = "list_schedules", tag = "schedules",
    params(ScheduleQuery),
    responses((status = 200, description = "A part of the listing", body = Page<ScheduleView>)),
    security(("token" = ["viewer"]))
)]
async fn list(
    State(app): State<App>,
    Query(query): Query<ScheduleQuery>,
) -> Result<Json<Page<ScheduleView>>, Refused> {
    Ok(Json(app.client.list_schedules(query).await?))
}

/// Add a schedule to a deployment
///
/// Each of its slots makes one run.
#[utoipa::path(
    post, path = "/v1/deployments/{flow}/{name}/schedules", operation_id = "create_schedule", tag = "schedules",
    params(
        ("flow" = String, Path, description = "The flow", example = "etl"),
        ("name" = String, Path, description = "The deployment's name after the slash", example = "nightly"),
        ("Idempotency-Key" = Option<String>, Header, description = "Of this request, should it have to be sent again"),
    ),
    request_body = CreateSchedule,
    responses((status = 201, description = "The new schedule; `Location` is its place", body = ScheduleView)),
    security(("token" = ["admin"]))
)]
async fn create(
    State(app): State<App>,
    Path((flow, name)): Path<(String, String)>,
    JsonBody(create): JsonBody<CreateSchedule>,
) -> Result<impl IntoResponse, Refused> {
    let deployment = format!("{flow}/{name}");
    let schedule = app.client.create_schedule(&deployment, create).await?;
    let place = format!("/v1/schedules/{}", schedule.id);
    Ok((StatusCode::CREATED, [(LOCATION, place)], Json(schedule)))
}

/// Show a schedule
#[utoipa::path(
    get, path = "/v1/schedules/{id}", operation_id = "get_schedule", tag = "schedules",
    params(("id" = ScheduleId, Path, description = "Its id")),
    responses((status = 200, description = "The schedule", body = ScheduleView)),
    security(("token" = ["viewer"]))
)]
async fn inspect(
    State(app): State<App>,
    Path(text): Path<String>,
) -> Result<Json<ScheduleView>, Refused> {
    Ok(Json(app.client.inspect_schedule(id(&text)?).await?))
}

/// Pause a schedule
///
/// Slots that come meanwhile make no runs.
#[utoipa::path(
    post, path = "/v1/schedules/{id}/pause", operation_id = "pause_schedule", tag = "schedules",
    params(("id" = ScheduleId, Path, description = "Its id")),
    responses((status = 200, description = "The schedule as it is now", body = ScheduleView)),
    security(("token" = ["operator"]))
)]
async fn pause(
    State(app): State<App>,
    Path(text): Path<String>,
) -> Result<Json<ScheduleView>, Refused> {
    Ok(Json(app.client.pause_schedule(id(&text)?).await?))
}

/// Let a paused schedule go on
///
/// It goes on from its next slot.
#[utoipa::path(
    post, path = "/v1/schedules/{id}/resume", operation_id = "resume_schedule", tag = "schedules",
    params(("id" = ScheduleId, Path, description = "Its id")),
    responses((status = 200, description = "The schedule as it is now", body = ScheduleView)),
    security(("token" = ["operator"]))
)]
async fn resume(
    State(app): State<App>,
    Path(text): Path<String>,
) -> Result<Json<ScheduleView>, Refused> {
    Ok(Json(app.client.resume_schedule(id(&text)?).await?))
}

/// Delete a schedule and leave its runs
#[utoipa::path(
    delete, path = "/v1/schedules/{id}", operation_id = "delete_schedule", tag = "schedules",
    params(("id" = ScheduleId, Path, description = "Its id")),
    responses((status = 204, description = "It is deleted")),
    security(("token" = ["admin"]))
)]
async fn delete(State(app): State<App>, Path(text): Path<String>) -> Result<StatusCode, Refused> {
    app.client.delete_schedule(id(&text)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Show when the next runs of a schedule will be
///
/// Nothing is created by that.
#[utoipa::path(
    get, path = "/v1/schedules/{id}/slots", operation_id = "list_slots", tag = "schedules",
    params(("id" = ScheduleId, Path, description = "Its id"), SlotQuery),
    responses((status = 200, description = "The slots, the earliest first", body = Page<SlotView>)),
    security(("token" = ["viewer"]))
)]
async fn slots(
    State(app): State<App>,
    Path(text): Path<String>,
    Query(query): Query<SlotQuery>,
) -> Result<Json<Page<SlotView>>, Refused> {
    Ok(Json(app.client.next_slots(id(&text)?, query).await?))
}

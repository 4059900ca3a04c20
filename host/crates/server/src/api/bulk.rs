//! Actions on many runs.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use operations::client::{AskBulk, BulkQuery, Page};
use operations::problem::{Problem, ProblemKind};
use operations::view::BulkActionView;
use store::BulkId;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;

use super::idempotency::once;
use crate::app::App;
use crate::auth::{Bearer, forbidden};
use crate::web::{JsonBody, Query, Refused};

pub(super) fn routes(app: &App) -> OpenApiRouter<App> {
    OpenApiRouter::default()
        .routes(routes!(list))
        .routes(routes!(ask).layer(from_fn_with_state(app.clone(), once)))
        .routes(routes!(inspect))
        .routes(routes!(stop))
}

fn named(text: &str) -> Result<BulkId, Refused> {
    text.parse().map_err(|_| {
        let detail = format!("`{text}` is not the id of an action on many runs");
        Problem::new(ProblemKind::NotFound, detail).into()
    })
}

/// List actions on many flow runs
#[utoipa::path(
    get, path = "/v1/bulk-actions", operation_id = "list_bulk_actions", tag = "flow runs",
    params(BulkQuery),
    responses((status = 200, description = "A part of the listing", body = Page<BulkActionView>)),
    security(("token" = ["viewer"]))
)]
async fn list(
    State(app): State<App>,
    Query(query): Query<BulkQuery>,
) -> Result<Json<Page<BulkActionView>>, Refused> {
    Ok(Json(app.client.list_bulk(query).await?))
}

/// Cancel, pause, resume, retry or delete many flow runs
///
/// The server goes on with it after the answer, in batches. Runs that are created later are left
/// alone. `delete` needs the role admin.
#[utoipa::path(
    post, path = "/v1/bulk-actions", operation_id = "create_bulk_action", tag = "flow runs",
    params(("Idempotency-Key" = Option<String>, Header, description = "Of this request, should it have to be sent again")),
    request_body = AskBulk,
    responses((status = 202, description = "The action, which goes on; `Location` is its place", body = BulkActionView)),
    security(("token" = ["operator"]))
)]
async fn ask(
    State(app): State<App>,
    Bearer(token): Bearer,
    JsonBody(ask): JsonBody<AskBulk>,
) -> Result<impl IntoResponse, Refused> {
    let needed = ask.action.role();
    if !token.role.allows(needed) {
        let what = format!("`{}` of many runs", ask.action.as_str());
        return Err(forbidden(&token, &what, needed));
    }
    let action = app.client.ask_bulk(ask, token.name.as_str()).await?;
    let place = format!("/v1/bulk-actions/{}", action.id);
    Ok((StatusCode::ACCEPTED, [(LOCATION, place)], Json(action)))
}

/// Show an action on many flow runs, and how far it is
#[utoipa::path(
    get, path = "/v1/bulk-actions/{id}", operation_id = "get_bulk_action", tag = "flow runs",
    params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The action", body = BulkActionView)),
    security(("token" = ["viewer"]))
)]
async fn inspect(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<BulkActionView>, Refused> {
    Ok(Json(app.client.inspect_bulk(named(&id)?).await?))
}

/// Stop an action on many flow runs
///
/// The runs that are under way are finished first. What was done stays done.
#[utoipa::path(
    post, path = "/v1/bulk-actions/{id}/stop", operation_id = "stop_bulk_action", tag = "flow runs",
    params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The action as it is now; one that has ended stays as it is", body = BulkActionView)),
    security(("token" = ["operator"]))
)]
async fn stop(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<BulkActionView>, Refused> {
    Ok(Json(app.client.stop_bulk(named(&id)?).await?))
}

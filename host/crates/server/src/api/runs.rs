//! Flow runs and what belongs to them.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use operations::client::{
    InspectRun, JournalQuery, LogQuery, Page, RetryRun, RunQuery, StartRun, StartedRun, TallyQuery,
    TaskRunQuery,
};
use operations::view::{
    EntryView, FlowRunDetailsView, FlowRunView, HistoryLineView, InputView, LogView, TalliesView,
    TaskRunView,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;

use super::idempotency::{key_of, once};
use super::log_stream::follow_log;
use crate::app::App;
use crate::auth::Bearer;
use crate::web::{JsonBody, OptionalBody, Query, Refused, TextOrJson, WebProblem, wants_stream};

/// Runs that one request may start.
const STARTS_MAX: usize = 1000;

pub(super) fn routes(app: &App) -> OpenApiRouter<App> {
    let once = || from_fn_with_state(app.clone(), once);
    OpenApiRouter::default()
        .routes(routes!(list))
        .routes(routes!(tallies))
        .routes(routes!(inspect, delete))
        .routes(routes!(start).layer(once()))
        .routes(routes!(start_many).layer(once()))
        .routes(routes!(cancel))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(retry))
        .routes(routes!(inputs))
        .routes(routes!(give_input))
        .routes(routes!(logs))
        .routes(routes!(journal))
        .routes(routes!(history))
        .routes(routes!(children))
        .routes(routes!(task_runs))
}

/// List flow runs
#[utoipa::path(
    get, path = "/v1/flow-runs", operation_id = "list_flow_runs", tag = "flow runs",
    params(RunQuery),
    responses((status = 200, description = "A part of the listing", body = Page<FlowRunView>)),
    security(("token" = ["viewer"]))
)]
async fn list(
    State(app): State<App>,
    Query(query): Query<RunQuery>,
) -> Result<Json<Page<FlowRunView>>, Refused> {
    Ok(Json(app.client.list_runs(query).await?))
}

/// Count flow runs that have ended, by time and state
#[utoipa::path(
    get, path = "/v1/flow-runs/tallies", operation_id = "get_tallies", tag = "flow runs",
    params(TallyQuery),
    responses((status = 200, description = "How many ended in each part of the time", body = TalliesView)),
    security(("token" = ["viewer"]))
)]
async fn tallies(
    State(app): State<App>,
    Query(query): Query<TallyQuery>,
) -> Result<Json<TalliesView>, Refused> {
    Ok(Json(app.client.tally_runs(query).await?))
}

/// Show a flow run with all that belongs to it
#[utoipa::path(
    get, path = "/v1/flow-runs/{run}", operation_id = "get_flow_run", tag = "flow runs",
    params(("run" = String, Path, description = "Its id, the beginning of it, or its name", example = "silver-otter"), InspectRun),
    responses((status = 200, description = "The flow run", body = FlowRunDetailsView)),
    security(("token" = ["viewer"]))
)]
async fn inspect(
    State(app): State<App>,
    Path(run): Path<String>,
    Query(query): Query<InspectRun>,
) -> Result<Json<FlowRunDetailsView>, Refused> {
    Ok(Json(app.client.inspect_run(&run, query).await?))
}

/// Start a run of a deployment
#[utoipa::path(
    post, path = "/v1/deployments/{flow}/{name}/runs", operation_id = "start_flow_run", tag = "flow runs",
    params(
        ("flow" = String, Path, description = "The flow", example = "etl"),
        ("name" = String, Path, description = "The deployment's name after the slash", example = "nightly"),
        ("Idempotency-Key" = Option<String>, Header, description = "Of this request, should it have to be sent again"),
    ),
    request_body = Option<StartRun>,
    responses(
        (status = 201, description = "The new flow run; `Location` is its place", body = FlowRunView),
        (status = 200, description = "The earlier flow run that has the idempotency key", body = FlowRunView),
    ),
    security(("token" = ["operator"]))
)]
async fn start(
    State(app): State<App>,
    Bearer(token): Bearer,
    Path((flow, name)): Path<(String, String)>,
    headers: HeaderMap,
    OptionalBody(mut start): OptionalBody<StartRun>,
) -> Result<Response, Refused> {
    // Should this server end before the answer is kept, the run itself has the key.
    if let (None, Some(key)) = (&start.idempotency_key, key_of(&headers)?) {
        start.idempotency_key = Some(format!("request {} {key}", token.id));
    }
    let deployment = format!("{flow}/{name}");
    let StartedRun { run, is_new } = app.client.start_run(&deployment, start).await?;
    let status = if is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let place = format!("/v1/flow-runs/{}", run.id);
    Ok((status, [(LOCATION, place)], Json(run)).into_response())
}

/// Several runs to start.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StartRuns {
    /// At most 1000.
    runs: Vec<StartRun>,
}

/// A run that was started with others.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StartedRunView {
    /// Whether it is new, and not an earlier one with the same idempotency key.
    is_new: bool,
    run: FlowRunView,
}

/// Start several runs of a deployment, all or none
#[utoipa::path(
    post, path = "/v1/deployments/{flow}/{name}/runs/batch", operation_id = "start_flow_runs", tag = "flow runs",
    params(
        ("flow" = String, Path, description = "The flow", example = "etl"),
        ("name" = String, Path, description = "The deployment's name after the slash", example = "nightly"),
        ("Idempotency-Key" = Option<String>, Header, description = "Of this request, should it have to be sent again"),
    ),
    request_body = StartRuns,
    responses((status = 201, description = "The flow runs, in the order of the request", body = Vec<StartedRunView>)),
    security(("token" = ["operator"]))
)]
async fn start_many(
    State(app): State<App>,
    Bearer(token): Bearer,
    Path((flow, name)): Path<(String, String)>,
    headers: HeaderMap,
    JsonBody(StartRuns { mut runs }): JsonBody<StartRuns>,
) -> Result<(StatusCode, Json<Vec<StartedRunView>>), Refused> {
    if runs.len() > STARTS_MAX {
        let detail = format!("{} runs are more than {STARTS_MAX}", runs.len());
        return Err(Refused::new(WebProblem::TooLarge, detail).hint("send them in parts"));
    }
    if let Some(key) = key_of(&headers)? {
        for (at, start) in runs.iter_mut().enumerate() {
            let own = || format!("request {} {key}:{at}", token.id);
            start.idempotency_key.get_or_insert_with(own);
        }
    }
    let deployment = format!("{flow}/{name}");
    let started = app.client.start_runs(&deployment, runs).await?;
    let views = started
        .into_iter()
        .map(|StartedRun { run, is_new }| StartedRunView { is_new, run });
    Ok((StatusCode::CREATED, Json(views.collect())))
}

/// Cancel a flow run, and every run that it started
///
/// One that runs or waits is told, may clean up for a short time, and ends.
#[utoipa::path(
    post, path = "/v1/flow-runs/{run}/cancel", operation_id = "cancel_flow_run", tag = "flow runs",
    params(("run" = String, Path, description = "Its id, the beginning of it, or its name")),
    responses((status = 200, description = "The flow run as it is now", body = FlowRunView)),
    security(("token" = ["operator"]))
)]
async fn cancel(
    State(app): State<App>,
    Path(run): Path<String>,
) -> Result<Json<FlowRunView>, Refused> {
    Ok(Json(app.client.cancel_run(&run).await?))
}

/// Stop a flow run until it is resumed
#[utoipa::path(
    post, path = "/v1/flow-runs/{run}/pause", operation_id = "pause_flow_run", tag = "flow runs",
    params(("run" = String, Path, description = "Its id, the beginning of it, or its name")),
    responses((status = 200, description = "The flow run as it is now", body = FlowRunView)),
    security(("token" = ["operator"]))
)]
async fn pause(
    State(app): State<App>,
    Path(run): Path<String>,
) -> Result<Json<FlowRunView>, Refused> {
    Ok(Json(app.client.pause_run(&run).await?))
}

/// Let a paused flow run go on
#[utoipa::path(
    post, path = "/v1/flow-runs/{run}/resume", operation_id = "resume_flow_run", tag = "flow runs",
    params(("run" = String, Path, description = "Its id, the beginning of it, or its name")),
    responses((status = 200, description = "The flow run as it is now", body = FlowRunView)),
    security(("token" = ["operator"]))
)]
async fn resume(
    State(app): State<App>,
    Path(run): Path<String>,
) -> Result<Json<FlowRunView>, Refused> {
    Ok(Json(app.client.resume_run(&run).await?))
}

/// Open a new attempt of a flow run that is over
#[utoipa::path(
    post, path = "/v1/flow-runs/{run}/retry", operation_id = "retry_flow_run", tag = "flow runs",
    params(("run" = String, Path, description = "Its id, the beginning of it, or its name")),
    request_body = Option<RetryRun>,
    responses((status = 200, description = "The flow run as it is now", body = FlowRunView)),
    security(("token" = ["operator"]))
)]
async fn retry(
    State(app): State<App>,
    Path(run): Path<String>,
    OptionalBody(retry): OptionalBody<RetryRun>,
) -> Result<Json<FlowRunView>, Refused> {
    Ok(Json(app.client.retry_run(&run, retry).await?))
}

/// Delete a flow run that is over, with all that belongs to it
///
/// Its journal, log, task runs and subflows go with it. Runs that it started stay.
#[utoipa::path(
    delete, path = "/v1/flow-runs/{run}", operation_id = "delete_flow_run", tag = "flow runs",
    params(("run" = String, Path, description = "Its id, the beginning of it, or its name")),
    responses((status = 204, description = "It is deleted")),
    security(("token" = ["admin"]))
)]
async fn delete(State(app): State<App>, Path(run): Path<String>) -> Result<StatusCode, Refused> {
    app.client.delete_run(&run).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List what a flow run waits for a person to give
#[utoipa::path(
    get, path = "/v1/flow-runs/{run}/inputs", operation_id = "list_inputs", tag = "flow runs",
    params(("run" = String, Path, description = "Its id, the beginning of it, or its name")),
    responses((status = 200, description = "The awaited inputs, oldest first", body = Page<InputView>)),
    security(("token" = ["viewer"]))
)]
async fn inputs(
    State(app): State<App>,
    Path(run): Path<String>,
) -> Result<Json<Page<InputView>>, Refused> {
    Ok(Json(Page::all(app.client.run_inputs(&run).await?)))
}

/// Give a flow run an input that it waits for
#[utoipa::path(
    post, path = "/v1/flow-runs/{run}/inputs/{key}", operation_id = "give_input", tag = "flow runs",
    params(
        ("run" = String, Path, description = "Its id, the beginning of it, or its name"),
        ("key" = String, Path, description = "The key of the input", example = "approval"),
    ),
    request_body(content = model::Json, description = "The value, which fits the input's schema", content_type = "application/json"),
    responses((status = 204, description = "It was given")),
    security(("token" = ["operator"]))
)]
async fn give_input(
    State(app): State<App>,
    Path((run, key)): Path<(String, String)>,
    TextOrJson(value): TextOrJson,
) -> Result<StatusCode, Refused> {
    app.client.give_input(&run, Some(&key), value).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Read or follow the log of a flow run
///
/// With `Accept: text/event-stream` the answer is a stream: an event `log` for each line, from
/// the first or after that of `Last-Event-ID`, and `end` when the run is over. Who comes again
/// after that gets 204.
#[utoipa::path(
    get, path = "/v1/flow-runs/{run}/logs", operation_id = "list_flow_run_logs", tag = "flow runs",
    params(
        ("run" = String, Path, description = "Its id, the beginning of it, or its name"),
        LogQuery,
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the last line, for streams"),
    ),
    responses(
        (status = 200, description = "A part of the log, with that of its tasks and subflows; or the stream", content(
            (Page<LogView> = "application/json"), (String = "text/event-stream")
        )),
        (status = 204, description = "The run is over, and all was told"),
    ),
    security(("token" = ["viewer"]))
)]
async fn logs(
    State(app): State<App>,
    Bearer(token): Bearer,
    Path(run): Path<String>,
    headers: HeaderMap,
    Query(query): Query<LogQuery>,
) -> Result<Response, Refused> {
    if wants_stream(&headers) {
        return follow_log(app, token, run, &headers, query).await;
    }
    Ok(Json(app.client.run_logs(&run, query).await?).into_response())
}

/// Read the journal of a flow run
#[utoipa::path(
    get, path = "/v1/flow-runs/{run}/journal", operation_id = "list_journal_entries", tag = "flow runs",
    params(("run" = String, Path, description = "Its id, the beginning of it, or its name"), JournalQuery),
    responses((status = 200, description = "A part of the journal", body = Page<EntryView>)),
    security(("token" = ["viewer"]))
)]
async fn journal(
    State(app): State<App>,
    Path(run): Path<String>,
    Query(query): Query<JournalQuery>,
) -> Result<Json<Page<EntryView>>, Refused> {
    Ok(Json(app.client.run_journal(&run, query).await?))
}

/// List every state that a flow run was in
#[utoipa::path(
    get, path = "/v1/flow-runs/{run}/history", operation_id = "list_states", tag = "flow runs",
    params(("run" = String, Path, description = "Its id, the beginning of it, or its name")),
    responses((status = 200, description = "Its states, oldest first", body = Page<HistoryLineView>)),
    security(("token" = ["viewer"]))
)]
async fn history(
    State(app): State<App>,
    Path(run): Path<String>,
) -> Result<Json<Page<HistoryLineView>>, Refused> {
    Ok(Json(Page::all(app.client.run_history(&run).await?)))
}

/// List the flow runs that a flow run started
#[utoipa::path(
    get, path = "/v1/flow-runs/{run}/children", operation_id = "list_children", tag = "flow runs",
    params(("run" = String, Path, description = "Its id, the beginning of it, or its name"), RunQuery),
    responses((status = 200, description = "A part of the listing", body = Page<FlowRunView>)),
    security(("token" = ["viewer"]))
)]
async fn children(
    State(app): State<App>,
    Path(run): Path<String>,
    Query(query): Query<RunQuery>,
) -> Result<Json<Page<FlowRunView>>, Refused> {
    let query = RunQuery {
        parent: Some(run),
        ..query
    };
    Ok(Json(app.client.list_runs(query).await?))
}

/// List the task runs of a flow run
#[utoipa::path(
    get, path = "/v1/flow-runs/{run}/task-runs", operation_id = "list_flow_run_task_runs", tag = "flow runs",
    params(("run" = String, Path, description = "Its id, the beginning of it, or its name"), TaskRunQuery),
    responses((status = 200, description = "A part of the listing", body = Page<TaskRunView>)),
    security(("token" = ["viewer"]))
)]
async fn task_runs(
    State(app): State<App>,
    Path(run): Path<String>,
    Query(query): Query<TaskRunQuery>,
) -> Result<Json<Page<TaskRunView>>, Refused> {
    let query = TaskRunQuery {
        flow_run: Some(run),
        ..query
    };
    Ok(Json(app.client.list_task_runs(query).await?))
}

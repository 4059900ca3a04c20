//! Task runs.

use axum::Json;
use axum::extract::{Path, State};
use model::TaskRunId;
use operations::client::{LogQuery, Page, TaskRunQuery};
use operations::problem::{Problem, ProblemKind};
use operations::view::{LogView, TaskRunView};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::web::{Query, Refused};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default()
        .routes(routes!(list))
        .routes(routes!(inspect))
        .routes(routes!(logs))
}

fn id(text: &str) -> Result<TaskRunId, Refused> {
    text.parse().map_err(|_| {
        let detail = format!("`{text}` is no id of a task run");
        Problem::new(ProblemKind::NotFound, detail)
            .hint("`orch-host task-run ls` lists those there are")
            .into()
    })
}

/// List task runs
#[utoipa::path(
    get, path = "/v1/task-runs", operation_id = "list_task_runs", tag = "task runs",
    params(TaskRunQuery),
    responses((status = 200, description = "A part of the listing", body = Page<TaskRunView>)),
    security(("token" = ["viewer"]))
)]
async fn list(
    State(app): State<App>,
    Query(query): Query<TaskRunQuery>,
) -> Result<Json<Page<TaskRunView>>, Refused> {
    Ok(Json(app.client.list_task_runs(query).await?))
}

/// Show a task run
#[utoipa::path(
    get, path = "/v1/task-runs/{id}", operation_id = "get_task_run", tag = "task runs",
    params(("id" = TaskRunId, Path, description = "Its id")),
    responses((status = 200, description = "The task run", body = TaskRunView)),
    security(("token" = ["viewer"]))
)]
async fn inspect(
    State(app): State<App>,
    Path(text): Path<String>,
) -> Result<Json<TaskRunView>, Refused> {
    Ok(Json(app.client.inspect_task_run(id(&text)?).await?))
}

/// Read the log of a task run
#[utoipa::path(
    get, path = "/v1/task-runs/{id}/logs", operation_id = "list_task_run_logs", tag = "task runs",
    params(("id" = TaskRunId, Path, description = "Its id"), LogQuery),
    responses((status = 200, description = "A part of the log", body = Page<LogView>)),
    security(("token" = ["viewer"]))
)]
async fn logs(
    State(app): State<App>,
    Path(text): Path<String>,
    Query(query): Query<LogQuery>,
) -> Result<Json<Page<LogView>>, Refused> {
    let task_run = app.client.inspect_task_run(id(&text)?).await?;
    let query = LogQuery {
        task_run: vec![task_run.id],
        ..query
    };
    let flow_run = task_run.flow_run.to_string();
    Ok(Json(app.client.run_logs(&flow_run, query).await?))
}

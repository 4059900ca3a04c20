//! A run that is watched: what the command line shows of it, as it comes.
//!
//! An event's id is the place behind it, from which a client goes on. Where several things were
//! read at once, only the last of them moves the place, so that none is left out.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use operations::client::{LocalWatch, WatchQuery, Watching as _};
use operations::problem::Problem;
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::named::run_of;
use crate::app::App;
use crate::auth::Bearer;
use crate::web::{
    EventSender, Gone, Query, Refused, WebProblem, event_stream, last_event_id, wants_stream,
};

const END: &str = "end";

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(watch))
}

/// Watch a flow run
///
/// A stream of server-sent events: `news`, of which each is an object with one field, `problem`
/// if the run cannot be watched any more, and `end`. It is what `orch-host flow-run watch` shows.
/// Who comes again after the end gets 204.
#[utoipa::path(
    get, path = "/v1/flow-runs/{run}/watch", operation_id = "watch_flow_run", tag = "flow runs",
    params(
        ("run" = String, Path, description = "Its id, the beginning of it, or its name"),
        WatchQuery,
        ("Last-Event-ID" = Option<String>, Header, description = "As `after`"),
    ),
    responses(
        (status = 200, description = "The stream", body = String, content_type = "text/event-stream"),
        (status = 204, description = "All was told"),
    ),
    security(("token" = ["viewer"]))
)]
async fn watch(
    State(app): State<App>,
    Bearer(token): Bearer,
    Path(run): Path<String>,
    headers: HeaderMap,
    Query(mut query): Query<WatchQuery>,
) -> Result<Response, Refused> {
    if !wants_stream(&headers) {
        let detail = "a run is watched by a stream only";
        return Err(Refused::new(WebProblem::NotAcceptable, detail)
            .hint("send `Accept: text/event-stream`"));
    }
    let run = run_of(&app, run).await?;
    if let Some(id) = last_event_id(&headers) {
        if id == END {
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        query.after = Some(id);
    }
    let begin = query.after.clone().unwrap_or_default();
    let watched = LocalWatch::new(app.hub.clone(), &run, query)?;
    let slot = app.limits.stream(token.id)?;
    Ok(event_stream(|mut sender| async move {
        let stopped = app.stopped();
        let writing = async {
            let _slot = slot;
            let _ = write(watched, begin, &mut sender).await;
        };
        tokio::select! {
            () = writing => (),
            () = stopped => (),
        }
    }))
}

/// Why a run is not watched any more.
#[derive(Serialize)]
struct Refusal {
    #[serde(rename = "type")]
    kind: &'static str,
    detail: String,
    hint: Option<String>,
}

#[derive(Serialize)]
struct Nothing {}

async fn write(
    mut watched: LocalWatch,
    mut place: String,
    sender: &mut EventSender,
) -> Result<(), Gone> {
    sender.flush().await?;
    loop {
        match sender.wait(watched.next()).await? {
            Ok(Some(news)) => {
                place = watched.place().unwrap_or(place);
                sender.add(&place, "news", &news);
            }
            Ok(None) => {
                sender.add(&END, "end", &Nothing {});
                return sender.flush().await;
            }
            Err(problem) if problem.kind.is_mistake_of_user() => {
                sender.add(&END, "problem", &refusal(problem));
                return sender.flush().await;
            }
            Err(error) => {
                // The client comes again.
                tracing::warn!(%error, "a run cannot be watched");
                return Err(Gone);
            }
        }
        sender.flush().await?;
    }
}

fn refusal(problem: Problem) -> Refusal {
    Refusal {
        kind: problem.kind.slug(),
        detail: problem.detail,
        hint: problem.hint,
    }
}

//! Events: what has changed, of everything or of one run.
//!
//! A program reads them by parts, or follows them as server-sent events. Both go on after a
//! cursor, across reconnects and restarts of the server; nothing is told twice or left out.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use model::{EventCursor, FlowRun};
use operations::client::{
    Answered, EventFilter, EventQuery, ListOrder, Page, RunEventQuery, list_events, place_of_event,
};
use operations::problem::{Problem, ProblemKind};
use operations::stream::{Heard, Subscription};
use operations::view::EventView;
use serde::Serialize;
use store::StoreResult;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::named::run_of;
use crate::app::App;
use crate::auth::{Bearer, Slot};
use crate::web::{EventSender, Gone, Query, Refused, event_stream, last_event_id, wants_stream};

/// Ends the id of the event that tells of the end.
const END: &str = ".end";
/// How long to wait for what may not come before looking again how far was read.
const IDLE: Duration = Duration::from_millis(50);

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default()
        .routes(routes!(all))
        .routes(routes!(of_run))
}

/// The place of a stream to go on from, and whether the end was told there already.
fn place(query: &EventQuery, headers: &HeaderMap) -> Answered<(Option<EventCursor>, bool)> {
    if query.order == Some(ListOrder::NewestFirst) {
        let detail = "a stream cannot go from the newest event to the oldest";
        return Err(Problem::new(ProblemKind::InvalidQuery, detail)
            .hint("leave `order` out, or accept `application/json`"));
    }
    let asked = last_event_id(headers);
    let asked = asked.as_deref().or(query.after.as_deref());
    let Some(text) = asked.or(query.cursor.as_deref()) else {
        return Ok((None, false));
    };
    match text.strip_suffix(END) {
        Some(place) => Ok((Some(place_of_event(place)?), true)),
        None => Ok((Some(place_of_event(text)?), false)),
    }
}

/// Read or follow what changes
///
/// With `Accept: text/event-stream` the answer is a stream. Its events are named by their type;
/// `reset` says that the place is not known any more: read anew what is of interest.
#[utoipa::path(
    get, path = "/v1/events", operation_id = "list_events", tag = "events",
    params(
        EventQuery,
        ("Last-Event-ID" = Option<String>, Header, description = "As `after`, for streams"),
    ),
    responses(
        (status = 200, description = "A part of the stream, oldest first; or the stream itself", content(
            (Page<EventView> = "application/json"), (String = "text/event-stream")
        )),
        (status = 410, description = "The place is not known any more", body = crate::web::ProblemDocument, content_type = "application/problem+json"),
    ),
    security(("token" = ["viewer"]))
)]
async fn all(
    State(app): State<App>,
    Bearer(token): Bearer,
    headers: HeaderMap,
    Query(query): Query<EventQuery>,
) -> Result<Response, Refused> {
    if !wants_stream(&headers) {
        return Ok(Json(list_events(&app.hub, &query).await?).into_response());
    }
    let (place, _) = place(&query, &headers)?;
    let filter = EventFilter::of(&app.hub, &query).await?;
    let slot = app.limits.stream(token.id)?;
    let subscription = subscribe(&app, &filter, place).await?;
    Ok(follow(app, subscription, filter, None, slot))
}

/// Read or follow what changes about a flow run
///
/// Of the run, its task runs, its log, its inputs, the subflows within it, and the states of its
/// children. A stream of a run that is over ends with the event `end`; who comes again after that
/// gets 204.
#[utoipa::path(
    get, path = "/v1/flow-runs/{run}/events", operation_id = "list_flow_run_events", tag = "events",
    params(
        ("run" = String, Path, description = "Its id, the beginning of it, or its name"),
        RunEventQuery,
        ("Last-Event-ID" = Option<String>, Header, description = "As `after`, for streams"),
    ),
    responses(
        (status = 200, description = "A part of the stream, oldest first; or the stream itself", content(
            (Page<EventView> = "application/json"), (String = "text/event-stream")
        )),
        (status = 204, description = "The run is over, and all was told"),
        (status = 410, description = "The place is not known any more", body = crate::web::ProblemDocument, content_type = "application/problem+json"),
    ),
    security(("token" = ["viewer"]))
)]
async fn of_run(
    State(app): State<App>,
    Bearer(token): Bearer,
    Path(run): Path<String>,
    headers: HeaderMap,
    Query(query): Query<RunEventQuery>,
) -> Result<Response, Refused> {
    let run = run_of(&app, run).await?;
    let query = query.of(run.id);
    if !wants_stream(&headers) {
        return Ok(Json(list_events(&app.hub, &query).await?).into_response());
    }
    let (place, is_told) = place(&query, &headers)?;
    if is_told && run.state.kind.is_terminal() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let filter = EventFilter::of(&app.hub, &query).await?;
    let slot = app.limits.stream(token.id)?;
    let subscription = subscribe(&app, &filter, place).await?;
    Ok(follow(app, subscription, filter, Some(run), slot))
}

async fn subscribe(
    app: &App,
    filter: &EventFilter,
    place: Option<EventCursor>,
) -> Result<Subscription, Refused> {
    let subscription = match place {
        Some(place) => app.hub.subscribe(filter.scope, place).await,
        None => app.hub.subscribe_now(filter.scope).await,
    };
    Ok(subscription?)
}

/// Writes events until the client is gone, the run is over, or the server stops. Then the client
/// goes on after the last id that it has had.
fn follow(
    app: App,
    subscription: Subscription,
    filter: EventFilter,
    run: Option<FlowRun>,
    slot: Slot,
) -> Response {
    event_stream(|mut sender| async move {
        let stopped = app.stopped();
        let writing = async {
            let _slot = slot;
            let _ = match run {
                Some(run) => write_run(&app, subscription, &filter, run, &mut sender).await,
                None => write_all(subscription, &filter, &mut sender).await,
            };
        };
        tokio::select! {
            () = writing => (),
            () = stopped => (),
        }
    })
}

async fn write_all(
    mut subscription: Subscription,
    filter: &EventFilter,
    sender: &mut EventSender,
) -> Result<(), Gone> {
    sender.flush().await?;
    loop {
        write_next(&mut subscription, filter, sender).await?;
    }
}

/// Waits for what is next, and writes it.
async fn write_next(
    subscription: &mut Subscription,
    filter: &EventFilter,
    sender: &mut EventSender,
) -> Result<(), Gone> {
    let heard = sender.wait(subscription.next()).await?;
    write(heard, subscription, filter, sender).await
}

async fn write(
    heard: StoreResult<Heard>,
    subscription: &Subscription,
    filter: &EventFilter,
    sender: &mut EventSender,
) -> Result<(), Gone> {
    match heard {
        Ok(Heard::Events(batch)) => {
            for told in batch.iter().filter(|told| filter.wants(&told.placed)) {
                let view = EventView::from(&**told);
                sender.add(&view.cursor, &view.kind, &view);
            }
        }
        Ok(Heard::Reset) => sender.add(&subscription.cursor(), "reset", &Nothing {}),
        Err(error) => {
            // The client comes again.
            tracing::warn!(%error, "events cannot be read");
            return Err(Gone);
        }
    }
    sender.flush().await
}

/// The data of an event that says all by its name.
#[derive(Serialize)]
struct Nothing {}

/// Until the run is over and all is told. What is told last comes before the look at the run,
/// so nothing falls in between.
async fn write_run(
    app: &App,
    mut subscription: Subscription,
    filter: &EventFilter,
    run: FlowRun,
    sender: &mut EventSender,
) -> Result<(), Gone> {
    sender.flush().await?;
    let mut run = Some(run);
    loop {
        let is_over = run.as_ref().is_none_or(|run| run.state.kind.is_terminal());
        let until = match app.store.newest_event().await {
            Ok(until) => until,
            Err(_) => return Err(Gone),
        };
        if is_over {
            while subscription.cursor().place() < until.place() {
                // What is left may be of other runs: then nothing comes.
                let next = tokio::time::timeout(IDLE, subscription.next()).await;
                if let Ok(heard) = next {
                    write(heard, &subscription, filter, sender).await?;
                }
            }
            let id = format!("{}{END}", subscription.cursor());
            sender.add(&id, "end", &Nothing {});
            return sender.flush().await;
        }
        write_next(&mut subscription, filter, sender).await?;
        let Some(known) = &run else { continue };
        match app.store.flow_run(known.id).await {
            Ok(found) => run = found,
            Err(_) => return Err(Gone),
        }
    }
}

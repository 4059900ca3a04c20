//! Tells a page that something on it has changed, at most once a second. The page then asks
//! for itself again.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures::stream::{self, StreamExt as _};
use operations::client::InspectRun;
use operations::stream::{Scope, Subscription};
use store::BulkId;

use super::bulk;
use super::cx::Cx;
use super::task_run;
use crate::web::Refused;

/// The least time between two looks of a page.
const PAUSE: Duration = Duration::from_secs(1);
/// So often something is sent, so that a connection that is gone is noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// `/live?page=PATH&after=CURSOR`
pub async fn live(cx: Cx) -> Result<Response, Refused> {
    let page = cx.query.get("page").unwrap_or("/");
    let path = page.split('?').next().unwrap_or_default();
    if let Some(id) = path.strip_prefix("/bulk-actions/")
        && let Ok(id) = id.parse()
    {
        return follow_action(&cx, id);
    }
    let scope = scope(&cx, path).await?;
    let slot = cx.app.limits.stream(cx.visitor.token().id)?;
    // From what the page has seen on: so nothing is missed between the two requests.
    let subscription = match cx.query.get("after").map(str::parse) {
        Some(Ok(after)) => cx.app.hub.subscribe(scope, after).await?,
        _ => cx.app.hub.subscribe_now(scope).await?,
    };
    let changes = stream::unfold(
        (subscription, slot),
        |(mut subscription, slot)| async move {
            changed(&mut subscription).await.then_some(())?;
            let event = Ok::<_, Infallible>(Event::default().event("changed").data("page"));
            Some((event, (subscription, slot)))
        },
    );
    let changes = changes.take_until(cx.app.stopped());
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    Ok(Sse::new(changes).keep_alive(keep_alive).into_response())
}

/// The same for the page of an action on many runs.
fn follow_action(cx: &Cx, id: BulkId) -> Result<Response, Refused> {
    let slot = cx.app.limits.stream(cx.visitor.token().id)?;
    let changes = bulk::changes(Arc::clone(&cx.client), id).take_until(cx.app.stopped());
    let changes = changes.map(move |event| {
        // Held for as long as the stream.
        let _ = &slot;
        event
    });
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    Ok(Sse::new(changes).keep_alive(keep_alive).into_response())
}

/// Waits for a change, and then for more of them for a while. False: there will be none.
async fn changed(subscription: &mut Subscription) -> bool {
    if subscription.next().await.is_err() {
        // The page asks again later.
        return false;
    }
    let pause = tokio::time::sleep(PAUSE);
    tokio::pin!(pause);
    loop {
        tokio::select! {
            () = &mut pause => return true,
            heard = subscription.next() => {
                if heard.is_err() {
                    return true;
                }
            }
        }
    }
}

/// What a page is about.
async fn scope(cx: &Cx, path: &str) -> Result<Scope, Refused> {
    let mut parts = path.trim_matches('/').split('/');
    let scope = match (parts.next(), parts.next()) {
        (Some("flow-runs"), Some(run)) => {
            let run = cx.client.inspect_run(run, InspectRun::default()).await?;
            Scope::Run(run.run.id)
        }
        (Some("task-runs"), Some(id)) => {
            let task = cx.client.inspect_task_run(task_run::id(id)?).await?;
            Scope::Run(task.flow_run)
        }
        _ => Scope::Everything,
    };
    Ok(scope)
}

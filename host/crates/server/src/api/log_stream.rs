//! The log of a run, line by line as it comes.
//!
//! ```text
//! is the run over? --> read and write what is new of its log --over--> `end`
//!        ^                                |
//!        +------- something changed ------+
//! ```
//!
//! Each line's id is its place, so a client that was cut off goes on with the next line. The
//! look at the run comes before the reading: what was said before it ended is not missed.

use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use model::{FlowRun, Token};
use operations::client::LogQuery;
use operations::problem::{Problem, ProblemKind};
use operations::stream::{Scope, Subscription};
use operations::view::LogView;
use serde::Serialize;
use store::{LogFilter, LogPlace, PageRequest};

use super::named::run_of;
use crate::app::App;
use crate::web::{EventSender, Gone, Refused, event_stream, last_event_id};

/// Lines read at once.
const LINES: u32 = 500;
const END: &str = "end";

/// Follows the log of a run from the place that the client names, or from its begin.
pub(super) async fn follow_log(
    app: App,
    token: Token,
    run: String,
    headers: &HeaderMap,
    query: LogQuery,
) -> Result<Response, Refused> {
    let run = run_of(&app, run).await?;
    let after = last_event_id(headers);
    if after.as_deref() == Some(END) && run.state.kind.is_terminal() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let place = match after.filter(|after| after != END) {
        None => None,
        Some(after) => Some(after.parse::<LogPlace>().map_err(|reason| {
            Problem::new(ProblemKind::InvalidCursor, reason)
                .hint("pass the id of a line as it is, or begin without")
        })?),
    };
    let filter = query.filter(run.id);
    let slot = app.limits.stream(token.id)?;
    let subscription = app.hub.subscribe_now(Scope::Run(run.id)).await?;
    Ok(event_stream(|mut sender| async move {
        let stopped = app.stopped();
        let writing = async {
            let _slot = slot;
            let lines = Lines {
                app: &app,
                filter,
                place,
            };
            let _ = lines.write(run, subscription, &mut sender).await;
        };
        tokio::select! {
            () = writing => (),
            () = stopped => (),
        }
    }))
}

struct Lines<'a> {
    app: &'a App,
    filter: LogFilter,
    /// Of the last line that was written.
    place: Option<LogPlace>,
}

#[derive(Serialize)]
struct Nothing {}

impl Lines<'_> {
    async fn write(
        mut self,
        run: FlowRun,
        mut subscription: Subscription,
        sender: &mut EventSender,
    ) -> Result<(), Gone> {
        sender.flush().await?;
        loop {
            let found = self.app.store.flow_run(run.id).await;
            let found = found.map_err(|_| Gone)?;
            let is_over = found.is_none_or(|run| run.state.kind.is_terminal());
            self.write_new(sender).await?;
            if is_over {
                sender.add(&END, "end", &Nothing {});
                return sender.flush().await;
            }
            sender.wait(subscription.next()).await?.map_err(|_| Gone)?;
        }
    }

    async fn write_new(&mut self, sender: &mut EventSender) -> Result<(), Gone> {
        loop {
            let request = match self.place {
                Some(place) => PageRequest::newer(self.filter.at(place), LINES),
                None => PageRequest::oldest(LINES),
            };
            let page = self.app.store.logs(&self.filter, &request).await;
            let page = page.map_err(|_| Gone)?;
            for (place, line) in page.items {
                self.place = Some(place);
                sender.add(&place, "log", &LogView::from(line));
            }
            sender.flush().await?;
            if page.next.is_none() {
                return Ok(());
            }
        }
    }
}

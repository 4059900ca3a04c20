//! Actions on many runs: asking first, and how far each is.
//!
//! ```text
//! ticked rows, or a filter --POST--> a page that asks, with the filter in words
//!                                      --POST--> the action begins --> its page, which is live
//! ```

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use axum::response::sse::Event;
use futures::stream::{self, Stream};
use model::RunId;
use operations::client::{AskBulk, BulkQuery, BulkVerb, Client, QueryRequest as _, RunQuery};
use operations::problem::{Problem, ProblemKind};
use operations::view::{BulkActionView, FilterView, SkippedView};
use store::BulkId;

use super::cx::{Cx, rendered, see_other};
use super::flow_run::Ask;
use super::flow_runs::{FILTERS, times};
use super::listing::Listing;
use super::parts::{Action, Cell, Empty, Hidden, Link, Pair, Row, Switch, Table, columns};
use super::query::Query;
use super::shell::Shell;
use super::show::{count, plural, short_id};
use crate::web::{Refused, WebProblem};

/// Rows of a page.
const ROWS: u32 = 100;
/// The time between two looks at an action that goes on.
const LOOK: Duration = Duration::from_secs(1);

/// What was posted: what to do, and to which runs.
struct Posted {
    verb: BulkVerb,
    runs: Runs,
}

enum Runs {
    Ticked(Vec<RunId>),
    /// As the visitor has typed them.
    All(Query),
}

impl Posted {
    fn of(cx: &Cx, form: &Query) -> Result<Self, Refused> {
        let word = form.get("action").unwrap_or_default();
        let verb = BulkVerb::of(word);
        let verb = verb.ok_or_else(|| {
            let detail = format!("`{word}` is nothing that can be done to flow runs");
            Problem::new(ProblemKind::InvalidQuery, detail)
        })?;
        if !cx.visitor.role().allows(verb.role()) {
            let detail = format!("to {word} flow runs needs the role {}", verb.role());
            return Err(Refused::new(WebProblem::Forbidden, detail));
        }
        let runs = if form.get("which") == Some("all") {
            let filter = Query::parse(form.get("filter").unwrap_or_default());
            Runs::All(filter.only(&FILTERS))
        } else {
            Runs::Ticked(ticked(form)?)
        };
        Ok(Self { verb, runs })
    }
}

fn ticked(form: &Query) -> Result<Vec<RunId>, Problem> {
    let ids = form.all("id").map(|text| {
        text.parse().map_err(|_| {
            let detail = format!("`{text}` is not the id of a flow run");
            Problem::new(ProblemKind::InvalidQuery, detail)
        })
    });
    let ids: Vec<RunId> = ids.collect::<Result<_, _>>()?;
    if ids.is_empty() {
        let none = Problem::new(ProblemKind::InvalidQuery, "no flow run is ticked");
        return Err(none.hint("tick rows, or choose all that match"));
    }
    Ok(ids)
}

fn filter(cx: &Cx, typed: &Query) -> Result<RunQuery, Problem> {
    RunQuery::from_query(&times(cx, typed)?.to_string())
}

/// `POST /flow-runs/bulk`: asks whether it is meant.
pub async fn ask(cx: Cx, form: Query) -> Result<Response, Refused> {
    let Posted { verb, runs } = Posted::of(&cx, &form)?;
    let word = text(verb.as_str());
    let mut lines = Vec::new();
    let mut hidden = vec![field("action", verb.as_str())];
    let (question, back) = match &runs {
        Runs::Ticked(ids) => {
            hidden.extend(ids.iter().map(|id| field("id", id)));
            let runs = plural(ids.len() as u64, "flow run", "flow runs");
            (format!("{word} {runs}?"), Query::default())
        }
        Runs::All(typed) => {
            // Whoever answers later has seen no more than what there is now.
            let mut listing = filter(&cx, typed)?;
            listing.limit = Some(1);
            let newest = cx.client.list_runs(listing).await?.newest;
            hidden.push(field("which", "all"));
            hidden.push(field("filter", typed));
            hidden.extend(newest.map(|newest| field("newest", newest)));
            lines.extend(words(typed));
            if typed.is_empty() {
                lines.push("No filter is set: this is about every flow run.".to_owned());
            }
            lines.push("Runs that are created after this are left alone.".to_owned());
            (format!("{word} all flow runs that match?"), typed.clone())
        }
    };
    lines.push(consequence(verb).to_owned());
    lines.push("Runs to which this cannot be done are left alone.".to_owned());
    let mut choices = Vec::new();
    if verb == BulkVerb::Retry {
        choices.push(Switch {
            name: "from_scratch",
            text: "Repeat what had completed, too",
        });
    }
    Ok(rendered(&Ask {
        shell: cx.shell(format!("{word} flow runs")),
        question,
        lines,
        action: "/bulk-actions".to_owned(),
        hidden,
        choices,
        verb: text(verb.as_str()),
        is_dangerous: verb.is_dangerous(),
        back: back.at("/flow-runs"),
    }))
}

fn field(name: &'static str, value: impl ToString) -> Hidden {
    Hidden {
        name,
        value: value.to_string(),
    }
}

fn text(word: &str) -> &'static str {
    match word {
        "cancel" => "Cancel",
        "pause" => "Pause",
        "resume" => "Resume",
        "retry" => "Retry",
        "delete" => "Delete",
        _ => "Change",
    }
}

fn consequence(verb: BulkVerb) -> &'static str {
    match verb {
        BulkVerb::Cancel => {
            "What has not begun ends at once. What runs is told, and has 10 s to clean up. Runs that \
             these runs started end, too."
        }
        BulkVerb::Pause => {
            "They stop when their running tasks have ended, and give their slots back."
        }
        BulkVerb::Resume => "They go on where they were.",
        BulkVerb::Retry => {
            "A new attempt of each begins. What earlier attempts have completed is not repeated."
        }
        BulkVerb::Delete => {
            "Their journals, logs, task runs and subflows go with them. This cannot be undone. Runs \
             that they started stay."
        }
    }
}

/// A filter for people, a line a field.
fn words(filter: &Query) -> Vec<String> {
    let named = FILTERS.into_iter().zip([
        "State",
        "Flow",
        "Deployment",
        "Work pool",
        "Tag",
        "Started by",
        "Created since",
        "Created until",
        "Name or id",
    ]);
    let line = |(name, label): (&str, &str)| {
        let values: Vec<&str> = filter.all(name).collect();
        (!values.is_empty()).then(|| format!("{label}: {}", values.join(" or ")))
    };
    named.filter_map(line).collect()
}

/// `POST /bulk-actions`
pub async fn begin(cx: Cx, form: Query) -> Result<Response, Refused> {
    let Posted { verb, runs } = Posted::of(&cx, &form)?;
    let (runs, filter) = match runs {
        Runs::Ticked(ids) => (Some(ids), None),
        Runs::All(typed) => (None, Some(filter(&cx, &typed)?)),
    };
    let ask = AskBulk {
        action: verb,
        from_scratch: form.get("from_scratch").is_some(),
        newest: form.get("newest").map(str::to_owned),
        runs,
        filter,
    };
    let action = cx.client.ask_bulk(ask, cx.visitor.name()).await?;
    Ok(see_other(&path(&action.id), ""))
}

fn path(id: &str) -> String {
    format!("/bulk-actions/{id}")
}

fn named(id: &str) -> Result<BulkId, Problem> {
    id.parse().map_err(|_| {
        let detail = format!("`{id}` is not the id of an action on many runs");
        Problem::new(ProblemKind::NotFound, detail)
    })
}

/// `/bulk-actions`
pub async fn list(cx: Cx) -> Response {
    cx.answer(async |cx| {
        let asked = cx.query.only(&["cursor"]).with("limit", ROWS);
        let page = cx
            .client
            .list_bulk(BulkQuery::from_query(&asked.to_string())?)
            .await?;
        let shell = Shell {
            json: Some(cx.query.at("/v1/bulk-actions")),
            ..cx.shell("Actions on many runs")
        };
        let mut listing = Listing::new(shell, "Actions on many runs");
        listing.crumbs.push(Link::new("Runs", "/flow-runs"));
        let row = |action: &BulkActionView| Row {
            id: format!("action-{}", action.id),
            cells: vec![
                Cell::link(heading(action), path(&action.id)).grow(),
                Cell::text(state(action)).plain(),
                Cell::text(count(action.done)).number("done"),
                Cell::text(count(action.skipped)).number("left alone"),
                Cell::text(&action.by).short("by"),
                Cell::When(Some(cx.now.when(action.asked))).short(""),
            ],
        };
        listing.tables.push(Table {
            id: "actions",
            label: "Actions",
            columns: columns(["Action", "State", "#Done", "#Left alone", "By", "Asked"]),
            rows: page.items.iter().map(row).collect(),
            empty: Empty::new("Nothing was done to many runs at once yet.")
                .link("Runs", "/flow-runs"),
            next: page
                .next
                .map(|next| cx.query.with("cursor", next).at(&cx.path)),
            ..Table::default()
        });
        Ok(rendered(&listing))
    })
    .await
}

/// Such as `Cancel all runs that match`.
fn heading(action: &BulkActionView) -> String {
    let verb = text(&action.action);
    match action.runs {
        Some(runs) => format!("{verb} {}", plural(runs, "flow run", "flow runs")),
        None => format!("{verb} all flow runs that match"),
    }
}

fn state(action: &BulkActionView) -> &'static str {
    match action.state.as_str() {
        "RUNNING" => "Goes on",
        "STOPPED" => "Stopped",
        _ => "Done",
    }
}

fn goes_on(action: &BulkActionView) -> bool {
    action.state == "RUNNING"
}

/// `/bulk-actions/{id}`
pub async fn page(cx: Cx, id: String) -> Response {
    cx.answer(async |cx| {
        let action = cx.client.inspect_bulk(named(&id)?).await?;
        let shell = Shell {
            live: goes_on(&action),
            copy_id: Some(action.id.clone()),
            json: Some(format!("/v1{}", path(&action.id))),
            ..cx.shell(format!("{}: {}", heading(&action), state(&action)))
        };
        let mut listing = Listing::new(shell, heading(&action));
        listing.crumbs.push(Link::new("Runs", "/flow-runs"));
        listing
            .crumbs
            .push(Link::new("Actions on many runs", "/bulk-actions"));
        if goes_on(&action) && cx.can_operate() {
            let stop = Action::new("Stop", format!("{}/stop", path(&action.id)));
            listing.actions.push(stop.asking());
        }
        listing.facts = facts(cx, &action);
        listing.tables.push(reasons(&action));
        Ok(rendered(&listing))
    })
    .await
}

fn facts(cx: &Cx, action: &BulkActionView) -> Vec<Pair> {
    let mut facts = vec![
        Pair::new("State", state(action)),
        Pair::new("Done", count(action.done)),
        Pair::new("Left alone", count(action.skipped)),
    ];
    if let Some(filter) = &action.filter {
        let query = query_of(filter);
        let lines = words(&query);
        let text = if lines.is_empty() {
            "every run".to_owned()
        } else {
            lines.join("; ")
        };
        facts.push(Pair::new("Runs", text).to(query.at("/flow-runs")));
    }
    if action.from_scratch == Some(true) {
        facts.push(Pair::new("From scratch", "yes"));
    }
    if let Some(at) = action.searched_to {
        facts.push(Pair::new("Searched back to", cx.now.when(at).full));
    }
    facts.push(Pair::new("Asked by", action.by.clone()));
    facts.push(Pair::new("Asked", cx.now.when(action.asked).full));
    facts
}

/// The listing that the filter is of.
fn query_of(filter: &FilterView) -> Query {
    let mut query = Query::default();
    let mut add = |name: &str, value: String| query.0.push((name.to_owned(), value));
    filter.state.iter().for_each(|it| add("state", it.clone()));
    filter
        .flow
        .iter()
        .for_each(|it| add("flow", it.to_string()));
    for it in &filter.deployment {
        add("deployment", it.to_string());
    }
    filter
        .pool
        .iter()
        .for_each(|it| add("pool", it.to_string()));
    filter.tag.iter().for_each(|it| add("tag", it.clone()));
    filter
        .parent
        .iter()
        .for_each(|it| add("parent", it.to_string()));
    filter
        .since
        .iter()
        .for_each(|it| add("since", it.to_string()));
    filter
        .until
        .iter()
        .for_each(|it| add("until", it.to_string()));
    filter.text.iter().for_each(|it| add("text", it.clone()));
    query
}

fn reasons(action: &BulkActionView) -> Table {
    let example = |id: &RunId| {
        let id = id.to_string();
        Link::new(short_id(&id), format!("/flow-runs/{id}"))
    };
    let row = |(at, skipped): (usize, &SkippedView)| Row {
        id: format!("reason-{at}"),
        cells: vec![
            Cell::text(&skipped.text).grow(),
            Cell::text(count(skipped.count)).number("runs"),
            Cell::Links(skipped.examples.iter().map(example).collect()).own_line(),
        ],
    };
    Table {
        id: "reasons",
        label: "Why runs were left alone",
        heading: "Why runs were left alone".to_owned(),
        columns: columns(["Why", "#Runs", "Some of them"]),
        rows: action.reasons.iter().enumerate().map(row).collect(),
        empty: Empty::new("None was left alone."),
        ..Table::default()
    }
}

/// `GET /bulk-actions/{id}/stop`
pub async fn ask_stop(cx: Cx, id: String) -> Response {
    cx.answer(async |cx| {
        let action = cx.client.inspect_bulk(named(&id)?).await?;
        let path = path(&action.id);
        Ok(rendered(&Ask {
            shell: cx.shell("Stop an action on many runs"),
            question: "Stop this action?".to_owned(),
            lines: vec!["What was done stays done. It cannot go on later.".to_owned()],
            action: format!("{path}/stop"),
            hidden: Vec::new(),
            choices: Vec::new(),
            verb: "Stop",
            is_dangerous: false,
            back: path,
        }))
    })
    .await
}

/// `POST /bulk-actions/{id}/stop`
pub async fn stop(cx: Cx, id: String) -> Response {
    cx.answer(async |cx| {
        let action = cx.client.stop_bulk(named(&id)?).await?;
        let said = match action.state.as_str() {
            "STOPPED" => "Stopped",
            _ => "It had ended already",
        };
        Ok(see_other(&path(&action.id), said))
    })
    .await
}

/// Tells the page of an action that it is further. The action has no events of its own, so it is
/// looked at while it goes on; then the stream stays silent.
pub fn changes(
    client: Arc<dyn Client>,
    id: BulkId,
) -> impl Stream<Item = Result<Event, Infallible>> + Send {
    let progress = |it: &BulkActionView| (it.state.clone(), it.done, it.skipped, it.searched_to);
    stream::unfold((client, None), move |(client, mut seen)| async move {
        loop {
            tokio::time::sleep(LOOK).await;
            // What cannot be read now is looked at again.
            let Ok(action) = client.inspect_bulk(id).await else {
                continue;
            };
            let now = progress(&action);
            if seen.as_ref() != Some(&now) {
                seen = Some(now);
                // Browsers drop an event without data.
                let event = Event::default().event("changed").data("page");
                return Some((Ok(event), (client, seen)));
            }
            if !goes_on(&action) {
                std::future::pending::<()>().await;
            }
        }
    })
}

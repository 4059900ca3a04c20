//! What has changed, of everything or of one run, the newest first.

use axum::response::Response;
use futures::FutureExt as _;
use operations::client::{self, Answered, EventQuery, QueryRequest as _, list_events};
use operations::view::{EventType, EventView, FlowRunEventView, StateView, TaskRunEventView};

use super::cx::{Cx, bad_request, rendered};
use super::filters::{Field, Filters, is_of_filters, wrong};
use super::flow_runs::deployment_path;
use super::listing::Listing;
use super::parts::{Cell, Empty, Row, Table, columns};
use super::query::{Query, segment};
use super::shell::Shell;
use super::show::{Shown, first_chars, plural};

/// Rows of a page.
const ROWS: u32 = 100;

const FILTERS: [&str; 2] = ["type", "run"];

/// `/events`
pub async fn list(cx: Cx) -> Response {
    cx.answer(async |cx| {
        let filters = cx.query.only(&FILTERS);
        let asked = cx.query.only(&["type", "run", "cursor"]);
        let (page, wrong) = match listed(cx, &asked.with("limit", ROWS)).await {
            Ok(page) => (page, Vec::new()),
            Err(problem) if is_of_filters(&problem, &filters) => {
                let ask = |alone| async move { listed(cx, &alone).await.map(drop) }.boxed();
                let wrong = wrong(&filters, FILTERS, problem, ask).await;
                (client::Page::all::<EventView>([]), wrong)
            }
            Err(problem) => return Err(problem),
        };
        let is_first = cx.query.get("cursor").is_none();
        let shell = Shell {
            live: is_first,
            json: Some(asked.with("order", "newest-first").at("/v1/events")),
            ..cx.shell("Events")
        };
        let mut listing = Listing::new(shell, "Events");
        let shown = Filters::new("/events", &filters, fields(), wrong);
        let is_wrong = shown.is_wrong();
        listing.filters = Some(shown);
        listing.tables.push(Table {
            id: "events",
            label: "Events",
            columns: columns(["At", "Event", "Of", "What", ""]),
            rows: page.items.iter().map(|event| row(cx, event)).collect(),
            empty: if filters.is_empty() {
                Empty::new("Nothing has happened yet.").command("orch-host deploy FILE.wasm")
            } else if is_wrong {
                Empty::new("A filter is wrong.").link("Clear filters", "/events")
            } else {
                Empty::new("No event passes these filters.").link("Clear filters", "/events")
            },
            searched: page.searched_to.map(|at| cx.now.when(at).short),
            next: page
                .next
                .map(|next| filters.with("cursor", next).at(&cx.path)),
            newest: is_first.then(|| cx.here()),
            ..Table::default()
        });
        Ok(if is_wrong {
            bad_request(&listing)
        } else {
            rendered(&listing)
        })
    })
    .await
}

async fn listed(cx: &Cx, asked: &Query) -> Answered<client::Page<EventView>> {
    let asked = asked.with("order", "newest-first").to_string();
    list_events(&cx.app.hub, &EventQuery::from_query(&asked)?).await
}

fn fields() -> Vec<Field> {
    let types = EventType::ALL.map(|it| (it.as_str(), text(it.as_str())));
    vec![
        Field::new("Type", "type", "").of([("", "Any")].into_iter().chain(types)),
        Field::new("Flow run", "run", "id or name"),
    ]
}

fn text(kind: &str) -> &str {
    match kind {
        "flow-run" => "Flow run",
        "task-run" => "Task run",
        "log" => "Log",
        "input" => "Input",
        "artifact" => "Artifact",
        "deployment" => "Deployment",
        "pool" => "Work pool",
        "worker" => "Worker",
        other => other,
    }
}

fn row(cx: &Cx, event: &EventView) -> Row {
    let told = Told::of(event);
    let of_type = Query::default().with("type", &event.kind).at("/events");
    Row {
        id: format!("event-{}", event.cursor),
        cells: vec![
            Cell::When(Some(cx.now.when(event.at))).short(""),
            Cell::link(text(&event.kind), of_type).short(""),
            match told.href {
                Some(href) => Cell::link(&told.of, href).grow(),
                None => Cell::text(&told.of).grow(),
            },
            told.what.plain(),
            Cell::Cause(told.more).own_line(),
        ],
    }
}

/// An event in words.
struct Told {
    /// What it is about, and where that is.
    of: String,
    href: Option<String>,
    what: Cell,
    more: String,
}

impl Told {
    fn of(event: &EventView) -> Self {
        // The name of the run, where it is known; else, of one that is gone, its id.
        let name = |id: &dyn ToString| match &event.run {
            Some(run) if run.id.to_string() == id.to_string() => run.name.to_string(),
            _ => id.to_string(),
        };
        let run_path = |id: &dyn ToString| Some(format!("/flow-runs/{}", id.to_string()));
        if let Some(it) = &event.flow_run {
            let href = run_path(&it.id).filter(|_| it.state.is_some());
            return Self::of_flow_run(it, name(&it.id), href);
        }
        if let Some(it) = &event.task_run {
            return Self::of_task_run(it, &name(&it.flow_run));
        }
        if let Some(it) = &event.log {
            return Self {
                of: name(&it.flow_run),
                href: run_path(&it.flow_run).map(|path| format!("{path}?tab=logs")),
                what: Cell::text(plural(u64::from(it.count), "line", "lines")),
                more: format!("up to {}", it.level),
            };
        }
        if let Some(it) = &event.input {
            return Self {
                of: name(&it.flow_run),
                href: run_path(&it.flow_run),
                what: Cell::text(&it.change),
                more: format!("input `{}`", it.key),
            };
        }
        if let Some(it) = &event.artifact {
            return Self {
                of: name(&it.flow_run),
                href: Some(format!("/artifacts/{}", it.id)),
                what: Cell::text(&it.kind),
                more: format!("artifact `{}`", it.key),
            };
        }
        let (of, href, change) = if let Some(it) = &event.deployment {
            (it.name.to_string(), deployment_path(&it.name), &it.change)
        } else if let Some(it) = &event.pool {
            (it.name.to_string(), pool_path(&it.name), &it.change)
        } else if let Some(it) = &event.worker {
            let pool = it.pool.as_ref().map(pool_path);
            let path = pool.unwrap_or_else(|| "/work-pools".to_owned());
            (it.name.clone(), path, &it.change)
        } else {
            return Self {
                of: String::new(),
                href: None,
                what: Cell::text(""),
                more: String::new(),
            };
        };
        Self {
            of,
            href: Some(href).filter(|_| change != "deleted"),
            what: Cell::text(change),
            more: String::new(),
        }
    }

    fn of_flow_run(it: &FlowRunEventView, name: String, href: Option<String>) -> Self {
        let Some(state) = &it.state else {
            return Self {
                of: name,
                href,
                what: Cell::text("deleted"),
                more: String::new(),
            };
        };
        let is_new = it.is_new.then(|| "new".to_owned());
        Self {
            of: name,
            href,
            what: Cell::State(Shown::from(state)),
            more: more(is_new, it.attempt, state),
        }
    }

    fn of_task_run(it: &TaskRunEventView, run: &str) -> Self {
        Self {
            of: it.name.clone(),
            href: Some(format!("/task-runs/{}", it.id)),
            what: Cell::State(Shown::from(&it.state)),
            more: more(Some(format!("of {run}")), it.attempt, &it.state),
        }
    }
}

/// Such as `new`, or `of silver-otter, attempt 2: no such file`.
fn more(first: Option<String>, attempt: u32, state: &StateView) -> String {
    let attempt = (attempt > 1).then(|| format!("attempt {attempt}"));
    let known: Vec<String> = first.into_iter().chain(attempt).collect();
    let message = state.message.as_deref().map(|it| first_chars(it, 300));
    let parts = [Some(known.join(", ")), message];
    let said: Vec<String> = parts
        .into_iter()
        .flatten()
        .filter(|it| !it.is_empty())
        .collect();
    said.join(": ")
}

fn pool_path(pool: &model::PoolName) -> String {
    format!("/work-pools/{}", segment(pool.as_str()))
}

//! The list of flow runs: presets, filters, rows that change in place.

use askama::Template;
use axum::response::Response;
use futures::FutureExt as _;
use model::DeploymentName;
use operations::client::{self, Answered, QueryRequest as _, RunQuery, TallyQuery};
use operations::problem::{Problem, ProblemKind};
use operations::view::FlowRunView;

use super::bars::bars;
use super::cx::{Cx, bad_request, html, rendered};
use super::filters::{Field, Filters, is_of_filters, wrong};
use super::parts::{Empty, Link};
use super::query::{Query, segment};
use super::shell::Shell;
use super::show::{Shown, Took, When, first_chars, quoted};

/// Rows of a page.
const ROWS: u32 = 50;

/// The filters, by the names that the API and the command line have for them.
pub const FILTERS: [&str; 9] = [
    "state",
    "flow",
    "deployment",
    "pool",
    "tag",
    "parent",
    "since",
    "until",
    "text",
];

const UNFINISHED: &str = "state=SCHEDULED&state=PENDING&state=RUNNING&state=WAITING\
                          &state=PAUSED&state=CANCELLING";

/// Filters with a name of their own.
const PRESETS: [(&str, &str); 6] = [
    ("All", ""),
    ("Unfinished", UNFINISHED),
    ("Failed today", "state=FAILED&state=CRASHED&since="),
    ("Late", "state=Late"),
    ("Retrying", "state=AwaitingRetry&state=Retrying"),
    ("Needs input", "state=Suspended"),
];

/// What the field for the state offers, beside several at once.
const STATES: [(&str, &str); 16] = [
    ("", "Any"),
    ("SCHEDULED", "Scheduled"),
    ("Late", "Late"),
    ("AwaitingRetry", "AwaitingRetry"),
    ("PENDING", "Pending"),
    ("RUNNING", "Running"),
    ("Retrying", "Retrying"),
    ("WAITING", "Waiting"),
    ("Suspended", "Suspended"),
    ("PAUSED", "Paused"),
    ("CANCELLING", "Cancelling"),
    ("COMPLETED", "Completed"),
    ("FAILED", "Failed"),
    ("TimedOut", "TimedOut"),
    ("CRASHED", "Crashed"),
    ("CANCELLED", "Cancelled"),
];

#[derive(Template)]
#[template(path = "flow_runs.html")]
struct Page {
    shell: Shell,
    presets: Vec<Preset>,
    filters: Filters,
    /// The filters as they are posted with what is to be done.
    filter_query: String,
    histogram: Option<String>,
    can_operate: bool,
    can_administer: bool,
    newest: Option<String>,
    here: String,
    rows: Vec<String>,
    empty: Empty,
    searched: Option<String>,
    next: Option<String>,
}

struct Preset {
    text: &'static str,
    href: String,
    is_current: bool,
}

/// `/flow-runs`
pub async fn list(cx: Cx) -> Response {
    cx.answer(async |cx| {
        let filters = cx.query.only(&FILTERS);
        let cursor = cx.query.only(&["cursor"]);
        let mut asked = filters.clone();
        asked.0.extend(cursor.0.iter().cloned());
        let asked = asked.with("limit", ROWS);
        let (listed, wrong) = match listed(cx, &asked).await {
            Ok(listed) => (listed, Vec::new()),
            // The page says what is wrong at the filters, and lists nothing.
            Err(problem) if is_of_filters(&problem, &filters) => {
                let ask = |alone| async move { listed(cx, &alone).await.map(drop) }.boxed();
                let wrong = wrong(&filters, FILTERS, problem, ask).await;
                (client::Page::all::<FlowRunView>([]), wrong)
            }
            Err(problem) => return Err(problem),
        };
        let shown = Filters::new("/flow-runs", &filters, fields(), wrong);
        let page = Page {
            shell: shell(cx),
            presets: presets(cx, &filters),
            filter_query: filters.to_string(),
            histogram: histogram(cx, &filters).await?,
            can_operate: cx.can_operate(),
            can_administer: cx.can_administer(),
            newest: (!cursor.is_empty()).then(|| filters.at("/flow-runs")),
            here: cx.here(),
            rows: rows(cx, &listed.items),
            empty: nothing(&filters, shown.is_wrong()),
            searched: listed.searched_to.map(|at| cx.now.when(at).short),
            next: listed
                .next
                .map(|next| filters.with("cursor", next).at("/flow-runs")),
            filters: shown,
        };
        Ok(if page.filters.is_wrong() {
            bad_request(&page)
        } else {
            rendered(&page)
        })
    })
    .await
}

async fn listed(cx: &Cx, asked: &Query) -> Answered<client::Page<FlowRunView>> {
    let query = RunQuery::from_query(&times(cx, asked)?.to_string())?;
    cx.client.list_runs(query).await
}

/// The query with times as programs write them; people type them in their own zone.
pub fn times(cx: &Cx, query: &Query) -> Answered<Query> {
    let mut read = query.clone();
    for (name, value) in &mut read.0 {
        if matches!(name.as_str(), "since" | "until") && value.parse::<jiff::Timestamp>().is_err() {
            *value = cx.now.zone.read(value).ok_or_else(|| {
                let detail = format!("`{value}` is no time");
                Problem::new(ProblemKind::InvalidQuery, detail)
                    .hint("write it as `2026-11-28 14:00` or `2026-11-28T14:00:00Z`")
            })?;
        }
    }
    Ok(read)
}

/// How many of them ended, by time. None where filters say what totals do not know.
async fn histogram(cx: &Cx, filters: &Query) -> Answered<Option<String>> {
    const KNOWN: [&str; 5] = ["state", "flow", "deployment", "since", "until"];
    if filters
        .0
        .iter()
        .any(|(name, _)| !KNOWN.contains(&name.as_str()))
    {
        return Ok(None);
    }
    let Ok(filters) = &times(cx, filters) else {
        return Ok(None);
    };
    let mut asked = filters.only(&["flow", "deployment"]);
    for (name, field) in [("since", "from"), ("until", "to")] {
        if let Some(at) = filters.get(name) {
            asked = asked.with(field, at);
        }
    }
    let Ok(query) = TallyQuery::from_query(&asked.to_string()) else {
        return Ok(None);
    };
    let tallies = cx.client.tally_runs(query).await?;
    Ok(Some(bars(&cx.now, &tallies, filters)))
}

fn shell(cx: &Cx) -> Shell {
    Shell {
        live: cx.query.get("cursor").is_none(),
        json: Some(cx.query.at("/v1/flow-runs")),
        command: Some(command(&cx.query.only(&FILTERS))),
        ..cx.shell("Flow runs")
    }
}

/// The command that lists the same.
fn command(filters: &Query) -> String {
    let mut command = "orch-host flow-run ls".to_owned();
    for (name, value) in &filters.0 {
        command += &format!(" --{name} {}", quoted(value));
    }
    command
}

fn presets(cx: &Cx, filters: &Query) -> Vec<Preset> {
    let preset = |(text, query): (&'static str, &str)| {
        let mut query = Query::parse(query);
        if query.0.iter().any(|(name, _)| name == "since") {
            query = query.with("since", cx.now.midnight());
        }
        Preset {
            text,
            is_current: query == *filters,
            href: query.at("/flow-runs"),
        }
    };
    PRESETS.into_iter().map(preset).collect()
}

/// What stands in place of the rows.
fn nothing(filters: &Query, is_wrong: bool) -> Empty {
    if is_wrong {
        Empty::new("A filter is wrong.").link("Clear filters", "/flow-runs")
    } else if filters.is_empty() {
        Empty::new("No flow has run yet.").command("orch-host deployment run FLOW/DEPLOYMENT")
    } else {
        Empty::new("No flow run passes these filters.").link("Clear filters", "/flow-runs")
    }
}

fn fields() -> Vec<Field> {
    vec![
        Field::new("State", "state", "").of(STATES),
        Field::new("Flow", "flow", "etl"),
        Field::new("Deployment", "deployment", "etl/nightly"),
        Field::new("Work pool", "pool", "default-pool"),
        Field::new("Tag", "tag", ""),
        Field::new("Started by", "parent", "id or name"),
        Field::new("Created since", "since", "2026-11-28 14:00"),
        Field::new("Created until", "until", "2026-11-28 15:00"),
        Field::new("Name or id", "text", "silver-otter"),
    ]
}

/// A row of a table of flow runs.
#[derive(Template)]
#[template(path = "run_row.html")]
struct Row {
    id: String,
    name: String,
    state: Shown,
    flow: String,
    deployment: Option<Link>,
    started: Option<When>,
    started_label: &'static str,
    took: Took,
    attempt: u32,
    cause: Option<String>,
    can_operate: bool,
}

/// Rows of a table of flow runs, with a box to tick.
pub fn rows(cx: &Cx, runs: &[FlowRunView]) -> Vec<String> {
    runs.iter()
        .map(|run| row(cx, run, cx.can_operate()))
        .collect()
}

/// A row, with or without a box to tick.
pub fn row(cx: &Cx, run: &FlowRunView, can_operate: bool) -> String {
    let is_ahead = run.started.is_none() && run.scheduled > cx.now.at;
    let started = if is_ahead {
        Some(run.scheduled)
    } else {
        run.started
    };
    html(&Row {
        id: run.id.to_string(),
        name: run.name.to_string(),
        state: Shown::from(&run.state),
        flow: run.flow.to_string(),
        deployment: run.deployment.as_ref().map(deployment_link),
        started: started.map(|at| cx.now.when(at)),
        started_label: if is_ahead { "due" } else { "started" },
        took: cx.now.span(run.counted_from(), run.ended),
        attempt: run.attempt,
        cause: cause(run),
        can_operate,
    })
}

pub fn deployment_link(name: &DeploymentName) -> Link {
    Link::new(name.to_string(), deployment_path(name))
}

pub fn deployment_path(name: &DeploymentName) -> String {
    let (flow, deployment) = (name.flow.to_string(), name.name.to_string());
    format!("/deployments/{}/{}", segment(&flow), segment(&deployment))
}

/// The filter for the runs of a deployment.
pub fn deployment_query(name: &DeploymentName) -> Query {
    Query::default().with("deployment", name)
}

/// Why it is where it is, in a line or two.
pub fn cause(run: &FlowRunView) -> Option<String> {
    let message = run.failure.as_ref().map(|failure| &failure.message);
    let cause = message.or(run.state.message.as_ref())?;
    Some(first_chars(cause, 300))
}

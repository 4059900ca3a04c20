//! Task runs and child runs of a flow run.

use askama::Template;
use model::StateType;
use operations::client::{Answered, QueryRequest as _, RunQuery, TaskRunQuery};
use operations::view::{FlowRunDetailsView, FlowRunView, TaskRunView};

use crate::pages::cx::{Cx, html};
use crate::pages::flow_runs;
use crate::pages::parts::{Choice, Link, choices};
use crate::pages::query::Query;
use crate::pages::show::{Shown, Took, When, count, first_chars, slug};

/// Rows of a page.
const ROWS: u32 = 100;

#[derive(Template)]
#[template(path = "tab_tasks.html")]
struct Tasks {
    action: String,
    states: Vec<Choice>,
    text: String,
    rows: Vec<Task>,
    next: Option<String>,
}

struct Task {
    id: String,
    name: String,
    task: String,
    state: Shown,
    started: Option<When>,
    took: Took,
    attempt: u32,
    cause: Option<String>,
}

const TASK_STATES: [(&str, &str); 6] = [
    ("", "Any"),
    ("RUNNING", "Running"),
    ("AwaitingRetry", "AwaitingRetry"),
    ("COMPLETED", "Completed"),
    ("FAILED", "Failed"),
    ("CANCELLED", "Cancelled"),
];

pub async fn tasks(cx: &Cx, run: &FlowRunView) -> Answered<String> {
    let mut asked = cx.query.only(&["state", "task", "text", "cursor"]);
    asked = asked.with("flow_run", run.id).with("limit", ROWS);
    let page = cx
        .client
        .list_task_runs(TaskRunQuery::from_query(&asked.to_string())?)
        .await?;
    Ok(html(&Tasks {
        action: cx.path.clone(),
        states: choices(TASK_STATES, cx.query.get("state").unwrap_or_default()),
        text: cx.query.get("text").unwrap_or_default().to_owned(),
        rows: page.items.iter().map(|run| task(cx, run)).collect(),
        next: page
            .next
            .map(|next| cx.query.with("cursor", next).at(&cx.path)),
    }))
}

fn task(cx: &Cx, run: &TaskRunView) -> Task {
    Task {
        id: run.id.to_string(),
        name: run.name.clone(),
        task: run.task.to_string(),
        state: Shown::from(&run.state),
        started: run.started.map(|at| cx.now.when(at)),
        took: cx.now.span(run.started, run.ended),
        attempt: run.attempt,
        cause: run
            .state
            .message
            .as_ref()
            .map(|text| first_chars(text, 300)),
    }
}

/// The last task that failed for good.
pub async fn failed_task(cx: &Cx, run: &FlowRunView) -> Answered<Option<Link>> {
    let asked = Query::default()
        .with("flow_run", run.id)
        .with("state", "FAILED")
        .with("limit", 1);
    let page = cx
        .client
        .list_task_runs(TaskRunQuery::from_query(&asked.to_string())?)
        .await?;
    let link = |task: &TaskRunView| Link::new(&task.name, format!("/task-runs/{}", task.id));
    Ok(page.items.last().map(link))
}

#[derive(Template)]
#[template(path = "tab_children.html")]
struct Children {
    tally: Vec<Counted>,
    rows: Vec<String>,
    next: Option<String>,
    all: String,
}

struct Counted {
    slug: String,
    text: String,
    count: String,
    href: String,
}

pub async fn children(cx: &Cx, details: &FlowRunDetailsView) -> Answered<String> {
    let id = details.run.id;
    let state = cx.query.get("state");
    let mut asked = cx.query.only(&["state", "cursor"]);
    asked = asked.with("parent", id).with("limit", ROWS);
    let page = cx
        .client
        .list_runs(RunQuery::from_query(&asked.to_string())?)
        .await?;
    let counted = |(kind, n): &(StateType, u64)| Counted {
        slug: slug(kind.as_str()),
        text: kind.as_str().to_ascii_lowercase(),
        count: count(*n),
        href: cx
            .query
            .only(&["tab"])
            .with("state", kind.as_str())
            .at(&cx.path),
    };
    let row = |run: &FlowRunView| flow_runs::row(cx, run, false);
    let mut all = Query::default().with("parent", id);
    if let Some(state) = state {
        all = all.with("state", state);
    }
    Ok(html(&Children {
        tally: details.children.0.iter().map(counted).collect(),
        rows: page.items.iter().map(row).collect(),
        next: page
            .next
            .map(|next| cx.query.with("cursor", next).at(&cx.path)),
        all: all.at("/flow-runs"),
    }))
}

//! One flow run: what it is, what can be done to it, and its parts behind tabs.

mod control;
mod history;
mod journal;
mod logs;
mod related;
mod timeline;
mod values;

use askama::Template;
use axum::response::Response;
use operations::client::{Answered, InspectRun};
use operations::view::{FlowRunDetailsView, FlowRunView};

pub use control::{Ask, act, ask};
pub use logs::{download, lines_of_task};

use super::artifacts;
use super::cx::{Cx, rendered};
use super::flow_runs::deployment_link;
use super::parts::{Action, Link};
use super::query::segment;
use super::shell::Shell;
use super::show::{Shown, Took, When, count, is_over, short_id};

#[derive(Template)]
#[template(path = "flow_run.html")]
struct Page {
    shell: Shell,
    id: String,
    short_id: String,
    name: String,
    crumbs: Vec<Link>,
    state: Shown,
    in_state: Took,
    attempt: Option<String>,
    pool: Option<String>,
    actions: Vec<Action>,
    more: Vec<Action>,
    inputs: Vec<Input>,
    can_operate: bool,
    failure: Option<FailureShown>,
    tabs: Vec<Tab>,
    body: String,
}

/// An input that the run waits for.
pub struct Input {
    pub key: String,
    pub description: String,
    pub until: Option<When>,
    pub href: String,
}

/// How a run came to its bad end.
struct FailureShown {
    /// Somebody wanted it so.
    is_wish: bool,
    title: String,
    text: String,
    task: Option<Link>,
    /// The last lines of its log.
    lines: Vec<String>,
}

struct Tab {
    text: String,
    href: String,
    is_current: bool,
}

/// The parts of the page, by the word in its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Timeline,
    Logs,
    Tasks,
    Children,
    Artifacts,
    Journal,
    Values,
    History,
}

impl Part {
    const ALL: [(Self, &str, &str); 8] = [
        (Self::Timeline, "timeline", "Timeline"),
        (Self::Logs, "logs", "Logs"),
        (Self::Tasks, "tasks", "Tasks"),
        (Self::Children, "children", "Children"),
        (Self::Artifacts, "artifacts", "Artifacts"),
        (Self::Journal, "journal", "Journal"),
        (Self::Values, "values", "Values"),
        (Self::History, "history", "History"),
    ];

    fn of(cx: &Cx) -> Self {
        let asked = cx.query.get("tab").unwrap_or_default();
        let found = Self::ALL.iter().find(|(_, word, _)| *word == asked);
        found.map_or(Self::Timeline, |(part, _, _)| *part)
    }
}

/// `/flow-runs/{id}`
pub async fn page(cx: Cx, run: String) -> Response {
    cx.answer(async |cx| {
        let details = cx.client.inspect_run(&run, InspectRun::default()).await?;
        let part = Part::of(cx);
        let body = body(cx, &details, part).await?;
        let run = &details.run;
        Ok(rendered(&Page {
            shell: shell(cx, run),
            id: run.id.to_string(),
            short_id: short_id(&run.id.to_string()),
            name: run.name.to_string(),
            crumbs: crumbs(run),
            state: Shown::from(&run.state),
            in_state: in_state(cx, run),
            attempt: (run.attempt > 1).then(|| format!("attempt {}", run.attempt)),
            pool: run.pool.as_ref().map(ToString::to_string),
            actions: control::first(cx, &details),
            more: control::more(cx, run),
            inputs: inputs(cx, &details),
            can_operate: cx.can_operate(),
            failure: failure(cx, run).await?,
            tabs: tabs(&details, part),
            body,
        }))
    })
    .await
}

async fn body(cx: &Cx, details: &FlowRunDetailsView, part: Part) -> Answered<String> {
    let run = &details.run;
    match part {
        Part::Timeline => timeline::tab(cx, &run.id.to_string(), &details.inputs).await,
        Part::Logs => logs::tab(cx, run).await,
        Part::Tasks => related::tasks(cx, run).await,
        Part::Children => related::children(cx, details).await,
        Part::Artifacts => artifacts::tab(cx, run).await,
        Part::Journal => journal::tab(cx, run).await,
        Part::Values => Ok(values::tab(run)),
        Part::History => history::tab(cx, run).await,
    }
}

fn shell(cx: &Cx, run: &FlowRunView) -> Shell {
    let id = run.id.to_string();
    Shell {
        live: true,
        copy_id: Some(id.clone()),
        command: Some(format!("orch-host flow-run inspect {id}")),
        json: Some(format!("/v1/flow-runs/{id}")),
        ..cx.shell(format!("{} {}", run.name, run.state.name))
    }
}

/// Where the run belongs.
fn crumbs(run: &FlowRunView) -> Vec<Link> {
    let mut crumbs = vec![match &run.deployment {
        Some(name) => deployment_link(name),
        None => Link::new(
            run.flow.to_string(),
            format!("/flow-runs?flow={}", segment(run.flow.as_str())),
        ),
    }];
    if let Some(parent) = run.parent {
        let text = format!("parent {}", short_id(&parent.to_string()));
        crumbs.push(Link::new(text, format!("/flow-runs/{parent}")));
    }
    crumbs
}

/// How long it took, or has been where it is.
fn in_state(cx: &Cx, run: &FlowRunView) -> Took {
    let is_over = is_over(run);
    if is_over {
        cx.now.span(run.counted_from(), run.ended)
    } else {
        cx.now.span(Some(run.state.at), None)
    }
}

fn inputs(cx: &Cx, details: &FlowRunDetailsView) -> Vec<Input> {
    let input = |input: &operations::view::InputView| Input {
        key: input.key.clone(),
        description: input.description.clone().unwrap_or_default(),
        until: input.until.map(|at| cx.now.when(at)),
        href: format!(
            "/flow-runs/{}/inputs/{}",
            input.flow_run,
            segment(&input.key)
        ),
    };
    details.inputs.iter().map(input).collect()
}

async fn failure(cx: &Cx, run: &FlowRunView) -> Answered<Option<FailureShown>> {
    let Some(failure) = &run.failure else {
        return Ok(None);
    };
    let (state, kind) = (&run.state.name, &failure.kind);
    Ok(Some(FailureShown {
        // Of one that was cancelled, both say the same.
        title: if kind.eq_ignore_ascii_case(state) {
            state.to_string()
        } else {
            format!("{state}: {kind}")
        },
        is_wish: run.state.kind == "CANCELLED",
        text: super::show::first_chars(&failure.message, 4_000),
        task: related::failed_task(cx, run).await?,
        lines: logs::last_lines(cx, run, 5).await?,
    }))
}

fn tabs(details: &FlowRunDetailsView, current: Part) -> Vec<Tab> {
    let id = details.run.id;
    let children: u64 = details.children.0.iter().map(|(_, n)| n).sum();
    let artifacts = details.artifacts.len() as u64;
    let tab = |(part, word, text): &(Part, &str, &str)| Tab {
        text: match part {
            Part::Children if children > 0 => format!("{text} {}", count(children)),
            // No more are read with a run.
            Part::Artifacts if artifacts >= 100 => format!("{text} 100+"),
            Part::Artifacts if artifacts > 0 => format!("{text} {artifacts}"),
            _ => (*text).to_owned(),
        },
        href: match part {
            Part::Timeline => format!("/flow-runs/{id}"),
            _ => format!("/flow-runs/{id}?tab={word}"),
        },
        is_current: *part == current,
    };
    Part::ALL.iter().map(tab).collect()
}

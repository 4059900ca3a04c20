//! The first page: what waits for a person, what went wrong, how much goes on.

use askama::Template;
use axum::response::Response;
use operations::view::{CountView, DashboardView, FlowRunView, PoolView};

use super::bars;
use super::cx::{Cx, rendered};
use super::flow_runs::cause;
use super::parts::{Empty, Link};
use super::pools::why_nothing_starts;
use super::query::{Query, segment};
use super::shell::Shell;
use super::show::{Shown, When, count, first_chars};

#[derive(Template)]
#[template(path = "dashboard.html")]
struct Page {
    shell: Shell,
    empty: Option<Empty>,
    tiles: Vec<Tile>,
    stuck: Vec<Stuck>,
    ended_text: String,
    bars: String,
    inputs: Vec<Input>,
    inputs_more: Option<Link>,
    can_operate: bool,
    failed: Vec<Failed>,
    failed_more: Option<Link>,
}

/// A number that leads to what it counts.
struct Tile {
    text: &'static str,
    count: String,
    slug: &'static str,
    href: &'static str,
}

struct Stuck {
    text: String,
    command: String,
}

struct Input {
    id: String,
    asked: When,
    until: Option<When>,
    run: String,
    run_name: String,
    key: String,
    description: String,
    href: String,
}

struct Failed {
    id: String,
    name: String,
    flow: String,
    state: Shown,
    ended: Option<When>,
    cause: String,
}

/// `/`
pub async fn page(cx: Cx) -> Response {
    cx.answer(async |cx| {
        let now = cx.client.dashboard().await?;
        Ok(rendered(&Page {
            shell: Shell {
                live: true,
                ..cx.shell("Dashboard")
            },
            empty: empty(&now),
            tiles: tiles(&now),
            stuck: now.pools.iter().filter_map(stuck).collect(),
            ended_text: bars::sum(&now.ended),
            bars: bars::bars(&cx.now, &now.ended, &Query::default()),
            inputs: inputs(cx, &now),
            inputs_more: now
                .more_inputs
                .then(|| Link::new("All", "/flow-runs?state=Suspended")),
            can_operate: cx.can_operate(),
            failed: now.failed.iter().map(|run| failed(cx, run)).collect(),
            failed_more: more(cx, &now),
        }))
    })
    .await
}

/// What to do first, where there is nothing.
fn empty(now: &DashboardView) -> Option<Empty> {
    let is_unused = now.pools.iter().all(|pool| pool.deployments == 0);
    is_unused.then(|| {
        Empty::new("Nothing is deployed yet. Build a flow, and deploy it:")
            .command("orch-host deploy FILE.wasm")
            .link("Deploy from here", "/components/new")
    })
}

fn tiles(now: &DashboardView) -> Vec<Tile> {
    let tile = |text, slug, href, n: CountView| Tile {
        text,
        count: counted(n),
        slug,
        href,
    };
    vec![
        tile(
            "Running",
            "running",
            "/flow-runs?state=RUNNING",
            now.running,
        ),
        tile("Late", "failed", "/flow-runs?state=Late", now.late),
        tile(
            "Waiting",
            "waiting",
            "/flow-runs?state=WAITING",
            now.waiting,
        ),
        tile(
            "Scheduled",
            "scheduled",
            "/flow-runs?state=SCHEDULED",
            now.scheduled,
        ),
    ]
}

fn counted(n: CountView) -> String {
    let more = if n.more { "+" } else { "" };
    format!("{}{more}", count(n.count))
}

fn stuck(pool: &PoolView) -> Option<Stuck> {
    let note = why_nothing_starts(pool)?;
    Some(Stuck {
        text: note.text,
        command: note.command.unwrap_or_default(),
    })
}

fn inputs(cx: &Cx, now: &DashboardView) -> Vec<Input> {
    let input = |asked: &operations::view::AskedView| {
        let input = &asked.input;
        let run = input.flow_run.to_string();
        Input {
            id: input.id.to_string(),
            asked: cx.now.when(input.asked),
            until: input.until.map(|at| cx.now.when(at)),
            run_name: match &asked.flow_run_name {
                Some(name) => name.to_string(),
                None => run.clone(),
            },
            key: input.key.clone(),
            description: first_chars(input.description.as_deref().unwrap_or_default(), 200),
            href: format!("/flow-runs/{run}/inputs/{}", segment(&input.key)),
            run,
        }
    };
    now.inputs.iter().map(input).collect()
}

fn failed(cx: &Cx, run: &FlowRunView) -> Failed {
    Failed {
        id: run.id.to_string(),
        name: run.name.to_string(),
        flow: run.flow.to_string(),
        state: Shown::from(&run.state),
        ended: run.ended.map(|at| cx.now.when(at)),
        cause: cause(run).unwrap_or_default(),
    }
}

fn more(cx: &Cx, now: &DashboardView) -> Option<Link> {
    let shown = now.failed.len() as u64;
    (now.failed_count.more || now.failed_count.count > shown).then(|| {
        let since = model::Timestamp(cx.now.at.0 - 86_400_000_000);
        let query = Query::parse("state=FAILED&state=CRASHED").with("since", since);
        let text = format!("All {}", counted(now.failed_count));
        Link::new(text, query.at("/flow-runs"))
    })
}

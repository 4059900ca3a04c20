//! What runs have made for people to look at.

use askama::Template;
use axum::response::Response;
use model::ArtifactKey;
use operations::artifacts::{Grid, in_short};
use operations::client::{Answered, ArtifactQuery, QueryRequest as _};
use operations::view::{ArtifactView, FlowRunView};

use super::cx::{Cx, html, rendered};
use super::listing::Listing;
use super::markdown;
use super::parts::{Cell, Empty, Link, Pair, Row, Table, columns};
use super::query::{Query, segment};
use super::shell::Shell;
use super::show::{Value, count, short_id};

/// Rows of a table that a page shows; the rest is a download away.
const ROWS_MAX: usize = 500;

/// So many versions are listed beside an artifact.
const VERSIONS: u32 = 20;

/// `/artifacts`
pub async fn list(cx: Cx) -> Response {
    cx.answer(async |cx| {
        let asked = cx.query.only(&["key", "flow_run", "task_run", "cursor"]);
        let query = ArtifactQuery::from_query(&asked.to_string())?;
        let key = query.key.clone();
        let mut command = vec!["orch-host artifact ls".to_owned()];
        let options = [
            ("key", "--key"),
            ("flow_run", "--flow-run"),
            ("task_run", "--task-run"),
        ];
        for (name, option) in options {
            if let Some(value) = cx.query.get(name) {
                command.push(format!("{option} {}", super::show::quoted(value)));
            }
        }
        let shell = Shell {
            live: true,
            command: Some(command.join(" ")),
            json: Some(asked.at("/v1/artifacts")),
            ..cx.shell("Artifacts")
        };
        let heading = match &key {
            Some(key) => format!("Versions of {key}"),
            None => "Artifacts".to_owned(),
        };
        let mut listing = Listing::new(shell, heading);
        if key.is_some() {
            listing.crumbs.push(Link::new("Artifacts", "/artifacts"));
        }
        listing.tables.push(table(cx, query).await?);
        Ok(rendered(&listing))
    })
    .await
}

/// A part of a listing.
async fn table(cx: &Cx, query: ArtifactQuery) -> Answered<Table> {
    let page = cx.client.list_artifacts(query).await?;
    Ok(Table {
        id: "artifacts",
        label: "Artifacts",
        columns: columns(["Key", "Type", "Shows", "Flow run", "Made"]),
        rows: page.items.iter().map(|it| row(cx, it)).collect(),
        empty: Empty::new(
            "There are no artifacts. Tasks and flows make them with `artifact::markdown`, `table`, `link`, `progress` and `image`.",
        ),
        next: page
            .next
            .map(|next| cx.query.with("cursor", next).at(&cx.path)),
        ..Table::default()
    })
}

fn row(cx: &Cx, artifact: &ArtifactView) -> Row {
    let run = format!("/flow-runs/{}", artifact.flow_run);
    Row {
        id: format!("artifact-{}", artifact.id),
        cells: vec![
            Cell::link(&artifact.key, format!("/artifacts/{}", artifact.id)).grow(),
            Cell::text(&artifact.kind).short(""),
            Cell::text(in_short(artifact)).own_line(),
            Cell::link(&artifact.flow_run_name, run).short(""),
            Cell::When(Some(cx.now.when(artifact.at))).short("made"),
        ],
    }
}

/// Those of a run, as a tab of its page.
pub async fn tab(cx: &Cx, run: &FlowRunView) -> Answered<String> {
    let query = ArtifactQuery {
        flow_run: Some(run.id.to_string()),
        cursor: cx.query.get("cursor").map(str::to_owned),
        ..ArtifactQuery::default()
    };
    let table = table(cx, query).await?;
    Ok(html(&Tab { table }))
}

#[derive(Template)]
#[template(path = "tab_artifacts.html")]
struct Tab {
    table: Table,
}

/// What a page draws of an artifact.
enum Body {
    /// Made of Markdown.
    Prose(String),
    Grid {
        grid: Grid,
        /// If not all rows are shown.
        left_out: Option<String>,
    },
    Link(String),
    Progress {
        percent: String,
    },
    Other(Value),
}

#[derive(Template)]
#[template(path = "artifact.html")]
struct Page {
    shell: Shell,
    key: String,
    kind: String,
    description: Option<String>,
    body: Body,
    /// All of it.
    data: Link,
    pairs: Vec<Pair>,
    versions: Vec<Version>,
    all_versions: String,
}

struct Version {
    id: String,
    href: String,
    shows: String,
    run: Link,
    made: super::show::When,
    is_this: bool,
}

/// `/artifacts/{id}`, or the latest of a key.
pub async fn page(cx: Cx, artifact: String) -> Response {
    cx.answer(async |cx| {
        let artifact = cx.client.inspect_artifact(&artifact).await?;
        let versions = versions(cx, &artifact).await?;
        let id = artifact.id;
        let file = format!("{}.json", artifact.key);
        Ok(rendered(&Page {
            shell: Shell {
                live: true,
                copy_id: Some(id.to_string()),
                command: Some(format!("orch-host artifact inspect {id}")),
                json: Some(format!("/v1/artifacts/{id}")),
                ..cx.shell(artifact.key.to_string())
            },
            key: artifact.key.to_string(),
            kind: artifact.kind.to_string(),
            description: artifact.description.clone(),
            body: body(&artifact),
            data: Link::new(file, format!("/artifacts/{id}/data.json")),
            pairs: pairs(cx, &artifact),
            versions,
            all_versions: all_versions(&artifact.key),
        }))
    })
    .await
}

fn all_versions(key: &ArtifactKey) -> String {
    Query::default().with("key", key).at("/artifacts")
}

async fn versions(cx: &Cx, artifact: &ArtifactView) -> Answered<Vec<Version>> {
    let query = ArtifactQuery {
        key: Some(artifact.key.clone()),
        limit: Some(VERSIONS),
        ..ArtifactQuery::default()
    };
    let found = cx.client.list_artifacts(query).await?;
    let version = |it: &ArtifactView| Version {
        id: format!("version-{}", it.id),
        href: format!("/artifacts/{}", it.id),
        shows: in_short(it),
        run: Link::new(
            it.flow_run_name.to_string(),
            format!("/flow-runs/{}", it.flow_run),
        ),
        made: cx.now.when(it.at),
        is_this: it.id == artifact.id,
    };
    Ok(found.items.iter().map(version).collect())
}

fn pairs(cx: &Cx, artifact: &ArtifactView) -> Vec<Pair> {
    let run = artifact.flow_run;
    let mut pairs = vec![
        Pair::new("Flow run", artifact.flow_run_name.to_string()).to(format!("/flow-runs/{run}")),
        Pair::new("Flow", artifact.flow.to_string()).to(format!(
            "/flow-runs?flow={}",
            segment(artifact.flow.as_str())
        )),
    ];
    if let Some(task) = artifact.task_run {
        let text = short_id(&task.to_string());
        pairs.push(Pair::new("Task run", text).to(format!("/task-runs/{task}")));
    }
    pairs.push(Pair::new("Made", cx.now.when(artifact.at).full));
    pairs
}

fn body(artifact: &ArtifactView) -> Body {
    let data = artifact.data.clone().unwrap_or_else(model::Json::null);
    if let Some(mut grid) = Grid::of(&data) {
        let rows = grid.rows.len();
        grid.rows.truncate(ROWS_MAX);
        let left_out = (rows > ROWS_MAX).then(|| {
            let (shown, all) = (count(ROWS_MAX as u64), count(rows as u64));
            format!("The first {shown} of {all} rows.")
        });
        return Body::Grid { grid, left_out };
    }
    match (&*artifact.kind, data.value()) {
        ("markdown", serde_json::Value::String(text)) => Body::Prose(markdown::html(&text)),
        ("link" | "image", serde_json::Value::String(text))
            if text.starts_with("http://") || text.starts_with("https://") =>
        {
            Body::Link(text)
        }
        ("progress", serde_json::Value::Number(percent)) => Body::Progress {
            percent: percent.to_string(),
        },
        _ => {
            let href = format!("/artifacts/{}/data.json", artifact.id);
            Body::Other(Value::json(&data, href, &format!("{}.json", artifact.key)))
        }
    }
}

//! Components: what was uploaded, what it declares, and deploying its flows.

use askama::Template;
use axum::response::Response;
use operations::client::{
    Answered, ComponentQuery, DeployRequest, DeploymentQuery, GrantsRequest, PoolQuery,
    QueryRequest as _,
};
use operations::problem::{Problem, ProblemKind};
use operations::text::size;
use operations::view::{ComponentView, DeploymentView, FlowView, TaskView};

use super::cx::{Cx, rendered, see_other};
use super::deployments::pool_path;
use super::flow_runs::deployment_path;
use super::listing::{Headed, Listing};
use super::parts::{Action, Cell, Choice, Empty, Link, Pair, Row, Table, columns};
use super::query::Query;
use super::shell::Shell;
use super::show::{Value, count, first_chars};

const ROWS: u32 = 100;

/// `/components`
pub async fn list(cx: Cx) -> Response {
    cx.answer(async |cx| {
        let asked = cx.query.only(&["cursor"]).with("limit", ROWS);
        let page = cx
            .client
            .list_components(ComponentQuery::from_query(&asked.to_string())?)
            .await?;
        let shell = Shell {
            live: true,
            command: Some("orch-host component ls".to_owned()),
            json: Some("/v1/components".to_owned()),
            ..cx.shell("Components")
        };
        let mut listing = Listing::new(shell, "Components");
        if cx.can_administer() {
            listing
                .actions
                .push(Action::new("Deploy a component", "/components/new"));
        }
        let row = |component: &ComponentView| Row {
            id: format!("component-{}", component.digest),
            cells: vec![
                Cell::link(short(component), path(component)).grow(),
                Cell::text(names(
                    component
                        .manifest
                        .flows
                        .iter()
                        .map(|it| it.name.to_string()),
                ))
                .own_line(),
                Cell::text(count(component.manifest.tasks.len() as u64)).number("tasks"),
                Cell::text(size(component.size)).number("size"),
                Cell::When(Some(cx.now.when(component.created))).short("uploaded"),
            ],
        };
        listing.tables.push(Table {
            id: "components",
            label: "Components",
            columns: columns(["Digest", "Flows", "#Tasks", "#Size", "Uploaded"]),
            rows: page.items.iter().map(row).collect(),
            empty: Empty::new("There are no components.").command("orch-host deploy FILE.wasm"),
            next: page
                .next
                .map(|next| cx.query.with("cursor", next).at(&cx.path)),
            ..Table::default()
        });
        Ok(rendered(&listing))
    })
    .await
}

fn path(component: &ComponentView) -> String {
    format!("/components/{}", component.digest)
}

fn short(component: &ComponentView) -> String {
    component.digest.to_string()[..12].to_owned()
}

fn names(names: impl Iterator<Item = String>) -> String {
    const SHOWN: usize = 6;
    let all: Vec<String> = names.collect();
    let more = all.len().saturating_sub(SHOWN);
    let mut text = all
        .iter()
        .take(SHOWN)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    if more > 0 {
        text += &format!(" and {more} more");
    }
    text
}

/// `/components/{digest}`
pub async fn page(cx: Cx, digest: String) -> Response {
    cx.answer(async |cx| {
        let component = cx.client.inspect_component(&digest).await?;
        let shell = Shell {
            copy_id: Some(component.digest.to_string()),
            command: Some(format!("orch-host component inspect {}", component.digest)),
            json: Some(format!("/v1{}", path(&component))),
            ..cx.shell(format!("Component {}", short(&component)))
        };
        let mut listing = Listing::new(shell, format!("Component {}", short(&component)));
        listing.crumbs.push(Link::new("Components", "/components"));
        if cx.can_administer() {
            let href = format!("{}/deploy", path(&component));
            listing.actions.push(Action::new("Deploy flows", href));
        }
        listing.facts = vec![
            Pair::new("Digest", component.digest.to_string()),
            Pair::new("Size", size(component.size)),
            Pair::new("Uploaded", cx.now.when(component.created).full),
        ];
        listing.tables.push(flows_table(&component.manifest.flows));
        listing.tables.push(tasks_table(&component.manifest.tasks));
        listing
            .tables
            .push(deployments_table(cx, &component).await?);
        for flow in &component.manifest.flows {
            listing.values.push(Headed {
                heading: "Schema of the parameters",
                value: Value::json(
                    &flow.schema.parameters,
                    format!("{}/schema/{}.json", path(&component), flow.name),
                    "schema.json",
                ),
            });
        }
        Ok(rendered(&listing))
    })
    .await
}

fn flows_table(flows: &[FlowView]) -> Table {
    let row = |flow: &FlowView| Row {
        id: format!("flow-{}", flow.name),
        cells: vec![
            Cell::text(&flow.name).grow(),
            Cell::Muted(about(flow.description.as_deref())).own_line(),
        ],
    };
    Table {
        id: "flows",
        label: "Flows",
        heading: "Flows".to_owned(),
        columns: columns(["Flow", "What it says of itself"]),
        rows: flows.iter().map(row).collect(),
        ..Table::default()
    }
}

fn tasks_table(tasks: &[TaskView]) -> Table {
    let row = |task: &TaskView| Row {
        id: format!("task-{}", task.name),
        cells: vec![
            Cell::text(&task.name).grow(),
            Cell::Muted(about(task.description.as_deref())).own_line(),
            cached(task).short("results"),
        ],
    };
    Table {
        id: "tasks",
        label: "Tasks",
        heading: "Tasks".to_owned(),
        columns: columns(["Task", "What it says of itself", "Results"]),
        rows: tasks.iter().map(row).collect(),
        empty: Empty::new("It declares no tasks."),
        ..Table::default()
    }
}

/// How the results of a task are kept for other runs, and where they are.
fn cached(task: &TaskView) -> Cell {
    match &task.options.cache {
        Some(cache) => {
            let of_task = Query::default().with("task", &task.name).at("/cache");
            Cell::link(cache.in_words(), of_task)
        }
        None => Cell::Muted("not cached".to_owned()),
    }
}

fn about(description: Option<&str>) -> String {
    first_chars(description.unwrap_or_default(), 500)
}

async fn deployments_table(cx: &Cx, component: &ComponentView) -> Answered<Table> {
    let mut rows = Vec::new();
    for flow in &component.manifest.flows {
        let query = DeploymentQuery {
            flow: Some(flow.name.clone()),
            ..DeploymentQuery::default()
        };
        let page = cx.client.list_deployments(query).await?;
        let mine = |it: &&DeploymentView| it.component == component.digest;
        rows.extend(page.items.iter().filter(mine).map(|it| Row {
            id: format!("deployment-{}", it.name).replace('/', "-"),
            cells: vec![
                Cell::link(&it.name, deployment_path(&it.name)).grow(),
                Cell::link(&it.pool, pool_path(it.pool.as_str())).plain(),
                Cell::When(Some(cx.now.when(it.updated))).short("changed"),
            ],
        }));
    }
    Ok(Table {
        id: "deployments",
        label: "Deployments",
        heading: "Deployments of it".to_owned(),
        columns: columns(["Deployment", "Work pool", "Changed"]),
        rows,
        empty: Empty::new("None of its flows is deployed now."),
        ..Table::default()
    })
}

#[derive(Template)]
#[template(path = "upload.html")]
struct Upload {
    shell: Shell,
    error: Option<Problem>,
}

/// `GET /components/new`
pub async fn upload_form(cx: Cx) -> Response {
    cx.answer(async |cx| {
        Ok(rendered(&Upload {
            shell: cx.shell("Deploy a component"),
            error: None,
        }))
    })
    .await
}

/// `POST /components/new`: keeps the component, and asks how to deploy it.
pub async fn upload(cx: Cx, bytes: Vec<u8>) -> Response {
    cx.answer(async |cx| match cx.client.upload_component(bytes).await {
        Ok((component, _)) => Ok(see_other(&format!("{}/deploy", path(&component)), "")),
        Err(problem) if problem.kind == ProblemKind::InvalidComponent => {
            let page = Upload {
                shell: cx.shell("Deploy a component"),
                error: Some(problem),
            };
            Ok(super::cx::unprocessable(&page))
        }
        Err(problem) => Err(problem),
    })
    .await
}

#[derive(Template)]
#[template(path = "deploy.html")]
struct Deploy {
    shell: Shell,
    digest: String,
    short: String,
    problem: Option<Problem>,
    flows: Vec<FlowChoice>,
    name: String,
    pools: Vec<Choice>,
    http: String,
    tcp: String,
    is_private: bool,
    env: String,
    dirs: String,
    has_tmp: bool,
    secrets: String,
    parameters: String,
    tags: String,
}

struct FlowChoice {
    name: String,
    about: String,
    is_chosen: bool,
}

impl Deploy {
    async fn new(
        cx: &Cx,
        component: &ComponentView,
        posted: Option<&Query>,
        problem: Option<Problem>,
    ) -> Answered<Self> {
        let pools = cx.client.list_pools(PoolQuery::default()).await?;
        let value = |name: &str| {
            posted
                .and_then(|it| it.get(name))
                .unwrap_or_default()
                .to_owned()
        };
        let pool = Some(value("pool")).filter(|it| !it.is_empty());
        let pool = pool.unwrap_or_else(|| "default-pool".to_owned());
        let flow = |flow: &FlowView| FlowChoice {
            name: flow.name.to_string(),
            about: about(flow.description.as_deref()),
            is_chosen: posted
                .is_none_or(|it| it.all("flow").any(|name| name == flow.name.as_str())),
        };
        let choice = |it: &operations::view::PoolView| Choice {
            value: it.name.to_string(),
            text: it.name.to_string(),
            is_chosen: it.name.as_str() == pool,
        };
        Ok(Self {
            shell: cx.shell("Deploy flows"),
            digest: component.digest.to_string(),
            short: short(component),
            problem,
            flows: component.manifest.flows.iter().map(flow).collect(),
            name: value("name"),
            pools: pools.items.iter().map(choice).collect(),
            http: value("http"),
            tcp: value("tcp"),
            is_private: posted.is_some_and(|it| it.get("private").is_some()),
            env: value("env"),
            dirs: value("dirs"),
            has_tmp: posted.is_some_and(|it| it.get("tmp").is_some()),
            secrets: value("secrets"),
            parameters: match posted {
                Some(_) => value("parameters"),
                None => "{}".to_owned(),
            },
            tags: value("tags"),
        })
    }
}

/// `GET /components/{digest}/deploy`
pub async fn deploy_form(cx: Cx, digest: String) -> Response {
    cx.answer(async |cx| {
        let component = cx.client.inspect_component(&digest).await?;
        Ok(rendered(&Deploy::new(cx, &component, None, None).await?))
    })
    .await
}

/// `POST /components/{digest}/deploy`
pub async fn deploy(cx: Cx, digest: String, posted: Query) -> Response {
    cx.answer(async |cx| {
        let component = cx.client.inspect_component(&digest).await?;
        let done = match wish(&component, &posted) {
            Ok(request) => cx.client.deploy(request).await,
            Err(problem) => Err(problem),
        };
        match done {
            Ok(deployed) => {
                let said = deployed
                    .iter()
                    .map(|it| format!("{}: {}", it.deployment.name, it.outcome));
                let said = said.collect::<Vec<_>>().join(", ");
                let to = match deployed.as_slice() {
                    [one] => deployment_path(&one.deployment.name),
                    _ => "/deployments".to_owned(),
                };
                Ok(see_other(&to, &said))
            }
            Err(problem) if problem.kind.is_mistake_of_user() => {
                let page = Deploy::new(cx, &component, Some(&posted), Some(problem)).await?;
                Ok(super::cx::unprocessable(&page))
            }
            Err(problem) => Err(problem),
        }
    })
    .await
}

fn wish(component: &ComponentView, posted: &Query) -> Answered<DeployRequest> {
    let invalid = |kind, detail: String| Problem::new(kind, detail);
    let flows: Vec<String> = posted.all("flow").map(str::to_owned).collect();
    if flows.is_empty() {
        return Err(invalid(
            ProblemKind::InvalidQuery,
            "no flow is ticked".to_owned(),
        ));
    }
    let pool = posted.get("pool").unwrap_or("default-pool");
    let parameters = posted.get("parameters").unwrap_or("{}");
    let parameters = model::Json::tidy(parameters).map_err(|err| {
        let detail = format!("the default parameters are no JSON: {err}");
        invalid(ProblemKind::InvalidParameters, detail)
    })?;
    let listed = |name: &str, separator: fn(char) -> bool| -> Vec<String> {
        let text = posted.get(name).unwrap_or_default();
        let parts = text
            .split(separator)
            .map(str::trim)
            .filter(|part| !part.is_empty());
        parts.map(str::to_owned).collect()
    };
    Ok(DeployRequest {
        schedules: None,
        component: component.digest.to_string(),
        flows,
        name: posted.get("name").map(str::to_owned),
        pool: pool
            .parse()
            .map_err(|err: model::NameError| invalid(ProblemKind::InvalidName, err.to_string()))?,
        parameters,
        flow_parameters: std::collections::BTreeMap::new(),
        work_queue: None,
        priority: None,
        concurrency: None,
        limits: None,
        tags: listed("tags", |c| c == ','),
        grants: GrantsRequest {
            http: listed("http", |c| c.is_whitespace() || c == ','),
            tcp: listed("tcp", |c| c.is_whitespace() || c == ','),
            private: posted.get("private").is_some(),
            env: listed("env", |c| c == '\n'),
            dirs: listed("dirs", |c| c == '\n'),
            tmp: posted.get("tmp").is_some(),
            secrets: listed("secrets", |c| c.is_whitespace() || c == ','),
        },
        description: None,
    })
}

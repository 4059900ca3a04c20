//! Components: what was uploaded, what it declares, and deploying its flows.

use std::collections::BTreeMap;

use askama::Template;
use axum::response::Response;
use model::{Collision, Json, LimitName, PoolName};
use operations::client::{
    Answered, ComponentQuery, DeployRequest, DeploymentQuery, GrantsRequest, PoolQuery,
    QueryRequest as _,
};
use operations::problem::{Problem, ProblemKind};
use operations::text::size;
use operations::view::{ComponentView, ConcurrencyView, DeploymentView, FlowView, TaskView};

use super::cx::{Cx, rendered, see_other};
use super::deployments::pool_path;
use super::fields::{Fields, Input, Sheet, is_between_words, refusal};
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

async fn deploy_sheet(cx: &Cx, component: &ComponentView) -> Answered<Sheet> {
    let flow = |flow: &FlowView| Choice {
        value: flow.name.to_string(),
        text: about(flow.description.as_deref()),
        is_chosen: true,
    };
    let flows = component.manifest.flows.iter().map(flow).collect();
    let pools = cx.client.list_pools(PoolQuery::default()).await?;
    let pools: Vec<&str> = pools.items.iter().map(|it| it.name.as_str()).collect();
    let collision = |it: Collision| match it {
        Collision::Enqueue => "it waits",
        Collision::CancelNew => "it is cancelled",
        Collision::CancelOld => "the earliest is cancelled",
    };
    let collisions = Collision::ALL.map(|it| (it.as_str(), collision(it)));
    let inputs = vec![
        Input::several("Flows", "flows", flows),
        Input::line("Name", "name")
            .placeholder("FLOW-deployment")
            .hint("The part after the slash. Left empty, each is called after its flow."),
        Input::lines("Default parameters", "parameters", 4)
            .now("{}")
            .hint("A JSON object."),
        Input::line("Tags", "tags").hint("Separated by commas."),
        Input::heading("When its runs start"),
        Input::one(
            "Work pool",
            "pool",
            pools.into_iter().map(|it| (it, it)),
            PoolName::default_pool().as_str(),
        ),
        Input::line("Queue", "work_queue")
            .placeholder("default")
            .hint("A queue of that pool."),
        Input::line("Priority", "priority")
            .placeholder("50")
            .hint("That of its runs within their queue: `1` goes first, `100` last."),
        Input::line("Runs at once", "concurrency/slots")
            .hint("So many may be under way. Left empty: no limit."),
        Input::one(
            "If one more comes",
            "concurrency/collision",
            collisions,
            Collision::default().as_str(),
        ),
        Input::line("Counted apart by", "concurrency/keys")
            .placeholder("customer")
            .hint("Parameters, separated by commas: with `customer`, each customer has that many."),
        Input::line("Limits", "limits").placeholder("database").hint(
            "Names, separated by commas: each run takes a slot of them. Left empty: what the flow \
             declares.",
        ),
        Input::tick("Without the limits that the flow declares", "no_limits", false),
        Input::tick("Without the schedules that the flow declares", "no_schedules", false),
        Input::heading("What its tasks may reach"),
        Input::lines("Tasks may reach by HTTP", "grants/http", 3)
            .placeholder("api.example.org")
            .hint(
                "One host a line, as `host`, `*.host`, `host:port`, `https://host` or `*`. Left \
                 empty, tasks reach nothing. Flows never reach anything.",
            ),
        Input::lines("Tasks may reach by TCP", "grants/tcp", 2)
            .placeholder("db.example.org:5432")
            .hint("One place a line, as `host:port`."),
        Input::tick(
            "Granted names may lead to addresses of the worker's own machine and network",
            "grants/private",
            false,
        ),
        Input::lines("Variables of the tasks' environment", "grants/env", 2)
            .placeholder("LANG=en")
            .hint("One a line, as `NAME=VALUE`, or `NAME` for the value that the worker has."),
        Input::lines("Directories", "grants/dirs", 2)
            .placeholder("/srv/in:/data:ro")
            .hint(
                "One a line, as `/path/on/the/worker:/path/of/the/task`, with `:ro` if nothing \
                 there may be changed.",
            ),
        Input::tick(
            "Each attempt of a task has an empty directory of its own at /tmp",
            "grants/tmp",
            false,
        ),
        Input::lines("Secrets", "grants/secrets", 2)
            .placeholder("shop-token")
            .hint("One a line, as `NAME`, or `NAME=VARIABLE` to have it in the environment, too."),
    ];
    let back = path(component);
    Ok(Sheet::new(
        cx.shell("Deploy flows"),
        vec![
            Link::new("Components", "/components"),
            Link::new(short(component), &back),
        ],
        Fields::new(format!("{back}/deploy"), "Deploy", inputs).back(back),
    ))
}

/// `GET /components/{digest}/deploy`
pub async fn deploy_form(cx: Cx, digest: String) -> Response {
    cx.answer(async |cx| {
        let component = cx.client.inspect_component(&digest).await?;
        Ok(deploy_sheet(cx, &component).await?.asked())
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
            Err(problem) => deploy_sheet(cx, &component)
                .await?
                .refused(&posted, problem),
        }
    })
    .await
}

fn wish(component: &ComponentView, posted: &Query) -> Answered<DeployRequest> {
    let flows: Vec<String> = posted.all("flows").map(str::to_owned).collect();
    if flows.is_empty() {
        return Err(refusal("flows", "no flow is ticked"));
    }
    let limits = posted.words("limits", is_between_words);
    let limits = limits.iter().map(|name| name.parse::<LimitName>());
    let limits = limits.collect::<Result<Vec<_>, _>>();
    let limits = limits.map_err(|err| refusal("limits", &err.to_string()))?;
    let has_no = |name: &str| posted.get(name).is_some();
    Ok(DeployRequest {
        schedules: has_no("no_schedules").then(Vec::new),
        component: component.digest.to_string(),
        flows,
        name: posted.get("name").map(str::to_owned),
        pool: posted.read("pool")?.unwrap_or_else(PoolName::default_pool),
        parameters: posted
            .json("parameters")?
            .unwrap_or_else(Json::empty_object),
        flow_parameters: BTreeMap::new(),
        work_queue: posted.read("work_queue")?,
        priority: posted.read("priority")?,
        concurrency: concurrency(posted)?,
        limits: (!limits.is_empty() || has_no("no_limits")).then_some(limits),
        tags: posted.words("tags", |c| c == ','),
        grants: GrantsRequest {
            http: posted.words("grants/http", is_between_words),
            tcp: posted.words("grants/tcp", is_between_words),
            private: posted.get("grants/private").is_some(),
            env: posted.words("grants/env", |c| c == '\n'),
            dirs: posted.words("grants/dirs", |c| c == '\n'),
            tmp: posted.get("grants/tmp").is_some(),
            secrets: posted.words("grants/secrets", is_between_words),
        },
        description: None,
    })
}

/// How many of its runs may be under way. What is done then means nothing without a number.
fn concurrency(posted: &Query) -> Answered<Option<ConcurrencyView>> {
    let keys = posted.words("concurrency/keys", is_between_words);
    let Some(slots) = posted.number("concurrency/slots")? else {
        return if keys.is_empty() {
            Ok(None)
        } else {
            let detail = "runs are counted apart only if there is a number of them";
            Err(refusal("concurrency/slots", detail))
        };
    };
    let collision = posted.get("concurrency/collision").unwrap_or_default();
    let is_it = |it: &Collision| it.as_str() == collision;
    Ok(Some(ConcurrencyView {
        slots,
        collision: Collision::ALL.into_iter().find(is_it).unwrap_or_default(),
        keys,
    }))
}

//! Deployments: what can be run, and how it went lately.

use axum::response::Response;
use operations::client::{Answered, DeploymentQuery, QueryRequest as _, RunQuery};
use operations::view::{DeploymentDetailsView, DeploymentView, FlowRunView, LatestEndView};

use super::cx::{Cx, rendered, see_other};
use super::flow_run::Ask;
use super::flow_runs::{deployment_path, deployment_query};
use super::listing::{Headed, Listing};
use super::parts::{Action, Cell, Empty, Link, Outcome, Outcomes, Pair, Row, Table, columns};
use super::query::segment;
use super::schedules;
use super::shell::Shell;
use super::show::{Value, first_chars, plural, slug};

/// Rows of a page.
const ROWS: u32 = 100;
/// Latest ends that are shown of each.
const OUTCOMES: u32 = 20;

/// `/deployments`
pub async fn list(cx: Cx) -> Response {
    cx.answer(async |cx| {
        let asked = cx.query.only(&["flow", "cursor"]);
        let asked = asked.with("limit", ROWS).with("latest", OUTCOMES);
        let page = cx
            .client
            .list_deployments(DeploymentQuery::from_query(&asked.to_string())?)
            .await?;
        let rows = page.items.iter().map(|it| row(cx, it)).collect();
        let shell = Shell {
            live: true,
            command: Some("orch-host deployment ls".to_owned()),
            json: Some(cx.query.at("/v1/deployments")),
            ..cx.shell("Deployments")
        };
        let mut listing = Listing::new(shell, "Deployments");
        if cx.can_administer() {
            listing
                .actions
                .push(Action::new("Deploy a component", "/components/new"));
        }
        listing.actions.push(Action::new("Schedules", "/schedules"));
        listing.tables.push(Table {
            id: "deployments",
            label: "Deployments",
            columns: columns([
                "Deployment",
                "Latest runs",
                "Next run",
                "Work pool",
                "Tags",
                "Changed",
                "",
            ]),
            rows,
            empty: Empty::new("Nothing is deployed yet.").command("orch-host deploy FILE.wasm"),
            next: page
                .next
                .map(|next| cx.query.with("cursor", next).at(&cx.path)),
            ..Table::default()
        });
        Ok(rendered(&listing))
    })
    .await
}

fn row(cx: &Cx, deployment: &DeploymentView) -> Row {
    let path = deployment_path(&deployment.name);
    let run = if cx.can_operate() {
        Cell::Button(Action::new("Run", format!("{path}/run"))).plain()
    } else {
        Cell::text("").plain()
    };
    Row {
        id: format!("deployment-{}", deployment.name).replace('/', "-"),
        cells: vec![
            Cell::link(&deployment.name, path).grow(),
            Cell::Outcomes(outcomes(cx, deployment)).plain(),
            Cell::When(deployment.next_slot.map(|at| cx.now.when(at))).short("next"),
            Cell::link(&deployment.pool, pool_path(deployment.pool.as_str())).plain(),
            Cell::Muted(deployment.tags.join(", ")).plain(),
            Cell::When(Some(cx.now.when(deployment.updated))).short("changed"),
            run,
        ],
    }
}

pub fn pool_path(name: &str) -> String {
    format!("/work-pools/{}", segment(name))
}

/// How the latest runs have ended, oldest first.
fn outcomes(cx: &Cx, deployment: &DeploymentView) -> Outcomes {
    let latest = deployment.latest.as_deref().unwrap_or_default();
    let outcome = |end: &LatestEndView| Outcome {
        slug: slug(end.state.kind.as_ref()),
        text: format!("{}, {}", end.state.name, cx.now.distance(end.state.at)),
    };
    let is_bad = |end: &&LatestEndView| matches!(end.state.kind.as_ref(), "FAILED" | "CRASHED");
    let bad = latest.iter().filter(is_bad).count() as u64;
    let all = plural(latest.len() as u64, "latest run", "latest runs");
    Outcomes {
        href: deployment_query(&deployment.name).at("/flow-runs"),
        text: format!("{all}, {bad} failed or crashed"),
        runs: latest.iter().rev().map(outcome).collect(),
    }
}

/// `/deployments/{flow}/{name}`
pub async fn page(cx: Cx, name: String) -> Response {
    cx.answer(async |cx| {
        let details = cx.client.inspect_deployment(&name).await?;
        let deployment = &details.deployment;
        let path = deployment_path(&deployment.name);
        let shell = Shell {
            live: true,
            copy_id: Some(deployment.name.to_string()),
            command: Some(format!("orch-host deployment inspect {}", deployment.name)),
            json: Some(format!("/v1{path}")),
            ..cx.shell(deployment.name.to_string())
        };
        let mut listing = Listing::new(shell, deployment.name.to_string());
        listing
            .crumbs
            .push(Link::new("Deployments", "/deployments"));
        if cx.can_operate() {
            listing
                .actions
                .push(Action::new("Run", format!("{path}/run")));
        }
        if cx.can_administer() {
            let delete = Action::new("Delete", format!("{path}/delete"));
            listing.actions.push(delete.asking().dangerous());
        }
        listing.facts = facts(cx, &details);
        listing
            .tables
            .push(schedules::of_deployment(cx, deployment).await?);
        listing.tables.push(latest_runs(cx, deployment).await?);
        listing.values.push(Headed {
            heading: "Default parameters",
            value: Value::json(
                &deployment.parameters,
                format!("{path}/values/parameters.json"),
                "parameters.json",
            ),
        });
        listing.values.push(Headed {
            heading: "Schema of the parameters",
            value: Value::json(
                &details.flow.schema.parameters,
                format!("{path}/values/schema.json"),
                "schema.json",
            ),
        });
        Ok(rendered(&listing))
    })
    .await
}

fn facts(cx: &Cx, details: &DeploymentDetailsView) -> Vec<Pair> {
    let deployment = &details.deployment;
    let component = deployment.component.to_string();
    let mut facts = Vec::new();
    if let Some(description) = &deployment.description {
        facts.push(Pair::new("Description", first_chars(description, 2_000)));
    }
    facts.push(
        Pair::new("Work pool", pool_and_queue(deployment)).to(pool_path(deployment.pool.as_str())),
    );
    if let Some(concurrency) = &deployment.concurrency {
        facts.push(Pair::new("Concurrency", concurrency.in_words()));
    }
    if !deployment.limits.is_empty() {
        let names = deployment.limits.iter().map(ToString::to_string);
        facts.push(Pair::new("Limits", names.collect::<Vec<_>>().join(", ")).to("/limits"));
    }
    facts.push(Pair::new("Component", &component).to(format!("/components/{component}")));
    let grants = deployment.grants.in_words();
    let reach = if grants.is_empty() {
        "nothing outside".to_owned()
    } else {
        grants.join(", ")
    };
    facts.push(Pair::new("Tasks may reach", reach));
    if !deployment.tags.is_empty() {
        facts.push(Pair::new("Tags", deployment.tags.join(", ")));
    }
    facts.push(Pair::new("Created", cx.now.when(deployment.created).full));
    facts.push(Pair::new("Changed", cx.now.when(deployment.updated).full));
    facts
}

fn pool_and_queue(deployment: &DeploymentView) -> String {
    let mut text = deployment.pool.to_string();
    if let Some(queue) = &deployment.work_queue {
        text += &format!(", queue {queue}");
    }
    if let Some(priority) = deployment.priority {
        text += &format!(", priority {priority}");
    }
    text
}

async fn latest_runs(cx: &Cx, deployment: &DeploymentView) -> Answered<Table> {
    let filter = deployment_query(&deployment.name);
    let asked = filter.with("limit", OUTCOMES);
    let page = cx
        .client
        .list_runs(RunQuery::from_query(&asked.to_string())?)
        .await?;
    let name = &deployment.name;
    Ok(Table {
        id: "runs",
        label: "Latest runs",
        heading: "Latest runs".to_owned(),
        link: Some(Link::new("All runs", filter.at("/flow-runs"))),
        columns: columns(["State", "Name", "Started", "#Took", "Cause"]),
        rows: page.items.iter().map(|run| run_row(cx, run)).collect(),
        empty: Empty::new("It has not run yet.")
            .command(format!("orch-host deployment run {name}")),
        ..Table::default()
    })
}

/// A run in a table beside other things.
pub fn run_row(cx: &Cx, run: &FlowRunView) -> Row {
    Row {
        id: format!("run-{}", run.id),
        cells: vec![
            Cell::State((&run.state).into()).plain(),
            Cell::link(&run.name, format!("/flow-runs/{}", run.id)).grow(),
            Cell::When(run.started.map(|at| cx.now.when(at))).short(""),
            Cell::Took(cx.now.span(run.counted_from(), run.ended)).number("took"),
            Cell::Cause(super::flow_runs::cause(run).unwrap_or_default()).own_line(),
        ],
    }
}

/// `GET /deployments/{flow}/{name}/delete`
pub async fn ask_delete(cx: Cx, name: String) -> Response {
    cx.answer(async |cx| {
        let details = cx.client.inspect_deployment(&name).await?;
        let name = &details.deployment.name;
        let path = deployment_path(name);
        let line = "Its runs stay, and those that go on are not touched.";
        let shell = cx.shell(format!("Delete {name}"));
        let ask = Ask::to_delete(shell, &name.to_string(), line, &path, path.clone());
        Ok(rendered(&ask))
    })
    .await
}

/// `POST /deployments/{flow}/{name}/delete`
pub async fn delete(cx: Cx, name: String) -> Response {
    cx.answer(async |cx| {
        cx.client.delete_deployment(&name).await?;
        Ok(see_other("/deployments", &format!("Deleted {name}")))
    })
    .await
}

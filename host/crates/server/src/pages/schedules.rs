//! Schedules: when runs will be made, without making them.

use axum::response::Response;
use model::ScheduleId;
use operations::client::{Answered, QueryRequest as _, ScheduleQuery, SlotQuery};
use operations::problem::{Problem, ProblemKind};
use operations::view::{DeploymentView, ScheduleView};

use super::cx::{Cx, rendered, see_other};
use super::flow_runs::deployment_path;
use super::holding::Holding;
use super::listing::Listing;
use super::parts::{Action, Cell, Empty, Link, Row, Table, columns};
use super::shell::Shell;

/// Rows of a page.
const ROWS: u32 = 100;
/// What is paused and resumed here.
const KIND: &str = "schedule";
/// Slots that are shown of a schedule.
const SLOTS: u32 = 5;

/// `/schedules`
pub async fn list(cx: Cx) -> Response {
    cx.answer(async |cx| {
        let asked = cx.query.only(&["deployment", "cursor"]).with("limit", ROWS);
        let page = cx
            .client
            .list_schedules(ScheduleQuery::from_query(&asked.to_string())?)
            .await?;
        let shell = Shell {
            live: true,
            command: Some("orch-host schedule ls".to_owned()),
            json: Some(cx.query.at("/v1/schedules")),
            ..cx.shell("Schedules")
        };
        let mut listing = Listing::new(shell, "Schedules");
        listing
            .crumbs
            .push(Link::new("Deployments", "/deployments"));
        let mut table = table(cx, &page.items, true).await?;
        table.next = page
            .next
            .map(|next| cx.query.with("cursor", next).at(&cx.path));
        listing.tables.push(table);
        Ok(rendered(&listing))
    })
    .await
}

/// Those of a deployment, on its page.
pub async fn of_deployment(cx: &Cx, deployment: &DeploymentView) -> Answered<Table> {
    let name = deployment.name.to_string();
    let query = ScheduleQuery {
        deployment: Some(name.clone()),
        limit: Some(ROWS),
        ..ScheduleQuery::default()
    };
    let page = cx.client.list_schedules(query).await?;
    let more = page.next.as_ref().map(|_| {
        let all = cx.query.only(&[]).with("deployment", &name);
        Link::new("All schedules", all.at("/schedules"))
    });
    Ok(Table {
        heading: "Schedules".to_owned(),
        link: more,
        ..table(cx, &page.items, false).await?
    })
}

async fn table(cx: &Cx, schedules: &[ScheduleView], has_deployments: bool) -> Answered<Table> {
    let mut rows = Vec::new();
    for schedule in schedules {
        rows.push(row(cx, schedule, has_deployments).await?);
    }
    let mut headings = columns(["Schedule", "Times", "Zone", "Next", "Then", "Last run", ""]);
    if has_deployments {
        headings.splice(0..0, columns(["Deployment"]));
    }
    Ok(Table {
        id: "schedules",
        label: "Schedules",
        columns: headings,
        rows,
        empty: Empty::new("No run is made by the clock.")
            .command("orch-host schedule create DEPLOYMENT --cron LINE"),
        ..Table::default()
    })
}

async fn row(cx: &Cx, schedule: &ScheduleView, has_deployment: bool) -> Answered<Row> {
    let query = SlotQuery { limit: Some(SLOTS) };
    let slots = cx.client.next_slots(schedule.id, query).await?.items;
    let when = |at| cx.now.when(at);
    let next = match slots.first() {
        _ if schedule.paused => Cell::text("paused"),
        _ if schedule.held => Cell::text("when the last run is over"),
        Some(slot) => Cell::When(Some(when(slot.at))),
        None => Cell::Muted("none".to_owned()),
    };
    let later = slots.iter().skip(1).map(|slot| when(slot.at).short);
    let last = match (schedule.last, schedule.last_run) {
        (Some(at), Some(run)) => Cell::link(when(at).short, format!("/flow-runs/{run}")),
        _ => Cell::Muted("none yet".to_owned()),
    };
    let holding = Holding::that_changes(schedule.paused);
    let button = if cx.can_operate() {
        Cell::Button(Action::new(holding.verb(), holding.path(&path(schedule))).asking())
    } else {
        Cell::text("")
    };
    let mut cells = Vec::new();
    if has_deployment {
        let deployment = &schedule.deployment;
        cells.push(Cell::link(deployment, deployment_path(deployment)).plain());
    }
    cells.extend([
        Cell::text(&schedule.name).plain(),
        Cell::Code(schedule.times().replace('`', "")).grow(),
        Cell::Muted(schedule.timezone.clone()).plain(),
        next.short("next"),
        Cell::Muted(later.collect::<Vec<_>>().join(", ")).own_line(),
        last.short("last"),
        button.plain(),
    ]);
    Ok(Row {
        id: format!("schedule-{}", schedule.id),
        cells,
    })
}

fn path(schedule: &ScheduleView) -> String {
    format!("/schedules/{}", schedule.id)
}

/// `GET /schedules/{id}/{verb}`
pub async fn ask(cx: Cx, id: String, verb: String) -> Response {
    cx.answer(async |cx| {
        let schedule = cx.client.inspect_schedule(schedule_id(&id)?).await?;
        let holding = Holding::of(&verb, KIND)?;
        let line = match holding {
            Holding::Pause => "Slots that come meanwhile make no runs.",
            Holding::Resume => "It goes on from its next slot.",
        };
        let what = format!("schedule {} of {}", schedule.name, schedule.deployment);
        let shell = cx.shell(format!("{} {what}", holding.verb()));
        let back = deployment_path(&schedule.deployment);
        Ok(rendered(&holding.ask(
            shell,
            &what,
            line,
            &path(&schedule),
            back,
        )))
    })
    .await
}

/// `POST /schedules/{id}/{verb}`
pub async fn act(cx: Cx, id: String, verb: String) -> Response {
    cx.answer(async |cx| {
        let id = schedule_id(&id)?;
        let holding = Holding::of(&verb, KIND)?;
        let schedule = match holding {
            Holding::Pause => cx.client.pause_schedule(id).await?,
            Holding::Resume => cx.client.resume_schedule(id).await?,
        };
        let said = format!("{} schedule {}", holding.did(), schedule.name);
        Ok(see_other(&deployment_path(&schedule.deployment), &said))
    })
    .await
}

fn schedule_id(text: &str) -> Answered<ScheduleId> {
    text.parse().map_err(|_| {
        Problem::new(
            ProblemKind::InvalidName,
            format!("`{text}` is no id of a schedule"),
        )
        .hint("`orch-host schedule ls` lists the schedules")
    })
}

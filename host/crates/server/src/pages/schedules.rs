//! Schedules: when runs will be made, without making them.

use axum::response::Response;
use model::{CatchUp, Overlap, ScheduleId};
use operations::client::{Answered, CreateSchedule, QueryRequest as _, ScheduleQuery, SlotQuery};
use operations::problem::{Problem, ProblemKind};
use operations::view::{DeploymentView, ScheduleView};

use super::cx::{Cx, rendered, see_other};
use super::fields::{Fields, Input, Sheet};
use super::flow_run::Ask;
use super::flow_runs::deployment_path;
use super::holding::Holding;
use super::listing::Listing;
use super::parts::{Action, Cell, Empty, Link, Row, Table, columns};
use super::query::Query;
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
    let add = || {
        let path = deployment_path(&deployment.name);
        Link::new("Add a schedule", format!("{path}/new-schedule"))
    };
    Ok(Table {
        heading: "Schedules".to_owned(),
        link: more.or_else(|| cx.can_administer().then(add)),
        ..table(cx, &page.items, false).await?
    })
}

async fn table(cx: &Cx, schedules: &[ScheduleView], has_deployments: bool) -> Answered<Table> {
    let mut rows = Vec::new();
    for schedule in schedules {
        rows.push(row(cx, schedule, has_deployments).await?);
    }
    let mut headings = columns([
        "Schedule", "Times", "Zone", "Next", "Then", "Last run", "", "",
    ]);
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
    let delete = if cx.can_administer() {
        let delete = Action::new("Delete", format!("{}/delete", path(schedule)));
        Cell::Button(delete.asking().dangerous())
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
        Cell::Muted(schedule.timezone.clone()).short(""),
        next.short("next"),
        Cell::Muted(later.collect::<Vec<_>>().join(", ")).own_line(),
        last.short("last"),
        button.plain(),
        delete.plain(),
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

fn create_sheet(cx: &Cx, deployment: &DeploymentView) -> Sheet {
    let path = deployment_path(&deployment.name);
    let catch_up = [
        (CatchUp::Latest.as_str(), "make the latest of them"),
        (CatchUp::All.as_str(), "make all of them"),
        (CatchUp::None.as_str(), "make none of them"),
    ];
    let overlap = [
        (Overlap::Allow.as_str(), "start beside it"),
        (Overlap::Skip.as_str(), "make no run"),
        (Overlap::Queue.as_str(), "start when it is over"),
        (Overlap::CancelPrevious.as_str(), "cancel it"),
    ];
    let zone = &cx.now.zone.label;
    let inputs = vec![
        Input::line("Name", "name").placeholder("default"),
        Input::heading("When: one of these three"),
        Input::line("Cron", "cron").placeholder("0 9 * * 1-5").hint(
            "Minute, hour, day of the month, month, day of the week; or `@daily` and the like.",
        ),
        Input::line("Interval", "interval_ms")
            .placeholder("15m")
            .hint("The time from one run to the next."),
        Input::line("RRule", "rrule")
            .placeholder("FREQ=WEEKLY;BYDAY=MO;BYHOUR=9;BYMINUTE=0")
            .hint("A rule of RFC 5545."),
        Input::heading("How"),
        Input::line("Time zone of its clock", "timezone")
            .now("UTC")
            .hint("A name such as `Europe/Berlin`."),
        Input::line("Anchor", "anchor")
            .placeholder("2026-10-01 12:00")
            .hint(&format!(
                "From when intervals are counted, and where an rrule begins, in {zone} unless it \
                 says another zone. Left empty: now."
            )),
        Input::line("Start", "start").hint(&format!(
            "No run is before this time, in {zone} unless it says another zone."
        )),
        Input::line("End", "end").hint(&format!(
            "No run is after this time, in {zone} unless it says another zone."
        )),
        Input::one("Of slots that were missed", "catch_up", catch_up, ""),
        Input::one("While its last run is not over", "overlap", overlap, ""),
        Input::lines("Parameters", "parameters", 3)
            .now("{}")
            .hint("A JSON object, laid over what the deployment has."),
        Input::tick("Make no runs until it is resumed", "paused", false),
    ];
    Sheet::new(
        cx.shell("Add a schedule"),
        vec![
            Link::new("Deployments", "/deployments"),
            Link::new(deployment.name.to_string(), &path),
        ],
        Fields::new(format!("{path}/new-schedule"), "Add", inputs).back(path),
    )
}

/// `GET /deployments/{flow}/{name}/new-schedule`
pub async fn create_form(cx: Cx, deployment: String) -> Response {
    cx.answer(async |cx| {
        let details = cx.client.inspect_deployment(&deployment).await?;
        Ok(create_sheet(cx, &details.deployment).asked())
    })
    .await
}

/// `POST /deployments/{flow}/{name}/new-schedule`
pub async fn create(cx: Cx, deployment: String, posted: Query) -> Response {
    cx.answer(async |cx| {
        let deployment = cx.client.inspect_deployment(&deployment).await?.deployment;
        let name = deployment.name.to_string();
        let created = async {
            let create = wish(cx, &posted)?;
            cx.client.create_schedule(&name, create).await
        };
        match created.await {
            Ok(schedule) => {
                let first = match schedule.next {
                    Some(next) if !schedule.paused => {
                        format!(": its first run is at {}", cx.now.when(next).full)
                    }
                    _ => String::new(),
                };
                let said = format!("Added schedule {}{first}", schedule.name);
                Ok(see_other(&deployment_path(&deployment.name), &said))
            }
            Err(problem) => create_sheet(cx, &deployment).refused(&posted, problem),
        }
    })
    .await
}

fn wish(cx: &Cx, posted: &Query) -> Answered<CreateSchedule> {
    let text = |name: &str| posted.get(name).map(|text| text.trim().to_owned());
    let zone = &cx.now.zone;
    Ok(CreateSchedule {
        name: posted.read("name")?,
        cron: text("cron"),
        interval_ms: posted.span_ms("interval_ms")?,
        rrule: text("rrule"),
        anchor: posted.point("anchor", zone)?,
        timezone: text("timezone"),
        parameters: posted.json("parameters")?,
        start: posted.point("start", zone)?,
        end: posted.point("end", zone)?,
        catch_up: posted.choice("catch_up", CatchUp::of)?.unwrap_or_default(),
        overlap: posted.choice("overlap", Overlap::of)?.unwrap_or_default(),
        paused: posted.get("paused").is_some(),
    })
}

/// `GET /schedules/{id}/delete`
pub async fn ask_delete(cx: Cx, id: String) -> Response {
    cx.answer(async |cx| {
        let schedule = cx.client.inspect_schedule(schedule_id(&id)?).await?;
        let what = format!("schedule {} of {}", schedule.name, schedule.deployment);
        let line = "Its runs stay, and those that go on are not touched.";
        let shell = cx.shell(format!("Delete {what}"));
        let back = deployment_path(&schedule.deployment);
        let ask = Ask::to_delete(shell, &what, line, &path(&schedule), back);
        Ok(rendered(&ask))
    })
    .await
}

/// `POST /schedules/{id}/delete`
pub async fn delete(cx: Cx, id: String) -> Response {
    cx.answer(async |cx| {
        let schedule = cx.client.inspect_schedule(schedule_id(&id)?).await?;
        cx.client.delete_schedule(schedule.id).await?;
        let said = format!("Deleted schedule {}", schedule.name);
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

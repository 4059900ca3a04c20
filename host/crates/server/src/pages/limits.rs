//! Limits across runs: who has slots, and who waits.

use axum::response::Response;
use model::LimitName;
use operations::client::{Answered, ChangeLimit, CreateLimit, LimitQuery};
use operations::problem::{Problem, ProblemKind};
use operations::view::{DeadlockedRunView, LimitView};

use super::cx::{Cx, rendered, see_other};
use super::fields::{Fields, Input, Sheet};
use super::flow_run::Ask;
use super::listing::{Listing, Note};
use super::parts::{Action, Cell, Empty, Link, Pair, Row, Table, columns};
use super::query::{Query, segment};
use super::shell::Shell;
use super::show::{count, plural};

/// `/limits`
pub async fn list(cx: Cx) -> Response {
    cx.answer(async |cx| {
        let page = cx.client.list_limits(LimitQuery::default()).await?;
        let shell = Shell {
            live: true,
            command: Some("orch-host limit ls".to_owned()),
            json: Some("/v1/limits".to_owned()),
            ..cx.shell("Limits")
        };
        let mut listing = Listing::new(shell, "Limits");
        listing.crumbs.push(Link::new("Work pools", "/work-pools"));
        if cx.can_administer() {
            listing
                .actions
                .push(Action::new("Create limit", "/new-limit"));
        }
        listing.notes.extend(deadlock(cx).await?);
        listing.tables.push(Table {
            id: "limits",
            label: "Limits",
            columns: columns(["Limit", "#Slots", "Per", "#Taken", "#Waiting"]),
            rows: page.items.iter().map(row).collect(),
            empty: Empty::new("There are no limits.")
                .command("orch-host limit create NAME --slots N"),
            ..Table::default()
        });
        Ok(rendered(&listing))
    })
    .await
}

/// Runs that wait for each other, and how one of them gives back what it has.
async fn deadlock(cx: &Cx) -> Answered<Option<Note>> {
    let deadlocked = cx.client.list_deadlocked().await?.items;
    // Those that have slots come first.
    let Some(holder) = deadlocked.first() else {
        return Ok(None);
    };
    let count = plural(deadlocked.len() as u64, "flow run waits", "flow runs wait");
    Ok(Some(Note {
        text: format!(
            "{count} for slots that nobody gives back: {}.",
            DeadlockedRunView::list_in_words(&deadlocked).replace('`', "")
        ),
        command: Some(format!("orch-host flow-run cancel {}", holder.flow_run)),
    }))
}

fn row(limit: &LimitView) -> Row {
    Row {
        id: format!("limit-{}", limit.name),
        cells: vec![
            Cell::link(&limit.name, path(&limit.name)).grow(),
            Cell::text(count(limit.slots.into())).number("slots"),
            Cell::Muted(per(limit)).short("per"),
            Cell::text(count(limit.taken)).number("taken"),
            Cell::text(count(limit.waiting)).number("waiting"),
        ],
    }
}

fn per(limit: &LimitView) -> String {
    match limit.per() {
        Some(per) => model::in_units(per),
        None => "at once".to_owned(),
    }
}

fn path(name: &LimitName) -> String {
    format!("/limits/{}", segment(name.as_str()))
}

/// `/limits/{name}`
pub async fn page(cx: Cx, name: String) -> Response {
    cx.answer(async |cx| {
        let details = cx.client.inspect_limit(&limit_name(&name)?).await?;
        let limit = &details.limit;
        let shell = Shell {
            live: true,
            copy_id: Some(limit.name.to_string()),
            command: Some(format!("orch-host limit inspect {}", limit.name)),
            json: Some(format!("/v1{}", path(&limit.name))),
            ..cx.shell(limit.name.to_string())
        };
        let mut listing = Listing::new(shell, limit.name.to_string());
        listing.crumbs.push(Link::new("Limits", "/limits"));
        if cx.can_administer() {
            let path = path(&limit.name);
            let delete = Action::new("Delete", format!("{path}/delete"));
            listing
                .actions
                .push(Action::new("Edit", format!("{path}/edit")));
            listing.actions.push(delete.asking().dangerous());
        }
        listing.facts = vec![
            Pair::new(
                "Slots",
                format!("{} {}", count(limit.slots.into()), per(limit)),
            ),
            Pair::new("Taken", count(limit.taken)),
            Pair::new("Waiting", count(limit.waiting)),
            Pair::new("Created", cx.now.when(limit.created).full),
        ];
        let row = |(at, permit): (usize, &operations::view::PermitView)| Row {
            id: format!("permit-{at}-{}", permit.run),
            cells: vec![
                Cell::link(&permit.name, format!("/flow-runs/{}", permit.run)).grow(),
                Cell::text(if permit.granted.is_some() {
                    "has it"
                } else {
                    "waits"
                })
                .plain(),
                match &permit.task_run {
                    Some(task) => {
                        Cell::link(permit.taken_by(), format!("/task-runs/{}", task.id)).plain()
                    }
                    None => Cell::Muted(permit.taken_by()).plain(),
                },
                Cell::text(count(permit.slots.into())).number("slots"),
                Cell::When(Some(cx.now.when(permit.granted.unwrap_or(permit.asked))))
                    .short("since"),
            ],
        };
        listing.tables.push(Table {
            id: "permits",
            label: "Flow runs",
            heading: "Flow runs, those that have slots first".to_owned(),
            columns: columns(["Flow run", "", "Taken by", "#Slots", "Since"]),
            rows: details.permits.iter().enumerate().map(row).collect(),
            empty: Empty::new("Nothing has a slot, and nothing waits."),
            ..Table::default()
        });
        Ok(rendered(&listing))
    })
    .await
}

/// How many slots there are, and for how long each is taken.
fn inputs(limit: Option<&LimitView>) -> Vec<Input> {
    let slots = Input::line("Slots", "slots").required();
    let per = Input::line("Each stays taken for", "per_ms").placeholder("1m");
    let per = per.hint("Makes it a rate limit, such as 100 in `1m`. Left empty: until given back.");
    match limit {
        None => vec![slots, per],
        Some(limit) => {
            let span = limit.per().map(model::in_units).unwrap_or_default();
            vec![slots.now(limit.slots), per.now(span)]
        }
    }
}

fn create_sheet(cx: &Cx) -> Sheet {
    let name = Input::line("Name", "name")
        .required()
        .placeholder("database");
    let name = name.hint("`tag:TAG` counts the attempts of all tasks with that tag.");
    let mut fields = vec![name];
    fields.extend(inputs(None));
    Sheet::new(
        cx.shell("Create limit"),
        vec![Link::new("Limits", "/limits")],
        Fields::new("/new-limit", "Create", fields).back("/limits"),
    )
}

/// `GET /new-limit`
pub async fn create_form(cx: Cx) -> Response {
    cx.answer(async |cx| Ok(create_sheet(cx).asked())).await
}

/// `POST /new-limit`
pub async fn create(cx: Cx, posted: Query) -> Response {
    cx.answer(async |cx| {
        let created = async {
            let create = CreateLimit {
                name: posted.need("name", "The name")?,
                slots: posted.need_number("slots", "The number of slots")?,
                per_ms: posted.span_ms("per_ms")?,
            };
            cx.client.create_limit(create).await
        };
        match created.await {
            Ok(limit) => Ok(see_other(&path(&limit.name), "Created")),
            Err(problem) => create_sheet(cx).refused(&posted, problem),
        }
    })
    .await
}

fn edit_sheet(cx: &Cx, limit: &LimitView) -> Sheet {
    let path = path(&limit.name);
    let fields = Fields::new(format!("{path}/edit"), "Save", inputs(Some(limit)));
    Sheet::new(
        cx.shell(format!("Edit {}", limit.name)),
        vec![
            Link::new("Limits", "/limits"),
            Link::new(limit.name.to_string(), &path),
        ],
        fields.back(path),
    )
}

/// `GET /limits/{name}/edit`
pub async fn edit_form(cx: Cx, name: String) -> Response {
    cx.answer(async |cx| {
        let details = cx.client.inspect_limit(&limit_name(&name)?).await?;
        Ok(edit_sheet(cx, &details.limit).asked())
    })
    .await
}

/// `POST /limits/{name}/edit`
pub async fn edit(cx: Cx, name: String, posted: Query) -> Response {
    cx.answer(async |cx| {
        let name = limit_name(&name)?;
        let limit = cx.client.inspect_limit(&name).await?.limit;
        let changed = async {
            let change = ChangeLimit {
                slots: Some(posted.need_number("slots", "The number of slots")?),
                per_ms: Some(posted.span_ms("per_ms")?),
            };
            cx.client.change_limit(&name, change).await
        };
        match changed.await {
            Ok(limit) => Ok(see_other(&path(&limit.name), "Saved")),
            Err(problem) => edit_sheet(cx, &limit).refused(&posted, problem),
        }
    })
    .await
}

/// `GET /limits/{name}/delete`
pub async fn ask_delete(cx: Cx, name: String) -> Response {
    cx.answer(async |cx| {
        let limit = cx.client.inspect_limit(&limit_name(&name)?).await?.limit;
        let path = path(&limit.name);
        let line = "What waits for it goes on, and nothing is limited by it.";
        let shell = cx.shell(format!("Delete {}", limit.name));
        let what = format!("limit {}", limit.name);
        let ask = Ask::to_delete(shell, &what, line, &path, path.clone());
        Ok(rendered(&ask))
    })
    .await
}

/// `POST /limits/{name}/delete`
pub async fn delete(cx: Cx, name: String) -> Response {
    cx.answer(async |cx| {
        let name = limit_name(&name)?;
        cx.client.delete_limit(&name).await?;
        Ok(see_other("/limits", &format!("Deleted limit {name}")))
    })
    .await
}

fn limit_name(text: &str) -> Answered<LimitName> {
    text.parse().map_err(|err: model::NameError| {
        Problem::new(ProblemKind::InvalidName, err.to_string())
            .hint("`orch-host limit ls` lists the limits")
    })
}

//! Limits across runs: who has slots, and who waits.

use axum::response::Response;
use model::LimitName;
use operations::client::{Answered, LimitQuery};
use operations::problem::{Problem, ProblemKind};
use operations::view::LimitView;

use super::cx::{Cx, rendered};
use super::listing::Listing;
use super::parts::{Cell, Empty, Link, Pair, Row, Table, columns};
use super::query::segment;
use super::shell::Shell;
use super::show::count;

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
        Some(per) => humantime::format_duration(per).to_string(),
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
        listing.facts = vec![
            Pair::new(
                "Slots",
                format!("{} {}", count(limit.slots.into()), per(limit)),
            ),
            Pair::new("Taken", count(limit.taken)),
            Pair::new("Waiting", count(limit.waiting)),
            Pair::new("Created", cx.now.when(limit.created).full),
        ];
        let row = |permit: &operations::view::PermitView| Row {
            id: format!("run-{}", permit.run),
            cells: vec![
                Cell::link(&permit.name, format!("/flow-runs/{}", permit.run)).grow(),
                Cell::text(if permit.granted.is_some() {
                    "has it"
                } else {
                    "waits"
                })
                .plain(),
                Cell::text(count(permit.slots.into())).number("slots"),
                Cell::When(Some(cx.now.when(permit.granted.unwrap_or(permit.asked))))
                    .short("since"),
            ],
        };
        listing.tables.push(Table {
            id: "permits",
            label: "Flow runs",
            heading: "Flow runs, those that have slots first".to_owned(),
            columns: columns(["Flow run", "", "#Slots", "Since"]),
            rows: details.permits.iter().map(row).collect(),
            empty: Empty::new("Nothing has a slot, and nothing waits."),
            ..Table::default()
        });
        Ok(rendered(&listing))
    })
    .await
}

fn limit_name(text: &str) -> Answered<LimitName> {
    text.parse().map_err(|err: model::NameError| {
        Problem::new(ProblemKind::InvalidName, err.to_string())
            .hint("`orch-host limit ls` lists the limits")
    })
}

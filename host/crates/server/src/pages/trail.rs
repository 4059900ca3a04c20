//! Who did what: the log of actions.

use axum::response::Response;
use operations::client::{AuditQuery, QueryRequest as _};
use operations::view::AuditView;

use super::cx::{Cx, rendered};
use super::filters::{Field, Filters};
use super::listing::Listing;
use super::parts::{Cell, Empty, Row, Table, columns};
use super::shell::Shell;

const FILTERS: [&str; 2] = ["who", "action"];

/// `/audit`
pub async fn list(cx: Cx) -> Response {
    cx.answer(async |cx| {
        let filters = cx.query.only(&FILTERS);
        let asked = cx
            .query
            .only(&["who", "action", "cursor"])
            .with("limit", 100);
        let page = cx
            .client
            .audit_log(AuditQuery::from_query(&asked.to_string())?)
            .await?;
        let shell = Shell {
            live: cx.query.get("cursor").is_none(),
            json: Some(cx.query.at("/v1/audit")),
            ..cx.shell("Audit")
        };
        let mut listing = Listing::new(shell, "Audit: who did what");
        let fields = vec![
            Field::new("Who", "who", "name of a token"),
            Field::new("Action", "action", "cancel_flow_run"),
        ];
        listing.filters = Some(Filters::new("/audit", &filters, fields, Vec::new()));
        let by = |name: &str, value: &str| filters.with(name, value);
        let row = |(at, entry): (usize, &AuditView)| Row {
            id: format!("entry-{}-{at}", entry.at.0),
            cells: vec![
                Cell::When(Some(cx.now.when(entry.at))).short(""),
                Cell::link(&entry.who, by("who", &entry.who).at("/audit")).plain(),
                Cell::link(&entry.action, by("action", &entry.action).at("/audit")).plain(),
                Cell::Code(entry.target.clone()).own_line(),
                Cell::text(&entry.outcome).plain(),
            ],
        };
        listing.tables.push(Table {
            id: "audit",
            label: "Actions",
            columns: columns(["At", "Who", "Action", "Target", "Outcome"]),
            rows: page.items.iter().enumerate().map(row).collect(),
            empty: if filters.is_empty() {
                Empty::new("Nobody has done anything that is kept here.")
            } else {
                Empty::new("No action passes these filters.").link("Clear filters", "/audit")
            },
            next: page
                .next
                .map(|next| cx.query.with("cursor", next).at(&cx.path)),
            newest: cx.query.get("cursor").is_none().then(|| cx.here()),
            ..Table::default()
        });
        Ok(rendered(&listing))
    })
    .await
}

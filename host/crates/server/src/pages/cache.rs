//! Results of tasks that are kept for other runs.

use axum::response::Response;
use futures::FutureExt as _;
use operations::client::{Answered, CacheQuery, Page, QueryRequest as _};
use operations::text::size;
use operations::view::CachedView;

use super::cx::{Cx, bad_request, rendered, see_other};
use super::filters::{Field, Filters, is_of_filters, wrong};
use super::flow_run::Ask;
use super::listing::{Headed, Listing};
use super::parts::{Action, Cell, Empty, Link, Pair, Row, Table, columns};
use super::query::Query;
use super::shell::Shell;
use super::show::{Value, first_chars, quoted, short_id};

/// Rows of a page.
const ROWS: u32 = 100;

const FILTERS: [&str; 1] = ["task"];

/// So much of a key is shown in the listing, in characters.
const KEY_SHOWN: usize = 60;
/// The same in a sentence, which a narrow screen must have room for: a key may be one word.
const KEY_SAID: usize = 24;

/// `/cache`
pub async fn list(cx: Cx) -> Response {
    cx.answer(async |cx| {
        let filters = cx.query.only(&FILTERS);
        let asked = cx.query.only(&["task", "cursor"]);
        let (page, wrong) = match listed(cx, asked.with("limit", ROWS)).await {
            Ok(page) => (page, Vec::new()),
            Err(problem) if is_of_filters(&problem, &filters) => {
                let ask = |alone| async move { listed(cx, alone).await.map(drop) }.boxed();
                let wrong = wrong(&filters, FILTERS, problem, ask).await;
                (Page::all::<CachedView>([]), wrong)
            }
            Err(problem) => return Err(problem),
        };
        let is_first = cx.query.get("cursor").is_none();
        let of_task = match cx.query.get("task") {
            Some(task) => format!(" --task {}", quoted(task)),
            None => String::new(),
        };
        let shell = Shell {
            live: is_first,
            command: Some(format!("orch-host cache ls{of_task}")),
            json: Some(asked.at("/v1/cache")),
            ..cx.shell("Cached results")
        };
        let mut listing = Listing::new(shell, "Cached results");
        listing.crumbs.push(Link::new("Work pools", "/work-pools"));
        let fields = vec![Field::new("Task", "task", "name of a task")];
        let shown = Filters::new("/cache", &filters, fields, wrong);
        let is_wrong = shown.is_wrong();
        listing.filters = Some(shown);
        listing.tables.push(Table {
            id: "cache",
            label: "Cached results",
            columns: columns([
                "Key", "Task", "Scope", "Flow run", "#Size", "Created", "Expires", "",
            ]),
            rows: page.items.iter().map(|it| row(cx, it)).collect(),
            empty: if filters.is_empty() {
                Empty::new("There are no cached results. Tasks with `cache = inputs` keep them.")
            } else if is_wrong {
                Empty::new("The filter is wrong.").link("Clear filters", "/cache")
            } else {
                Empty::new("No cached result passes this filter.").link("Clear filters", "/cache")
            },
            next: page
                .next
                .map(|next| filters.with("cursor", next).at(&cx.path)),
            newest: is_first.then(|| cx.here()),
            ..Table::default()
        });
        Ok(if is_wrong {
            bad_request(&listing)
        } else {
            rendered(&listing)
        })
    })
    .await
}

async fn listed(cx: &Cx, asked: Query) -> Answered<Page<CachedView>> {
    let query = CacheQuery::from_query(&asked.to_string())?;
    cx.client.list_cache(query).await
}

fn row(cx: &Cx, result: &CachedView) -> Row {
    let expires = match result.expires {
        Some(at) => Cell::When(Some(cx.now.when(at))),
        None => Cell::Muted("never".to_owned()),
    };
    let button = if cx.can_administer() {
        let clear = Action::new("Clear", format!("{}/clear", path(result)));
        Cell::Button(clear.asking().dangerous())
    } else {
        Cell::text("")
    };
    let of_task = Query::default().with("task", &result.task).at("/cache");
    let run = result.flow_run.to_string();
    Row {
        id: format!("cached-{}", result.id),
        cells: vec![
            Cell::link(first_chars(&result.key, KEY_SHOWN), path(result)).grow(),
            Cell::link(&result.task, of_task).short(""),
            Cell::Muted(result.scope.clone()).own_line(),
            Cell::link(short_id(&run), format!("/flow-runs/{run}")).short("run"),
            Cell::text(size(result.size)).number("size"),
            Cell::When(Some(cx.now.when(result.created))).short("created"),
            expires.short("expires"),
            button.plain(),
        ],
    }
}

fn path(result: &CachedView) -> String {
    format!("/cache/{}", result.id)
}

/// `/cache/{id}`
pub async fn page(cx: Cx, id: String) -> Response {
    cx.answer(async |cx| {
        let result = cx.client.inspect_cached(&id).await?;
        let title = format!("Cached result of {}", result.task);
        let shell = Shell {
            copy_id: Some(result.id.to_string()),
            command: Some(format!("orch-host cache inspect {}", result.id)),
            json: Some(format!("/v1{}", path(&result))),
            ..cx.shell(title.clone())
        };
        let mut listing = Listing::new(shell, title);
        listing.crumbs.push(Link::new("Cached results", "/cache"));
        if cx.can_administer() {
            let clear = Action::new("Clear", format!("{}/clear", path(&result)));
            listing.actions.push(clear.asking().dangerous());
        }
        let scope = Pair::new("Scope", result.scope.clone());
        let run = result.flow_run.to_string();
        listing.facts = vec![
            Pair::new("Key", result.key.clone()),
            match result.component {
                Some(component) => scope.to(format!("/components/{component}")),
                None => scope,
            },
            Pair::new("Flow run", run.clone()).to(format!("/flow-runs/{run}")),
            Pair::new("Created", cx.now.when(result.created).full),
            Pair::new(
                "Expires",
                match result.expires {
                    Some(at) => cx.now.when(at).full,
                    None => "never".to_owned(),
                },
            ),
        ];
        if let Some(value) = &result.value {
            let href = format!("{}/value.json", path(&result));
            listing.values.push(Headed {
                heading: "Result",
                value: Value::json(value, href, "value.json"),
            });
        }
        Ok(rendered(&listing))
    })
    .await
}

/// `GET /cache/{id}/clear`
pub async fn ask(cx: Cx, id: String) -> Response {
    cx.answer(async |cx| {
        let result = cx.client.inspect_cached(&id).await?;
        Ok(rendered(&Ask {
            shell: cx.shell("Clear a cached result"),
            question: format!("Clear this result of {}?", result.task),
            lines: vec![
                format!("Its key is {}.", first_chars(&result.key, KEY_SAID)),
                "The next call with this key computes it anew.".to_owned(),
            ],
            action: format!("{}/clear", path(&result)),
            hidden: Vec::new(),
            choices: Vec::new(),
            verb: "Clear",
            is_dangerous: true,
            back: "/cache".to_owned(),
        }))
    })
    .await
}

/// `POST /cache/{id}/clear`
pub async fn clear(cx: Cx, id: String) -> Response {
    cx.answer(async |cx| {
        cx.client.clear_cached(&id).await?;
        Ok(see_other("/cache", "Cleared a cached result"))
    })
    .await
}

//! What a run did over time, as rows of bars.
//!
//! ```text
//! operations::timeline --view--> rows (names, links) + draw (SVG) --> tab_timeline.html
//! ```

mod draw;
mod zoom;

use std::fmt::Write as _;

use askama::Template;
use operations::client::{Answered, QueryRequest as _, TimelineQuery};
use operations::timeline::GROUP_PAGE;
use operations::view::{InputView, RowView, ShareView, TimelineView};

use self::zoom::Zoom;
use crate::pages::cx::{Cx, html};
use crate::pages::parts::Link;
use crate::pages::query::{Query, segment};
use crate::pages::show::{Shown, count, plural, slug};

/// So many segments are described one by one; of more, only what is worth it.
const DETAILS_MAX: usize = 400;
/// Parts of the critical path that are named.
const CRITICAL_MAX: usize = 5;

#[derive(Template)]
#[template(path = "tab_timeline.html")]
struct Tab {
    shows: Vec<Tool>,
    attempts: Vec<Tool>,
    zoom: Vec<Tool>,
    other: Vec<Tool>,
    critical: Vec<Part>,
    is_critical: bool,
    is_table: bool,
    scale: String,
    grid: String,
    points: String,
    rows: Vec<Row>,
    before: Option<Link>,
    after: Option<Link>,
    empty: Option<String>,
}

/// A link above the rows. `key`: what the script presses it with.
struct Tool {
    text: String,
    label: String,
    href: Option<String>,
    is_current: bool,
    key: &'static str,
}

/// A part of the critical path.
struct Part {
    text: String,
    took: String,
    part: Option<String>,
    href: Option<String>,
}

struct Row {
    key: u64,
    depth: usize,
    kind: String,
    name: String,
    href: Option<String>,
    /// More about the name: how many calls a group is of.
    note: String,
    /// The link that opens or closes a group.
    fold: Option<String>,
    is_open: bool,
    state: Shown,
    from: String,
    to: String,
    took: String,
    words: String,
    svg: String,
    /// Where an input that is awaited can be given.
    give: Option<String>,
    /// How many members of the group are left out, and the link to some of them.
    more: Option<(String, String)>,
}

pub async fn tab(cx: &Cx, run: &str, inputs: &[InputView]) -> Answered<String> {
    let asked = cx.query.only(&[
        "attempt", "from", "to", "show", "open", "shown", "fold", "skip",
    ]);
    let view = cx
        .client
        .run_timeline(run, TimelineQuery::from_query(&asked.to_string())?)
        .await?;
    let give: &[InputView] = if cx.can_operate() { inputs } else { &[] };
    Ok(html(&page(cx, &view, give)))
}

fn page(cx: &Cx, view: &TimelineView, inputs: &[InputView]) -> Tab {
    let query = cx.query.without("tab");
    let is_detailed = view
        .rows
        .iter()
        .map(|row| row.segments.len())
        .sum::<usize>()
        <= DETAILS_MAX;
    let row = |shown: &RowView| row(cx, &query, view, shown, inputs, is_detailed);
    let mut points = String::new();
    for (at, place) in zoom::points(&view.axis) {
        let _ = write!(points, "{:.3},{place} ", at.0 as f64 / 1000.0);
    }
    let show = query.get("show").unwrap_or_default();
    Tab {
        shows: shows(cx, &query),
        attempts: attempts(cx, &query, view),
        zoom: zoom_tools(cx, &query, view),
        other: other(cx, &query),
        critical: critical(view),
        is_critical: show == "critical",
        is_table: query.get("as") == Some("table"),
        scale: draw::scale(&cx.now, &view.axis),
        grid: draw::grid(&view.axis),
        points,
        rows: view.rows.iter().map(row).collect(),
        before: (view.rows_before > 0).then(|| {
            let to = view.rows_before.saturating_sub(view.rows.len().max(1));
            let text = plural(view.rows_before as u64, "row before", "rows before");
            Link::new(text, query.with("skip", to).at(&cx.path))
        }),
        after: (view.rows_after > 0).then(|| {
            let to = view.rows_before + view.rows.len();
            let text = plural(view.rows_after as u64, "more row", "more rows");
            Link::new(text, query.with("skip", to).at(&cx.path))
        }),
        empty: empty(view, show),
    }
}

fn empty(view: &TimelineView, show: &str) -> Option<String> {
    match (view.rows.len(), show) {
        (0, "failed") => Some("Nothing failed in this attempt.".to_owned()),
        (0, _) => Some("There is nothing to draw yet.".to_owned()),
        _ => None,
    }
}

fn shows(cx: &Cx, query: &Query) -> Vec<Tool> {
    let now = query.get("show").unwrap_or("all");
    let show = |(word, text): (&str, &str)| Tool {
        text: text.to_owned(),
        label: String::new(),
        href: Some(match word {
            "all" => query.without("show").without("skip").at(&cx.path),
            _ => query.without("skip").with("show", word).at(&cx.path),
        }),
        is_current: now == word,
        key: "",
    };
    [
        ("all", "All"),
        ("failed", "Failed"),
        ("critical", "Critical"),
    ]
    .map(show)
    .into()
}

fn attempts(cx: &Cx, query: &Query, view: &TimelineView) -> Vec<Tool> {
    /// The first ones are found by their address, if there ever are so many.
    const SHOWN_MAX: u32 = 20;
    if view.attempts <= 1 {
        return Vec::new();
    }
    let first = view.attempts.saturating_sub(SHOWN_MAX - 1).max(1);
    let plain = query
        .without("from")
        .without("to")
        .without("open")
        .without("skip");
    let attempt = |number: u32| Tool {
        text: number.to_string(),
        label: format!("Attempt {number}"),
        href: Some(if number == view.attempts {
            plain.without("attempt").at(&cx.path)
        } else {
            plain.with("attempt", number).at(&cx.path)
        }),
        is_current: number == view.attempt,
        key: "",
    };
    (first..=view.attempts).map(attempt).collect()
}

fn zoom_tools(cx: &Cx, query: &Query, view: &TimelineView) -> Vec<Tool> {
    let zoom = Zoom::new(query, view);
    let tool = |text: &str, label: &str, key, query: Option<Query>| Tool {
        text: text.to_owned(),
        label: label.to_owned(),
        href: query.map(|query| query.at(&cx.path)),
        is_current: false,
        key,
    };
    vec![
        tool("−", "Zoom out", "out", zoom.wider),
        tool("+", "Zoom in", "in", zoom.closer),
        tool("Fit", "Show all of the time", "fit", zoom.all),
    ]
}

fn other(cx: &Cx, query: &Query) -> Vec<Tool> {
    let is_whole = query.get("fold") == Some("false");
    let is_table = query.get("as") == Some("table");
    let tool = |text: &str, query: Query, is_current| Tool {
        text: text.to_owned(),
        label: String::new(),
        href: Some(query.at(&cx.path)),
        is_current,
        key: "",
    };
    let whole = if is_whole {
        query.without("fold")
    } else {
        query.with("fold", "false")
    };
    let table = if is_table {
        query.without("as")
    } else {
        query.with("as", "table")
    };
    vec![
        tool("Gaps", whole, is_whole),
        tool("Table", table, is_table),
    ]
}

fn critical(view: &TimelineView) -> Vec<Part> {
    let part = |share: &ShareView| Part {
        text: share.name.clone(),
        took: draw::took_ms(share.duration_ms),
        part: (share.part >= 0.01).then(|| format!("{:.0} %", share.part * 100.0)),
        href: view
            .rows
            .iter()
            .any(|row| row.key == share.key && share.key > 0)
            .then(|| format!("#tl-{}", share.key)),
    };
    view.critical.iter().take(CRITICAL_MAX).map(part).collect()
}

fn row(
    cx: &Cx,
    query: &Query,
    view: &TimelineView,
    row: &RowView,
    inputs: &[InputView],
    is_detailed: bool,
) -> Row {
    let exact = |at| draw::clock(&cx.now, at, true);
    Row {
        key: row.key,
        depth: row.depth.min(6),
        kind: row.kind.to_string(),
        name: row.name.clone(),
        href: href(row),
        note: note(row),
        fold: row.group.as_ref().map(|group| {
            let changed = match group.shown {
                Some(_) => closed(query, row.key),
                None => opened(query, row.key),
            };
            format!("{}#tl-{}", changed.at(&cx.path), row.key)
        }),
        is_open: row.group.as_ref().is_some_and(|it| it.shown.is_some()),
        state: Shown {
            slug: slug(&row.state),
            name: row.state.to_lowercase(),
        },
        from: exact(row.from),
        to: row.to.map(exact).unwrap_or_default(),
        took: match row.duration_ms {
            // An earlier attempt did it.
            Some(_) if row.segments.is_empty() && row.group.is_none() => String::new(),
            Some(ms) => draw::took_ms(ms),
            None if view.open => draw::took_ms((view.to.0 - row.from.0) as f64 / 1000.0),
            None => String::new(),
        },
        words: draw::words(row),
        svg: draw::row(&cx.now, row, is_detailed),
        give: give(row, inputs),
        more: row.left.map(|left| {
            let shown: usize = query
                .get("shown")
                .and_then(|it| it.parse().ok())
                .unwrap_or(0);
            let more = query.with("shown", shown.max(GROUP_PAGE) + GROUP_PAGE);
            (count(left as u64), more.at(&cx.path))
        }),
    }
}

/// The same with this group open, too.
fn opened(query: &Query, key: u64) -> Query {
    let mut query = query.clone();
    query.0.push(("open".to_owned(), key.to_string()));
    query
}

fn closed(query: &Query, key: u64) -> Query {
    let is_it = |(name, value): &&(String, String)| name == "open" && *value == key.to_string();
    Query(query.0.iter().filter(|it| !is_it(it)).cloned().collect())
}

fn href(row: &RowView) -> Option<String> {
    match (row.task_run, row.flow_run) {
        (Some(task), _) => Some(format!("/task-runs/{task}")),
        (None, Some(run)) if row.key > 0 => Some(format!("/flow-runs/{run}")),
        (None, _) => None,
    }
}

fn note(row: &RowView) -> String {
    let Some(group) = &row.group else {
        return String::new();
    };
    let mut note = format!("×{}", count(group.count as u64));
    if group.failed > 0 {
        let _ = write!(note, ", {} failed", count(group.failed as u64));
    }
    note
}

/// The form of an input that is awaited.
fn give(row: &RowView, inputs: &[InputView]) -> Option<String> {
    if row.kind != "input" || row.to.is_some() {
        return None;
    }
    let asks = |input: &&InputView| row.name == format!("input `{}`", input.key);
    let input = inputs.iter().find(asks)?;
    let key = segment(&input.key);
    Some(format!("/flow-runs/{}/inputs/{key}", input.flow_run))
}

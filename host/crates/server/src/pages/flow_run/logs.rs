//! The log: one list by time, filtered on the server, followed at its end.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use askama::Template;
use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use bytes::Bytes;
use futures::stream;
use model::TaskRunId;
use operations::client::{Answered, ListOrder, LogQuery, Page, QueryRequest as _};
use operations::problem::Problem;
use operations::view::{FlowRunView, LogView};

use crate::pages::cx::{Cx, html};
use crate::pages::filters::is_of_filters;
use crate::pages::links::{Piece, pieces};
use crate::pages::parts::{Choice, choices};
use crate::pages::query::Query;
use crate::pages::show::{Zone, first_chars, is_over, short_id};

/// Lines of a page.
const LINES: u32 = 1000;
/// Lines that are laid out together, once they are seen.
const BLOCK: usize = 200;

#[derive(Template)]
#[template(path = "tab_logs.html")]
struct Logs {
    action: String,
    levels: Vec<Choice>,
    text: String,
    /// A task run.
    task_run: String,
    task: String,
    target: String,
    is_filtered: bool,
    wrong: Option<Problem>,
    follow: bool,
    first: Option<String>,
    last: Option<String>,
    before: Option<String>,
    later: Option<String>,
    /// Where lines that come later are read from.
    after: Option<String>,
    has_more: bool,
    download: String,
    download_all: String,
    blocks: Vec<Vec<String>>,
}

#[derive(Template)]
#[template(path = "log_line.html")]
struct LineShown {
    place: String,
    level: String,
    level_text: String,
    time: String,
    full: String,
    who: String,
    who_href: Option<String>,
    pieces: Vec<Piece>,
}

const LEVELS: [(&str, &str); 5] = [
    ("TRACE", "Trace"),
    ("DEBUG", "Debug"),
    ("INFO", "Info"),
    ("WARN", "Warn"),
    ("ERROR", "Error"),
];

/// The filters, by the names of the API.
const FILTERS: [&str; 5] = ["level", "text", "task_run", "task", "target"];

/// A part of the log, and where it goes on in both directions.
#[derive(Default)]
struct Part {
    lines: Vec<LogView>,
    before: Option<String>,
    /// Where lines that come later are read from.
    after: Option<String>,
    has_more: bool,
}

pub async fn tab(cx: &Cx, run: &FlowRunView) -> Answered<String> {
    let filters = cx.query.only(&FILTERS);
    let (part, wrong) = match part(cx, run, &filters).await {
        Ok(part) => (part, None),
        Err(problem) if is_of_filters(&problem, &filters) => (Part::default(), Some(problem)),
        Err(problem) => return Err(problem),
    };
    let here = filters.with("tab", "logs");
    let at = |query: Query| query.at(&cx.path);
    let is_at_end = !part.has_more && cx.query.get("first").is_none();
    let download = |query: &Query| query.at(&format!("/flow-runs/{}/log.txt", run.id));
    let names = Names::of(cx, run, &part.lines).await?;
    let shown: Vec<String> = part
        .lines
        .iter()
        .enumerate()
        .map(|(n, line)| line_shown(cx, line, &names, n))
        .collect();
    Ok(html(&Logs {
        action: cx.path.clone(),
        levels: choices(LEVELS, cx.query.get("level").unwrap_or("TRACE")),
        text: cx.query.get("text").unwrap_or_default().to_owned(),
        task_run: cx.query.get("task_run").unwrap_or_default().to_owned(),
        task: cx.query.get("task").unwrap_or_default().to_owned(),
        target: cx.query.get("target").unwrap_or_default().to_owned(),
        is_filtered: !filters.is_empty(),
        wrong,
        follow: is_at_end && !is_over(run),
        first: Some(at(here.with("first", "yes"))),
        last: Some(at(here.clone())),
        before: part.before.map(|before| at(here.with("before", before))),
        later: part
            .after
            .as_ref()
            .filter(|_| part.has_more)
            .map(|after| at(here.with("after", after))),
        after: part.after,
        has_more: part.has_more,
        download: download(&filters),
        download_all: download(&Query::default()),
        blocks: shown.chunks(BLOCK).map(<[String]>::to_vec).collect(),
    }))
}

async fn part(cx: &Cx, run: &FlowRunView, filters: &Query) -> Answered<Part> {
    let asked = filters.with("limit", LINES);
    let id = run.id.to_string();
    let oldest = asked.with("order", "oldest-first");
    if let Some(after) = cx.query.get("after") {
        let query = LogQuery::from_query(&oldest.with("cursor", after).to_string())?;
        return Ok(forward(cx.client.run_logs(&id, query).await?));
    }
    if cx.query.get("first").is_some() {
        let query = LogQuery::from_query(&oldest.to_string())?;
        return Ok(forward(cx.client.run_logs(&id, query).await?));
    }
    let mut newest = asked.with("order", "newest-first");
    let before = cx.query.get("before");
    if let Some(before) = before {
        newest = newest.with("cursor", before);
    }
    let query = LogQuery::from_query(&newest.to_string())?;
    let mut page = cx.client.run_logs(&id, query).await?;
    page.items.reverse();
    Ok(Part {
        lines: page.items,
        before: page.next,
        // Of an earlier part the later lines are where one came from.
        after: page.newest.filter(|_| before.is_none()),
        has_more: false,
    })
}

fn forward(page: Page<LogView>) -> Part {
    // An ended log says where it ends; one that goes on always has a `next`.
    let is_full = page.items.len() >= LINES as usize;
    Part {
        lines: page.items,
        before: None,
        has_more: is_full && page.next.is_some(),
        after: page.next.or(page.newest),
    }
}

/// Who said lines: task runs and subflows by their names.
#[derive(Default)]
struct Names(HashMap<String, String>);

impl Names {
    /// One look for each of those that a page names; most lines are of few.
    async fn of(cx: &Cx, run: &FlowRunView, lines: &[LogView]) -> Answered<Self> {
        let mut names = HashMap::from([(run.id.to_string(), run.name.to_string())]);
        let tasks: BTreeSet<TaskRunId> = lines.iter().filter_map(|line| line.task_run).collect();
        for id in tasks.into_iter().take(NAMES_MAX) {
            if let Ok(task) = cx.client.inspect_task_run(id).await {
                names.insert(id.to_string(), task.name);
            }
        }
        Ok(Self(names))
    }

    fn name(&self, id: &str) -> String {
        self.0.get(id).cloned().unwrap_or_else(|| short_id(id))
    }
}

/// Names that are looked up for a page; others are shown by their ids.
const NAMES_MAX: usize = 100;

fn line_shown(cx: &Cx, line: &LogView, names: &Names, n: usize) -> String {
    let (who, href) = match line.task_run {
        Some(task) => (
            names.name(&task.to_string()),
            Some(format!("/task-runs/{task}")),
        ),
        None if line.source == "host" => ("orch-host".to_owned(), None),
        None => (names.name(&line.flow_run.to_string()), None),
    };
    html(&LineShown {
        place: format!("{}-{n}", line.at.0),
        level: line.level.to_ascii_lowercase(),
        level_text: line.level.to_string(),
        time: cx.now.zone.text(line.at, "%H:%M:%S%.3f"),
        full: format!("{} {}", cx.now.when(line.at).full, line.target),
        who,
        who_href: href,
        pieces: pieces(&first_chars(&line.message, MESSAGE_MAX)),
    })
}

/// Characters of a line; the download has all.
const MESSAGE_MAX: usize = 16 * 1024;

/// The last lines, for the head of a run that failed.
pub async fn last_lines(cx: &Cx, run: &FlowRunView, count: u32) -> Answered<Vec<String>> {
    let query = LogQuery {
        order: Some(ListOrder::NewestFirst),
        limit: Some(count),
        ..LogQuery::default()
    };
    let mut page = cx.client.run_logs(&run.id.to_string(), query).await?;
    page.items.reverse();
    let names = Names::of(cx, run, &page.items).await?;
    let lines = page.items.iter().enumerate();
    Ok(lines
        .map(|(n, line)| line_shown(cx, line, &names, n))
        .collect())
}

/// Lines of one task run, and whether there are more.
pub async fn lines_of_task(
    cx: &Cx,
    run: &FlowRunView,
    task: TaskRunId,
) -> Answered<(Vec<String>, bool)> {
    let query = LogQuery {
        task_run: vec![task],
        limit: Some(BLOCK as u32),
        ..LogQuery::default()
    };
    let page = cx.client.run_logs(&run.id.to_string(), query).await?;
    let names = Names::of(cx, run, &page.items).await?;
    let is_more = page.items.len() >= BLOCK;
    let lines = page.items.iter().enumerate();
    let lines = lines.map(|(n, line)| line_shown(cx, line, &names, n));
    Ok((lines.collect(), is_more))
}

/// `/flow-runs/{id}/log.txt`: all lines that pass the filters, as text.
pub async fn download(cx: Cx, run: String) -> Response {
    cx.answer(async |cx| {
        let filters = cx.query.only(&FILTERS).with("limit", LINES);
        let first = cx
            .client
            .run_logs(&run, LogQuery::from_query(&filters.to_string())?)
            .await?;
        let client = Arc::clone(&cx.client);
        let zone = cx.now.zone.clone();
        // Read on as it is sent, so that a long log is never in memory as a whole.
        let lines = stream::try_unfold(Some(first), move |page| {
            let (client, run) = (Arc::clone(&client), run.clone());
            let (filters, zone) = (filters.clone(), zone.clone());
            async move {
                let Some(page) = page else {
                    return Ok::<_, std::io::Error>(None);
                };
                let text: String = page.items.iter().map(|line| plain(&zone, line)).collect();
                let is_full = page.items.len() >= LINES as usize;
                let next = match page.next.filter(|_| is_full) {
                    None => None,
                    Some(next) => {
                        let asked = filters.with("cursor", next).to_string();
                        let query = LogQuery::from_query(&asked).map_err(std::io::Error::other)?;
                        let page = client.run_logs(&run, query).await;
                        Some(page.map_err(std::io::Error::other)?)
                    }
                };
                Ok(Some((Bytes::from(text), next)))
            }
        });
        let mut response = Response::new(Body::from_stream(lines));
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        );
        Ok(response)
    })
    .await
}

fn plain(zone: &Zone, line: &LogView) -> String {
    let at = zone.text(line.at, "%Y-%m-%d %H:%M:%S%.3f");
    format!("{at} {:5} {} {}\n", line.level, line.target, line.message)
}

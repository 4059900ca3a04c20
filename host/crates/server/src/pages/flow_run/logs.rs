//! The log: one list by time, filtered on the server, followed at its end.

use askama::Template;
use model::TaskRunId;
use operations::client::{Answered, LogQuery};
use operations::view::{FlowRunView, LogView};

use crate::pages::cx::{Cx, html};
use crate::pages::links::{Piece, pieces};
use crate::pages::parts::{Choice, choices};
use crate::pages::query::Query;
use crate::pages::show::{Value, short_id};

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
    task: String,
    target: String,
    is_filtered: bool,
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

//! The calls of the flow and what it was answered, in their order.

use askama::Template;
use operations::client::{Answered, JournalQuery};
use operations::view::{AnswerView, EntryView, FlowRunView, OutcomeView, SettlementView};

use crate::pages::cx::{Cx, html};
use crate::pages::parts::Link;
use crate::pages::show::{When, first_chars};

/// Entries of a page.
const ROWS: u32 = 200;
/// Characters of a value in a row.
const VALUE_MAX: usize = 300;

#[derive(Template)]
#[template(path = "tab_journal.html")]
struct Journal {
    rows: Vec<Row>,
    next: Option<String>,
}

struct Row {
    seq: u64,
    at: When,
    call: String,
    answer: String,
    link: Option<Link>,
    settled_at: Option<When>,
    settlement: String,
}

pub async fn tab(cx: &Cx, run: &FlowRunView) -> Answered<String> {
    let query = JournalQuery {
        limit: Some(ROWS),
        cursor: cx.query.get("cursor").map(str::to_owned),
        ..JournalQuery::default()
    };
    let page = cx.client.run_journal(&run.id.to_string(), query).await?;
    let rows = page.items.iter().map(|entry| row(cx, entry)).collect();
    let next = page
        .next
        .map(|next| cx.query.with("cursor", next).at(&cx.path));
    Ok(html(&Journal { rows, next }))
}

fn row(cx: &Cx, entry: &EntryView) -> Row {
    let (answer, link) = answer(&entry.answer);
    let (settled_at, settlement) = match &entry.settled {
        Some((at, settlement)) => (Some(cx.now.when(*at)), settled(settlement)),
        None => (None, String::new()),
    };
    Row {
        seq: entry.seq.0,
        at: cx.now.when(entry.at),
        call: first_chars(&entry.call.to_string(), VALUE_MAX),
        answer,
        link,
        settled_at,
        settlement,
    }
}

fn answer(answer: &AnswerView) -> (String, Option<Link>) {
    let link = |text: &str, href: String| (String::new(), Some(Link::new(text, href)));
    let text = |text: String| (first_chars(&text, VALUE_MAX), None);
    match answer {
        AnswerView::Accepted => text("accepted".to_owned()),
        AnswerView::TaskRun { id } => link("task run", format!("/task-runs/{id}")),
        AnswerView::Run { run } => link(run.name.as_str(), format!("/flow-runs/{}", run.id)),
        AnswerView::Refused { failure } => text(format!("refused: {}", failure.message)),
        AnswerView::Due { at } => text(format!("due {at}")),
        AnswerView::Input { until: None, .. } => text("asked".to_owned()),
        AnswerView::Input {
            until: Some(until), ..
        } => text(format!("asked, until {until}")),
        AnswerView::Nothing => text("nothing".to_owned()),
        AnswerView::Value { value } => text(value.to_string()),
        AnswerView::Settled { handles } => text(match handles.as_slice() {
            [one] => format!("call {}", one.0),
            several => format!("{} calls", several.len()),
        }),
    }
}

fn settled(settlement: &SettlementView) -> String {
    let text = match settlement {
        SettlementView::Task(outcome) | SettlementView::Input(outcome) => match outcome {
            OutcomeView::Ok(value) => value.to_string(),
            OutcomeView::Err(failure) => format!("{}: {}", failure.kind, failure.message),
        },
        SettlementView::Run(run) => format!("{} {}", run.name, run.state_name),
        SettlementView::Timer => "went off".to_owned(),
        SettlementView::Slots => "has them".to_owned(),
    };
    first_chars(&text, VALUE_MAX)
}

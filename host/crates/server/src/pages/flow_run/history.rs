//! Every state that the run was in.

use askama::Template;
use operations::client::Answered;
use operations::view::FlowRunView;

use crate::pages::cx::{Cx, html};
use crate::pages::show::{Shown, When};

#[derive(Template)]
#[template(path = "tab_history.html")]
struct History {
    rows: Vec<Row>,
}

struct Row {
    at: When,
    state: Shown,
    attempt: String,
    worker: String,
    reason: String,
}

pub async fn tab(cx: &Cx, run: &FlowRunView) -> Answered<String> {
    let history = cx.client.run_history(&run.id.to_string()).await?;
    let rows = history.iter().map(|line| Row {
        at: cx.now.when(line.state.at),
        state: Shown::from(&line.state),
        attempt: match line.attempt {
            0 => String::new(),
            attempt => attempt.to_string(),
        },
        worker: line
            .worker
            .as_ref()
            .map_or_else(String::new, ToString::to_string),
        reason: line.state.message.clone().unwrap_or_default(),
    });
    Ok(html(&History {
        rows: rows.collect(),
    }))
}

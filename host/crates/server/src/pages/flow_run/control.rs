//! What can be done to a run: cancel, pause, resume, retry, delete, copy. Each is asked first,
//! on a page of its own that says what else it touches.

use askama::Template;
use axum::response::Response;
use model::StateType;
use operations::client::{Answered, BulkVerb, InspectRun, RetryRun};
use operations::problem::{Problem, ProblemKind};
use operations::view::{FlowRunDetailsView, FlowRunView};

use crate::pages::cx::{Cx, rendered, see_other};
use crate::pages::parts::{Action, Hidden, Switch};
use crate::pages::query::Query;
use crate::pages::shell::Shell;
use crate::pages::show::{is_over, plural};

#[derive(Template)]
#[template(path = "confirm.html")]
pub struct Ask {
    pub shell: Shell,
    pub question: String,
    pub lines: Vec<String>,
    /// Where the answer is sent.
    pub action: String,
    pub hidden: Vec<Hidden>,
    pub choices: Vec<Switch>,
    pub verb: &'static str,
    pub is_dangerous: bool,
    pub back: String,
}

impl Ask {
    /// Whether to delete `what`, whose own path is `path`. The line says what that means.
    pub fn to_delete(shell: Shell, what: &str, line: &str, path: &str, back: String) -> Self {
        Self {
            shell,
            question: format!("Delete {what}?"),
            lines: vec![line.to_owned()],
            action: format!("{path}/delete"),
            hidden: Vec::new(),
            choices: Vec::new(),
            verb: "Delete",
            is_dangerous: true,
            back,
        }
    }
}

fn verb_of(word: &str) -> Answered<BulkVerb> {
    BulkVerb::of(word).ok_or_else(|| {
        let detail = format!("`{word}` is nothing that can be done to a flow run");
        Problem::new(ProblemKind::NotFound, detail)
    })
}

fn text(verb: BulkVerb) -> &'static str {
    match verb {
        BulkVerb::Cancel => "Cancel",
        BulkVerb::Pause => "Pause",
        BulkVerb::Resume => "Resume",
        BulkVerb::Retry => "Retry",
        BulkVerb::Delete => "Delete",
    }
}

/// Whether the run allows it. The store decides; this only hides buttons.
fn fits(verb: BulkVerb, run: &FlowRunView) -> bool {
    let state = run.state.kind.parse::<StateType>();
    // A subflow lives and ends with the run around it.
    run.within.is_none() && state.is_ok_and(|state| verb.fits(state))
}

fn action(verb: BulkVerb, run: &FlowRunView) -> Action {
    let action = Action::new(
        text(verb),
        format!("/flow-runs/{}/{}", run.id, verb.as_str()),
    );
    let action = action.asking();
    if verb.is_dangerous() {
        action.dangerous()
    } else {
        action
    }
}

fn allowed(cx: &Cx, run: &FlowRunView, verbs: &[BulkVerb]) -> Vec<Action> {
    let is_allowed = |verb: &&BulkVerb| fits(**verb, run) && cx.visitor.role().allows(verb.role());
    let allowed = verbs.iter().filter(is_allowed);
    allowed.map(|verb| action(*verb, run)).collect()
}

/// What stands beside the name.
pub fn first(cx: &Cx, details: &FlowRunDetailsView) -> Vec<Action> {
    let verbs = [BulkVerb::Cancel, BulkVerb::Resume, BulkVerb::Retry];
    let mut first = allowed(cx, &details.run, &verbs);
    if leaves_children(details) && cx.visitor.role().allows(BulkVerb::Cancel.role()) {
        let mut cancel = action(BulkVerb::Cancel, &details.run);
        cancel.text = "Cancel what it started".into();
        first.insert(0, cancel);
    }
    first
}

/// How many of the runs that it started go on.
fn open_children(details: &FlowRunDetailsView) -> u64 {
    let open = |(state, _): &&(StateType, u64)| !state.is_terminal();
    details.children.0.iter().filter(open).map(|(_, n)| n).sum()
}

/// Whether it is over, and runs that it started go on: to cancel it means them.
fn leaves_children(details: &FlowRunDetailsView) -> bool {
    is_over(&details.run) && details.run.within.is_none() && open_children(details) > 0
}

/// What is behind "More".
pub fn more(cx: &Cx, run: &FlowRunView) -> Vec<Action> {
    let mut more = allowed(cx, run, &[BulkVerb::Pause]);
    if cx.can_operate()
        && let Some(name) = &run.deployment
    {
        let path = crate::pages::flow_runs::deployment_path(name);
        more.push(Action::new(
            "Copy to new run",
            format!("{path}/run?copy={}", run.id),
        ));
    }
    more.extend(allowed(cx, run, &[BulkVerb::Delete]));
    more
}

/// `GET /flow-runs/{id}/{verb}`: asks whether it is meant.
pub async fn ask(cx: Cx, run: String, verb: String) -> Response {
    cx.answer(async |cx| {
        let verb = verb_of(&verb)?;
        let details = cx.client.inspect_run(&run, InspectRun::default()).await?;
        let run = &details.run;
        Ok(rendered(&Ask {
            shell: cx.shell(format!("{} {}", text(verb), run.name)),
            question: format!("{} {}?", text(verb), run.name),
            lines: consequences(verb, &details),
            action: format!("/flow-runs/{}/{}", run.id, verb.as_str()),
            hidden: Vec::new(),
            choices: if verb == BulkVerb::Retry {
                vec![Switch {
                    name: "from_scratch",
                    text: "Repeat what had completed, too",
                }]
            } else {
                Vec::new()
            },
            verb: text(verb),
            is_dangerous: verb.is_dangerous(),
            back: format!("/flow-runs/{}", run.id),
        }))
    })
    .await
}

/// What else happens.
fn consequences(verb: BulkVerb, details: &FlowRunDetailsView) -> Vec<String> {
    let children = open_children(details);
    let mut lines = Vec::new();
    match verb {
        BulkVerb::Cancel => {
            if children > 0 {
                let runs = plural(children, "run that it started", "runs that it started");
                lines.push(if leaves_children(details) {
                    format!("The run is over. This ends {runs}, and what those started.")
                } else {
                    format!("This ends the run and {runs}, and what those started.")
                });
            }
            lines.push(
                "What has not begun ends at once. What runs is told, and has 10 s to clean up."
                    .to_owned(),
            );
        }
        BulkVerb::Pause => lines.push(
            "It stops when its running tasks have ended, and gives its slot back. Runs that it \
             started go on."
                .to_owned(),
        ),
        BulkVerb::Resume => lines.push("It goes on where it was.".to_owned()),
        BulkVerb::Retry => lines.push(
            "A new attempt begins. What earlier attempts have completed is not repeated."
                .to_owned(),
        ),
        BulkVerb::Delete => lines.push(
            "Its journal, log, task runs and subflows go with it. This cannot be undone. Runs \
             that it started stay."
                .to_owned(),
        ),
    }
    lines
}

/// `POST /flow-runs/{id}/{verb}`
pub async fn act(cx: Cx, run: String, verb: String, posted: Query) -> Response {
    cx.answer(async |cx| {
        let verb = verb_of(&verb)?;
        let (client, run) = (&cx.client, run.as_str());
        let (after, did) = match verb {
            BulkVerb::Cancel => (client.cancel_run(run).await?, "Cancelled"),
            BulkVerb::Pause => (client.pause_run(run).await?, "Paused"),
            BulkVerb::Resume => (client.resume_run(run).await?, "Resumed"),
            BulkVerb::Retry => {
                let from_scratch = posted.get("from_scratch").is_some();
                let retried = client.retry_run(run, RetryRun { from_scratch }).await?;
                (retried, "A new attempt begins of")
            }
            BulkVerb::Delete => return delete(cx, run).await,
        };
        let said = match (verb, after.state.kind.as_ref()) {
            (BulkVerb::Cancel, "CANCELLING") => format!("{} was told to stop", after.name),
            (BulkVerb::Cancel, kind) if kind != "CANCELLED" => {
                format!("Cancelled what {} had started", after.name)
            }
            _ => format!("{did} {}", after.name),
        };
        Ok(see_other(&format!("/flow-runs/{}", after.id), &said))
    })
    .await
}

/// Its page is gone with it, so the list is shown.
async fn delete(cx: &Cx, run: &str) -> Answered<Response> {
    let details = cx.client.inspect_run(run, InspectRun::default()).await?;
    let name = details.run.name;
    cx.client.delete_run(run).await?;
    Ok(see_other("/flow-runs", &format!("Deleted {name}")))
}

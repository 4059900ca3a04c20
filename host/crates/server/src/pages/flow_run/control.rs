//! What can be done to a run: cancel, pause, resume, retry, delete, copy. Each is asked first,
//! on a page of its own that says what else it touches.

use askama::Template;
use axum::response::Response;
use model::{Role, StateType};
use operations::client::{Answered, InspectRun, RetryRun};
use operations::problem::{Problem, ProblemKind};
use operations::view::{FlowRunDetailsView, FlowRunView};

use crate::pages::cx::{Cx, rendered, see_other};
use crate::pages::parts::{Action, Hidden, Switch};
use crate::pages::query::Query;
use crate::pages::shell::Shell;
use crate::pages::show::plural;

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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Cancel,
    Pause,
    Resume,
    Retry,
    Delete,
}

impl Verb {
    fn of(word: &str) -> Answered<Self> {
        Ok(match word {
            "cancel" => Self::Cancel,
            "pause" => Self::Pause,
            "resume" => Self::Resume,
            "retry" => Self::Retry,
            "delete" => Self::Delete,
            _ => {
                let detail = format!("`{word}` is nothing that can be done to a flow run");
                return Err(Problem::new(ProblemKind::NotFound, detail));
            }
        })
    }

    fn word(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Retry => "retry",
            Self::Delete => "delete",
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Cancel => "Cancel",
            Self::Pause => "Pause",
            Self::Resume => "Resume",
            Self::Retry => "Retry",
            Self::Delete => "Delete",
        }
    }

    fn role(self) -> Role {
        match self {
            Self::Cancel | Self::Pause | Self::Resume | Self::Retry => Role::Operator,
            Self::Delete => Role::Admin,
        }
    }

    fn is_dangerous(self) -> bool {
        matches!(self, Self::Cancel | Self::Delete)
    }

    /// Whether the state of the run allows it. The store decides; this only hides buttons.
    fn fits(self, run: &FlowRunView) -> bool {
        // A subflow lives and ends with the run around it.
        if run.within.is_some() {
            return false;
        }
        let Ok(state) = run.state.kind.parse::<StateType>() else {
            return false;
        };
        match self {
            Self::Cancel => !state.is_terminal() && state != StateType::Cancelling,
            Self::Pause => {
                !state.is_terminal() && !matches!(state, StateType::Paused | StateType::Cancelling)
            }
            Self::Resume => state == StateType::Paused,
            Self::Retry | Self::Delete => state.is_terminal(),
        }
    }

    fn action(self, run: &FlowRunView) -> Action {
        let action = Action::new(
            self.text(),
            format!("/flow-runs/{}/{}", run.id, self.word()),
        );
        let action = action.asking();
        if self.is_dangerous() {
            action.dangerous()
        } else {
            action
        }
    }
}

fn allowed(cx: &Cx, run: &FlowRunView, verbs: &[Verb]) -> Vec<Action> {
    let fits = |verb: &&Verb| verb.fits(run) && cx.visitor.role().allows(verb.role());
    let fitting = verbs.iter().filter(fits);
    fitting.map(|verb| verb.action(run)).collect()
}

/// What stands beside the name.
pub fn first(cx: &Cx, run: &FlowRunView) -> Vec<Action> {
    allowed(cx, run, &[Verb::Cancel, Verb::Resume, Verb::Retry])
}

/// What is behind "More".
pub fn more(cx: &Cx, run: &FlowRunView) -> Vec<Action> {
    let mut more = allowed(cx, run, &[Verb::Pause]);
    if cx.can_operate()
        && let Some(name) = &run.deployment
    {
        let path = crate::pages::flow_runs::deployment_path(name);
        more.push(Action::new(
            "Copy to new run",
            format!("{path}/run?copy={}", run.id),
        ));
    }
    more.extend(allowed(cx, run, &[Verb::Delete]));
    more
}

/// `GET /flow-runs/{id}/{verb}`: asks whether it is meant.
pub async fn ask(cx: Cx, run: String, verb: String) -> Response {
    cx.answer(async |cx| {
        let verb = Verb::of(&verb)?;
        let details = cx.client.inspect_run(&run, InspectRun::default()).await?;
        let run = &details.run;
        Ok(rendered(&Ask {
            shell: cx.shell(format!("{} {}", verb.text(), run.name)),
            question: format!("{} {}?", verb.text(), run.name),
            lines: consequences(verb, &details),
            action: format!("/flow-runs/{}/{}", run.id, verb.word()),
            hidden: Vec::new(),
            choices: if verb == Verb::Retry {
                vec![Switch {
                    name: "from_scratch",
                    text: "Repeat what had completed, too",
                }]
            } else {
                Vec::new()
            },
            verb: verb.text(),
            is_dangerous: verb.is_dangerous(),
            back: format!("/flow-runs/{}", run.id),
        }))
    })
    .await
}

/// What else happens.
fn consequences(verb: Verb, details: &FlowRunDetailsView) -> Vec<String> {
    let open = |(state, _): &&(StateType, u64)| !state.is_terminal();
    let children: u64 = details.children.0.iter().filter(open).map(|(_, n)| n).sum();
    let mut lines = Vec::new();
    match verb {
        Verb::Cancel => {
            if children > 0 {
                let runs = plural(children, "run that it started", "runs that it started");
                lines.push(format!(
                    "This ends the run and {runs}, and what those started."
                ));
            }
            lines.push(
                "What has not begun ends at once. What runs is told, and has 10 s to clean up."
                    .to_owned(),
            );
        }
        Verb::Pause => lines.push(
            "It stops at its next step and gives its slot back. Runs that it started go on."
                .to_owned(),
        ),
        Verb::Resume => lines.push("It goes on where it was.".to_owned()),
        Verb::Retry => lines.push(
            "A new attempt begins. What earlier attempts have completed is not repeated."
                .to_owned(),
        ),
        Verb::Delete => lines.push(
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
        let verb = Verb::of(&verb)?;
        let (client, run) = (&cx.client, run.as_str());
        let (after, did) = match verb {
            Verb::Cancel => (client.cancel_run(run).await?, "Cancelled"),
            Verb::Pause => (client.pause_run(run).await?, "Paused"),
            Verb::Resume => (client.resume_run(run).await?, "Resumed"),
            Verb::Retry => {
                let from_scratch = posted.get("from_scratch").is_some();
                let retried = client.retry_run(run, RetryRun { from_scratch }).await?;
                (retried, "A new attempt begins of")
            }
            Verb::Delete => return delete(cx, run).await,
        };
        let said = match (verb, after.state.kind.as_ref()) {
            (Verb::Cancel, "CANCELLING") => format!("{} was told to stop", after.name),
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

//! Texts that mean nothing, or too much.

use model::{FlowRun, Timestamp};

use super::{Problem, ProblemKind, meant, nearest};
use crate::resolve::ResolveRefusal;
use crate::text::{ago, aligned, one_line};

impl From<&ResolveRefusal> for Problem {
    fn from(refusal: &ResolveRefusal) -> Self {
        use ResolveRefusal::*;
        let (kind, hint) = match refusal {
            Store(err) => return err.into(),
            SeveralRuns {
                asked,
                found,
                more,
                at,
            } => {
                return Self::new(ProblemKind::Ambiguous, candidates(asked, found, *more, *at))
                    .hint("type its id, or as much of it as tells it from the others");
            }
            NoRun {
                nearest: Some(name),
                ..
            } => (ProblemKind::NotFound, format!("did you mean `{name}`?")),
            NoRun { nearest: None, .. } => (
                ProblemKind::NotFound,
                "`orch-host flow-run ls` lists the newest ones".to_owned(),
            ),
            BadName(_) => (
                ProblemKind::InvalidName,
                "`orch-host deployment ls` lists the deployments".to_owned(),
            ),
            NoDeployment { nearest: name, .. } => (
                ProblemKind::NotFound,
                nearest(name.as_ref(), "deployment ls"),
            ),
            NoDeployedFlow { nearest: name, .. } => (
                ProblemKind::NotFound,
                nearest(name.as_ref(), "deployment ls"),
            ),
            NotAFlow { deployment, .. } => (
                ProblemKind::NotFound,
                format!("the deployment is `{deployment}`"),
            ),
            SeveralDeployments { found, .. } => match found.first() {
                Some(first) => (
                    ProblemKind::Ambiguous,
                    format!("name one of them, such as `{first}`"),
                ),
                None => return Self::internal(refusal.to_string()),
            },
            NoPool {
                asked,
                nearest: name,
            } => (
                ProblemKind::NotFound,
                match name {
                    Some(name) => meant(name),
                    None => format!("create it: `orch-host work-pool create {asked}`"),
                },
            ),
            NoQueue {
                pool,
                asked,
                nearest: name,
            } => (
                ProblemKind::NotFound,
                match name {
                    Some(name) => meant(name),
                    None => {
                        format!("create it: `orch-host work-queue create {asked} --pool {pool}`")
                    }
                },
            ),
            NoComponent { .. } => (
                ProblemKind::NotFound,
                "`orch-host component ls` lists them".to_owned(),
            ),
            SeveralComponents { .. } => {
                (ProblemKind::Ambiguous, "type more of the digest".to_owned())
            }
            NoFlow { nearest: name, .. } => (
                ProblemKind::NotFound,
                nearest(name.as_ref(), "component inspect FILE"),
            ),
        };
        Self::new(kind, refusal.to_string()).hint(hint)
    }
}

fn candidates(asked: &str, found: &[FlowRun], more: bool, now: Timestamp) -> String {
    let row = |run: &FlowRun| {
        [
            run.id.to_string(),
            one_line(run.name.as_str()),
            one_line(run.flow.as_str()),
            one_line(&run.state.name.0),
            ago(run.created, now),
        ]
    };
    let rows: Vec<_> = found.iter().map(row).collect();
    let mut message = format!("`{asked}` may be any of these flow runs:");
    for line in aligned(&rows) {
        message += &format!("\n  {line}");
    }
    if more {
        message += "\n  …";
    }
    message
}

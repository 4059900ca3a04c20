//! The refusals of operations in words for the person at the keyboard: what was wrong, and what
//! to type instead.

use std::error::Error;
use std::fmt::Display;

use model::{AwaitedInput, FlowRun, StateType, Timestamp};
use operations::control::ControlRefusal;
use operations::deploy::DeployRefusal;
use operations::follow::FollowRefusal;
use operations::inputs::{GiveRefusal, listed};
use operations::resolve::ResolveRefusal;
use operations::start::StartRefusal;
use store::StoreError;

use super::error::UserError;
use super::inputs;
use super::params::misfit;
use super::table::{Table, text as cell};
use super::time::ago;

/// What a refusal amounts to.
#[derive(Debug)]
pub enum Said<'e> {
    /// It was a mistake of the person.
    ToUser(UserError),
    /// The store could not do it.
    ByStore(&'e StoreError),
    /// Users should never see it.
    Unexpected,
}

impl From<UserError> for Said<'_> {
    fn from(err: UserError) -> Self {
        Self::ToUser(err)
    }
}

/// What an error says, if it is the refusal of an operation.
pub fn said<'e>(err: &'e (dyn Error + 'static)) -> Option<Said<'e>> {
    if let Some(refusal) = err.downcast_ref() {
        return Some(of_resolve(refusal));
    }
    if let Some(refusal) = err.downcast_ref() {
        return Some(of_start(refusal));
    }
    if let Some(refusal) = err.downcast_ref() {
        return Some(of_deploy(refusal));
    }
    if let Some(refusal) = err.downcast_ref() {
        return Some(of_control(refusal));
    }
    if let Some(refusal) = err.downcast_ref() {
        return Some(of_follow(refusal));
    }
    err.downcast_ref().map(of_give)
}

/// The message of a refusal is its own; the hint is added here.
fn hinted(refusal: &impl Display, hint: impl Into<String>) -> Said<'static> {
    UserError::new(refusal.to_string()).hint(hint).into()
}

fn meant(name: &impl Display) -> String {
    format!("did you mean `{name}`?")
}

/// What was meant, or where to look for it.
fn nearest(name: Option<&impl Display>, listing: &str) -> String {
    match name {
        Some(name) => meant(name),
        None => format!("`orch-host {listing}` lists what there is"),
    }
}

fn of_resolve(refusal: &ResolveRefusal) -> Said<'_> {
    use ResolveRefusal::*;
    match refusal {
        NoRun { .. } => hinted(refusal, "`orch-host flow-run ls` lists the newest ones"),
        SeveralRuns {
            asked,
            found,
            more,
            at,
        } => UserError::new(candidates(asked, found, *more, *at))
            .hint("type its id, or as much of it as tells it from the others")
            .into(),
        BadName(_) => hinted(refusal, "`orch-host deployment ls` lists the deployments"),
        NoDeployment { nearest: name, .. } => {
            hinted(refusal, nearest(name.as_ref(), "deployment ls"))
        }
        NoDeployedFlow { nearest: name, .. } => {
            hinted(refusal, nearest(name.as_ref(), "deployment ls"))
        }
        NotAFlow { deployment, .. } => hinted(refusal, format!("the deployment is `{deployment}`")),
        SeveralDeployments { found, .. } => match found.first() {
            Some(first) => hinted(refusal, format!("name one of them, such as `{first}`")),
            None => Said::Unexpected,
        },
        NoPool {
            asked,
            nearest: name,
        } => hinted(
            refusal,
            match name {
                Some(name) => meant(name),
                None => format!("create it: `orch-host work-pool create {asked}`"),
            },
        ),
        NoComponent { .. } => hinted(refusal, "`orch-host component ls` lists them"),
        SeveralComponents { .. } => hinted(refusal, "type more of the digest"),
        NoFlow { nearest: name, .. } => {
            hinted(refusal, nearest(name.as_ref(), "component inspect FILE"))
        }
        Store(err) => Said::ByStore(err),
    }
}

fn candidates(asked: &str, found: &[FlowRun], more: bool, now: Timestamp) -> String {
    let mut table = Table::new([]);
    for run in found {
        table.row([
            cell(run.id),
            cell(&run.name),
            cell(&run.flow),
            cell(&run.state.name),
            cell(ago(run.created, now)),
        ]);
    }
    let mut message = format!("`{asked}` may be any of these flow runs:");
    for line in table.render(false).lines() {
        message += &format!("\n  {line}");
    }
    if more {
        message += "\n  …";
    }
    message
}

pub fn of_start(refusal: &StartRefusal) -> Said<'_> {
    match refusal {
        StartRefusal::Parameters { flow, misfit: err } => misfit(flow, err).into(),
        StartRefusal::NoComponent { .. } | StartRefusal::Schema { .. } => Said::Unexpected,
        StartRefusal::Resolve(refusal) => of_resolve(refusal),
        StartRefusal::Store(err) => Said::ByStore(err),
    }
}

fn of_deploy(refusal: &DeployRefusal) -> Said<'_> {
    match refusal {
        DeployRefusal::Resolve(refusal) => of_resolve(refusal),
        DeployRefusal::Name(_) => hinted(
            refusal,
            "`--name` is the part after the slash; the flow's name goes before it",
        ),
        DeployRefusal::Defaults { flow, misfit: err } => {
            let mut err = misfit(flow, err);
            err.message = format!("flow `{}`: {}", flow.name, err.message);
            err.into()
        }
        DeployRefusal::Schema { .. } => Said::Unexpected,
        DeployRefusal::Store(err) => Said::ByStore(err),
    }
}

fn of_control(refusal: &ControlRefusal) -> Said<'_> {
    match refusal {
        ControlRefusal::Over { .. } => {
            hinted(refusal, "only a run that has not ended can be cancelled")
        }
        ControlRefusal::WaitsForInput { run, awaited } => waits_for_input(run, awaited),
        ControlRefusal::Store(err) => Said::ByStore(err),
    }
}

/// It cannot go on without.
fn waits_for_input<'e>(run: &FlowRun, awaited: &[AwaitedInput]) -> Said<'e> {
    let mut message = format!("flow run '{}' waits for input:", run.name);
    for input in awaited {
        message += &format!("\n  {}", inputs::wish(input));
        if input.run != run.id {
            message += &format!(" (asked by subflow {})", input.run);
        }
        message += &format!("\n    schema: {}", input.schema);
    }
    let command = inputs::command(&awaited[0], awaited);
    UserError::new(message)
        .hint(format!("give it: `{command}`"))
        .into()
}

fn of_follow(refusal: &FollowRefusal) -> Said<'_> {
    match refusal {
        FollowRefusal::Gone { .. } => UserError::new(refusal.to_string()).into(),
        FollowRefusal::Store(err) => Said::ByStore(err),
    }
}

fn of_give(refusal: &GiveRefusal) -> Said<'_> {
    match refusal {
        GiveRefusal::NotAwaited { run, others } => not_awaited(run, others),
        GiveRefusal::Several { keys, .. } => {
            let first = keys.first().map_or("KEY", String::as_str);
            hinted(
                refusal,
                format!("say which: `--key {}`", inputs::quoted(first)),
            )
        }
        GiveRefusal::NoSuchKey {
            nearest: name,
            keys,
            ..
        } => hinted(
            refusal,
            match name {
                Some(name) => meant(name),
                None => format!("it waits for {}", listed(keys)),
            },
        ),
        GiveRefusal::Misfit { input, .. } => hinted(refusal, inputs::wanted(input)),
        GiveRefusal::TooLate { .. } => hinted(
            refusal,
            "somebody else has given it, its time is over, or the run has ended",
        ),
        GiveRefusal::Store(err) => Said::ByStore(err),
    }
}

fn not_awaited<'e>(run: &FlowRun, others: &[AwaitedInput]) -> Said<'e> {
    let (id, name, kind) = (run.id, &run.name, run.state.kind);
    let mut message = format!("flow run '{name}' does not wait for input");
    if let Some(input) = others.first() {
        message += " itself: a subflow within it does";
        let command = inputs::command(input, others);
        let hint = format!("give it to that one: `{command}`");
        return UserError::new(message).hint(hint).into();
    }
    message += &format!(": it is {kind}");
    let hint = match kind {
        StateType::Paused => {
            format!("without `--input` it goes on: `orch-host flow-run resume {id}`")
        }
        kind if kind.is_terminal() => "only a run that has not ended can be given input".to_owned(),
        _ => format!("`orch-host flow-run inspect {id}` shows it, once it asks for something"),
    };
    UserError::new(message).hint(hint).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(refusal: impl Error + 'static, message: &str, hint: &str) {
        let Some(Said::ToUser(err)) = said(&refusal) else {
            panic!("{refusal}");
        };
        assert_eq!(err.message, message);
        assert_eq!(err.hint.as_deref(), Some(hint));
    }

    #[test]
    fn the_nearest_name_is_the_hint() {
        let refusal = |nearest: Option<&str>| ResolveRefusal::NoDeployment {
            asked: "etl/nightli".parse().unwrap(),
            nearest: nearest.map(|name| name.parse().unwrap()),
        };
        let message = "there is no deployment `etl/nightli`";
        check(
            refusal(Some("etl/nightly")),
            message,
            "did you mean `etl/nightly`?",
        );
        check(
            refusal(None),
            message,
            "`orch-host deployment ls` lists what there is",
        );
    }

    #[test]
    fn a_refusal_within_another_is_found() {
        let refusal = ResolveRefusal::NoPool {
            asked: "p".parse().unwrap(),
            nearest: None,
        };
        check(
            DeployRefusal::Resolve(refusal),
            "work pool `p` does not exist",
            "create it: `orch-host work-pool create p`",
        );
    }

    #[test]
    fn several_inputs_need_a_key() {
        check(
            GiveRefusal::Several {
                run: "otter".parse().unwrap(),
                keys: vec!["first".to_owned(), "a word".to_owned()],
            },
            "flow run 'otter' waits for several inputs: `first`, `a word`",
            "say which: `--key first`",
        );
        check(
            GiveRefusal::NoSuchKey {
                run: "otter".parse().unwrap(),
                key: "secnd".to_owned(),
                nearest: Some("second".to_owned()),
                keys: Vec::new(),
            },
            "flow run 'otter' does not wait for input `secnd`",
            "did you mean `second`?",
        );
    }
}

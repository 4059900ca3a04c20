//! The rule by which flow runs that are long over are deleted by themselves.

use std::time::Duration;

use axum::response::Response;
use model::StateType;
use operations::client::{Answered, PruneRule};

use super::cx::{Cx, rendered, see_other};
use super::fields::{Fields, Input};
use super::flow_run::Ask;
use super::listing::Listing;
use super::parts::{Action, Choice, Link, Pair};
use super::query::Query;
use super::shell::Shell;

const PATH: &str = "/prune-rule";
const TITLE: &str = "Deleting old runs";

/// A rule to begin with.
fn usual() -> PruneRule {
    PruneRule {
        older_than_ms: 30 * 24 * 60 * 60 * 1000,
        states: Vec::new(),
        keep_failed: true,
    }
}

fn span(rule: &PruneRule) -> String {
    model::in_units(Duration::from_millis(rule.older_than_ms))
}

fn fields(rule: &PruneRule) -> Fields {
    let ends = [
        StateType::Completed,
        StateType::Failed,
        StateType::Crashed,
        StateType::Cancelled,
    ];
    let is_of_rule = |name: &str| {
        let mut states = rule.states.iter();
        states.any(|state| state.eq_ignore_ascii_case(name))
    };
    let names = ends.map(|end| end.to_string());
    // A rule may have names of states, too, such as `TimedOut`.
    let others = rule.states.iter().filter(|state| {
        let is_it = |name: &String| state.eq_ignore_ascii_case(name);
        !names.iter().any(is_it)
    });
    let choice = |name: &String| Choice {
        value: name.clone(),
        text: String::new(),
        is_chosen: is_of_rule(name),
    };
    let ends = names.iter().chain(others).map(choice).collect();
    let inputs = vec![
        Input::line("Over for longer than", "older_than_ms")
            .required()
            .now(span(rule))
            .hint("Such as `30d` or `12h`. All of a family of runs must be over for so long."),
        Input::several("Only if the family's first run is", "states", ends)
            .hint("None ticked: whatever it is."),
        Input::tick(
            "Keep families in which a run has failed or crashed",
            "keep_failed",
            rule.keep_failed,
        ),
    ];
    Fields::new(PATH, "Save the rule", inputs)
}

fn listing(cx: &Cx, rule: Option<&PruneRule>, fields: Fields) -> Listing {
    let shell = Shell {
        command: Some("orch-host prune show".to_owned()),
        json: Some(format!("/v1{PATH}")),
        ..cx.shell(TITLE)
    };
    let mut listing = Listing::new(shell, TITLE);
    listing.crumbs.push(Link::new("Runs", "/flow-runs"));
    let each_hour = match rule {
        Some(rule) => rule.in_words(),
        None => "nothing".to_owned(),
    };
    listing.facts = vec![Pair::new("Each hour goes", each_hour)];
    if cx.can_administer() {
        if rule.is_some() {
            let stop = Action::new("Delete nothing", format!("{PATH}/delete"));
            listing.actions.push(stop.asking());
        }
        listing.form = Some(fields);
    }
    listing
}

/// `GET /prune-rule`
pub async fn page(cx: Cx) -> Response {
    cx.answer(async |cx| {
        let rule = cx.client.prune_rule().await?;
        let fields = fields(&rule.clone().unwrap_or_else(usual));
        Ok(rendered(&listing(cx, rule.as_ref(), fields)))
    })
    .await
}

/// `POST /prune-rule`
pub async fn set(cx: Cx, posted: Query) -> Response {
    cx.answer(async |cx| {
        let set = async {
            let rule = wish(&posted)?;
            cx.client.set_prune_rule(Some(rule.clone())).await?;
            Ok(rule)
        };
        match set.await {
            Ok(rule) => {
                let said = format!("Each hour goes {}", rule.in_words());
                Ok(see_other(PATH, &said))
            }
            Err(problem) => {
                let rule = cx.client.prune_rule().await?;
                let fields = fields(&usual()).refused(&posted, problem)?;
                Ok(super::cx::unprocessable(&listing(
                    cx,
                    rule.as_ref(),
                    fields,
                )))
            }
        }
    })
    .await
}

fn wish(posted: &Query) -> Answered<PruneRule> {
    Ok(PruneRule {
        older_than_ms: posted.need_span_ms("older_than_ms", "How long they have been over")?,
        states: posted.all("states").map(str::to_owned).collect(),
        keep_failed: posted.get("keep_failed").is_some(),
    })
}

/// `GET /prune-rule/delete`
pub async fn ask_delete(cx: Cx) -> Response {
    cx.answer(async |cx| {
        Ok(rendered(&Ask {
            shell: cx.shell(TITLE),
            question: "Delete nothing by itself any more?".to_owned(),
            lines: vec![
                "Flow runs that are over then stay until somebody deletes them.".to_owned(),
            ],
            action: format!("{PATH}/delete"),
            hidden: Vec::new(),
            choices: Vec::new(),
            verb: "Delete nothing",
            is_dangerous: false,
            back: PATH.to_owned(),
        }))
    })
    .await
}

/// `POST /prune-rule/delete`
pub async fn delete(cx: Cx) -> Response {
    cx.answer(async |cx| {
        cx.client.set_prune_rule(None).await?;
        Ok(see_other(PATH, "Nothing is deleted by itself"))
    })
    .await
}

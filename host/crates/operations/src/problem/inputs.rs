//! Input that was not taken, and what to type to give it.

use model::{AwaitedInput, RunId, RunName, StateType};
use orchestrator::InputMisfit;

use super::{Problem, ProblemKind, meant};
use crate::inputs::{GiveRefusal, example, listed};
use crate::text::quoted;

impl From<&GiveRefusal> for Problem {
    fn from(refusal: &GiveRefusal) -> Self {
        let (kind, hint) = match refusal {
            GiveRefusal::NotAwaited {
                run,
                name,
                state,
                others,
            } => return not_awaited(*run, name, *state, others),
            GiveRefusal::Store(err) => return err.into(),
            GiveRefusal::Misfit { input, misfit } => {
                let problem = Self::new(ProblemKind::InvalidInput, refusal.to_string());
                return placed(problem, misfit).hint(wanted(input));
            }
            GiveRefusal::Several { keys, .. } => {
                let first = keys.first().map_or("KEY", String::as_str);
                let hint = format!("say which: `--key {}`", quoted(first));
                (ProblemKind::Ambiguous, hint)
            }
            GiveRefusal::NoSuchKey {
                nearest: name,
                keys,
                ..
            } => (
                ProblemKind::NotFound,
                match name {
                    Some(name) => meant(name),
                    None => format!("it waits for {}", listed(keys)),
                },
            ),
            GiveRefusal::TooLate { .. } => (
                ProblemKind::WrongState,
                "somebody else has given it, its time is over, or the run has ended".to_owned(),
            ),
        };
        Self::new(kind, refusal.to_string()).hint(hint)
    }
}

/// The value is the whole of a request.
fn placed(problem: Problem, misfit: &InputMisfit) -> Problem {
    match misfit {
        InputMisfit::TooLarge { .. } | InputMisfit::TooManySteps(_) => {
            problem.at("", misfit.to_string())
        }
        InputMisfit::Problems(problems) => problems.iter().fold(problem, |problem, one| {
            let pointer = match one.place.as_str() {
                "" => String::new(),
                place => format!("/{}", place.replace('.', "/")),
            };
            problem.at(pointer, one.to_string())
        }),
    }
}

fn not_awaited(id: RunId, name: &RunName, kind: StateType, others: &[AwaitedInput]) -> Problem {
    let mut message = format!("flow run '{name}' does not wait for input");
    if let Some(input) = others.first() {
        message += " itself: a subflow within it does";
        let hint = format!("give it to that one: `{}`", command(input, others));
        return Problem::new(ProblemKind::WrongState, message).hint(hint);
    }
    message += &format!(": it is {}", kind.name());
    let hint = match kind {
        StateType::Paused => {
            format!("without `--input` it goes on: `orch-host flow-run resume {id}`")
        }
        kind if kind.is_terminal() => "only a run that has not ended can be given input".to_owned(),
        _ => format!("`orch-host flow-run inspect {id}` shows it, once it asks for something"),
    };
    Problem::new(ProblemKind::WrongState, message).hint(hint)
}

/// The command that gives the input, with an example.
pub fn command(input: &AwaitedInput, among: &[AwaitedInput]) -> String {
    let run = input.run;
    let value = match example(input) {
        Some(example) => quoted(example.as_str()),
        None => "JSON".to_owned(),
    };
    let is_other = |other: &&AwaitedInput| other.run == run && other.id != input.id;
    let key = match among.iter().find(is_other) {
        Some(_) => format!(" --key {}", quoted(&input.key)),
        None => String::new(),
    };
    format!("orch-host flow-run resume {run}{key} --input {value}")
}

/// `approval`, or `approval`: Release it?
pub fn wish(input: &AwaitedInput) -> String {
    match &input.description {
        Some(description) => format!("`{}`: {description}", input.key),
        None => format!("`{}`", input.key),
    }
}

/// What would fit.
pub fn wanted(input: &AwaitedInput) -> String {
    match example(input) {
        Some(example) => format!("this would fit: `--input {}`", quoted(example.as_str())),
        None => format!("its schema is {}", input.schema),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{InputId, Json, Timestamp};

    fn input(key: &str, schema: &str) -> AwaitedInput {
        AwaitedInput {
            id: InputId::generate(),
            run: "00000000-0000-0000-0000-000000000001".parse().unwrap(),
            key: key.to_owned(),
            description: None,
            schema: Json::trusted(schema),
            asked: Timestamp(0),
            until: None,
        }
    }

    #[test]
    fn a_command_can_be_copied_into_a_shell() {
        let run = "orch-host flow-run resume 00000000-0000-0000-0000-000000000001";
        let flag = input("ok", r#"{"type":"boolean"}"#);
        let word = input("a word", r#"{"default":"it's"}"#);
        let alone = std::slice::from_ref(&flag);
        assert_eq!(command(&flag, alone), format!("{run} --input true"));
        let both = [flag, word];
        assert_eq!(
            command(&both[1], &both),
            format!(r#"{run} --key 'a word' --input '"it'\''s"'"#)
        );
    }
}

//! Parameters that do not fit.

use model::FlowDescription;
use orchestrator::{ParameterError, ParameterProblem};

use super::{Problem, ProblemKind};
use crate::start::StartRefusal;
use crate::text::signature;

impl From<&StartRefusal> for Problem {
    fn from(refusal: &StartRefusal) -> Self {
        match refusal {
            StartRefusal::Parameters { flow, misfit } => of_misfit(flow, misfit),
            StartRefusal::NoComponent { .. } | StartRefusal::Schema { .. } => {
                Self::internal(refusal.to_string())
            }
            StartRefusal::Resolve(refusal) => refusal.into(),
            StartRefusal::Store(err) => err.into(),
        }
    }
}

/// What to say of parameters that do not fit.
pub(super) fn of_misfit(flow: &FlowDescription, err: &ParameterError) -> Problem {
    // What was misspelled is missing too; to say so would only be in the way.
    let is_misspelled = |missing: &str| {
        err.0.iter().any(|problem| match problem {
            ParameterProblem::Unknown { meant, .. } => meant.as_deref() == Some(missing),
            _ => false,
        })
    };
    let mut problems = err.0.clone();
    problems.retain(|problem| match problem {
        ParameterProblem::Missing { name, .. } => !is_misspelled(name),
        _ => true,
    });
    let missing = problems.iter().find_map(|problem| match problem {
        ParameterProblem::Missing { name, .. } => Some(name.clone()),
        _ => None,
    });
    let hint = match missing {
        Some(name) => format!("pass it: `-p {name}=VALUE`"),
        None => format!("flow `{}` takes {}", flow.name, signature(flow)),
    };
    let places = problems.iter().map(|it| (pointer(it), it.to_string()));
    let places: Vec<_> = places.collect();
    let text = ParameterError(problems).to_string();
    let problem = Problem::new(ProblemKind::InvalidParameters, text).hint(hint);
    places
        .into_iter()
        .fold(problem, |problem, (pointer, detail)| {
            problem.at(pointer, detail)
        })
}

/// Where in a request to start a run the parameter is, or should be.
fn pointer(problem: &ParameterProblem) -> String {
    match problem {
        ParameterProblem::NotAnObject(_) | ParameterProblem::TooManySteps(_) => {
            "/parameters".to_owned()
        }
        ParameterProblem::Missing { name, .. } | ParameterProblem::Unknown { name, .. } => {
            format!("/parameters/{}", escaped(name))
        }
        ParameterProblem::Invalid { place, .. } => {
            format!("/parameters/{}", escaped(place).replace('.', "/"))
        }
    }
}

/// One step of a JSON pointer (RFC 6901).
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

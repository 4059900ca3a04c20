//! Runs that cannot be controlled as wished, or followed.

use model::{AwaitedInput, FlowRun};

use super::inputs::{command, wish};
use super::{Problem, ProblemKind};
use crate::control::ControlRefusal;
use crate::follow::FollowRefusal;

impl From<&ControlRefusal> for Problem {
    fn from(refusal: &ControlRefusal) -> Self {
        match refusal {
            ControlRefusal::Over { .. } => Self::new(ProblemKind::WrongState, refusal.to_string())
                .hint("only a run that has not ended can be cancelled"),
            ControlRefusal::WaitsForInput { run, awaited } => waits_for_input(run, awaited),
            ControlRefusal::Run { run, name, error } => Self::from(error).naming(*run, name),
        }
    }
}

/// It cannot go on without.
fn waits_for_input(run: &FlowRun, awaited: &[AwaitedInput]) -> Problem {
    let mut message = format!("flow run '{}' waits for input:", run.name);
    for input in awaited {
        message += &format!("\n  {}", wish(input));
        if input.run != run.id {
            message += &format!(" (asked by subflow {})", input.run);
        }
        message += &format!("\n    schema: {}", input.schema);
    }
    let problem = Problem::new(ProblemKind::WrongState, message);
    match awaited.first() {
        Some(first) => problem.hint(format!("give it: `{}`", command(first, awaited))),
        None => problem,
    }
}

impl From<&FollowRefusal> for Problem {
    fn from(refusal: &FollowRefusal) -> Self {
        match refusal {
            FollowRefusal::Gone { .. } => Self::new(ProblemKind::NotFound, refusal.to_string()),
            FollowRefusal::Store(err) => err.into(),
        }
    }
}

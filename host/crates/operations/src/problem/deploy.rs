//! Components and deployments that cannot be.

use super::{Problem, ProblemKind};
use crate::deploy::DeployRefusal;

use super::parameters::of_misfit;

impl From<&DeployRefusal> for Problem {
    fn from(refusal: &DeployRefusal) -> Self {
        match refusal {
            DeployRefusal::Resolve(refusal) => refusal.into(),
            DeployRefusal::Name(_) => Self::new(ProblemKind::InvalidName, refusal.to_string())
                .hint("`--name` is the part after the slash; the flow's name goes before it"),
            DeployRefusal::Defaults { flow, misfit } => {
                let mut problem = of_misfit(flow, misfit);
                problem.detail = format!("flow `{}`: {}", flow.name, problem.detail);
                problem
            }
            DeployRefusal::Schema { .. } => Self::internal(refusal.to_string()),
            DeployRefusal::Store(err) => err.into(),
        }
    }
}

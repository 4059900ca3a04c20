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
            DeployRefusal::NoSlots => Self::new(ProblemKind::InvalidRequest, refusal.to_string())
                .at("/concurrency/slots", refusal.to_string())
                .hint("give at least 1; pausing its pool or its queue lets its runs wait"),
            DeployRefusal::ConcurrencyKey { nearest, .. } => {
                Self::new(ProblemKind::InvalidRequest, refusal.to_string())
                    .at("/concurrency/keys", refusal.to_string())
                    .hint(match nearest {
                        Some(nearest) => format!("did you mean `{nearest}`?"),
                        None => "it is counted by the values of parameters".to_owned(),
                    })
            }
            DeployRefusal::Schema { .. } => Self::internal(refusal.to_string()),
            DeployRefusal::Store(err) => err.into(),
        }
    }
}

//! Pure decisions: what an event does, given what is known and the time it is.
//!
//! Nothing here does I/O, reads a clock or can block, so all of it can be tested by the
//! thousand.

mod arguments;
mod artifact;
pub mod calendar;
mod creation;
mod dependencies;
pub mod flow;
mod identity;
mod input;
mod journal;
mod kept;
pub mod lifecycle;
mod misfit;
mod nearest;
mod parameters;
mod result;
mod retry;
pub mod schedule;
mod schema;

pub use arguments::{check_arguments, task_arguments};
pub use artifact::{add_artifact, artifact};
pub use creation::{
    OtherRequest, Start, is_same_request, new_run, one_slot_each, subflow_run, undeployed_run,
};
pub use dependencies::Dependencies;
pub use input::{InputMisfit, InputProblem, InputSchema};
pub use journal::{Asked, Divergence, Journal, Waited};
pub use kept::{Called, Kept};
pub use nearest::nearest;
pub use parameters::{ParameterError, ParameterProblem, Parameters, read_argument};
pub use result::{ResultMisfit, ResultSchema};
pub use retry::{
    Decision, Retries, after_attempt, after_flow_attempt, failure_of_task, next_attempt, wake_by,
};
pub use schema::TooManySteps;

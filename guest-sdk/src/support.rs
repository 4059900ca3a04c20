//! Traits that make the macros' output short, and its compile errors plain.

use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

use crate::{Error, Result, arguments::to_json};

/// What can be a parameter or a result.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a parameter or a result",
    label = "this needs `Serialize`, `Deserialize` and `JsonSchema`",
    note = "on a type of your own, write `#[derive(Serialize, Deserialize, JsonSchema)]`"
)]
pub trait Value: Serialize + DeserializeOwned + JsonSchema + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + JsonSchema + 'static> Value for T {}

/// A `Result` of any error that becomes an [`Error`].
pub trait Failing {
    type Value;

    fn unify(self) -> Result<Self::Value>;
}

impl<T, E: Into<Error>> Failing for std::result::Result<T, E> {
    type Value = T;

    fn unify(self) -> Result<T> {
        self.map_err(Into::into)
    }
}

/// Ends a run: turns its result into JSON.
pub fn json_of<T: Value>(result: Result<T>) -> Result<String> {
    to_json(&result?)
}

/// Implemented by nothing: it is the bound of the `submit` of a flow, so that calling it says
/// what to do instead.
#[diagnostic::on_unimplemented(
    message = "flows have no `submit`",
    label = "only tasks have `submit`",
    note = "to run it on any worker, start a run of its deployment: `run_deployment(\"flow/flow-deployment\")`",
    note = "to run it right here as a subflow, call it: `my_flow(..)`"
)]
pub trait HasSubmit {}

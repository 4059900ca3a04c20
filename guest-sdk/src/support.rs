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

/// What a person can be asked for.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an input",
    label = "this needs `Deserialize` and `JsonSchema`",
    note = "on a type of your own, write `#[derive(Deserialize, JsonSchema)]`"
)]
pub trait Input: DeserializeOwned + JsonSchema {}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned + JsonSchema> Input for T {}

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

/// What a function for `cache_key` returns.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no cache key",
    label = "a cache key is text",
    note = "make text of it: `|args| args.id.to_string()`, or `|args| format!(..)` of several"
)]
pub trait CacheKey {
    fn into_text(self) -> String;
}

#[diagnostic::do_not_recommend]
impl CacheKey for String {
    fn into_text(self) -> String {
        self
    }
}

#[diagnostic::do_not_recommend]
impl CacheKey for &'static str {
    fn into_text(self) -> String {
        self.to_owned()
    }
}

/// The JSON of the key that an author's function makes of arguments.
pub fn cache_key<A, K: CacheKey>(arguments: A, key: impl FnOnce(&A) -> K) -> Result<String> {
    to_json(&key(&arguments).into_text())
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

/// The same for the `map` of a flow.
#[diagnostic::on_unimplemented(
    message = "flows have no `map`",
    label = "only tasks have `map`",
    note = "to run it on any worker for each item, start a run of its deployment for each: `run_deployments(items.map(|item| run_deployment(\"flow/flow-deployment\").parameter(\"item\", item)))`",
    note = "to run it right here as subflows, call it for each: `for item in items {{ my_flow(item)?; }}`"
)]
pub trait HasMap {}

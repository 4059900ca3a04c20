//! What runs ask people for.

use model::{AwaitedInput, InputId, Json, RunId, Timestamp};
use orchestrator::{InputMisfit, InputSchema};
use store::{Store, StoreError};

/// Why an input was not given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GiveRefusal {
    #[error("input `{key}` does not fit: {misfit}")]
    Misfit {
        run: RunId,
        key: String,
        misfit: InputMisfit,
    },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Gives a run one of its awaited inputs, if the value fits the schema that the flow gave.
pub async fn give(
    store: &dyn Store,
    run: RunId,
    awaited: &AwaitedInput,
    value: Json,
    now: Timestamp,
) -> Result<(), GiveRefusal> {
    check(run, awaited, &value)?;
    let id: InputId = awaited.id;
    Ok(store.give_input(run, id, value, now).await?)
}

/// A value that fits, where one can be told.
pub fn example(input: &AwaitedInput) -> Option<Json> {
    InputSchema::new(&input.schema).ok()?.example()
}

fn check(run: RunId, awaited: &AwaitedInput, value: &Json) -> Result<(), GiveRefusal> {
    let schema = InputSchema::new(&awaited.schema).map_err(StoreError::Damaged)?;
    schema.check(value).map_err(|misfit| GiveRefusal::Misfit {
        run,
        key: awaited.key.clone(),
        misfit,
    })
}

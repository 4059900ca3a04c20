//! What runs ask people for.

use crate::elsewhere::elsewhere;
use model::{AwaitedInput, FlowRun, Json, RunId, RunName, StateType};
use orchestrator::{InputMisfit, InputSchema, nearest};
use store::{Runs, Store, StoreError};

/// Why an input was not given.
#[derive(Clone, Debug, thiserror::Error)]
pub enum GiveRefusal {
    /// The run itself waits for none. `others` are those of the subflows within it.
    #[error("flow run '{name}' does not wait for input")]
    NotAwaited {
        run: RunId,
        name: RunName,
        state: StateType,
        others: Vec<AwaitedInput>,
    },
    #[error("flow run '{run}' waits for several inputs: {}", listed(.keys))]
    Several { run: RunName, keys: Vec<String> },
    #[error("flow run '{run}' does not wait for input `{key}`")]
    NoSuchKey {
        run: RunName,
        key: String,
        nearest: Option<String>,
        keys: Vec<String>,
    },
    #[error("input `{}` does not fit: {misfit}", .input.key)]
    Misfit {
        input: Box<AwaitedInput>,
        misfit: InputMisfit,
    },
    /// Somebody else has given it, its time is over, or the run has ended.
    #[error("flow run '{run}' does not wait for input `{key}` any more")]
    TooLate { run: RunName, key: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Keys for people: `` `first`, `second` ``.
pub fn listed(keys: &[String]) -> String {
    format!("`{}`", keys.join("`, `"))
}

/// The input of this key that a run waits for; without a key, the only one. Of a subflow's
/// inputs, only the subflow itself has a choice.
pub async fn choose(
    store: &dyn Runs,
    run: &FlowRun,
    key: Option<&str>,
) -> Result<AwaitedInput, GiveRefusal> {
    let awaited = store.awaited_inputs(run.id).await?;
    choose_of(run.id, &run.name, run.state.kind, awaited, key)
}

/// The same, of what a run in this state and the subflows within it wait for.
pub fn choose_of(
    run: RunId,
    name: &RunName,
    state: StateType,
    awaited: Vec<AwaitedInput>,
    key: Option<&str>,
) -> Result<AwaitedInput, GiveRefusal> {
    let (own, others): (Vec<_>, Vec<_>) = awaited.into_iter().partition(|input| input.run == run);
    if own.is_empty() {
        return Err(GiveRefusal::NotAwaited {
            run,
            name: name.clone(),
            state,
            others,
        });
    }
    among(name, own, key)
}

fn among(
    run: &RunName,
    mut awaited: Vec<AwaitedInput>,
    key: Option<&str>,
) -> Result<AwaitedInput, GiveRefusal> {
    let found = match key {
        Some(key) => awaited.iter().position(|input| input.key == key),
        None => (awaited.len() == 1).then_some(0),
    };
    if let Some(found) = found {
        return Ok(awaited.swap_remove(found));
    }
    let run = run.clone();
    let keys: Vec<String> = awaited.into_iter().map(|input| input.key).collect();
    Err(match key {
        None => GiveRefusal::Several { run, keys },
        Some(key) => GiveRefusal::NoSuchKey {
            run,
            key: key.to_owned(),
            nearest: nearest(key, keys.iter()).cloned(),
            keys,
        },
    })
}

/// Gives a run one of its awaited inputs, if the value fits the schema that the flow gave.
pub async fn give(
    store: &dyn Store,
    run: &FlowRun,
    input: &AwaitedInput,
    value: Json,
) -> Result<(), GiveRefusal> {
    let (asked, given) = (input.clone(), value.clone());
    elsewhere(move || check(&asked, &given)).await?;
    let now = store.clock().now();
    match store.give_input(run.id, input.id, value, now).await {
        Err(StoreError::InputNotAwaited { .. }) => Err(GiveRefusal::TooLate {
            run: run.name.clone(),
            key: input.key.clone(),
        }),
        given => Ok(given?),
    }
}

/// Whether the value fits the input's schema.
pub fn check(input: &AwaitedInput, value: &Json) -> Result<(), GiveRefusal> {
    let schema = InputSchema::new(&input.schema).map_err(StoreError::Damaged)?;
    schema.check(value).map_err(|misfit| GiveRefusal::Misfit {
        input: Box::new(input.clone()),
        misfit,
    })
}

/// A value that fits, where one can be told.
pub fn example(input: &AwaitedInput) -> Option<Json> {
    InputSchema::new(&input.schema).ok()?.example()
}

#[cfg(test)]
mod tests {
    use model::{InputId, Timestamp};

    use super::*;

    fn input(key: &str) -> AwaitedInput {
        AwaitedInput {
            id: InputId::generate(),
            run: "00000000-0000-0000-0000-000000000001".parse().unwrap(),
            key: key.to_owned(),
            description: None,
            schema: Json::trusted("true"),
            asked: Timestamp(0),
            until: None,
        }
    }

    #[track_caller]
    fn check(keys: &[&str], key: Option<&str>, expect: &str) {
        let run = RunName::trusted("otter");
        let awaited = keys.iter().map(|key| input(key)).collect();
        let said = match among(&run, awaited, key) {
            Ok(input) => input.key,
            Err(GiveRefusal::NoSuchKey { key, nearest, .. }) => format!("{key}? {nearest:?}"),
            Err(refusal) => refusal.to_string(),
        };
        assert_eq!(said, expect);
    }

    #[test]
    fn a_misfit_is_told_with_the_value_and_the_rule() {
        let mut flag = input("ok");
        flag.schema = Json::trusted(r#"{"type":"boolean"}"#);
        assert!(super::check(&flag, &Json::trusted("true")).is_ok());
        assert_eq!(
            super::check(&flag, &Json::trusted("7"))
                .unwrap_err()
                .to_string(),
            "input `ok` does not fit: the value is `7`: 7 is not of type \"boolean\" (schema: `/type`)"
        );
    }

    #[test]
    fn who_is_not_named_must_be_the_only_one() {
        check(&["only"], None, "only");
        check(&["first", "second"], Some("second"), "second");
        check(
            &["first", "second"],
            None,
            "flow run 'otter' waits for several inputs: `first`, `second`",
        );
        check(
            &["first", "second"],
            Some("secnd"),
            r#"secnd? Some("second")"#,
        );
        check(&["first"], Some("other"), "other? None");
    }
}

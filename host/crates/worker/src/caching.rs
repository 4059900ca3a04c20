//! What attempts of tasks need to start: under which key their results are cached, and which limits
//! their tags have.
//!
//! A key that the author's code makes is asked of an instance of its own, as an attempt is, which
//! is granted nothing and reaches nothing.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use tokio::time::Instant;

use super::replay::Silence;
use super::shared::Shared;
use super::tasks::caught;
use model::{
    BlobRef, CacheKey, Failure, FailureKind, Grants, Json, NewArtifact, SecretName, TaskName,
    TaskRunId, VariableName,
};
use operations::FreshIds;
use orchestrator::flow::{KeyFrom, KeyOf, Looked, Lookup};
use store::{StoreError, look_before};
use wasm::{
    BlobReader, BlobWriter, CallResult, Prepared, RunContext, SecretText, TaskContext, TaskPort,
    TaskStart,
};

/// How long the keys that are made together may take. Meanwhile the flow hears of nothing.
const KEYS_TIME_MAX: Duration = Duration::from_secs(10);

/// Arguments that are hashed on a thread where nobody waits, in bytes.
const HEAVY: usize = 64 << 10;

/// Looks up what these attempts need.
pub(super) async fn look(
    shared: &Arc<Shared>,
    prepared: &Prepared,
    context: &Arc<RunContext>,
    mut lookups: Vec<Lookup>,
) -> Result<Vec<Looked>, StoreError> {
    let until = Instant::now() + KEYS_TIME_MAX;
    let mut keys = Vec::with_capacity(lookups.len());
    for lookup in &mut lookups {
        keys.push(match lookup.result.take() {
            Some(key) => Some(key_of(shared, prepared, context, key, until).await),
            None => None,
        });
    }
    look_before(&*shared.store, lookups, keys, shared.now()).await
}

async fn key_of(
    shared: &Arc<Shared>,
    prepared: &Prepared,
    context: &Arc<RunContext>,
    of: KeyOf,
    until: Instant,
) -> Result<CacheKey, Failure> {
    let KeyOf { task, scope, from } = of;
    let key = match from {
        KeyFrom::Known(key) => key,
        KeyFrom::Inputs(arguments) if arguments.as_str().len() < HEAVY => {
            CacheKey::of_inputs(&arguments)
        }
        KeyFrom::Inputs(arguments) => {
            let hashed = shared.heavy.run(move || CacheKey::of_inputs(&arguments));
            let panicked =
                |err: super::heavy::Panicked| Failure::new(FailureKind::Crashed, err.to_string());
            hashed.await.map_err(panicked)?
        }
        KeyFrom::Task { by, arguments } => {
            let start = asking(context, by, arguments, until);
            let said = caught(shared.runtime.run_task(prepared, start)).await;
            let because = |failure: Failure| {
                let message = format!("the cache key of task `{task}`: {}", failure.message);
                Failure::new(failure.kind, message)
            };
            text(&said.map_err(because)?, &task)?
        }
    };
    Ok(CacheKey { task, scope, key })
}

fn text(said: &Json, task: &TaskName) -> Result<String, Failure> {
    let refused = |why: String| {
        let message = format!("the cache key of task `{task}` {why}");
        Failure::new(FailureKind::Invalid, message)
    };
    match said.value().as_str() {
        Some(key) => {
            CacheKey::check(key).map_err(refused)?;
            Ok(key.to_owned())
        }
        None => Err(refused(format!("is no text: {}", said.beginning()))),
    }
}

fn asking(context: &Arc<RunContext>, by: TaskName, arguments: Json, until: Instant) -> TaskStart {
    TaskStart {
        context: Arc::clone(context),
        task: Arc::new(TaskContext {
            id: TaskRunId::new(&mut FreshIds),
            name: by.to_string(),
            task: by,
            attempt: 1,
        }),
        arguments,
        logs: Arc::new(Silence),
        port: Arc::new(Nothing),
        grants: Grants::default(),
        timeout: Some(until.saturating_duration_since(Instant::now())),
    }
}

/// A port that reaches nothing.
struct Nothing;

fn refused<T>() -> CallResult<T> {
    let message = "what makes a cache key has its arguments and nothing else";
    Err(Failure::new(FailureKind::Refused, message).into())
}

impl TaskPort for Nothing {
    fn recorded(&self) -> BoxFuture<'_, ()> {
        ready(()).boxed()
    }

    fn variable(&self, _: VariableName) -> BoxFuture<'_, CallResult<Option<Json>>> {
        ready(refused()).boxed()
    }

    fn artifact(&self, _: NewArtifact) -> BoxFuture<'_, ()> {
        ready(()).boxed()
    }

    fn secret(&self, _: SecretName) -> BoxFuture<'_, CallResult<SecretText>> {
        ready(refused()).boxed()
    }

    fn write_blob(&self) -> BoxFuture<'_, CallResult<Box<dyn BlobWriter>>> {
        ready(refused()).boxed()
    }

    fn read_blob(&self, _: BlobRef) -> BoxFuture<'_, CallResult<Box<dyn BlobReader>>> {
        ready(refused()).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_key_is_text() {
        #[track_caller]
        fn check(said: &str, expect: Result<&str, &str>) {
            let said = Json::parse(said).unwrap();
            let key = text(&said, &TaskName::trusted("fetch"));
            let key = key.map_err(|failure| (failure.kind, failure.message));
            let refused = |why: &str| (FailureKind::Invalid, why.to_owned());
            assert_eq!(key, expect.map(str::to_owned).map_err(refused));
        }
        check(r#""Zürich""#, Ok("Zürich"));
        check("5", Err("the cache key of task `fetch` is no text: 5"));
        check(
            "null",
            Err("the cache key of task `fetch` is no text: null"),
        );
        check(r#""""#, Err("the cache key of task `fetch` is empty"));
        check(
            r#""a\nb""#,
            Err("the cache key of task `fetch` contains '\\n', which is not allowed"),
        );
    }
}

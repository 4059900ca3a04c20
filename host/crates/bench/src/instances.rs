//! What bounds everything else: how fast instances come and go, with nothing recorded.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use model::{
    BlobRef, Failure, FailureKind, Grants, Json, Manifest, NewArtifact, RunId, SecretName,
    TaskName, TaskRunId, Timestamp, VariableName,
};
use tokio::task::JoinSet;
use uuid::Uuid;
use wasm::{
    BlobReader, BlobWriter, CallResult, GuestLine, LogFull, LogSink, Prepared, RunContext, Runtime,
    SecretText, TaskContext, TaskPort, TaskStart,
};

use crate::bed::Bed;
use crate::figures::{Sample, Unit};

/// Task instances made, called and dropped one after the other, for about `long` on one
/// thread and then on as many as there are cores.
pub async fn instances(bed: &Bed, long: Duration) -> anyhow::Result<Vec<Sample>> {
    let (runtime, prepared) = bed.prepared().await?;
    let cores = std::thread::available_parallelism()?.get();
    let (one, took) = on_threads(1, long, &runtime, &prepared).await?;
    let (all, all_took) = on_threads(cores, long, &runtime, &prepared).await?;
    let us = took.as_secs_f64() * 1e6 / one as f64;
    Ok(vec![
        Sample::new("each", Unit::Microseconds, us),
        Sample::rate("on all cores", all, all_took),
    ])
}

async fn on_threads(
    threads: usize,
    long: Duration,
    runtime: &Arc<Runtime>,
    prepared: &Arc<Prepared>,
) -> anyhow::Result<(usize, Duration)> {
    let begin = Instant::now();
    let mut counting = JoinSet::new();
    for _ in 0..threads {
        let (runtime, prepared) = (Arc::clone(runtime), Arc::clone(prepared));
        counting.spawn(async move {
            let mut count = 0;
            while begin.elapsed() < long {
                runtime.run_task(&prepared, start()).await?;
                count += 1;
                tokio::task::yield_now().await;
            }
            Ok::<usize, model::Failure>(count)
        });
    }
    let mut count = 0;
    while let Some(counted) = counting.join_next().await {
        count += counted?.map_err(|failure| anyhow::anyhow!("a measured task: {failure}"))?;
    }
    Ok((count, begin.elapsed()))
}

fn start() -> TaskStart {
    let context = RunContext {
        run: RunId(Uuid::nil()),
        name: "measured".to_owned(),
        flow: model::FlowName::trusted("three-tasks"),
        deployment: None,
        parent: None,
        attempt: 1,
        scheduled: Timestamp(0),
        parameters: Json::empty_object(),
        tags: Vec::new(),
    };
    TaskStart {
        context: Arc::new(context),
        task: Arc::new(TaskContext {
            id: TaskRunId(Uuid::nil()),
            name: "measured".to_owned(),
            task: TaskName::trusted("add_one"),
            attempt: 1,
        }),
        arguments: Json::trusted(r#"{"n":1}"#),
        logs: Arc::new(Unread),
        port: Arc::new(Unread),
        grants: Grants::default(),
        timeout: None,
    }
}

struct Unread;

impl LogSink for Unread {
    fn line(&self, _line: GuestLine) -> Result<(), LogFull> {
        Ok(())
    }
}

impl TaskPort for Unread {
    fn recorded(&self) -> BoxFuture<'_, ()> {
        ready(()).boxed()
    }

    fn variable(&self, _: VariableName) -> BoxFuture<'_, CallResult<Option<Json>>> {
        ready(Ok(None)).boxed()
    }

    fn artifact(&self, _: NewArtifact) -> BoxFuture<'_, ()> {
        ready(()).boxed()
    }

    fn write_blob(&self) -> BoxFuture<'_, CallResult<Box<dyn BlobWriter>>> {
        ready(Err(no_blobs().into())).boxed()
    }

    fn read_blob(&self, _: BlobRef) -> BoxFuture<'_, CallResult<Box<dyn BlobReader>>> {
        ready(Err(no_blobs().into())).boxed()
    }

    fn secret(&self, name: SecretName) -> BoxFuture<'_, CallResult<SecretText>> {
        let failure = Failure::new(
            FailureKind::NotFound,
            format!("there is no secret `{name}`"),
        );
        ready(Err(failure.into())).boxed()
    }
}

fn no_blobs() -> Failure {
    Failure::new(FailureKind::Refused, "nothing is kept here")
}

/// The component that a bed has deployed, ready to run.
impl Bed {
    async fn prepared(&self) -> anyhow::Result<(Arc<Runtime>, Arc<Prepared>)> {
        let runtime = self.runtime()?;
        let (component, bytes) = self.component().await?;
        let manifest: Manifest = component.manifest;
        let fetch = || async { Ok((manifest, bytes)) };
        let prepared = runtime.prepare(component.digest, fetch).await?;
        Ok((runtime, prepared))
    }
}

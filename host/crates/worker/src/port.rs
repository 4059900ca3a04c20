//! What a task asks of its worker.
//!
//! ```text
//! task --recorded--> TaskEvent::CallsOut --> Flow --Effect::LetOut--> Gates --> task goes on
//! ```

use std::collections::HashMap;
use std::future::pending;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use super::logs::Pending;
use super::shared::Shared;
use model::{
    BlobRef, Failure, FailureKind, Json, NewArtifact, RunId, SecretName, Seq, TaskRunId,
    VariableName,
};
use operations::FreshIds;
use operations::blobs::{BlobReading, BlobWriting};
use orchestrator::artifact;
use orchestrator::flow::TaskEvent;
use store::StoreError;
use wasm::{BlobReader, BlobWriter, CallResult, SecretText, TaskPort};

/// The attempts of one flow's tasks that wait until they may call out.
#[derive(Default)]
pub(super) struct Gates(Mutex<HashMap<(Seq, u32), oneshot::Sender<()>>>);

impl Gates {
    /// Lets an attempt call out, if it still waits for that.
    pub fn let_out(&self, seq: Seq, attempt: u32) {
        if let Some(waits) = self.lock().remove(&(seq, attempt)) {
            // It may have ended since.
            let _ = waits.send(());
        }
    }

    fn enter(&self, seq: Seq, attempt: u32) -> oneshot::Receiver<()> {
        let (let_out, waits) = oneshot::channel();
        self.lock().insert((seq, attempt), let_out);
        waits
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(Seq, u32), oneshot::Sender<()>>> {
        self.0.lock().expect("no panic while it is changed")
    }
}

/// The port of one attempt.
pub(super) struct Port {
    /// The run that keeps what the attempt writes.
    pub run: RunId,
    pub seq: Seq,
    pub attempt: u32,
    pub flow_run: RunId,
    pub task_run: TaskRunId,
    pub pending: Arc<Pending>,
    pub gates: Arc<Gates>,
    pub events: UnboundedSender<TaskEvent>,
    pub shared: Arc<Shared>,
}

/// It may be there the next time.
fn unread(err: StoreError) -> Failure {
    Failure::new(
        FailureKind::Error,
        format!("the database was not read: {err}"),
    )
}

/// A blob that a task writes.
struct Writing {
    blob: BlobWriting,
    buffer: usize,
}

impl BlobWriter for Writing {
    fn buffer(&self) -> usize {
        self.buffer
    }

    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, CallResult<()>> {
        async move { Ok(self.blob.write(bytes).await.map_err(Failure::from)?) }.boxed()
    }

    fn finish(self: Box<Self>) -> BoxFuture<'static, CallResult<BlobRef>> {
        async move { Ok(self.blob.finish().await.map_err(Failure::from)?) }.boxed()
    }
}

/// A blob that a task reads.
struct Reading {
    blob: BlobReading,
    buffer: usize,
}

impl BlobReader for Reading {
    fn buffer(&self) -> usize {
        self.buffer
    }

    fn read(&mut self, max: usize) -> BoxFuture<'_, CallResult<Bytes>> {
        async move { Ok(self.blob.read(max).await.map_err(Failure::from)?) }.boxed()
    }
}

impl TaskPort for Port {
    fn recorded(&self) -> BoxFuture<'_, ()> {
        let (seq, attempt) = (self.seq, self.attempt);
        let waits = self.gates.enter(seq, attempt);
        // A receiver that is gone means that this attempt is about to be dropped.
        let _ = self.events.send(TaskEvent::CallsOut { seq, attempt });
        async move {
            if waits.await.is_err() {
                pending::<()>().await;
            }
        }
        .boxed()
    }

    fn variable(&self, name: VariableName) -> BoxFuture<'_, CallResult<Option<Json>>> {
        async move {
            let found = self.shared.store.variable(&name).await;
            Ok(found.map_err(unread)?.map(|it| it.value))
        }
        .boxed()
    }

    fn artifact(&self, new: NewArtifact) -> BoxFuture<'_, ()> {
        async move {
            let now = self.shared.now();
            let made = artifact(&mut FreshIds, new, self.flow_run, Some(self.task_run), now);
            Arc::clone(&self.pending).room().await;
            self.pending.add_artifact(&made);
            // A receiver that is gone means that this attempt is about to be dropped.
            let _ = self.events.send(TaskEvent::Artifact(made));
        }
        .boxed()
    }

    fn write_blob(&self) -> BoxFuture<'_, CallResult<Box<dyn BlobWriter>>> {
        async move {
            let blobs = &self.shared.blobs;
            let blob = blobs.write(self.run).await.map_err(Failure::from)?;
            let buffer = blobs.buffer();
            Ok(Box::new(Writing { blob, buffer }) as Box<dyn BlobWriter>)
        }
        .boxed()
    }

    fn read_blob(&self, blob: BlobRef) -> BoxFuture<'_, CallResult<Box<dyn BlobReader>>> {
        async move {
            let blobs = &self.shared.blobs;
            let blob = blobs.read(blob).await.map_err(Failure::from)?;
            let buffer = blobs.buffer();
            Ok(Box::new(Reading { blob, buffer }) as Box<dyn BlobReader>)
        }
        .boxed()
    }

    fn secret(&self, name: SecretName) -> BoxFuture<'_, CallResult<SecretText>> {
        async move {
            let found = self.shared.store.secret(&name).await.map_err(unread)?;
            let sealed = found.ok_or_else(|| {
                let message =
                    format!("there is no secret `{name}`; `orch-host secret set {name}` makes it");
                Failure::new(FailureKind::NotFound, message)
            })?;
            let no_vault = || Failure::new(FailureKind::Error, "this worker has no key of secrets");
            let vault = self.shared.config.vault.clone().ok_or_else(no_vault)?;
            // It reads a file.
            let opened = tokio::task::spawn_blocking(move || vault.open(&sealed)).await;
            let opened =
                opened.map_err(|panic| Failure::new(FailureKind::Crashed, panic.to_string()))?;
            let value = opened.map_err(|err| {
                let message = format!("{err}; {}", err.hint());
                Failure::new(FailureKind::Error, message)
            })?;
            let text = std::str::from_utf8(&value).map_err(|_| {
                let message = format!("secret `{name}` is no text");
                Failure::new(FailureKind::Permanent, message)
            })?;
            Ok(SecretText::new(text.to_owned()))
        }
        .boxed()
    }
}

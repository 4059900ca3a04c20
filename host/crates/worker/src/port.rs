//! What a task asks of its worker.
//!
//! ```text
//! task --recorded--> TaskEvent::CallsOut --> Flow --Effect::LetOut--> Gates --> task goes on
//! ```

use std::collections::HashMap;
use std::future::pending;
use std::sync::{Arc, Mutex};

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use model::Seq;
use orchestrator::flow::TaskEvent;
use wasm::TaskPort;

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
    pub seq: Seq,
    pub attempt: u32,
    pub gates: Arc<Gates>,
    pub events: UnboundedSender<TaskEvent>,
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
}

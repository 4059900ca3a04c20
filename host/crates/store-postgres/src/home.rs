//! The thread on which connections live.

use std::sync::Mutex;
use std::sync::mpsc;
use std::thread::{JoinHandle, ThreadId};

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::error::{Pg, told};
use store::{StoreError, StoreResult};

/// A thread with a runtime. Dropping it ends what runs there.
pub(crate) struct Home {
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    id: ThreadId,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Home {
    pub(crate) fn start() -> StoreResult<Self> {
        let unavailable = |error: std::io::Error| StoreError::Unavailable(error.to_string());
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(unavailable)?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("store-postgres".to_owned())
            .spawn(move || {
                let _ = runtime.block_on(stopped);
            })
            .map_err(unavailable)?;
        Ok(Self {
            handle,
            stop: Some(stop),
            id: thread.thread().id(),
            thread: Mutex::new(Some(thread)),
        })
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    pub(crate) fn thread(&self) -> ThreadId {
        self.id
    }

    /// Does something there, and waits for it: from outside of any runtime, or where waiting a
    /// moment does no harm.
    pub(crate) fn block_on<T: Send + 'static>(
        &self,
        future: impl Future<Output = Pg<T>> + Send + 'static,
    ) -> StoreResult<T> {
        let (reply, answer) = mpsc::channel();
        self.handle.spawn(async move {
            let _ = reply.send(future.await);
        });
        let stopped = |_| StoreError::Unavailable("the store was closed".to_owned());
        told(answer.recv().map_err(stopped)?)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        let thread = self.thread.lock().map(|mut it| it.take());
        if let Ok(Some(thread)) = thread
            && self.id != std::thread::current().id()
        {
            let _ = thread.join();
        }
    }
}

//! The way of a task to the outside, which is open once it is recorded that the task runs.
//!
//! ```text
//! guest --connects, asks for a name, opens a file to write--> Gate::pass --> the outside
//!                                                                ^
//!                                            TaskPort::recorded --
//! ```
//!
//! What a task computes before is seen by nobody, so it need not wait for anything. What it
//! does after its first call is seen in any case.

use std::sync::Arc;

use tokio::sync::OnceCell;

use super::port::TaskPort;

/// The gate of one instance.
pub(super) struct Gate {
    /// None: of an instance that has no outside.
    port: Option<Arc<dyn TaskPort>>,
    passed: OnceCell<()>,
}

impl Gate {
    /// Of a task.
    pub fn of(port: Arc<dyn TaskPort>) -> Self {
        Self {
            port: Some(port),
            passed: OnceCell::new(),
        }
    }

    /// Of a flow, which never passes.
    pub fn closed() -> Self {
        Self {
            port: None,
            passed: OnceCell::new(),
        }
    }

    /// Waits until others may see what the instance does.
    pub async fn pass(&self) {
        let recorded = async {
            match &self.port {
                Some(port) => port.recorded().await,
                None => std::future::pending().await,
            }
        };
        self.passed.get_or_init(|| recorded).await;
    }

    /// Whether the guest has called out.
    pub fn is_passed(&self) -> bool {
        self.passed.initialized()
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use futures::future::BoxFuture;
    use tokio::sync::Semaphore;

    use super::*;
    use crate::port::{BlobReader, BlobWriter, CallResult, SecretText};
    use model::{BlobRef, Json, SecretName, VariableName};

    struct Recorded(Semaphore);

    impl TaskPort for Recorded {
        fn recorded(&self) -> BoxFuture<'_, ()> {
            async { self.0.acquire().await.unwrap().forget() }.boxed()
        }

        fn variable(&self, _: VariableName) -> BoxFuture<'_, CallResult<Option<Json>>> {
            unreachable!("nobody asks")
        }

        fn artifact(&self, _: model::NewArtifact) -> BoxFuture<'_, ()> {
            unreachable!("nothing makes one")
        }

        fn secret(&self, _: SecretName) -> BoxFuture<'_, CallResult<SecretText>> {
            unreachable!("nobody asks")
        }

        fn write_blob(&self) -> BoxFuture<'_, CallResult<Box<dyn BlobWriter>>> {
            unreachable!("nobody asks")
        }

        fn read_blob(&self, _: BlobRef) -> BoxFuture<'_, CallResult<Box<dyn BlobReader>>> {
            unreachable!("nobody asks")
        }
    }

    #[test]
    fn a_task_passes_once_it_is_recorded_and_asks_once() {
        let port = Arc::new(Recorded(Semaphore::new(0)));
        let gate = Gate::of(Arc::clone(&port) as _);
        assert_eq!(gate.pass().now_or_never(), None);
        port.0.add_permits(1);
        assert_eq!(gate.pass().now_or_never(), Some(()));
        assert_eq!(gate.pass().now_or_never(), Some(()));
    }

    #[test]
    fn a_flow_never_passes() {
        assert_eq!(Gate::closed().pass().now_or_never(), None);
    }
}

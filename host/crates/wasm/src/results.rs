//! What flows and tasks return is checked against what their component says of it.
//!
//! A guest that the SDK has made keeps its word by its types, unless it says `null` where its
//! serializer had no word for the value. Other guests may return anything.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::thread::available_parallelism;

use tokio::sync::Semaphore;

use model::{Failure, FailureKind, FlowName, Json, Manifest, Outcome, TaskName};
use orchestrator::ResultSchema;

/// The schemas of one component, each compiled when it is needed first.
pub(super) struct Results {
    flows: HashMap<FlowName, Promise>,
    tasks: HashMap<TaskName, Promise>,
    /// Checks that take longer than a few milliseconds, as many at once as the machine has
    /// processors.
    heavy: Arc<Semaphore>,
}

/// What one flow or task returns.
struct Promise {
    text: Json,
    /// `None`: its author has not written a schema that can be checked.
    schema: OnceLock<Option<Arc<ResultSchema>>>,
}

impl Promise {
    fn new(text: &Json) -> Self {
        Self {
            text: text.clone(),
            schema: OnceLock::new(),
        }
    }

    fn schema(&self) -> Option<&Arc<ResultSchema>> {
        let compile = || ResultSchema::new(&self.text).ok().map(Arc::new);
        self.schema.get_or_init(compile).as_ref()
    }
}

/// How many heavy checks run at once in a process.
pub(super) fn heavy() -> Arc<Semaphore> {
    let processors = available_parallelism().map_or(1, usize::from);
    Arc::new(Semaphore::new(processors))
}

impl Results {
    pub fn new(manifest: &Manifest, heavy: Arc<Semaphore>) -> Self {
        let flows = manifest.flows.iter();
        let tasks = manifest.tasks.iter();
        Self {
            flows: flows
                .map(|flow| (flow.name.clone(), Promise::new(&flow.schema.result)))
                .collect(),
            tasks: tasks
                .map(|task| (task.name.clone(), Promise::new(&task.schema.result)))
                .collect(),
            heavy,
        }
    }

    /// The outcome of a flow, which is a failure if its result does not fit.
    pub async fn of_flow(&self, flow: &FlowName, outcome: Outcome) -> Outcome {
        self.checked(self.flows.get(flow), outcome).await
    }

    /// The outcome of a task, which is a failure if its result does not fit.
    pub async fn of_task(&self, task: &TaskName, outcome: Outcome) -> Outcome {
        self.checked(self.tasks.get(task), outcome).await
    }

    async fn checked(&self, promise: Option<&Promise>, outcome: Outcome) -> Outcome {
        let result = outcome?;
        let Some(schema) = promise.and_then(Promise::schema) else {
            return Ok(result);
        };
        let checked = if schema.is_light(&result) {
            schema.check(&result)
        } else {
            let turn = Arc::clone(&self.heavy).acquire_owned().await;
            let turn = turn.expect("the semaphore is never closed");
            let (schema, result) = (Arc::clone(schema), result.clone());
            let check = tokio::task::spawn_blocking(move || {
                let _turn = turn;
                schema.check(&result)
            });
            check.await.map_err(|_| {
                let message = "orch-host panicked while it checked the result";
                Failure::new(FailureKind::Crashed, message)
            })?
        };
        match checked {
            Ok(()) => Ok(result),
            Err(misfit) => {
                let message = format!("the result does not fit its schema: {misfit}");
                Err(Failure::new(FailureKind::Invalid, message))
            }
        }
    }
}

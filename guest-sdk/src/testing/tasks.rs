//! Task runs of a test.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use super::{
    answers::Outcome,
    calls::{Call, Event, Task, cancelled},
    report::{TaskRun, shown, shown_outcome},
    world::World,
};
use crate::{
    Error,
    bindings::{
        tasks::{Argument, TaskCall},
        types::{Failure, FailureKind},
    },
    current::{self, Place},
    host::Handle,
    object::Object,
    registry,
};
use serde_json::{Value, value::RawValue};

impl World {
    pub fn submit_task(&self, call: &TaskCall) -> Result<Handle, Failure> {
        let Some(entry) = registry::task(&call.task) else {
            return Err(Failure {
                kind: FailureKind::NotFound,
                message: format!("this component has no task `{}`", call.task),
            });
        };
        let given = call.options.task_run_name.clone();
        let name = given.unwrap_or_else(|| {
            let mut numbers = self.numbers.borrow_mut();
            let number = numbers.entry(call.task.clone()).or_default();
            *number += 1;
            format!("{}-{}", call.task, *number - 1)
        });
        let handle = self.add(Call::Task(Box::new(Task {
            entry,
            call: call.clone(),
            name,
            attempt: 0,
            arguments: None,
            outcome: None,
        })));
        self.waiting.borrow_mut().insert(handle);
        self.start_those_that_may();
        Ok(handle)
    }

    /// Tasks whose needs have settled begin now.
    fn start_those_that_may(&self) {
        let calls = self.calls.borrow();
        self.waiting.borrow_mut().retain(|handle| {
            let Some(Call::Task(task)) = calls.get(handle) else {
                return false;
            };
            let waits = !task.needs().all(|it| self.has_settled(it));
            if !waits {
                self.plan(self.now(), Event::Attempt(*handle));
            }
            waits
        });
    }

    fn with_task<R>(&self, handle: Handle, f: impl FnOnce(&mut Task) -> R) -> Option<R> {
        match self.calls.borrow_mut().get_mut(&handle)? {
            // One that was cancelled does nothing more.
            Call::Task(task) if task.outcome.is_none() => Some(f(task)),
            _ => None,
        }
    }

    pub fn try_task(&self, handle: Handle) {
        let arguments = self.arguments_of(handle);
        let begun = self.with_task(handle, |task| match arguments {
            Ok(json) => {
                task.attempt += 1;
                task.arguments = Some(json.clone());
                Ok((task.entry, json, task.timeout()))
            }
            Err(failure) => Err(failure),
        });
        let (entry, arguments, timeout) = match begun {
            None => return,
            Some(Err(failure)) => return self.task_ends(handle, Err(failure)),
            Some(Ok(begun)) => begun,
        };
        self.runs.set(Some(handle));
        self.slept.set(Duration::ZERO);
        let mut outcome = self.perform(entry, &arguments);
        self.runs.set(None);
        let mut took = self.slept.get();
        if let Some(timeout) = timeout.filter(|timeout| *timeout < took) {
            took = timeout;
            outcome = Err(Failure {
                kind: FailureKind::TimedOut,
                message: format!("took longer than its timeout of {timeout:?}"),
            });
        }
        self.plan(self.now() + took, Event::Attempted(handle, outcome));
    }

    /// Runs the body of a task, or what stands in for it.
    fn perform(&self, entry: &'static registry::Task, arguments: &str) -> Outcome {
        let name = entry.signature.name;
        let given = self.answers.tasks.borrow().get(name).cloned();
        let _apart = current::apart(Place::Task(name));
        let body = || match given {
            Some(given) => {
                self.slept.set(given.takes.get());
                (given.answer)(shown(arguments))
            }
            None => (entry.signature.run)(arguments).map_err(Error::into_failure),
        };
        catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| {
            Err(Failure {
                kind: FailureKind::Panicked,
                message: message_of(&*panic),
            })
        })
    }

    pub fn task_was_tried(&self, handle: Handle, outcome: Outcome) {
        let retry = self.with_task(handle, |task| match &outcome {
            Ok(_) => None,
            Err(failure) => task.retries_after(failure),
        });
        match retry {
            None => {}
            Some(Some(delay)) => self.plan(self.now() + delay, Event::Attempt(handle)),
            Some(None) => self.task_ends(handle, outcome),
        }
    }

    fn task_ends(&self, handle: Handle, outcome: Outcome) {
        self.with_task(handle, |task| {
            let outcome = outcome.map_err(|failure| match failure.kind {
                FailureKind::Cancelled | FailureKind::Upstream => failure,
                _ => task.told(failure),
            });
            task.outcome = Some(outcome);
        });
        self.settle(handle);
        self.start_those_that_may();
    }

    pub fn cancel_one(&self, handle: Handle) {
        let name = self.with_task(handle, |task| task.name.clone());
        if let Some(name) = name {
            let cancelled = Failure {
                kind: FailureKind::Cancelled,
                message: format!("task `{name}` was cancelled by its flow"),
            };
            self.task_ends(handle, Err(cancelled));
        }
    }

    /// All that have not ended.
    pub fn cancel_tasks(&self) {
        for call in self.calls.borrow_mut().values_mut() {
            if let Call::Task(task) = call {
                task.outcome.get_or_insert_with(|| Err(cancelled()));
            }
        }
    }

    /// The arguments with the results that they refer to.
    fn arguments_of(&self, handle: Handle) -> Outcome {
        let calls = self.calls.borrow();
        let Some(Call::Task(task)) = calls.get(&handle) else {
            return Ok("{}".to_owned());
        };
        let result_of = |handle: &Handle| match calls.get(handle) {
            Some(Call::Task(needed)) => match &needed.outcome {
                Some(Ok(json)) => Ok(json.clone()),
                Some(Err(failure)) => Err(task.upstream(&format!("failed: {}", failure.message))),
                None => Err(task.upstream("has not ended")),
            },
            _ => Err(task.upstream("is no task")),
        };
        for needed in &task.call.wait_for {
            result_of(needed)?;
        }
        let mut object = Object::default();
        for (name, argument) in &task.call.arguments {
            let json = match argument {
                Argument::Value(json) => json.clone(),
                Argument::ResultOf(handle) => result_of(handle)?,
                Argument::ResultsOf(handles) => {
                    let results: Result<Vec<String>, Failure> =
                        handles.iter().map(result_of).collect();
                    format!("[{}]", results?.join(","))
                }
            };
            let raw = RawValue::from_string(json).expect("what was given is JSON");
            object.insert(name.clone(), raw);
        }
        Ok(serde_json::to_string(&object).expect("texts of JSON make an object"))
    }

    pub fn task_runs(&self) -> Vec<TaskRun> {
        let calls = self.calls.borrow();
        let tasks = calls.values().filter_map(|call| match call {
            Call::Task(task) => Some(task),
            _ => None,
        });
        let shown = tasks.map(|task| {
            let tags = task.entry.tags.iter().map(|tag| (*tag).to_owned());
            TaskRun {
                task: task.call.task.clone(),
                name: task.name.clone(),
                tags: tags.chain(task.call.options.tags.clone()).collect(),
                arguments: task.arguments.as_deref().map_or(Value::Null, shown),
                attempts: task.attempt,
                result: shown_outcome(task.outcome.as_ref().unwrap_or(&Err(cancelled()))),
            }
        });
        shown.collect()
    }
}

fn message_of(panic: &dyn Any) -> String {
    let text = panic.downcast_ref::<&str>().map(|it| (*it).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "a panic without a message".to_owned())
}

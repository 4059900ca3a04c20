//! Runs of deployments that a flow starts in a test.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{
    answers::{Given, Outcome},
    calls::{Call, Child, Event, run_id},
    report::{ChildRun, shown, shown_outcome},
    world::World,
};
use crate::{
    bindings::{
        deployments::{RunRequest, StartedRun},
        types::{Failure, FailureKind, FlowRun, StateType},
    },
    current::{self, Place},
    host::Handle,
};

impl World {
    pub fn start_child(&self, request: &RunRequest) -> Result<StartedRun, Failure> {
        let name = &request.deployment;
        let given = self.answers.deployments.borrow().get(name).cloned();
        let Some(given) = given else {
            return Err(Failure {
                kind: FailureKind::NotFound,
                message: format!(
                    "there is no deployment `{name}`; the test gives it with \
                     `.deployment({name:?}, ..)`"
                ),
            });
        };
        let child = match self.child_of_key(request)? {
            Some(child) => child,
            None => self.add_child(request, given),
        };
        let handle = self.add(Call::Run(child));
        self.awaits(handle, child);
        let run = self.children.borrow()[child].run.clone();
        Ok(StartedRun { handle, run })
    }

    /// The run that has the key of this request.
    fn child_of_key(&self, request: &RunRequest) -> Result<Option<usize>, Failure> {
        let Some(key) = &request.idempotency_key else {
            return Ok(None);
        };
        let invalid = |message| Failure {
            kind: FailureKind::Invalid,
            message,
        };
        if key.is_empty() {
            return Err(invalid("an idempotency key must not be empty".to_owned()));
        }
        let children = self.children.borrow();
        let holder = children.iter().position(|child| {
            let held = child.request.idempotency_key.as_ref();
            child.request.deployment == request.deployment && held == Some(key)
        });
        let Some(holder) = holder else {
            return Ok(None);
        };
        let asked = [&children[holder].request, request].map(|it| shown(&it.parameters));
        if asked[0] != asked[1] {
            let name = &children[holder].run.name;
            return Err(invalid(format!(
                "the key `{key}` is that of flow run `{name}`, which has other parameters"
            )));
        }
        Ok(Some(holder))
    }

    fn add_child(&self, request: &RunRequest, given: Given) -> usize {
        let mut children = self.children.borrow_mut();
        let child = children.len();
        let starts = request
            .scheduled_time
            .map_or(self.now(), |ms| self.since_began(ms));
        let (flow, _) = request.deployment.split_once('/').unwrap_or_default();
        let named = request.flow_run_name.clone();
        children.push(Child {
            run: FlowRun {
                // The flow itself is 0.
                id: run_id(child + 1),
                name: named.unwrap_or_else(|| format!("child-{}", child + 1)),
                flow: flow.to_owned(),
                deployment: Some(request.deployment.clone()),
                state: StateType::Scheduled,
                state_name: "Scheduled".to_owned(),
                outcome: None,
            },
            request: request.clone(),
            given,
            starts,
            awaited: Vec::new(),
        });
        self.plan(starts, Event::ChildBegins(child));
        child
    }

    pub fn child_begins(&self, child: usize) {
        let (given, parameters) = {
            let mut children = self.children.borrow_mut();
            let child = &mut children[child];
            child.run.state = StateType::Running;
            child.run.state_name = "Running".to_owned();
            (child.given.clone(), shown(&child.request.parameters))
        };
        // It is no part of the flow: what it asks for is asked of nobody.
        let _apart = current::apart(Place::Outside);
        let answer = || (given.answer)(parameters);
        let outcome = catch_unwind(AssertUnwindSafe(answer)).unwrap_or_else(|_| {
            Err(Failure {
                kind: FailureKind::Panicked,
                message: "the answer of the test for this deployment has panicked".to_owned(),
            })
        });
        self.plan(
            self.now() + given.takes.get(),
            Event::ChildEnds(child, outcome),
        );
    }

    pub fn child_ends(&self, child: usize, outcome: Outcome) {
        let mut children = self.children.borrow_mut();
        let child = &mut children[child];
        let (state, name) = match &outcome {
            Ok(_) => (StateType::Completed, "Completed"),
            Err(failure) if failure.kind == FailureKind::Cancelled => {
                (StateType::Cancelled, "Cancelled")
            }
            Err(failure) if failure.kind == FailureKind::Crashed => (StateType::Crashed, "Crashed"),
            Err(failure) if failure.kind == FailureKind::TimedOut => {
                (StateType::Failed, "TimedOut")
            }
            Err(_) => (StateType::Failed, "Failed"),
        };
        child.run.state = state;
        child.run.state_name = name.to_owned();
        child.run.outcome = Some(outcome);
        for handle in &child.awaited {
            self.settle(*handle);
        }
    }

    fn awaits(&self, handle: Handle, child: usize) {
        let mut children = self.children.borrow_mut();
        let child = &mut children[child];
        if child.run.outcome.is_some() {
            self.plan(self.now(), Event::RunIsOver(handle));
        } else {
            child.awaited.push(handle);
        }
    }

    pub fn wait_for_children(&self, runs: &[String]) -> Result<Vec<Handle>, Failure> {
        let found: Result<Vec<usize>, Failure> = runs.iter().map(|id| self.find(id)).collect();
        let handles = found?.into_iter().map(|child| {
            let handle = self.add(Call::Run(child));
            self.awaits(handle, child);
            handle
        });
        Ok(handles.collect())
    }

    pub fn child_run(&self, id: &str) -> Result<FlowRun, Failure> {
        let child = self.find(id)?;
        Ok(self.children.borrow()[child].run.clone())
    }

    fn find(&self, id: &str) -> Result<usize, Failure> {
        let children = self.children.borrow();
        let found = children.iter().position(|child| child.run.id == id);
        found.ok_or_else(|| Failure {
            kind: FailureKind::NotFound,
            message: format!("there is no flow run `{id}`"),
        })
    }

    pub fn child_runs(&self) -> Vec<ChildRun> {
        let children = self.children.borrow();
        let runs = children.iter().map(|child| ChildRun {
            deployment: child.request.deployment.clone(),
            name: child.run.name.clone(),
            tags: child.request.tags.clone(),
            parameters: shown(&child.request.parameters),
            starts: child.starts,
            result: child.run.outcome.as_ref().map(shown_outcome),
        });
        runs.collect()
    }
}

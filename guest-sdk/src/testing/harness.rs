//! The harness as a test sees it.

use std::{
    collections::BTreeMap,
    rc::Rc,
    time::{Duration, SystemTime},
};

use serde::{Serialize, de::IgnoredAny};
use serde_json::Value;

use super::{
    answers::{Given, StandIn},
    report::{Artifact, ChildRun, LogLine, TaskRun, shown},
    stage::Stage,
    world::World,
};
use crate::{Error, Result, arguments::to_json, executor, parameter::Parameter, registry, task};

/// Runs a flow with its tasks in a unit test.
///
/// It may run several flows one after the other: its clock goes on, and what they did is shown
/// together.
#[derive(Default)]
pub struct Harness {
    world: Rc<World>,
}

impl Harness {
    /// A harness whose clock shows the real time, and stands still until a flow waits.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs a flow: `test.run(|| my_flow::call(7))`. Its parameters are the plain Rust values.
    ///
    /// # Panics
    ///
    /// If the flow waits for what nothing in this test will ever settle, or makes calls for ever.
    pub fn run<R>(&self, flow: impl FnOnce() -> R) -> R {
        let _stage = Stage::enter(&self.world);
        let result = flow();
        // Cancelled meanwhile, which the flow does not hear of any more.
        let _ = task::await_detached();
        self.world.returned();
        result
    }

    /// Runs an `async fn` flow: `test.run_async(my_flow::call(7))`.
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run).
    pub fn run_async<T, E: Into<Error>>(
        &self,
        flow: impl Future<Output = Result<T, E>>,
    ) -> Result<T> {
        self.run(|| executor::block_on(flow)?.map_err(Into::into))
    }

    /// Runs the flow of this name as `orch-host` does: its parameters come as a JSON object,
    /// defaults take the place of those that are absent, and its result is JSON.
    ///
    /// # Panics
    ///
    /// If there is no such flow in this crate, and as [`run`](Self::run).
    pub fn run_flow(&self, name: &str, parameters: impl Serialize) -> Result<Value> {
        let Some(flow) = registry::flow(name) else {
            let known = names(registry::flow_names());
            panic!("this crate has no flow `{name}`; it has {known}");
        };
        let parameters = to_json(&parameters)?;
        check_names(&parameters, flow.signature.parameters)?;
        self.world.set_flow(name, &parameters);
        let json = self.run(|| (flow.signature.run)(&parameters))?;
        Ok(shown(&json))
    }

    /// Answers for a task of this crate, in place of its body. The answer is given the arguments
    /// by parameter name, for each attempt.
    ///
    /// # Panics
    ///
    /// If there is no such task in this crate.
    pub fn task<T: Serialize>(
        &self,
        name: &str,
        answer: impl Fn(Value) -> Result<T> + 'static,
    ) -> StandIn {
        if registry::task(name).is_none() {
            let known = names(registry::task_names());
            panic!("this crate has no task `{name}`; it has {known}");
        }
        let given = given(answer);
        let stand_in = StandIn::of(&given);
        let tasks = &self.world.answers.tasks;
        tasks.borrow_mut().insert(name.to_owned(), given);
        stand_in
    }

    /// Answers for the runs of a deployment. The answer is given the parameters that the flow
    /// has named; those of the deployment itself are not known here.
    pub fn deployment<T: Serialize>(
        &self,
        name: impl Into<String>,
        answer: impl Fn(Value) -> Result<T> + 'static,
    ) -> StandIn {
        let given = given(answer);
        let stand_in = StandIn::of(&given);
        let deployments = &self.world.answers.deployments;
        deployments.borrow_mut().insert(name.into(), given);
        stand_in
    }

    /// Gives a value when the flow asks for the input `key`. One value is given once: give more
    /// for a flow that asks several times.
    pub fn input(&self, key: impl Into<String>, value: impl Serialize) -> StandIn {
        let json = to_json(&value).map_err(Error::into_failure);
        let given = Given::new(move |_| json.clone());
        let stand_in = StandIn::of(&given);
        let mut inputs = self.world.answers.inputs.borrow_mut();
        inputs.entry(key.into()).or_default().push_back(given);
        stand_in
    }

    /// Sets a variable.
    ///
    /// # Panics
    ///
    /// If the value cannot be written as JSON.
    pub fn variable(&self, name: impl Into<String>, value: impl Serialize) -> &Self {
        let name = name.into();
        let json = to_json(&value);
        let json = json.unwrap_or_else(|error| panic!("variable `{name}`: {error:#}"));
        self.world.answers.variables.borrow_mut().insert(name, json);
        self
    }

    /// Sets a secret, and grants it.
    pub fn secret(&self, name: impl Into<String>, value: impl Into<String>) -> &Self {
        let secrets = &self.world.answers.secrets;
        secrets.borrow_mut().insert(name.into(), value.into());
        self
    }

    /// Cancels the run of the flow after so much time: its waits err with
    /// [`Cancelled`](crate::ErrorKind::Cancelled) from then on.
    pub fn cancel_after(&self, duration: Duration) -> &Self {
        self.world.cancel_after(duration);
        self
    }

    /// Which attempt of the flow run [`context`](crate::context()) tells of. The first unless said
    /// otherwise.
    pub fn attempt(&self, attempt: u32) -> &Self {
        self.world.set_attempt(attempt);
        self
    }

    /// How much time has passed by the clock of the harness.
    pub fn elapsed(&self) -> Duration {
        self.world.now()
    }

    /// The time by the clock of the harness.
    pub fn now(&self) -> SystemTime {
        self.world.time_at(self.world.now())
    }

    /// The task runs that were started, in that order.
    pub fn task_runs(&self) -> Vec<TaskRun> {
        self.world.task_runs()
    }

    /// The runs of deployments that were started, in that order.
    pub fn child_runs(&self) -> Vec<ChildRun> {
        self.world.child_runs()
    }

    /// What was logged, if this program has no logger of its own.
    pub fn logs(&self) -> Vec<LogLine> {
        self.world.logs.borrow().clone()
    }

    /// The artifacts that were made, in that order.
    pub fn artifacts(&self) -> Vec<Artifact> {
        self.world.artifacts.borrow().clone()
    }
}

/// Refuses what the host would: a parameter that the flow does not have.
fn check_names(given: &str, parameters: &[Parameter]) -> Result<()> {
    let given: BTreeMap<String, IgnoredAny> = serde_json::from_str(given)
        .map_err(|error| Error::invalid_arguments(format!("no JSON object: {error}")))?;
    let is_known = |name: &str| parameters.iter().any(|parameter| parameter.name == name);
    match given.keys().find(|name| !is_known(name)) {
        None => Ok(()),
        Some(unknown) => {
            let known = names(parameters.iter().map(|parameter| parameter.name));
            let message = format!("unknown parameter `{unknown}`: the flow takes {known}");
            Err(Error::invalid_arguments(message))
        }
    }
}

fn given<T: Serialize>(answer: impl Fn(Value) -> Result<T> + 'static) -> Given {
    Given::new(move |asked| {
        let json = answer(asked).and_then(|value| to_json(&value));
        json.map_err(Error::into_failure)
    })
}

fn names(names: impl Iterator<Item = &'static str>) -> String {
    let mut names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    names.sort_unstable();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

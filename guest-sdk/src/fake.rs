//! A host for tests: it writes down what it is asked, and settles handles in the order that
//! the test wants.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, VecDeque},
    rc::Rc,
};

use crate::{
    bindings::{
        artifacts::Artifact,
        context::RunContext,
        deployments::{RunRequest, StartedRun},
        inputs::InputRequest,
        logging::Level,
        subflows::BegunSubflow,
        tasks::{Argument, TaskCall},
        types::{Failure, FailureKind, FlowRun, StateType},
        waiting::Settlement,
    },
    current::{Place, set_place},
    host::{Handle, Host, native},
};

#[derive(Default)]
pub struct Fake {
    next: Cell<Handle>,
    settlements: RefCell<BTreeMap<Handle, Settlement>>,
    inputs: RefCell<BTreeMap<Handle, Result<String, Failure>>>,
    /// What each `wait-any` returns. When it is empty, a wait returns all handles it is given.
    returns: RefCell<VecDeque<Vec<Handle>>>,
    calls: RefCell<Vec<String>>,
    variables: RefCell<BTreeMap<String, String>>,
    cancelled: Cell<bool>,
}

impl Fake {
    /// A fake for this test, in whose flow the test now runs.
    pub fn install() -> Rc<Self> {
        let fake: Rc<Self> = Rc::default();
        native::replace(Some(Rc::clone(&fake) as Rc<dyn Host>));
        set_place(Place::Flow);
        fake
    }

    pub fn returns(&self, handles: &[&[Handle]]) {
        let handles = handles.iter().map(|list| list.to_vec());
        self.returns.borrow_mut().extend(handles);
    }

    pub fn settle(&self, handle: Handle, settlement: Settlement) {
        self.settlements.borrow_mut().insert(handle, settlement);
    }

    /// Sets the value that a person gives to the request of this handle.
    pub fn give(&self, handle: Handle, given: Result<&str, Failure>) {
        let given = given.map(str::to_owned);
        self.inputs.borrow_mut().insert(handle, given);
    }

    /// Sets a variable, as JSON.
    pub fn set_variable(&self, name: &str, json: &str) {
        let mut variables = self.variables.borrow_mut();
        variables.insert(name.to_owned(), json.to_owned());
    }

    /// Every wait fails from now on.
    pub fn cancel(&self) {
        self.cancelled.set(true);
    }

    /// The calls since the last time.
    pub fn asked(&self) -> Vec<String> {
        self.calls.take()
    }

    fn note(&self, call: String) {
        self.calls.borrow_mut().push(call);
    }

    fn start(&self, settlement: impl FnOnce(Handle) -> Settlement) -> Handle {
        let handle = self.next.get();
        self.next.set(handle + 1);
        self.settle(handle, settlement(handle));
        handle
    }

    fn wait(&self) -> Result<(), Failure> {
        if self.cancelled.get() {
            Err(Failure {
                kind: FailureKind::Cancelled,
                message: "told to stop".into(),
            })
        } else {
            Ok(())
        }
    }
}

/// A completed run whose result is its own handle.
fn run(handle: Handle) -> FlowRun {
    FlowRun {
        id: format!("run-{handle}"),
        name: format!("otter-{handle}"),
        flow: "child".into(),
        deployment: None,
        state: StateType::Completed,
        state_name: "Completed".into(),
        outcome: Some(Ok(handle.to_string())),
    }
}

fn inside(scope: Option<Handle>) -> String {
    scope.map_or(String::new(), |scope| format!(" in {scope}"))
}

impl Host for Fake {
    fn submit(&self, call: &TaskCall) -> Result<Handle, Failure> {
        let arguments = call
            .arguments
            .iter()
            .map(|(name, argument)| match argument {
                Argument::Value(json) => format!("{name}={json}"),
                Argument::ResultOf(handle) => format!("{name}=result of {handle}"),
                Argument::ResultsOf(handles) => format!("{name}=results of {handles:?}"),
            });
        let arguments = arguments.collect::<Vec<_>>().join(" ");
        // A task returns its own handle.
        let handle = self.start(|handle| Settlement::Task(Ok(handle.to_string())));
        let (task, scope) = (&call.task, inside(call.scope));
        self.note(format!("{handle}: submit {task} {arguments}{scope}"));
        Ok(handle)
    }

    fn run_deployment(&self, request: &RunRequest) -> Result<StartedRun, Failure> {
        let handle = self.start(|handle| Settlement::Run(run(handle)));
        let (deployment, parameters) = (&request.deployment, &request.parameters);
        self.note(format!("{handle}: run {deployment} {parameters}"));
        Ok(StartedRun {
            handle,
            run: FlowRun {
                state: StateType::Scheduled,
                state_name: "Scheduled".into(),
                outcome: None,
                ..run(handle)
            },
        })
    }

    fn wait_for_runs(&self, runs: &[String]) -> Result<Vec<Handle>, Failure> {
        self.note(format!("wait for {runs:?}"));
        Ok(runs
            .iter()
            .map(|_| self.start(|handle| Settlement::Run(run(handle))))
            .collect())
    }

    fn get_run(&self, id: &str) -> Result<FlowRun, Failure> {
        self.note(format!("get {id}"));
        Ok(FlowRun {
            state: StateType::Running,
            outcome: None,
            ..run(0)
        })
    }

    fn begin_subflow(
        &self,
        flow: &str,
        parameters: &str,
        scope: Option<Handle>,
    ) -> Result<BegunSubflow, Failure> {
        let handle = self.start(|_| Settlement::Timer);
        let scope = inside(scope);
        self.note(format!("{handle}: begin {flow} {parameters}{scope}"));
        Ok(BegunSubflow {
            handle,
            run: run(handle),
        })
    }

    fn end_subflow(
        &self,
        subflow: Handle,
        outcome: Result<&str, &Failure>,
    ) -> Result<String, Failure> {
        match outcome {
            Ok(json) => {
                self.note(format!("end {subflow} with {json}"));
                Ok(json.into())
            }
            Err(failure) => {
                let Failure { kind, message } = failure;
                self.note(format!("end {subflow} with {kind:?}: {message}"));
                Err(failure.clone())
            }
        }
    }

    fn take_slots(
        &self,
        limit: &str,
        slots: u32,
        scope: Option<Handle>,
    ) -> Result<Handle, Failure> {
        let handle = self.start(|_| Settlement::Timer);
        let scope = inside(scope);
        self.note(format!("{handle}: take {slots} of {limit}{scope}"));
        Ok(handle)
    }

    fn give_slots_back(&self, taken: Handle) -> Result<(), Failure> {
        self.note(format!("give back {taken}"));
        Ok(())
    }

    fn start_timer(&self, duration_ms: u64, scope: Option<Handle>) -> Result<Handle, Failure> {
        let handle = self.start(|_| Settlement::Timer);
        let scope = inside(scope);
        self.note(format!("{handle}: timer {duration_ms}{scope}"));
        Ok(handle)
    }

    fn request_input(&self, request: &InputRequest) -> Result<Handle, Failure> {
        let handle = self.next.get();
        self.next.set(handle + 1);
        let schema: serde_json::Value = serde_json::from_str(&request.schema).unwrap();
        let ty = [schema["title"].as_str(), schema["format"].as_str()];
        let ty = ty.into_iter().flatten().next().unwrap_or("String");
        let told = request.description.iter().map(|told| format!(" ({told})"));
        let within = request.timeout.iter().map(|ms| format!(" within {ms}"));
        let more: String = told.chain(within).collect();
        let (key, scope) = (&request.key, inside(request.scope));
        self.note(format!("{handle}: input {key}{more} as {ty}{scope}"));
        Ok(handle)
    }

    fn input_given(&self, handle: Handle) -> Option<Result<String, Failure>> {
        self.inputs.borrow().get(&handle).cloned()
    }

    fn cancel_task(&self, task: Handle) -> Result<(), Failure> {
        self.note(format!("cancel {task}"));
        Ok(())
    }

    fn withdraw_input(&self, handle: Handle) -> Result<(), Failure> {
        self.note(format!("withdraw {handle}"));
        Ok(())
    }

    fn variable(&self, name: &str) -> Result<Option<String>, Failure> {
        self.calls.borrow_mut().push(format!("variable {name}"));
        Ok(self.variables.borrow().get(name).cloned())
    }

    fn secret(&self, name: &str) -> Result<String, Failure> {
        Err(Failure {
            kind: FailureKind::Refused,
            message: format!("secret `{name}` was not granted"),
        })
    }

    fn make_artifact(&self, artifact: &Artifact) -> Result<(), Failure> {
        let described = artifact.description.as_ref();
        let described = described.map_or_else(String::new, |text| format!(" ({text})"));
        let (key, content, scope) = (&artifact.key, &artifact.content, inside(artifact.scope));
        self.note(format!("artifact {key}{described}: {content:?}{scope}"));
        Ok(())
    }

    fn wait_any(&self, handles: &[Handle]) -> Result<Vec<Handle>, Failure> {
        self.note(format!("any {handles:?}"));
        self.wait()?;
        let scripted = self.returns.borrow_mut().pop_front();
        Ok(scripted.unwrap_or_else(|| handles.to_vec()))
    }

    fn wait_all(&self, handles: &[Handle]) -> Result<(), Failure> {
        self.note(format!("all {handles:?}"));
        self.wait()
    }

    fn settled(&self, handle: Handle) -> Option<Settlement> {
        self.settlements.borrow().get(&handle).cloned()
    }

    fn log(&self, _: Level, _: &str, message: &str, scope: Option<Handle>) {
        self.note(format!("log {message}{}", inside(scope)));
    }

    fn panicked(&self, message: &str, _: &str) {
        self.note(format!("panicked {message}"));
    }

    fn context(&self, _: Option<Handle>) -> RunContext {
        unreachable!("no test reads the context")
    }
}

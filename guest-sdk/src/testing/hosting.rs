//! The world as the host of a flow: what it answers, and what happens while the flow waits.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use super::{
    calls::{Call, Event, cancelled, refused, run_id},
    report::{Artifact, LogLine, shown},
    world::World,
};
use crate::{
    bindings::{
        artifacts::{self, Content},
        context::{RunContext, TaskContext},
        deployments::{RunRequest, StartedRun},
        inputs::InputRequest,
        logging::Level,
        subflows::BegunSubflow,
        tasks::TaskCall,
        types::{Failure, FailureKind, FlowRun, StateType},
        waiting::Settlement,
    },
    host::{Handle, Host},
    timer,
};

impl World {
    fn happens(&self, event: Event) {
        match event {
            Event::Attempt(task) => self.try_task(task),
            Event::Attempted(task, outcome) => self.task_was_tried(task, outcome),
            Event::TimerEnded(handle) | Event::RunIsOver(handle) => self.settle(handle),
            Event::ChildBegins(child) => self.child_begins(child),
            Event::ChildEnds(child, outcome) => self.child_ends(child, outcome),
            Event::InputEnds(input, outcome) => self.input_ends(input, outcome),
            Event::Cancel => {
                self.cancelled.set(true);
                self.cancel_tasks();
            }
        }
    }

    /// Lets time pass until `done`.
    fn wait(&self, handles: &[Handle], done: impl Fn(&Self) -> bool) -> Result<(), Failure> {
        if let Some(unknown) = handles
            .iter()
            .find(|it| !self.calls.borrow().contains_key(it))
        {
            return Err(Failure {
                kind: FailureKind::NotFound,
                message: format!("call {unknown} was made in another run"),
            });
        }
        loop {
            if self.cancelled.get() {
                return Err(cancelled());
            }
            if done(self) {
                return Ok(());
            }
            let next = self.agenda.borrow_mut().pop_first();
            let Some(((at, _), event)) = next else {
                self.is_stuck(handles);
            };
            self.now.set(at.max(self.now()));
            self.happens(event);
        }
    }

    fn is_stuck(&self, handles: &[Handle]) -> ! {
        let calls = self.calls.borrow();
        let open = handles.iter().filter(|it| !self.has_settled(**it));
        let what = open.filter_map(|handle| match calls.get(handle)? {
            Call::Input(input) => {
                let key = &input.key;
                Some(format!(
                    "input `{key}`, which the test gives with `.input({key:?}, ..)`"
                ))
            }
            Call::Task(task) => Some(format!("task `{}`", task.name)),
            _ => None,
        });
        let what: Vec<String> = what.collect();
        panic!(
            "the flow waits, and nothing in this test will ever let it go on: {}",
            what.join(", ")
        );
    }
}

impl Host for World {
    fn submit(&self, call: &TaskCall) -> Result<Handle, Failure> {
        self.submit_task(call)
    }

    fn cancel_task(&self, task: Handle) -> Result<(), Failure> {
        self.cancel_one(task);
        Ok(())
    }

    fn run_deployment(&self, request: &RunRequest) -> Result<StartedRun, Failure> {
        self.start_child(request)
    }

    fn wait_for_runs(&self, runs: &[String]) -> Result<Vec<Handle>, Failure> {
        self.wait_for_children(runs)
    }

    fn get_run(&self, run: &str) -> Result<FlowRun, Failure> {
        self.child_run(run)
    }

    fn begin_subflow(
        &self,
        flow: &str,
        parameters: &str,
        _: Option<Handle>,
    ) -> Result<BegunSubflow, Failure> {
        let handle = self.add(Call::Subflow {
            flow: flow.to_owned(),
            parameters: parameters.to_owned(),
        });
        let run = FlowRun {
            id: format!("00000000-0000-7000-9000-{handle:012x}"),
            name: format!("{flow}-{handle}"),
            flow: flow.to_owned(),
            deployment: None,
            state: StateType::Running,
            state_name: "Running".to_owned(),
            outcome: None,
        };
        Ok(BegunSubflow { handle, run })
    }

    fn end_subflow(&self, _: Handle, outcome: Result<&str, &Failure>) -> Result<String, Failure> {
        outcome.map(str::to_owned).map_err(Failure::clone)
    }

    fn start_timer(&self, duration_ms: u64, _: Option<Handle>) -> Result<Handle, Failure> {
        let handle = self.add(Call::Timer);
        let at = self.now() + Duration::from_millis(duration_ms);
        self.plan(at, Event::TimerEnded(handle));
        Ok(handle)
    }

    /// In a test there is no limit.
    fn take_slots(&self, _: &str, _: u32, _: Option<Handle>) -> Result<Handle, Failure> {
        self.start_timer(0, None)
    }

    fn give_slots_back(&self, _: Handle) -> Result<(), Failure> {
        Ok(())
    }

    fn request_input(&self, request: &InputRequest) -> Result<Handle, Failure> {
        self.ask_for_input(request)
    }

    fn input_given(&self, handle: Handle) -> Option<Result<String, Failure>> {
        match self.calls.borrow().get(&handle)? {
            Call::Input(input) => input.given.clone(),
            _ => None,
        }
    }

    fn withdraw_input(&self, handle: Handle) -> Result<(), Failure> {
        if let Some(Call::Input(input)) = self.calls.borrow_mut().get_mut(&handle) {
            input.is_open = false;
        }
        Ok(())
    }

    fn variable(&self, name: &str) -> Result<Option<String>, Failure> {
        Ok(self.answers.variables.borrow().get(name).cloned())
    }

    fn secret(&self, name: &str) -> Result<String, Failure> {
        if self.runs.get().is_none() {
            let message = format!("secret `{name}` is not for flows: only tasks may ask for it");
            return Err(refused(message));
        }
        let secret = self.answers.secrets.borrow().get(name).cloned();
        secret.ok_or_else(|| {
            refused(format!(
                "secret `{name}` was not given to the task: the test gives it with \
                 `.secret({name:?}, ..)`"
            ))
        })
    }

    fn make_artifact(&self, artifact: &artifacts::Artifact) -> Result<(), Failure> {
        let content = match &artifact.content {
            Content::Markdown(text) | Content::Link(text) | Content::Image(text) => {
                text.clone().into()
            }
            Content::Table(json) => shown(json),
            Content::Progress(percent) => (*percent).into(),
        };
        self.artifacts.borrow_mut().push(Artifact {
            key: artifact.key.clone(),
            description: artifact.description.clone(),
            content,
        });
        Ok(())
    }

    fn wait_any(&self, handles: &[Handle]) -> Result<Vec<Handle>, Failure> {
        let settled = |world: &Self| -> Vec<Handle> {
            let settled = world.settled.borrow();
            let wanted = handles.iter();
            let wanted = wanted.filter_map(|it| settled.get(it).map(|place| (*place, *it)));
            let in_order: BTreeMap<usize, Handle> = wanted.collect();
            in_order.into_values().collect()
        };
        self.wait(handles, |world| !settled(world).is_empty())?;
        Ok(settled(self))
    }

    fn wait_all(&self, handles: &[Handle]) -> Result<(), Failure> {
        self.wait(handles, |world| {
            handles.iter().all(|it| world.has_settled(*it))
        })
    }

    fn settled(&self, handle: Handle) -> Option<Settlement> {
        if !self.has_settled(handle) {
            return None;
        }
        match self.calls.borrow().get(&handle)? {
            Call::Task(task) => task.outcome.clone().map(Settlement::Task),
            Call::Run(child) => Some(Settlement::Run(self.children.borrow()[*child].run.clone())),
            Call::Timer => Some(Settlement::Timer),
            Call::Input(_) | Call::Subflow { .. } => None,
        }
    }

    fn log(&self, level: Level, _: &str, message: &str, _: Option<Handle>) {
        let level = match level {
            Level::Error => log::Level::Error,
            Level::Warn => log::Level::Warn,
            Level::Info => log::Level::Info,
            Level::Debug => log::Level::Debug,
            Level::Trace => log::Level::Trace,
        };
        // The test runner shows it if the test fails.
        println!("{level:5} {message}");
        self.logs.borrow_mut().push(LogLine {
            level,
            message: message.to_owned(),
        });
    }

    fn panicked(&self, _: &str, _: &str) {}

    fn sleep(&self, duration: Duration) {
        self.slept.set(self.slept.get() + duration);
    }

    fn context(&self, scope: Option<Handle>) -> RunContext {
        let calls = self.calls.borrow();
        let task = self.runs.get().and_then(|handle| match calls.get(&handle) {
            Some(Call::Task(task)) => Some((handle, task)),
            _ => None,
        });
        // A task belongs to the flow, or subflow, that has started it.
        let scope = task.map_or(scope, |(_, task)| task.call.scope);
        let subflow = scope.and_then(|handle| calls.get(&handle));
        let ((flow, parameters), flow_run_id, parent) = match (scope, subflow) {
            (Some(handle), Some(Call::Subflow { flow, parameters })) => (
                (flow.clone(), parameters.clone()),
                format!("00000000-0000-7000-9000-{handle:012x}"),
                Some(run_id(0)),
            ),
            _ => (self.flow.borrow().clone(), run_id(0), None),
        };
        let unix = self.began.duration_since(SystemTime::UNIX_EPOCH);
        RunContext {
            flow_run_id,
            flow_run_name: format!("{flow}-test"),
            flow,
            deployment: None,
            parent_flow_run_id: parent,
            attempt: self.attempt.get(),
            scheduled_time: timer::millis(unix.unwrap_or_default()),
            parameters,
            tags: Vec::new(),
            task: task.map(|(handle, task)| TaskContext {
                task_run_id: format!("00000000-0000-7000-a000-{handle:012x}"),
                task_run_name: task.name.clone(),
                task: task.call.task.clone(),
                attempt: task.attempt,
            }),
        }
    }
}

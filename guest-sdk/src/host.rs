//! Everything the SDK asks of the host, behind one trait, so that its logic can be tested
//! natively against a fake.

use std::{thread, time::Duration};

use crate::bindings::{
    artifacts::Artifact,
    context::RunContext,
    deployments::{RunRequest, StartedRun},
    inputs::InputRequest,
    logging::Level,
    subflows::BegunSubflow,
    tasks::TaskCall,
    types::{Failure, FlowRun},
    waiting::Settlement,
};

/// A call's position in the journal, and the name of what it started.
pub type Handle = u64;

/// The imports of the WIT world, one to one.
pub trait Host {
    fn submit(&self, call: &TaskCall) -> Result<Handle, Failure>;
    fn cancel_task(&self, task: Handle) -> Result<(), Failure>;
    fn run_deployment(&self, request: &RunRequest) -> Result<StartedRun, Failure>;
    fn wait_for_runs(&self, runs: &[String]) -> Result<Vec<Handle>, Failure>;
    fn get_run(&self, run: &str) -> Result<FlowRun, Failure>;
    fn begin_subflow(
        &self,
        flow: &str,
        parameters: &str,
        scope: Option<Handle>,
    ) -> Result<BegunSubflow, Failure>;
    fn end_subflow(
        &self,
        subflow: Handle,
        outcome: Result<&str, &Failure>,
    ) -> Result<String, Failure>;
    fn start_timer(&self, duration_ms: u64, scope: Option<Handle>) -> Result<Handle, Failure>;
    fn request_input(&self, request: &InputRequest) -> Result<Handle, Failure>;
    fn input_given(&self, handle: Handle) -> Option<Result<String, Failure>>;
    fn withdraw_input(&self, handle: Handle) -> Result<(), Failure>;
    fn take_slots(&self, limit: &str, slots: u32, scope: Option<Handle>)
    -> Result<Handle, Failure>;
    fn give_slots_back(&self, taken: Handle) -> Result<(), Failure>;
    fn variable(&self, name: &str) -> Result<Option<String>, Failure>;
    fn secret(&self, name: &str) -> Result<String, Failure>;
    fn make_artifact(&self, artifact: &Artifact) -> Result<(), Failure>;
    fn wait_any(&self, handles: &[Handle]) -> Result<Vec<Handle>, Failure>;
    fn wait_all(&self, handles: &[Handle]) -> Result<(), Failure>;
    fn settled(&self, handle: Handle) -> Option<Settlement>;
    fn log(&self, level: Level, target: &str, message: &str, scope: Option<Handle>);
    fn panicked(&self, message: &str, location: &str);
    fn context(&self, scope: Option<Handle>) -> RunContext;

    /// Lets a task sleep.
    fn sleep(&self, duration: Duration) {
        thread::sleep(duration);
    }
}

#[cfg(target_arch = "wasm32")]
pub use imports::host;

#[cfg(target_arch = "wasm32")]
mod imports {
    use super::*;
    use crate::bindings as wit;

    /// The host of this instance.
    pub fn host() -> &'static dyn Host {
        &Imports
    }

    struct Imports;

    impl Host for Imports {
        fn submit(&self, call: &TaskCall) -> Result<Handle, Failure> {
            wit::tasks::submit(call)
        }
        fn cancel_task(&self, task: Handle) -> Result<(), Failure> {
            wit::tasks::cancel(task)
        }
        fn run_deployment(&self, request: &RunRequest) -> Result<StartedRun, Failure> {
            wit::deployments::run_deployment(request)
        }
        fn wait_for_runs(&self, runs: &[String]) -> Result<Vec<Handle>, Failure> {
            wit::deployments::wait_for_runs(runs)
        }
        fn get_run(&self, run: &str) -> Result<FlowRun, Failure> {
            wit::deployments::get_run(run)
        }
        fn begin_subflow(
            &self,
            flow: &str,
            parameters: &str,
            scope: Option<Handle>,
        ) -> Result<BegunSubflow, Failure> {
            wit::subflows::begin(flow, parameters, scope)
        }
        fn end_subflow(
            &self,
            subflow: Handle,
            outcome: Result<&str, &Failure>,
        ) -> Result<String, Failure> {
            wit::subflows::end(subflow, outcome)
        }
        fn start_timer(&self, duration_ms: u64, scope: Option<Handle>) -> Result<Handle, Failure> {
            wit::orch::workflow::timers::start(duration_ms, scope)
        }
        fn request_input(&self, request: &InputRequest) -> Result<Handle, Failure> {
            wit::inputs::request(request)
        }
        fn input_given(&self, handle: Handle) -> Option<Result<String, Failure>> {
            wit::inputs::given(handle)
        }
        fn withdraw_input(&self, handle: Handle) -> Result<(), Failure> {
            wit::inputs::withdraw(handle)
        }
        fn take_slots(
            &self,
            limit: &str,
            slots: u32,
            scope: Option<Handle>,
        ) -> Result<Handle, Failure> {
            wit::orch::workflow::limits::take(limit, slots, scope)
        }
        fn give_slots_back(&self, taken: Handle) -> Result<(), Failure> {
            wit::orch::workflow::limits::give_back(taken)
        }
        fn variable(&self, name: &str) -> Result<Option<String>, Failure> {
            wit::orch::workflow::variables::get(name)
        }
        fn secret(&self, name: &str) -> Result<String, Failure> {
            wit::orch::workflow::secrets::get(name)
        }
        fn make_artifact(&self, artifact: &Artifact) -> Result<(), Failure> {
            wit::artifacts::make(artifact)
        }
        fn wait_any(&self, handles: &[Handle]) -> Result<Vec<Handle>, Failure> {
            wit::waiting::wait_any(handles)
        }
        fn wait_all(&self, handles: &[Handle]) -> Result<(), Failure> {
            wit::waiting::wait_all(handles)
        }
        fn settled(&self, handle: Handle) -> Option<Settlement> {
            wit::waiting::settled(handle)
        }
        fn log(&self, level: Level, target: &str, message: &str, scope: Option<Handle>) {
            wit::logging::log(level, target, message, scope);
        }
        fn panicked(&self, message: &str, location: &str) {
            wit::logging::panicked(message, location);
        }
        fn context(&self, scope: Option<Handle>) -> RunContext {
            wit::context::current(scope)
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
pub use native::host;

#[cfg(not(target_arch = "wasm32"))]
pub mod native {
    //! There is no host in a native program, except the one that a test has.

    use super::*;
    use std::{cell::RefCell, rc::Rc};

    thread_local! {
        static HOST: RefCell<Option<Rc<dyn Host>>> = const { RefCell::new(None) };
    }

    /// Answers this thread's calls from now on, and gives what has until now.
    pub fn replace(host: Option<Rc<dyn Host>>) -> Option<Rc<dyn Host>> {
        HOST.replace(host)
    }

    /// What answers this thread's calls, in a test.
    pub fn installed() -> Option<Rc<dyn Host>> {
        HOST.with_borrow(Clone::clone)
    }

    /// What answers this thread's calls.
    #[track_caller]
    pub fn host() -> Rc<dyn Host> {
        installed().unwrap_or_else(|| {
            panic!(
                "flows run inside orch-host; in a native unit test, \
                 `guest_sdk::testing::Harness` runs a flow with its tasks, and \
                 `my_task::call(..)` is the plain function"
            )
        })
    }
}

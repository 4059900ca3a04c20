//! What a flow finds around it in a test: a host with a clock of its own.
//!
//! ```text
//! the flow asks --> a call, and what will happen to it, on the agenda
//! the flow waits --> the next that happens: the clock jumps there --> calls settle
//! ```
//!
//! Nothing happens but in a wait, in the order of time, and of two things at the same time in the
//! order in which they came onto the agenda. So a test always goes the same way.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    time::{Duration, SystemTime},
};

use super::{
    answers::Answers,
    calls::{Call, Child, Event},
    report::{Artifact, LogLine},
};
use crate::host::Handle;

/// Calls of one test: as many as a run may make in `orch-host` unless it is told otherwise.
const CALLS_MAX: u64 = 100_000;

pub(super) struct World {
    pub began: SystemTime,
    pub now: Cell<Duration>,
    /// By time, and then by the order in which it came.
    pub agenda: RefCell<BTreeMap<(Duration, u64), Event>>,
    count: Cell<u64>,
    pub calls: RefCell<BTreeMap<Handle, Call>>,
    /// Handles that have settled, with their place in that order.
    pub settled: RefCell<BTreeMap<Handle, usize>>,
    /// Tasks that wait for what they need.
    pub waiting: RefCell<BTreeSet<Handle>>,
    /// How many runs of each task there are.
    pub numbers: RefCell<BTreeMap<String, usize>>,
    pub children: RefCell<Vec<Child>>,
    /// The task whose body runs.
    pub runs: Cell<Option<Handle>>,
    /// How long the attempt that runs has slept.
    pub slept: Cell<Duration>,
    pub cancelled: Cell<bool>,
    pub attempt: Cell<u32>,
    /// The name and the parameters of the flow, if they are known.
    pub flow: RefCell<(String, String)>,
    pub answers: Answers,
    pub logs: RefCell<Vec<LogLine>>,
    pub artifacts: RefCell<Vec<Artifact>>,
}

impl Default for World {
    fn default() -> Self {
        Self {
            began: in_millis(SystemTime::now()),
            now: Cell::default(),
            agenda: RefCell::default(),
            count: Cell::default(),
            calls: RefCell::default(),
            settled: RefCell::default(),
            waiting: RefCell::default(),
            numbers: RefCell::default(),
            children: RefCell::default(),
            runs: Cell::default(),
            slept: Cell::default(),
            cancelled: Cell::default(),
            attempt: Cell::new(1),
            flow: RefCell::new(("flow".to_owned(), "{}".to_owned())),
            answers: Answers::default(),
            logs: RefCell::default(),
            artifacts: RefCell::default(),
        }
    }
}

impl World {
    pub fn now(&self) -> Duration {
        self.now.get()
    }

    pub fn time_at(&self, since: Duration) -> SystemTime {
        self.began + since
    }

    /// A time of the flow by the clock of the harness; none is in the past.
    pub fn since_began(&self, unix_ms: u64) -> Duration {
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(unix_ms);
        let since = time.duration_since(self.began).unwrap_or_default();
        since.max(self.now())
    }

    pub fn set_attempt(&self, attempt: u32) {
        self.attempt.set(attempt);
    }

    pub fn set_flow(&self, name: &str, parameters: &str) {
        *self.flow.borrow_mut() = (name.to_owned(), parameters.to_owned());
    }

    pub fn cancel_after(&self, duration: Duration) {
        self.plan(self.now() + duration, Event::Cancel);
    }

    pub fn begin(&self) {
        self.cancelled.set(false);
    }

    /// The flow has returned: what nobody has waited for is cancelled.
    pub fn returned(&self) {
        for (key, given) in self.answers.inputs.borrow().iter() {
            if !given.is_empty() {
                // The test runner shows it if the test fails.
                println!("the test gives input `{key}`, which no flow has asked for so far");
            }
        }
        self.cancel_tasks();
        self.agenda.borrow_mut().clear();
    }

    pub fn plan(&self, at: Duration, event: Event) {
        let count = self.count.replace(self.count.get() + 1);
        self.agenda.borrow_mut().insert((at, count), event);
    }

    /// A call under a handle that no other test of this thread has, since the executor remembers
    /// which have settled.
    pub fn add(&self, call: Call) -> Handle {
        thread_local! {
            static NEXT: Cell<Handle> = const { Cell::new(0) };
        }
        let made = self.calls.borrow().len() as u64;
        assert!(
            made < CALLS_MAX,
            "the flow has made {CALLS_MAX} calls, more than orch-host lets a run make"
        );
        let handle = NEXT.replace(NEXT.get() + 1);
        self.calls.borrow_mut().insert(handle, call);
        handle
    }

    pub fn settle(&self, handle: Handle) {
        let mut settled = self.settled.borrow_mut();
        let place = settled.len();
        settled.entry(handle).or_insert(place);
    }

    pub fn has_settled(&self, handle: Handle) -> bool {
        self.settled.borrow().contains_key(&handle)
    }
}

/// A time as a flow is told it.
fn in_millis(time: SystemTime) -> SystemTime {
    let unix = time.duration_since(SystemTime::UNIX_EPOCH);
    let ms = unix.unwrap_or_default().as_millis() as u64;
    SystemTime::UNIX_EPOCH + Duration::from_millis(ms)
}

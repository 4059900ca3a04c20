//! What a test has given: stand-ins for tasks, children, inputs, variables, secrets.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, VecDeque},
    rc::Rc,
    time::Duration,
};

use serde_json::Value;

use crate::bindings::types::Failure;

/// JSON, or why there is none.
pub(super) type Outcome = Result<String, Failure>;

/// Answers in place of what a flow asks for.
pub(super) type Answer = dyn Fn(Value) -> Outcome;

/// One thing that a test has given.
#[derive(Clone)]
pub(super) struct Given {
    pub answer: Rc<Answer>,
    pub takes: Rc<Cell<Duration>>,
}

impl Given {
    pub fn new(answer: impl Fn(Value) -> Outcome + 'static) -> Self {
        Self {
            answer: Rc::new(answer),
            takes: Rc::default(),
        }
    }
}

/// Something that a test has given a flow, and how long it takes.
pub struct StandIn {
    takes: Rc<Cell<Duration>>,
}

impl StandIn {
    pub(super) fn of(given: &Given) -> Self {
        Self {
            takes: Rc::clone(&given.takes),
        }
    }

    /// How long each attempt of the task, the child run, or the person who is asked takes, by the
    /// clock of the harness. No time unless said otherwise.
    pub fn takes(self, duration: Duration) -> Self {
        self.takes.set(duration);
        self
    }
}

#[derive(Default)]
pub(super) struct Answers {
    pub tasks: RefCell<BTreeMap<String, Given>>,
    pub deployments: RefCell<BTreeMap<String, Given>>,
    /// By key, in the order in which they are given.
    pub inputs: RefCell<BTreeMap<String, VecDeque<Given>>>,
    /// JSON texts.
    pub variables: RefCell<BTreeMap<String, String>>,
    pub secrets: RefCell<BTreeMap<String, String>>,
}

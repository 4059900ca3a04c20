//! Inputs that a flow asks for in a test.

use std::time::Duration;

use serde_json::Value;

use super::{
    answers::Outcome,
    calls::{Call, Event, Input},
    world::World,
};
use crate::{
    bindings::{
        inputs::InputRequest,
        types::{Failure, FailureKind},
    },
    host::Handle,
};

impl World {
    pub fn ask_for_input(&self, request: &InputRequest) -> Result<Handle, Failure> {
        let key = &request.key;
        let is_asked =
            self.calls.borrow().values().any(
                |call| matches!(call, Call::Input(input) if input.is_open && input.key == *key),
            );
        if is_asked {
            return Err(Failure {
                kind: FailureKind::Invalid,
                message: format!("input `{key}` is asked for already, and not given yet"),
            });
        }
        let handle = self.add(Call::Input(Input {
            key: key.clone(),
            is_open: true,
            given: None,
        }));
        let timeout = request.timeout.map(Duration::from_millis);
        let mut inputs = self.answers.inputs.borrow_mut();
        let given = inputs.get_mut(key).and_then(|given| {
            let takes = given.front()?.takes.get();
            // Who is too slow answers nobody, and may answer the next time.
            if timeout.is_some_and(|timeout| timeout < takes) {
                return None;
            }
            given.pop_front()
        });
        if let Some(given) = given {
            let at = self.now() + given.takes.get();
            let outcome = (given.answer)(Value::Null);
            self.plan(at, Event::InputEnds(handle, outcome));
        } else if let Some(timeout) = timeout {
            let failure = Failure {
                kind: FailureKind::TimedOut,
                message: "nobody gave it in time".to_owned(),
            };
            self.plan(self.now() + timeout, Event::InputEnds(handle, Err(failure)));
        }
        Ok(handle)
    }

    pub fn input_ends(&self, handle: Handle, outcome: Outcome) {
        if let Some(Call::Input(input)) = self.calls.borrow_mut().get_mut(&handle)
            && input.is_open
        {
            input.is_open = false;
            input.given = Some(outcome);
            self.settle(handle);
        }
    }
}

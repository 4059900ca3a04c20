//! Where the JSON texts are in what is kept of runs.
//!
//! Whoever keeps a value goes through its texts with this, whatever the value is: to keep large ones
//! elsewhere, or to see what they refer to. Every field that is a [`Json`] is named here once.

use super::{
    Answer, Argument, Call, CallMade, Entry, FlowRun, Json, Outcome, RunRequest, RunSnapshot,
    Settled, Settlement, TaskCall,
};

/// Holds JSON texts, which are visited in the same order each time.
pub trait HoldsJson {
    fn each_json(&self, see: &mut dyn FnMut(&Json));
    fn each_json_mut(&mut self, change: &mut dyn FnMut(&mut Json));
}

impl HoldsJson for Json {
    fn each_json(&self, see: &mut dyn FnMut(&Json)) {
        see(self);
    }

    fn each_json_mut(&mut self, change: &mut dyn FnMut(&mut Json)) {
        change(self);
    }
}

impl HoldsJson for Outcome {
    fn each_json(&self, see: &mut dyn FnMut(&Json)) {
        if let Ok(result) = self {
            see(result);
        }
    }

    fn each_json_mut(&mut self, change: &mut dyn FnMut(&mut Json)) {
        if let Ok(result) = self {
            change(result);
        }
    }
}

impl<T: HoldsJson> HoldsJson for Option<T> {
    fn each_json(&self, see: &mut dyn FnMut(&Json)) {
        self.iter().for_each(|held| held.each_json(see));
    }

    fn each_json_mut(&mut self, change: &mut dyn FnMut(&mut Json)) {
        self.iter_mut().for_each(|held| held.each_json_mut(change));
    }
}

impl<T: HoldsJson> HoldsJson for Vec<T> {
    fn each_json(&self, see: &mut dyn FnMut(&Json)) {
        self.iter().for_each(|held| held.each_json(see));
    }

    fn each_json_mut(&mut self, change: &mut dyn FnMut(&mut Json)) {
        self.iter_mut().for_each(|held| held.each_json_mut(change));
    }
}

/// A value, and what it is known by.
impl<K, T: HoldsJson> HoldsJson for (K, T) {
    fn each_json(&self, see: &mut dyn FnMut(&Json)) {
        self.1.each_json(see);
    }

    fn each_json_mut(&mut self, change: &mut dyn FnMut(&mut Json)) {
        self.1.each_json_mut(change);
    }
}

/// The two methods have the same arms: `$on` hands each text of `$held` on.
macro_rules! holds_json {
    ($type:ty, |$held:ident, $on:ident| $body:expr) => {
        impl HoldsJson for $type {
            fn each_json(&self, $on: &mut dyn FnMut(&Json)) {
                let $held = self;
                $body
            }

            fn each_json_mut(&mut self, $on: &mut dyn FnMut(&mut Json)) {
                let $held = self;
                $body
            }
        }
    };
}

holds_json!(Call, |call, on| match call {
    Call::Task(TaskCall { arguments, .. }) => {
        for (_, argument) in arguments {
            match argument {
                Argument::Value(value) => on(value),
                Argument::ResultOf(_) | Argument::ResultsOf(_) => {}
            }
        }
    }
    Call::RunDeployment(RunRequest { parameters, .. }) | Call::Subflow { parameters, .. } => {
        on(parameters);
    }
    Call::EndSubflow { outcome, .. } =>
        if let Ok(result) = outcome {
            on(result);
        },
    Call::WatchRun { .. }
    | Call::GetRun { .. }
    | Call::GetVariable { .. }
    | Call::Artifact { .. }
    | Call::Timer { .. }
    | Call::Input { .. }
    | Call::WithdrawInput { .. }
    | Call::TakeSlots { .. }
    | Call::GiveSlotsBack { .. }
    | Call::CancelTask { .. }
    | Call::Cancelled { .. }
    | Call::WaitAny => {}
});

holds_json!(Answer, |answer, on| match answer {
    Answer::Run {
        run: RunSnapshot {
            outcome: Some(Ok(result)),
            ..
        },
    } => on(result),
    Answer::Input { schema, .. } => on(schema),
    Answer::Value { value } => on(value),
    Answer::Run { .. }
    | Answer::Accepted
    | Answer::TaskRun { .. }
    | Answer::Refused { .. }
    | Answer::Due { .. }
    | Answer::Settled { .. }
    | Answer::Nothing => {}
});

holds_json!(Settlement, |settlement, on| match settlement {
    Settlement::Task(Ok(result))
    | Settlement::Input(Ok(result))
    | Settlement::Run(RunSnapshot {
        outcome: Some(Ok(result)),
        ..
    }) => on(result),
    Settlement::Task(Err(_))
    | Settlement::Slots
    | Settlement::Input(Err(_))
    | Settlement::Run(_)
    | Settlement::Timer => {}
});

impl HoldsJson for Entry {
    fn each_json(&self, see: &mut dyn FnMut(&Json)) {
        self.call.each_json(see);
        self.answer.each_json(see);
        self.settled.each_json(see);
    }

    fn each_json_mut(&mut self, change: &mut dyn FnMut(&mut Json)) {
        self.call.each_json_mut(change);
        self.answer.each_json_mut(change);
        self.settled.each_json_mut(change);
    }
}

impl HoldsJson for CallMade {
    fn each_json(&self, see: &mut dyn FnMut(&Json)) {
        self.call.each_json(see);
        self.answer.each_json(see);
    }

    fn each_json_mut(&mut self, change: &mut dyn FnMut(&mut Json)) {
        self.call.each_json_mut(change);
        self.answer.each_json_mut(change);
    }
}

impl HoldsJson for FlowRun {
    fn each_json(&self, see: &mut dyn FnMut(&Json)) {
        self.parameters.each_json(see);
        self.outcome.each_json(see);
    }

    fn each_json_mut(&mut self, change: &mut dyn FnMut(&mut Json)) {
        self.parameters.each_json_mut(change);
        self.outcome.each_json_mut(change);
    }
}

impl HoldsJson for Settled {
    fn each_json(&self, see: &mut dyn FnMut(&Json)) {
        self.settlement.each_json(see);
    }

    fn each_json_mut(&mut self, change: &mut dyn FnMut(&mut Json)) {
        self.settlement.each_json_mut(change);
    }
}

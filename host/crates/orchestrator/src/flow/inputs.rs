//! What a flow asks a person for. The wish is an entry of the journal like a timer, which the
//! store settles with what the person gives.

use std::time::Duration;

use super::check::Check;
use super::doing::{Asking, Doing};
use super::machine::{Asked, Asks, Flow, wrong_answer};
use super::step::{Look, Moment, Step};
use model::{
    Answer, Call, Entry, Failure, FailureKind, InputId, InputRequest, Json, Next, Reply, Seq,
    Settled, Settlement,
};

impl Flow {
    pub(super) fn input(&mut self, request: InputRequest, at: &mut Moment) -> Asks {
        let InputRequest {
            key,
            description,
            schema,
            timeout_ms,
            scope,
        } = request;
        let call = Call::Input {
            key,
            timeout_ms,
            scope,
        };
        let seq = match self.look_back(&call)? {
            Asked::Answered(seq, Answer::Input { .. }) => seq,
            Asked::Answered(seq, _) => return Err(wrong_answer(seq)),
            Asked::New(Some(kept)) => self.write_kept(call, kept, at.now),
            Asked::New(None) => return self.ask_for(call, description, schema, at),
        };
        self.settles_outside(seq);
        Ok(self.answer(Reply::Handle(seq)))
    }

    fn ask_for(
        &mut self,
        call: Call,
        description: Option<String>,
        schema: Json,
        at: &mut Moment,
    ) -> Asks {
        if let Some(message) = self.bad_input(&call) {
            let failure = Failure::new(FailureKind::Invalid, message);
            return Err(self.write_refused(call, failure, at.now));
        }
        let check = Check::Schema(schema.clone());
        let asking = Asking {
            call,
            description,
            schema,
        };
        self.check(check, Doing::Input(Box::new(asking)), at)
    }

    /// The schema of an input is checked.
    pub(super) fn input_checked(
        &mut self,
        asking: Asking,
        fits: Result<(), String>,
        at: &mut Moment,
    ) -> Asks {
        let Asking {
            call,
            description,
            schema,
        } = asking;
        let Call::Input {
            key, timeout_ms, ..
        } = &call
        else {
            unreachable!("it asks for an input");
        };
        if let Err(err) = fits {
            let message = format!("the schema of input `{key}` is none: {err}");
            let failure = Failure::new(FailureKind::Invalid, message);
            return Err(self.write_refused(call, failure, at.now));
        }
        let until = timeout_ms.map(|ms| at.now.after(Duration::from_millis(ms)));
        let answer = Answer::Input {
            id: InputId::new(&mut at.ids),
            description,
            schema,
            until,
        };
        let seq = self.write(call, answer, at.now);
        self.settles_outside(seq);
        Ok(self.answer(Reply::Handle(seq)))
    }

    /// Why a person cannot be asked for this under this key.
    fn bad_input(&self, call: &Call) -> Option<String> {
        let Call::Input { key, scope, .. } = call else {
            return None;
        };
        if key.trim().is_empty() || key.chars().any(char::is_control) {
            return Some(format!("`{}` is no key of an input", key.escape_default()));
        }
        let is_same = |seq: &Seq| match self.journal.entry(*seq).map(|entry| &entry.call) {
            Some(Call::Input {
                key: other,
                scope: from,
                ..
            }) => other == key && from == scope,
            _ => false,
        };
        let taken = self.outside.iter().any(is_same);
        taken.then(|| format!("input `{key}` is asked for already, and not given yet"))
    }

    /// The flow no longer waits for the input: it settles as cancelled, unless it was given by then. Only
    /// the store knows, so the flow hears what is recorded of it: a replay will.
    pub(super) fn withdraw(&mut self, input: Seq, at: &mut Moment) -> Asks {
        let is_input = |entry: &Entry| matches!(entry.call, Call::Input { .. });
        if !self.journal.is_known(input) || !self.journal.entry(input).is_some_and(is_input) {
            let message = format!("{input} is not an input that was asked for");
            return Err(Failure::new(FailureKind::Invalid, message).into());
        }
        let call = Call::WithdrawInput { input };
        if let Asked::New(_) = self.look_back(&call)? {
            self.write(call, Answer::Accepted, at.now);
            if self.journal.settlement(input).is_none() {
                let why = "the flow no longer waits for it";
                let failure = Failure::new(FailureKind::Cancelled, why);
                self.buffer.progress.settled.push(Settled {
                    seq: input,
                    at: at.now,
                    settlement: Settlement::Input(Err(failure)),
                });
                self.doing = Doing::Withdraw(input);
                return Ok(self.record(Next::Continue));
            }
        }
        Ok(self.answer(Reply::Done))
    }

    /// The withdrawal is recorded.
    pub(super) fn withdrawn(&mut self, input: Seq) -> Step {
        if self.journal.settlement(input).is_some() {
            return self.answer(Reply::Done);
        }
        self.doing = Doing::Withdraw(input);
        Step::Look(Look::Settled(vec![input]))
    }
}

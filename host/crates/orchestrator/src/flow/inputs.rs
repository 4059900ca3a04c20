//! What a flow asks a person for. The wish is an entry of the journal like a timer, which the
//! store settles with what the person gives.

use std::time::Duration;

use super::doing::Doing;
use super::machine::{Asked, Asks, Flow, wrong_answer};
use super::step::{Look, Moment, Step};
use crate::InputSchema;
use model::{
    Answer, Call, Entry, Failure, FailureKind, InputId, InputRequest, Json, Next, Reply, Seq,
    Settled, Settlement,
};

/// A key is typed by people, and stands in the state of a run.
const KEY_MAX: usize = 100;

/// The schema and the words that people are shown, each in bytes.
const TEXT_MAX: usize = 64 << 10;

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
            Asked::New(None) => {
                if let Some(message) = self.bad_input(&call, &schema, description.as_deref()) {
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
                self.write(call, answer, at.now)
            }
        };
        self.settles_outside(seq);
        Ok(self.answer(Reply::Handle(seq)))
    }

    /// Why a person cannot be asked for this.
    fn bad_input(&self, call: &Call, schema: &Json, description: Option<&str>) -> Option<String> {
        let Call::Input { key, scope, .. } = call else {
            return None;
        };
        self.bad_key(key, *scope)
            .or_else(|| bad_text(key, schema, description))
    }

    /// Why this cannot be asked for under this key.
    fn bad_key(&self, key: &str, scope: Option<Seq>) -> Option<String> {
        if key.trim().is_empty() || key.chars().any(char::is_control) {
            return Some(format!("`{}` is no key of an input", key.escape_default()));
        }
        if key.len() > KEY_MAX {
            let len = key.len();
            return Some(format!(
                "the key of an input has {len} bytes; the limit is {KEY_MAX}"
            ));
        }
        let is_same = |seq: &Seq| match self.journal.entry(*seq).map(|entry| &entry.call) {
            Some(Call::Input {
                key: other,
                scope: from,
                ..
            }) => other == key && *from == scope,
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

/// Why a person cannot be shown this.
fn bad_text(key: &str, schema: &Json, description: Option<&str>) -> Option<String> {
    let texts = [
        ("schema", schema.as_str()),
        ("description", description.unwrap_or_default()),
    ];
    for (what, text) in texts {
        let len = text.len();
        if len > TEXT_MAX {
            return Some(format!(
                "the {what} of input `{key}` has {len} bytes; the limit is {TEXT_MAX}"
            ));
        }
    }
    let err = InputSchema::new(schema).err()?;
    Some(format!("the schema of input `{key}` is none: {err}"))
}

//! What a flow asks a person for. The wish is an entry of the journal like a timer, which the
//! store settles with what the person gives.

use std::time::Duration;

use super::calls::{refuse, wrong_answer};
use super::{Asked, FlowExecution};
use model::{Answer, Call, Failure, FailureKind, InputId, InputRequest, Json, Seq, Settlement};
use operations::FreshIds;
use orchestrator::InputSchema;
use store::Settled;
use wasm::{CallError, CallResult};

/// A key is typed by people, and stands in the state of a run.
const KEY_MAX: usize = 100;

/// The schema and the words that people are shown, each in bytes.
const TEXT_MAX: usize = 64 << 10;

impl FlowExecution {
    pub(super) fn input(&mut self, request: InputRequest) -> CallResult<Seq> {
        let InputRequest {
            key,
            description,
            schema,
            timeout_ms,
            scope,
        } = request;
        let call = Call::Input {
            key: key.clone(),
            timeout_ms,
            scope,
        };
        let seq = match self.ask(&call)? {
            Asked::Answered(seq, Answer::Input { .. }) => seq,
            Asked::Answered(_, Answer::Refused { failure }) => return Err(failure.into()),
            Asked::Answered(seq, _) => return wrong_answer(seq),
            Asked::New(Some(kept)) => self.write_kept(call, kept),
            Asked::New(None) => {
                let bad = self
                    .bad_key(&key, scope)
                    .or_else(|| bad_text(&key, &schema, description.as_deref()));
                if let Some(message) = bad {
                    let failure = Failure::new(FailureKind::Invalid, message);
                    let answer = Answer::Refused {
                        failure: failure.clone(),
                    };
                    self.write(call, answer);
                    return Err(CallError::Failure(failure));
                }
                let until = timeout_ms.map(|ms| self.shared.now().after(Duration::from_millis(ms)));
                let answer = Answer::Input {
                    id: InputId::new(&mut FreshIds),
                    description,
                    schema,
                    until,
                };
                self.write(call, answer)
            }
        };
        if self.journal.settlement(seq).is_none() {
            self.outside.insert(seq);
        }
        Ok(seq)
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

    /// Nobody waits for it any more: it settles as cancelled, unless it was given by then.
    pub(super) fn withdraw(&mut self, input: Seq) -> CallResult<()> {
        let is_input = |entry: &model::Entry| matches!(entry.call, Call::Input { .. });
        if !self.journal.is_known(input) || !self.journal.entry(input).is_some_and(is_input) {
            let message = format!("{input} is not an input that was asked for");
            return refuse(FailureKind::Invalid, message);
        }
        if let Asked::New(_) = self.ask(&Call::WithdrawInput { input })? {
            let at = self.shared.now();
            let why = "the flow no longer waits for it";
            let settlement = Settlement::Input(Err(Failure::new(FailureKind::Cancelled, why)));
            self.write(Call::WithdrawInput { input }, Answer::Accepted);
            self.outside.remove(&input);
            if self.journal.settle(input, at, settlement.clone()) {
                self.progress.settled.push(Settled {
                    seq: input,
                    at,
                    settlement,
                });
            }
        }
        Ok(())
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

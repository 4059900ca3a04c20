//! What an entry of a journal holds in memory, about.

use super::{
    Answer, Argument, Call, Entry, Failure, Outcome, RunRequest, RunSnapshot, Settlement, TaskCall,
};

/// What an entry takes without its texts and lists, in bytes.
const ENTRY_BYTES: usize = 500;

impl Entry {
    /// About how many bytes it holds: its texts and lists, and what every entry takes.
    pub fn bytes(&self) -> usize {
        let settled = self.settled.as_ref();
        ENTRY_BYTES
            + of_call(&self.call)
            + of_answer(&self.answer)
            + settled.map_or(0, |(_, settlement)| settlement.bytes())
    }
}

impl Settlement {
    /// About how many bytes it holds.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Task(outcome) | Self::Input(outcome) => of_outcome(outcome),
            Self::Run(run) => of_run(run),
            Self::Timer | Self::Slots => 0,
        }
    }
}

fn of_call(call: &Call) -> usize {
    match call {
        Call::Task(call) => of_task(call),
        Call::RunDeployment(request) => of_request(request),
        Call::Subflow { parameters, .. } => parameters.as_str().len(),
        Call::EndSubflow { outcome, .. } => of_outcome(outcome),
        Call::Input { key, .. } => key.len(),
        Call::TakeSlots { limit, .. } => limit.as_str().len(),
        Call::GetVariable { name } => name.as_str().len(),
        Call::Artifact { key, .. } => key.as_str().len(),
        Call::WatchRun { .. }
        | Call::GetRun { .. }
        | Call::Timer { .. }
        | Call::WithdrawInput { .. }
        | Call::GiveSlotsBack { .. }
        | Call::CancelTask { .. }
        | Call::Cancelled { .. }
        | Call::WaitAny => 0,
    }
}

fn of_task(call: &TaskCall) -> usize {
    let arguments = call.arguments.iter().map(|(name, argument)| {
        name.len()
            + match argument {
                Argument::Value(value) => value.as_str().len(),
                Argument::ResultOf(_) => 0,
                Argument::ResultsOf(seqs) => of_list(seqs),
            }
    });
    let options = &call.options;
    arguments.sum::<usize>()
        + of_list(&call.wait_for)
        + of_list(&options.retry_delays_ms)
        + of_text(options.task_run_name.as_ref())
        + of_texts(&options.tags)
}

fn of_request(request: &RunRequest) -> usize {
    request.deployment.len()
        + request.parameters.as_str().len()
        + of_text(request.flow_run_name.as_ref())
        + of_texts(&request.tags)
        + of_text(request.idempotency_key.as_ref())
        + of_text(request.work_queue.as_ref())
}

fn of_answer(answer: &Answer) -> usize {
    match answer {
        Answer::Run { run } => of_run(run),
        Answer::Refused { failure } => of_failure(failure),
        Answer::Value { value } => value.as_str().len(),
        Answer::Input {
            description,
            schema,
            ..
        } => of_text(description.as_ref()) + schema.as_str().len(),
        Answer::Settled { handles } => of_list(handles),
        Answer::Nothing | Answer::Accepted | Answer::TaskRun { .. } | Answer::Due { .. } => 0,
    }
}

fn of_run(run: &RunSnapshot) -> usize {
    run.outcome.as_ref().map_or(0, of_outcome)
}

fn of_outcome(outcome: &Outcome) -> usize {
    match outcome {
        Ok(value) => value.as_str().len(),
        Err(failure) => of_failure(failure),
    }
}

fn of_failure(failure: &Failure) -> usize {
    failure.message.len()
}

fn of_text(text: Option<&String>) -> usize {
    text.map_or(0, String::len)
}

fn of_texts(texts: &[String]) -> usize {
    texts
        .iter()
        .map(|text| text.len() + size_of::<String>())
        .sum()
}

fn of_list<T>(list: &[T]) -> usize {
    size_of_val::<[T]>(list)
}

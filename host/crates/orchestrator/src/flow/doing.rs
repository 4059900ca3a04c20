//! What the machine is doing for its guest.

use std::vec;

use super::step::Known;
use model::{
    Call, FlowRun, Json, QueueName, Reply, RunId, RunRequest, RunSnapshot, Seq, Timestamp,
    VariableName,
};

/// What the guest has asked and was not answered yet.
pub(super) enum Doing {
    /// It computes.
    Nothing,
    /// Its answer is there, once what is new has been recorded.
    Reply(Reply),
    /// A run that an earlier attempt has started by the same call is looked up.
    Reuse(Box<Reusing>),
    /// Its deployment is looked up.
    Resolve(Box<RunRequest>),
    /// The queue that it names is looked up.
    Queue(Box<Queueing>),
    /// The parameters of the run that it starts are checked.
    Start(Box<Starting>),
    /// The schema of the input that it asks for is checked.
    Input(Box<Asking>),
    /// The run that has its key is looked up.
    Key(Box<Keyed>),
    /// The run that gets its key is recorded, as it is here.
    Create(Box<Keyed>, RunSnapshot, Timestamp),
    /// The run that it reads is looked up.
    Variable(VariableName),
    Read(RunId),
    /// This one of the runs that it watches is looked up.
    Watch {
        run: RunId,
        rest: vec::IntoIter<RunId>,
        handles: Vec<Seq>,
    },
    /// What became of the input that it withdraws is looked up, once that is recorded.
    Withdraw(Seq),
    /// It waits for any or all of these.
    Wait {
        any: bool,
        handles: Vec<Seq>,
    },
}

/// A request for a run with an idempotency key.
pub(super) struct Keyed {
    pub request: RunRequest,
    pub known: Known,
    /// Of the run, with the defaults of its deployment.
    pub parameters: Json,
    pub key: String,
    /// The run that loses the key to it.
    pub instead_of: Option<RunId>,
}

/// A request for a run that earlier attempts have made, too.
pub(super) struct Reusing {
    pub request: RunRequest,
    /// The one that is looked up.
    pub run: RunId,
    /// The runs to be looked up after it.
    pub candidates: vec::IntoIter<RunSnapshot>,
}

/// A request for a run in a queue.
pub(super) struct Queueing {
    pub request: RunRequest,
    pub known: Known,
    pub queue: QueueName,
}

/// A run that is started if its parameters fit.
pub(super) struct Starting {
    pub request: RunRequest,
    pub known: Known,
    pub run: FlowRun,
}

/// An input that is asked for if its schema is one.
pub(super) struct Asking {
    pub call: Call,
    pub description: Option<String>,
    pub schema: Json,
}

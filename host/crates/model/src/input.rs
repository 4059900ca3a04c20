//! What a flow run asks a person for.

use super::{InputId, Json, RunId, Seq, Timestamp};

/// A flow's request for input.
#[derive(Clone, Debug, PartialEq)]
pub struct InputRequest {
    /// Names it among what the flow run asks for at the same time.
    pub key: String,
    /// What the person is told.
    pub description: Option<String>,
    /// JSON Schema of the value.
    pub schema: Json,
    /// How long to wait. None: for ever.
    pub timeout_ms: Option<u64>,
    /// The subflow that asks, unless it is the flow itself.
    pub scope: Option<Seq>,
}

/// Input that a flow run waits for and that nobody has given yet.
#[derive(Clone, Debug, PartialEq)]
pub struct AwaitedInput {
    pub id: InputId,
    /// The flow run that asks: the run itself, or a subflow within it.
    pub run: RunId,
    pub key: String,
    pub description: Option<String>,
    pub schema: Json,
    /// When the flow asked for it.
    pub asked: Timestamp,
    /// When the flow stops waiting for it.
    pub until: Option<Timestamp>,
}

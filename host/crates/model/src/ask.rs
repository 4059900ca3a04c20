//! What an instance of a flow asks, and what it is told.
//!
//! One enum instead of a dozen methods: the driver of a flow hands the question on to the
//! machine that decides, and the answer back, without looking into either.

use super::{
    FlowName, InputRequest, Json, LimitName, NewArtifact, Outcome, RunId, RunRequest, RunSnapshot,
    Seq, TaskCall, VariableName,
};

/// A question of a flow.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    /// Start a task. Answered by its handle.
    Task(TaskCall),
    /// Start a run of a deployment. Answered by its handle and the run.
    RunDeployment(RunRequest),
    /// Tell when these runs are terminal. Answered by a handle each.
    WatchRuns(Vec<RunId>),
    /// Read a run as it is. Answered by the run.
    GetRun(RunId),
    /// Read a variable as it is. Answered by its value.
    GetVariable(VariableName),
    /// Make an artifact. Answered by `Done`.
    MakeArtifact(NewArtifact),
    /// Begin a subflow. Answered by its handle and its run.
    BeginSubflow {
        flow: FlowName,
        parameters: Json,
        /// The subflow that calls, unless it is the flow itself.
        scope: Option<Seq>,
    },
    /// End a subflow. Answered by `Done`.
    EndSubflow { subflow: Seq, outcome: Outcome },
    /// Start a timer. Answered by its handle.
    StartTimer { duration_ms: u64 },
    /// Ask a person for a value. Answered by its handle.
    RequestInput(InputRequest),
    /// Take such a request back. Answered by `Done`.
    WithdrawInput(Seq),
    /// Take so many slots of a limit. Answered by a handle that settles once they are there.
    TakeSlots {
        limit: LimitName,
        slots: u32,
        /// The subflow that takes them, unless it is the flow itself.
        scope: Option<Seq>,
    },
    /// Give them back, or wait for them no longer. Answered by `Done`.
    GiveSlotsBack(Seq),
    /// Cancel a task.
    CancelTask(Seq),
    /// Wait for any of these. Answered by those that have settled.
    WaitAny(Vec<Seq>),
    /// Wait for all of these. Answered by `Done`.
    WaitAll(Vec<Seq>),
}

/// The answer to a question. Refusals are errors, and not among these.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    Done,
    Handle(Seq),
    Handles(Vec<Seq>),
    /// A run that was started, and the handle that settles with it.
    Started(Seq, RunSnapshot),
    Run(RunSnapshot),
    /// None: there is nothing of that name.
    Value(Option<Json>),
}

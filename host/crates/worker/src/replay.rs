//! Runs a flow again against its journal, without effects. This shows whether a component
//! still makes the calls that the journal holds.
//!
//! It drives the same machine as an execution does, which stops where the journal ends. So
//! what is refused then is refused here.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, pending, ready};

use super::around::{JournalClock, context_of, seed};
use model::{Ask, Entry, Failure, FailureKind, FlowRun, Grants, Outcome, Reply, Seq, Settlement};
use operations::FreshIds;
use orchestrator::Divergence;
use orchestrator::flow::{Flow, FlowLimits, Mode, Moment, Past, Step, Stop};
use wasm::{
    CallError, CallResult, FlowEnd, FlowPort, FlowStart, GuestLine, LogFull, LogSink, Prepared,
    Replayable, RunContext, Runtime, Surroundings,
};

/// What came of a replay.
#[derive(Clone, Debug, PartialEq)]
pub enum Replayed {
    /// The flow returned, after this many calls.
    Returned { calls: u64, outcome: Outcome },
    /// The flow reached the end of the journal of a run that is not over.
    EndOfJournal { calls: u64 },
    /// The flow asked for something else than the journal holds.
    Diverged(Box<Divergence>),
}

/// Replays a run with a component, which need not be the one that it ran with.
pub async fn replay(
    runtime: &Runtime,
    prepared: &Prepared,
    run: FlowRun,
    entries: Vec<Entry>,
) -> Replayed {
    let started = run.started.unwrap_or(run.scheduled);
    let clock = Arc::new(JournalClock::new(started));
    let room = match runtime.flow_room(prepared, || ()).await {
        Ok(room) => room,
        Err(over) => {
            let failure = Failure::new(FailureKind::Limit, over.to_string());
            return Replayed::Returned {
                calls: 0,
                outcome: Err(failure),
            };
        }
    };
    let start = FlowStart {
        room,
        flow: run.flow.clone(),
        parameters: run.parameters.clone(),
        around: Surroundings {
            run: Some(run.id),
            logs: Arc::new(Silence),
            grants: Grants::default(),
            replayable: Some(Replayable {
                seed: seed(run.id),
                clock: Arc::clone(&clock) as _,
            }),
        },
    };
    let over = run.state.kind.is_terminal();
    let past = Past {
        entries,
        ..Past::default()
    };
    let limits = FlowLimits {
        calls_max: runtime.limits().calls_max,
        journal_bytes_max: runtime.limits().journal_max,
        arguments_bytes_max: runtime.limits().payload_max,
        timeout: None,
    };
    let manifest = Arc::clone(&prepared.manifest);
    let port = ReplayPort {
        flow: Flow::new(run, started, manifest, past, Mode::PastOnly, limits),
        clock,
        diverged: None,
    };
    let (end, port) = runtime.run_flow(prepared, start, port, pending()).await;
    let journal = port.flow.journal();
    let calls = journal.last().0;
    match (end, port.diverged) {
        (_, Some(divergence)) => Replayed::Diverged(divergence),
        (FlowEnd::Returned(outcome), _) => match journal.next_held() {
            // It returned where the journal has more.
            Some(held) if over => Replayed::Diverged(Box::new(Divergence {
                seq: Seq(calls + 1),
                held: Some(held),
                asked: None,
            })),
            _ => Replayed::Returned { calls, outcome },
        },
        _ => Replayed::EndOfJournal { calls },
    }
}

/// Answers from the journal, and from nothing else.
struct ReplayPort {
    flow: Flow,
    clock: Arc<JournalClock>,
    diverged: Option<Box<Divergence>>,
}

impl ReplayPort {
    fn answer(&mut self, ask: Ask) -> CallResult<Reply> {
        let at = Moment {
            now: self.flow.clock(),
            ids: &mut FreshIds,
            logged: false,
        };
        let step = self.flow.ask(ask, at);
        self.clock.set(self.flow.clock());
        match step {
            Step::Answer(reply) => Ok(reply),
            Step::Refuse(failure) => Err(failure.into()),
            Step::Stop(stop) => {
                if let Stop::Diverged(divergence) = stop {
                    self.diverged = Some(divergence);
                }
                Err(CallError::Interrupt)
            }
            Step::Look(_) | Step::Check(_) | Step::Record(_) | Step::Await(_) => {
                unreachable!("what is past needs nothing")
            }
        }
    }
}

impl FlowPort for ReplayPort {
    fn ask(&mut self, ask: Ask) -> BoxFuture<'_, CallResult<Reply>> {
        ready(self.answer(ask)).boxed()
    }

    fn worked(&mut self) -> Duration {
        Duration::ZERO
    }

    fn waited_for(&self) -> usize {
        self.flow.told_count()
    }

    fn settled(&self, handle: Seq) -> Option<Settlement> {
        self.flow.told(handle).cloned()
    }

    fn context(&self, scope: Option<Seq>) -> Arc<RunContext> {
        Arc::new(context_of(self.flow.run(scope)))
    }
}

/// Nobody hears the lines: of a replay they stand in the log.
pub(super) struct Silence;

impl LogSink for Silence {
    fn line(&self, _line: GuestLine) -> Result<(), LogFull> {
        Ok(())
    }
}

//! Runs a flow again against its journal, without effects: to see whether a component still
//! asks for what it asked for then.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use futures::FutureExt;
use futures::future::{BoxFuture, ready};

use super::execution::seed;
use super::flow::{JournalClock, context_of};
use model::{
    Answer, Call, Entry, Failure, FlowName, FlowRun, Grants, InputRequest, Json, Outcome, RunId,
    RunRequest, RunSnapshot, Seq, Settlement, TaskCall, Timestamp,
};
use orchestrator::{Asked, Divergence, Journal, Waited};
use wasm::{
    CallError, CallResult, FlowEnd, FlowPort, FlowStart, GuestLine, LogFull, LogSink, Prepared,
    Replayable, RunContext, Runtime, Surroundings,
};

/// What came of a replay.
#[derive(Clone, Debug, PartialEq)]
pub enum Replayed {
    /// It returned, after this many calls.
    Returned { calls: u64, outcome: Outcome },
    /// It got to the end of the journal of a run that is not over.
    EndOfJournal { calls: u64 },
    /// It asked for something else than the journal holds.
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
    let clock = Arc::new(JournalClock(AtomicI64::new(started.0)));
    let around = Surroundings {
        logs: Arc::new(Silence),
        grants: Grants::default(),
        replayable: Some(Replayable {
            seed: seed(run.id),
            clock: Arc::clone(&clock) as _,
        }),
    };
    let (flow, parameters) = (run.flow.clone(), run.parameters.clone());
    let port = ReplayPort {
        over: run.state.kind.is_terminal(),
        run,
        journal: Journal::new(started, entries),
        clock,
        runs: HashMap::new(),
        subflows: HashMap::new(),
        waits: 0,
        stopped: None,
    };
    let never = std::future::pending();
    let start = FlowStart {
        room: runtime.flow_room(|| ()).await,
        flow,
        parameters,
        around,
    };
    let (end, port) = runtime.run_flow(prepared, start, port, never).await;
    let calls = port.journal.last().0;
    match (end, port.stopped) {
        (_, Some(Replayed::Diverged(divergence))) => Replayed::Diverged(divergence),
        (FlowEnd::Returned(outcome), _) => match port.journal.next_held() {
            // It returned where the journal has more.
            Some(held) if port.over => Replayed::Diverged(Box::new(Divergence {
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
    run: FlowRun,
    over: bool,
    journal: Journal,
    clock: Arc<JournalClock>,
    runs: HashMap<RunId, Seq>,
    subflows: HashMap<Seq, FlowRun>,
    /// How many waits the flow has begun.
    waits: u64,
    stopped: Option<Replayed>,
}

impl ReplayPort {
    fn tick(&self) {
        self.clock
            .0
            .store(self.journal.clock().0, Ordering::Relaxed);
    }

    fn stop(&mut self, why: Replayed) -> CallError {
        self.stopped.get_or_insert(why);
        CallError::Interrupt
    }

    fn ask(&mut self, call: &Call) -> CallResult<(Seq, Answer)> {
        let asked = match self.journal.ask(call) {
            Ok(asked) => asked,
            Err(divergence) => return Err(self.stop(Replayed::Diverged(divergence))),
        };
        self.tick();
        match asked {
            Asked::Answered(_, Answer::Refused { failure }) => Err(failure.into()),
            Asked::Answered(seq, answer) => Ok((seq, answer)),
            Asked::New(seq) if self.over => {
                let divergence = Divergence {
                    seq,
                    held: None,
                    asked: Some(call.clone()),
                };
                Err(self.stop(Replayed::Diverged(Box::new(divergence))))
            }
            Asked::New(_) => Err(self.end_of_journal()),
        }
    }

    fn end_of_journal(&mut self) -> CallError {
        let calls = self.journal.last().0;
        self.stop(Replayed::EndOfJournal { calls })
    }

    fn ask_run(&mut self, call: &Call) -> CallResult<(Seq, RunSnapshot)> {
        match self.ask(call)? {
            (seq, Answer::Run { run }) => {
                self.runs.entry(run.id).or_insert(seq);
                Ok((seq, run))
            }
            _ => Err(self.end_of_journal()),
        }
    }

    fn watch(&mut self, run: RunId) -> CallResult<Seq> {
        if let Some(seq) = self.runs.get(&run) {
            return Ok(*seq);
        }
        let (seq, _) = self.ask(&Call::WatchRun { run })?;
        self.runs.insert(run, seq);
        Ok(seq)
    }

    fn subflow(
        &mut self,
        flow: FlowName,
        parameters: Json,
        scope: Option<Seq>,
    ) -> CallResult<(Seq, RunSnapshot)> {
        let call = Call::Subflow {
            flow: flow.clone(),
            parameters: parameters.clone(),
            scope,
        };
        let (seq, snapshot) = self.ask_run(&call)?;
        let subflow = FlowRun {
            id: snapshot.id,
            name: snapshot.name.clone(),
            flow,
            parameters,
            deployment: None,
            ..self.run.clone()
        };
        self.subflows.insert(seq, subflow);
        Ok((seq, snapshot))
    }

    fn wait(&mut self, any: bool, handles: &[Seq]) -> CallResult<Vec<Seq>> {
        self.waits += 1;
        let cancelled = Call::Cancelled { wait: self.waits };
        if self.journal.holds_next(&cancelled) {
            self.ask(&cancelled)?;
            return Err(Failure::cancelled().into());
        }
        let waited = match any {
            true => self.journal.wait_any(handles, Timestamp(0)),
            false => Ok(self.journal.wait_all(handles)),
        };
        self.tick();
        match waited {
            Ok(Waited::Ready { handles, .. }) => Ok(handles),
            Ok(Waited::Blocked(_)) => Err(self.end_of_journal()),
            Err(divergence) => Err(self.stop(Replayed::Diverged(divergence))),
        }
    }
}

impl FlowPort for ReplayPort {
    fn submit_task(&mut self, call: TaskCall) -> BoxFuture<'_, CallResult<Seq>> {
        ready(self.ask(&Call::Task(call)).map(|(seq, _)| seq)).boxed()
    }

    fn run_deployment(
        &mut self,
        request: RunRequest,
    ) -> BoxFuture<'_, CallResult<(Seq, RunSnapshot)>> {
        ready(self.ask_run(&Call::RunDeployment(request))).boxed()
    }

    fn watch_runs(&mut self, runs: Vec<RunId>) -> BoxFuture<'_, CallResult<Vec<Seq>>> {
        let handles: CallResult<Vec<Seq>> = runs.into_iter().map(|run| self.watch(run)).collect();
        ready(handles).boxed()
    }

    fn get_run(&mut self, run: RunId) -> BoxFuture<'_, CallResult<RunSnapshot>> {
        let read = match self.ask(&Call::GetRun { run }) {
            Ok((_, Answer::Run { run })) => Ok(run),
            Ok(_) => Err(self.end_of_journal()),
            Err(err) => Err(err),
        };
        ready(read).boxed()
    }

    fn begin_subflow(
        &mut self,
        flow: FlowName,
        parameters: Json,
        scope: Option<Seq>,
    ) -> BoxFuture<'_, CallResult<(Seq, RunSnapshot)>> {
        ready(self.subflow(flow, parameters, scope)).boxed()
    }

    fn end_subflow(&mut self, subflow: Seq, outcome: Outcome) -> BoxFuture<'_, CallResult<()>> {
        let ended = self.ask(&Call::EndSubflow { subflow, outcome });
        ready(ended.map(|_| ())).boxed()
    }

    fn start_timer(&mut self, duration_ms: u64) -> BoxFuture<'_, CallResult<Seq>> {
        let started = self.ask(&Call::Timer { duration_ms });
        ready(started.map(|(seq, _)| seq)).boxed()
    }

    fn request_input(&mut self, request: InputRequest) -> BoxFuture<'_, CallResult<Seq>> {
        let requested = self.ask(&Call::Input {
            key: request.key,
            timeout_ms: request.timeout_ms,
            scope: request.scope,
        });
        ready(requested.map(|(seq, _)| seq)).boxed()
    }

    fn withdraw_input(&mut self, input: Seq) -> BoxFuture<'_, CallResult<()>> {
        let withdrawn = self.ask(&Call::WithdrawInput { input });
        ready(withdrawn.map(|_| ())).boxed()
    }

    fn wait_any(&mut self, handles: Vec<Seq>) -> BoxFuture<'_, CallResult<Vec<Seq>>> {
        ready(self.wait(true, &handles)).boxed()
    }

    fn wait_all(&mut self, handles: Vec<Seq>) -> BoxFuture<'_, CallResult<()>> {
        ready(self.wait(false, &handles).map(|_| ())).boxed()
    }

    fn settled(&self, handle: Seq) -> Option<Settlement> {
        self.journal.told(handle).cloned()
    }

    fn context(&self, scope: Option<Seq>) -> Arc<RunContext> {
        let subflow = scope.and_then(|scope| self.subflows.get(&scope));
        Arc::new(context_of(subflow.unwrap_or(&self.run)))
    }
}

/// What was said then stands in the log.
struct Silence;

impl LogSink for Silence {
    fn line(&self, _line: GuestLine) -> Result<(), LogFull> {
        Ok(())
    }
}

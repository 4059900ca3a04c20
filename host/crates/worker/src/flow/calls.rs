//! What a flow may ask for.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::{Asked, FlowExecution};
use model::{
    Answer, Call, Deployment, DeploymentName, Failure, FailureKind, FlowName, FlowRun,
    InputRequest, Json, Outcome, RunId, RunRequest, RunSnapshot, Seq, Settlement, State, TaskCall,
};
use operations::FreshIds;
use orchestrator::{Start, new_run, subflow_run};
use store::{NewRun, StoreError, SubflowChange};
use wasm::{CallError, CallResult, FlowPort, RunContext};

impl FlowPort for FlowExecution {
    fn submit_task(&mut self, call: TaskCall) -> BoxFuture<'_, CallResult<Seq>> {
        self.submit(call).boxed()
    }

    fn run_deployment(
        &mut self,
        request: RunRequest,
    ) -> BoxFuture<'_, CallResult<(Seq, RunSnapshot)>> {
        self.start_run(request).boxed()
    }

    fn watch_runs(&mut self, runs: Vec<RunId>) -> BoxFuture<'_, CallResult<Vec<Seq>>> {
        async move {
            let mut handles = Vec::with_capacity(runs.len());
            for run in runs {
                handles.push(self.watch_run(run).await?);
            }
            Ok(handles)
        }
        .boxed()
    }

    fn get_run(&mut self, run: RunId) -> BoxFuture<'_, CallResult<RunSnapshot>> {
        self.read_run(run).boxed()
    }

    fn begin_subflow(
        &mut self,
        flow: FlowName,
        parameters: Json,
        scope: Option<Seq>,
    ) -> BoxFuture<'_, CallResult<(Seq, RunSnapshot)>> {
        let begun = self.begin(flow, parameters, scope);
        async move { begun }.boxed()
    }

    fn end_subflow(&mut self, subflow: Seq, outcome: Outcome) -> BoxFuture<'_, CallResult<()>> {
        let ended = self.end_scope(subflow, outcome);
        async move { ended }.boxed()
    }

    fn start_timer(&mut self, duration_ms: u64) -> BoxFuture<'_, CallResult<Seq>> {
        let started = self.timer(duration_ms);
        async move { started }.boxed()
    }

    fn request_input(&mut self, request: InputRequest) -> BoxFuture<'_, CallResult<Seq>> {
        let requested = self.input(request);
        async move { requested }.boxed()
    }

    fn withdraw_input(&mut self, input: Seq) -> BoxFuture<'_, CallResult<()>> {
        let withdrawn = self.withdraw(input);
        async move { withdrawn }.boxed()
    }

    fn wait_any(&mut self, handles: Vec<Seq>) -> BoxFuture<'_, CallResult<Vec<Seq>>> {
        self.wait_for_any(handles).boxed()
    }

    fn wait_all(&mut self, handles: Vec<Seq>) -> BoxFuture<'_, CallResult<()>> {
        self.wait_for_all(handles).boxed()
    }

    fn settled(&self, handle: Seq) -> Option<Settlement> {
        self.journal.told(handle).cloned()
    }

    fn context(&self, scope: Option<Seq>) -> Arc<RunContext> {
        self.context_of(scope)
    }
}

pub(crate) fn context_of(run: &FlowRun) -> RunContext {
    RunContext {
        run: run.id,
        name: run.name.to_string(),
        flow: run.flow.clone(),
        deployment: run.deployment.clone(),
        parent: run.parent,
        attempt: run.attempt,
        scheduled: run.scheduled,
        parameters: run.parameters.clone(),
        tags: run.tags.clone(),
    }
}

pub(super) fn refuse<T>(kind: FailureKind, message: String) -> CallResult<T> {
    Err(CallError::Failure(Failure::new(kind, message)))
}

/// The journal holds another kind of answer than the call has: it was written by something
/// that is not this program.
pub(super) fn wrong_answer<T>(seq: Seq) -> CallResult<T> {
    let message = format!("the journal's answer at {seq} is of another kind");
    refuse(FailureKind::Crashed, message)
}

impl FlowExecution {
    async fn start_run(&mut self, request: RunRequest) -> CallResult<(Seq, RunSnapshot)> {
        let call = Call::RunDeployment(request.clone());
        match self.ask(&call)? {
            Asked::Answered(seq, answer) => return self.started_before(seq, answer),
            Asked::New(Some(kept)) => {
                let answer = kept.answer.clone();
                let seq = self.write_kept(call, kept);
                return self.started_before(seq, answer);
            }
            Asked::New(None) => {}
        }
        let (deployment, run) = match self.resolve(&request).await? {
            Ok(resolved) => resolved,
            Err(failure) => {
                let answer = Answer::Refused {
                    failure: failure.clone(),
                };
                self.write(call, answer);
                return Err(CallError::Failure(failure));
            }
        };
        let run = match &request.idempotency_key {
            Some(key) => self.start_once(&call, &request, &deployment, key).await?,
            None => {
                let snapshot = run.snapshot();
                self.add_child(run, None);
                let answer = Answer::Run {
                    run: snapshot.clone(),
                };
                self.write(call, answer);
                snapshot
            }
        };
        let seq = self.journal.last();
        self.follow(seq, run.id);
        if self.progress.entries.len() >= super::ENTRIES_MAX {
            self.flush().await?;
        }
        Ok((seq, run))
    }

    /// The answer of an earlier execution.
    fn started_before(&mut self, seq: Seq, answer: Answer) -> CallResult<(Seq, RunSnapshot)> {
        match answer {
            Answer::Run { run } => {
                self.follow(seq, run.id);
                Ok((seq, run))
            }
            Answer::Refused { failure } => Err(CallError::Failure(failure)),
            _ => wrong_answer(seq),
        }
    }

    /// Remembers which call settles with a run.
    fn follow(&mut self, seq: Seq, run: RunId) {
        self.runs.entry(run).or_insert(seq);
        if self.journal.settlement(seq).is_none() {
            self.outside.insert(seq);
        }
    }

    /// The deployment of a request and the new run of it, whose parameters fit; or why there
    /// is none.
    async fn resolve(
        &mut self,
        request: &RunRequest,
    ) -> CallResult<Result<(Arc<Deployment>, FlowRun), Failure>> {
        let not_found = |message| Ok(Err(Failure::new(FailureKind::NotFound, message)));
        let Some(name) = request.deployment_name() else {
            return not_found(format!(
                "`{}` is not the name of a deployment: it has the form `flow/deployment`",
                request.deployment
            ));
        };
        let Some(deployment) = self.deployment(&name).await? else {
            return not_found(format!(
                "there is no deployment `{name}`: see `orch-host deployment ls`"
            ));
        };
        let shared = std::sync::Arc::clone(&self.shared);
        let checker = shared.parameters_of(deployment.component, &name.flow).await;
        let checker = self.read(checker)?;
        let run = self.child(request, &deployment);
        Ok(match checker.check(&run.parameters) {
            Ok(()) => Ok((deployment, run)),
            Err(err) => Err(Failure::new(
                FailureKind::Invalid,
                format!("a run of `{name}` was not started: {err}"),
            )),
        })
    }

    /// The deployment of this name, as it was when the flow asked for it first since the last
    /// record: so a fan-out reads it once.
    async fn deployment(&mut self, name: &DeploymentName) -> CallResult<Option<Arc<Deployment>>> {
        if let Some(known) = self.deployments.get(name) {
            return Ok(Some(Arc::clone(known)));
        }
        let found = self.shared.store.deployment(name).await;
        let found = self.read(found)?.map(Arc::new);
        if let Some(found) = &found {
            self.deployments.insert(name.clone(), Arc::clone(found));
        }
        Ok(found)
    }

    fn child(&self, request: &RunRequest, deployment: &Deployment) -> FlowRun {
        let now = self.shared.now();
        let start = Start {
            name: request.run_name(&mut FreshIds),
            tags: request.tags.clone(),
            scheduled: request.scheduled.unwrap_or(now),
            parent: request.as_subflow.then(|| self.scope_run(request.scope)),
            work_queue: request.work_queue.clone(),
            ..Start::now(&mut FreshIds, request.parameters.clone(), now)
        };
        new_run(deployment, start, now)
    }

    fn add_child(&mut self, run: FlowRun, idempotency_key: Option<String>) {
        self.progress.children.push(NewRun {
            run,
            idempotency_key,
            reserved_for: None,
        });
    }

    /// Starts a run unless its key is taken; then the answer is the run that took it. Which
    /// it is must be known before the flow is told, so this records at once.
    async fn start_once(
        &mut self,
        call: &Call,
        request: &RunRequest,
        deployment: &Deployment,
        key: &str,
    ) -> CallResult<RunSnapshot> {
        self.flush().await?;
        loop {
            let flow = &deployment.name.flow;
            let earlier = self.shared.store.run_by_key(flow, key).await;
            if let Some(earlier) = self.read(earlier)? {
                let run = earlier.snapshot();
                self.write(call.clone(), Answer::Run { run: run.clone() });
                self.flush().await?;
                return Ok(run);
            }
            let run = self.child(request, deployment);
            let snapshot = run.snapshot();
            self.add_child(run, Some(key.to_owned()));
            let answer = Answer::Run {
                run: snapshot.clone(),
            };
            let entry = self
                .journal
                .next_entry(call.clone(), answer.clone(), self.shared.now());
            self.progress.entries.push(entry);
            let progress = self.take_progress(store::Next::Continue).await;
            match self.shared.store.record(progress.clone()).await {
                Ok(_) => {
                    self.journal.write(call.clone(), answer, self.shared.now());
                    self.tick();
                    return Ok(snapshot);
                }
                // Somebody was faster. What else was to be recorded still is.
                Err(StoreError::KeyTaken { .. }) => {
                    self.progress = progress;
                    self.progress.entries.pop();
                    self.progress.children.pop();
                }
                Err(err) => return self.read(Err(err)),
            }
        }
    }

    async fn watch_run(&mut self, run: RunId) -> CallResult<Seq> {
        // A run that this flow follows already has a handle. Which ones those are follows
        // from the journal, so it is the same on replay.
        if let Some(seq) = self.runs.get(&run) {
            return Ok(*seq);
        }
        let call = Call::WatchRun { run };
        match self.ask(&call)? {
            Asked::Answered(seq, Answer::Accepted) => {
                self.follow(seq, run);
                Ok(seq)
            }
            Asked::Answered(_, Answer::Refused { failure }) => Err(CallError::Failure(failure)),
            Asked::Answered(seq, _) => wrong_answer(seq),
            Asked::New(_) => {
                let found = self.shared.store.flow_run(run).await;
                if self.read(found)?.is_none() {
                    return self.refuse_unknown(call, run);
                }
                let seq = self.write(call, Answer::Accepted);
                self.follow(seq, run);
                Ok(seq)
            }
        }
    }

    async fn read_run(&mut self, run: RunId) -> CallResult<RunSnapshot> {
        let call = Call::GetRun { run };
        match self.ask(&call)? {
            Asked::Answered(_, Answer::Run { run }) => Ok(run),
            Asked::Answered(_, Answer::Refused { failure }) => Err(CallError::Failure(failure)),
            Asked::Answered(seq, _) => wrong_answer(seq),
            Asked::New(_) => {
                // It may be a child that is not recorded yet.
                self.flush().await?;
                let found = self.shared.store.flow_run(run).await;
                let Some(found) = self.read(found)? else {
                    return self.refuse_unknown(call, run);
                };
                let run = found.snapshot();
                self.write(call, Answer::Run { run: run.clone() });
                Ok(run)
            }
        }
    }

    fn refuse_unknown<T>(&mut self, call: Call, run: RunId) -> CallResult<T> {
        let message = format!("there is no flow run {run}");
        let failure = Failure::new(FailureKind::NotFound, message);
        let answer = Answer::Refused {
            failure: failure.clone(),
        };
        self.write(call, answer);
        Err(CallError::Failure(failure))
    }

    fn begin(
        &mut self,
        flow: FlowName,
        parameters: Json,
        scope: Option<Seq>,
    ) -> CallResult<(Seq, RunSnapshot)> {
        if self.prepared.manifest.flow(flow.as_str()).is_none() {
            let message = format!("the component has no flow `{flow}`");
            return refuse(FailureKind::NotFound, message);
        }
        let call = Call::Subflow {
            flow: flow.clone(),
            parameters: parameters.clone(),
            scope,
        };
        let parent = self.scope_run(scope);
        let (seq, run) = match self.ask(&call)? {
            Asked::Answered(seq, Answer::Run { run }) => {
                let mut subflow = subflow_run(
                    &mut FreshIds,
                    &self.run,
                    parent,
                    flow,
                    parameters,
                    self.shared.now(),
                );
                subflow.id = run.id;
                subflow.name = run.name;
                (seq, subflow)
            }
            Asked::Answered(seq, _) => return wrong_answer(seq),
            Asked::New(_) => {
                let run = subflow_run(
                    &mut FreshIds,
                    &self.run,
                    parent,
                    flow,
                    parameters,
                    self.shared.now(),
                );
                let begun = SubflowChange::Begin(Box::new(run.clone()));
                self.progress.subflows.push(begun);
                (
                    self.write(
                        call,
                        Answer::Run {
                            run: run.snapshot(),
                        },
                    ),
                    run,
                )
            }
        };
        self.log.add_subflow(seq, run.id);
        let snapshot = run.snapshot();
        self.subflows.insert(seq, run);
        Ok((seq, snapshot))
    }

    fn end_scope(&mut self, subflow: Seq, outcome: Outcome) -> CallResult<()> {
        let Some(run) = self.subflows.get(&subflow).map(|run| run.id) else {
            let message = format!("{subflow} is not a subflow that has begun");
            return refuse(FailureKind::Invalid, message);
        };
        let call = Call::EndSubflow {
            subflow,
            outcome: outcome.clone(),
        };
        if let Asked::New(_) = self.ask(&call)? {
            let state = State::ended(&outcome, self.shared.now());
            self.progress.subflows.push(SubflowChange::End {
                run,
                state,
                outcome,
            });
            self.write(call, Answer::Accepted);
        }
        Ok(())
    }

    fn timer(&mut self, duration_ms: u64) -> CallResult<Seq> {
        let call = Call::Timer { duration_ms };
        let seq = match self.ask(&call)? {
            Asked::Answered(seq, _) => seq,
            Asked::New(_) => {
                let at = self.shared.now().after(Duration::from_millis(duration_ms));
                self.write(call, Answer::Due { at })
            }
        };
        if self.journal.settlement(seq).is_none() {
            self.outside.insert(seq);
        }
        Ok(seq)
    }
}

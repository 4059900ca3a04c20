//! Calls that start or read runs, and timers.
//!
//! ```text
//! run_deployment --> in the journal, or kept? ------------------------------> the same run
//!     |- started by an earlier attempt --> Look::Run --> goes on or completed? --> that run
//!     |                                      `- failed: as if it were new
//!     `- new --> Look::Deployment, Look::Queue --> fits? -- no --> refused
//!                  `- yes --> no key: child and entry in one record, later
//!                             key: record, Look::RunByKey --found--> that run
//!                                  ^          `- none --> record the child
//!                                  `---- KeyTaken: another was faster
//! ```
//!
//! A run whose key was used is asked for once more: it has to be the same request. If an
//! earlier attempt of this flow has started it and it failed, its key goes to a new run.

use std::collections::hash_map::Entry as Place;
use std::sync::Arc;
use std::time::Duration;
use std::vec;

use super::check::Check;
use super::doing::{Doing, Keyed, Queueing, Reusing, Starting};
use super::machine::{Asked, Asks, Flow, No, wrong_answer};
use super::step::{Found, KeyHolder, Known, Look, Moment, Signal, Step, Stop};
use crate::kept::is_worth_taking;
use crate::{Start, artifact, is_same_request, new_run};
use model::{
    Answer, Call, DeploymentName, Failure, FailureKind, FlowRun, NewArtifact, NewRun, Next,
    Progress, QueueName, Recorded, Reply, RunId, RunRequest, RunSnapshot, Seq, Timestamp,
    VariableName,
};

impl Flow {
    /// Answers a call, once nothing of it has to be recorded before.
    pub(super) fn answer(&mut self, reply: Reply) -> Step {
        if self.tasks.any_held() || self.buffer.is_full() {
            self.doing = Doing::Reply(reply);
            return self.record(Next::Continue);
        }
        Step::Answer(reply)
    }

    /// Goes on with what the guest has asked.
    pub(super) fn go_on(&mut self, at: &mut Moment) -> Asks {
        Ok(match std::mem::replace(&mut self.doing, Doing::Nothing) {
            Doing::Nothing => unreachable!("the guest has been answered"),
            Doing::Reply(reply) => self.answer(reply),
            Doing::Resolve(request) => {
                let name = request.deployment_name().expect("it was one before");
                self.doing = Doing::Resolve(request);
                Step::Look(Look::Deployment(name))
            }
            Doing::Queue(queueing) => self.look_for_queue(queueing),
            Doing::Start(_) | Doing::Input(_) => unreachable!("it is checked first"),
            Doing::Key(keyed) => self.look_for_key(keyed, at.logged),
            Doing::Create(..) => unreachable!("it is answered by its record"),
            Doing::Read(run) => return self.look_for_run(run, at.logged),
            Doing::Reuse(reusing) => {
                let run = reusing.run;
                self.doing = Doing::Reuse(reusing);
                Step::Look(Look::Run(run))
            }
            Doing::Variable(name) => return self.read_variable(name),
            Doing::Watch { run, rest, handles } => {
                self.doing = Doing::Watch { run, rest, handles };
                Step::Look(Look::Run(run))
            }
            Doing::Withdraw(input) => self.withdrawn(input),
            Doing::Wait { any, handles } => return self.wait(any, handles, at),
        })
    }

    /// Takes over what a record has led to.
    pub(super) fn recorded(&mut self, recorded: Recorded, at: &mut Moment) -> Asks {
        if recorded == Recorded::Paused {
            return Err(Stop::Suspended.into());
        }
        let told_before = self.cancel_told;
        if recorded == Recorded::Cancelling {
            self.tell(Signal::Cancel);
        }
        self.release_held();
        if self.away.is_some() {
            return self.left(recorded, told_before, at);
        }
        match std::mem::replace(&mut self.doing, Doing::Nothing) {
            Doing::Create(keyed, run, now) => {
                let call = Call::RunDeployment(keyed.request);
                // Its entry is recorded already.
                self.journal
                    .write(call, Answer::Run { run: run.clone() }, now);
                Ok(self.started(self.journal.last(), run))
            }
            doing => {
                self.doing = doing;
                self.go_on(at)
            }
        }
    }

    /// Takes over what was looked up.
    pub(super) fn found(&mut self, found: Found, at: &mut Moment) -> Asks {
        match (std::mem::replace(&mut self.doing, Doing::Nothing), found) {
            (Doing::Resolve(request), Found::Deployment(known)) => {
                self.resolved(*request, known, at)
            }
            (Doing::Resolve(request), Found::NoDeployment(nearest)) => {
                Err(self.no_deployment(*request, nearest, at.now))
            }
            (Doing::Queue(queueing), Found::Queue) => {
                let pool = queueing.known.deployment.pool.clone();
                self.queues.insert((pool, queueing.queue));
                self.resolved(queueing.request, queueing.known, at)
            }
            (Doing::Queue(queueing), Found::NoQueue(nearest)) => {
                Err(self.no_queue(*queueing, nearest, at.now))
            }
            (Doing::Reuse(reusing), Found::Run(found)) => self.reused(*reusing, found, at),
            (Doing::Key(keyed), Found::KeyHolder(holder)) => self.key_held(keyed, holder, at),
            (Doing::Read(run), Found::Run(found)) => {
                let call = Call::GetRun { run };
                let Some(found) = found else {
                    return Err(self.unknown(call, run, at.now));
                };
                self.write(call, Answer::Run { run: found.clone() }, at.now);
                Ok(self.answer(Reply::Run(found)))
            }
            (
                Doing::Watch {
                    run,
                    rest,
                    mut handles,
                },
                Found::Run(found),
            ) => {
                let call = Call::WatchRun { run };
                if found.is_none() {
                    return Err(self.unknown(call, run, at.now));
                }
                let seq = self.write(call, Answer::Accepted, at.now);
                self.follow(seq, run);
                handles.push(seq);
                self.watch(rest, handles)
            }
            (Doing::Variable(name), Found::Variable(value)) => {
                let call = Call::GetVariable { name };
                let answer = match &value {
                    Some(value) => Answer::Value {
                        value: value.clone(),
                    },
                    None => Answer::Nothing,
                };
                self.write(call, answer, at.now);
                Ok(self.answer(Reply::Value(value)))
            }
            _ => unreachable!("only what was asked for is found"),
        }
    }

    pub(super) fn run_deployment(&mut self, request: RunRequest, at: &mut Moment) -> Asks {
        let call = Call::RunDeployment(request);
        let (seq, answer) = match self.look_back(&call)? {
            Asked::Answered(seq, answer) => (seq, answer),
            Asked::New(Some(kept)) => {
                let answer = kept.answer.clone();
                (self.write_kept(call, kept, at.now), answer)
            }
            Asked::New(None) => {
                let candidates = self.kept.candidates(&call).into_iter();
                let Call::RunDeployment(request) = call else {
                    unreachable!("it was made above");
                };
                return self.start_or_reuse(request, candidates, at);
            }
        };
        match answer {
            Answer::Run { run } => Ok(self.started(seq, run)),
            Answer::Refused { failure } => Err(failure.into()),
            _ => Err(wrong_answer(seq)),
        }
    }

    /// Takes the first of these runs that has not failed. If there is none, another is started.
    fn start_or_reuse(
        &mut self,
        request: RunRequest,
        mut candidates: vec::IntoIter<RunSnapshot>,
        at: &mut Moment,
    ) -> Asks {
        let Some(candidate) = candidates.next() else {
            return self.resolve(request, at);
        };
        let run = candidate.id;
        self.doing = Doing::Reuse(Box::new(Reusing {
            request,
            run,
            candidates,
        }));
        Ok(Step::Look(Look::Run(run)))
    }

    fn reused(&mut self, reusing: Reusing, found: Option<RunSnapshot>, at: &mut Moment) -> Asks {
        let Reusing {
            request,
            candidates,
            ..
        } = reusing;
        match found.filter(|run| is_worth_taking(run.state)) {
            Some(run) => Ok(self.take_up(request, run, at)),
            None => self.start_or_reuse(request, candidates, at),
        }
    }

    /// Answers with a run that is there already.
    fn take_up(&mut self, request: RunRequest, run: RunSnapshot, at: &mut Moment) -> Step {
        let call = Call::RunDeployment(request);
        let seq = self.write(call, Answer::Run { run: run.clone() }, at.now);
        self.kept.give(run.id);
        self.follow(seq, run.id);
        self.doing = Doing::Reply(Reply::Started(seq, run));
        self.record(Next::Continue)
    }

    fn started(&mut self, seq: Seq, run: RunSnapshot) -> Step {
        self.kept.give(run.id);
        self.follow(seq, run.id);
        self.answer(Reply::Started(seq, run))
    }

    /// Remembers which call settles with a run.
    fn follow(&mut self, seq: Seq, run: RunId) {
        self.runs.entry(run).or_insert(seq);
        self.settles_outside(seq);
    }

    fn resolve(&mut self, request: RunRequest, at: &mut Moment) -> Asks {
        let Some(name) = request.deployment_name() else {
            let message = format!(
                "`{}` is not the name of a deployment: it has the form `flow/deployment`",
                request.deployment
            );
            return Err(self.not_started(request, FailureKind::NotFound, message, at.now));
        };
        match self.deployments.entry(name) {
            Place::Occupied(known) => {
                let known = known.get().clone();
                self.resolved(request, known, at)
            }
            Place::Vacant(place) => {
                let look = Look::Deployment(place.into_key());
                self.doing = Doing::Resolve(Box::new(request));
                Ok(Step::Look(look))
            }
        }
    }

    fn no_deployment(
        &mut self,
        request: RunRequest,
        nearest: Option<DeploymentName>,
        now: Timestamp,
    ) -> No {
        let what_then = match nearest {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => "see `orch-host deployment ls`".to_owned(),
        };
        let message = format!(
            "there is no deployment `{}`: {what_then}",
            request.deployment
        );
        self.not_started(request, FailureKind::NotFound, message, now)
    }

    fn resolved(&mut self, request: RunRequest, known: Known, at: &mut Moment) -> Asks {
        let takes = match &known.parameters {
            Ok(takes) => Arc::clone(takes),
            Err(reason) => {
                let name = &known.deployment.name;
                let message = format!("a run of `{name}` was not started: {reason}");
                return Err(self.not_started(request, FailureKind::Invalid, message, at.now));
            }
        };
        let queue = match request.work_queue.as_deref().map(str::parse::<QueueName>) {
            Some(Ok(queue)) => Some(queue).filter(|queue| !queue.is_default()),
            Some(Err(err)) => {
                let name = &known.deployment.name;
                let message = format!("a run of `{name}` was not started: {err}");
                return Err(self.not_started(request, FailureKind::Invalid, message, at.now));
            }
            None => None,
        };
        if let Some(queue) = queue {
            let place = (known.deployment.pool.clone(), queue);
            if !self.queues.contains(&place) {
                let (_, queue) = place;
                return Ok(self.look_for_queue(Box::new(Queueing {
                    request,
                    known,
                    queue,
                })));
            }
        }
        let run = self.child(&request, &known, at);
        let check = Check::Parameters {
            takes,
            given: run.parameters.clone(),
        };
        let start = Starting {
            request,
            known,
            run,
        };
        self.check(check, Doing::Start(Box::new(start)), at)
    }

    fn look_for_queue(&mut self, queueing: Box<Queueing>) -> Step {
        let pool = queueing.known.deployment.pool.clone();
        let look = Look::Queue(pool, queueing.queue.clone());
        self.doing = Doing::Queue(queueing);
        Step::Look(look)
    }

    fn no_queue(&mut self, queueing: Queueing, nearest: Option<QueueName>, now: Timestamp) -> No {
        let deployment = &queueing.known.deployment;
        let (name, pool, queue) = (&deployment.name, &deployment.pool, &queueing.queue);
        let what_then = match nearest {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => format!("`orch-host work-queue create {queue} --pool {pool}` makes it"),
        };
        let message = format!(
            "a run of `{name}` was not started: work pool `{pool}` has no queue `{queue}`: {what_then}"
        );
        self.not_started(queueing.request, FailureKind::NotFound, message, now)
    }

    /// The parameters of a run are checked.
    pub(super) fn start_checked(
        &mut self,
        start: Starting,
        fits: Result<(), String>,
        at: &mut Moment,
    ) -> Asks {
        let Starting {
            request,
            known,
            run,
        } = start;
        let name = &known.deployment.name;
        if let Err(err) = fits {
            let message = format!("a run of `{name}` was not started: {err}");
            return Err(self.not_started(request, FailureKind::Invalid, message, at.now));
        }
        if let Some(key) = request.idempotency_key.clone() {
            let keyed = Keyed {
                request,
                known,
                parameters: run.parameters,
                key,
                instead_of: None,
            };
            return Ok(self.look_for_key(Box::new(keyed), at.logged));
        }
        if !self.deployments.contains_key(name) {
            self.deployments.insert(name.clone(), known);
        }
        let snapshot = run.snapshot();
        self.add_child(run, None, None);
        let answer = Answer::Run {
            run: snapshot.clone(),
        };
        let seq = self.write(Call::RunDeployment(request), answer, at.now);
        Ok(self.started(seq, snapshot))
    }

    fn not_started(
        &mut self,
        request: RunRequest,
        kind: FailureKind,
        message: String,
        now: Timestamp,
    ) -> No {
        self.write_refused(
            Call::RunDeployment(request),
            Failure::new(kind, message),
            now,
        )
    }

    fn child(&self, request: &RunRequest, known: &Known, at: &mut Moment) -> FlowRun {
        let start = Start {
            name: request.run_name(&mut at.ids),
            tags: request.tags.clone(),
            scheduled: request.scheduled.unwrap_or(at.now),
            parent: request.as_subflow.then(|| self.run(request.scope).id),
            work_queue: request.work_queue.as_deref().map(QueueName::trusted),
            // An urgent run's children are urgent.
            priority: known.deployment.priority.or(Some(self.run.priority)),
            ..Start::now(&mut at.ids, request.parameters.clone(), at.now)
        };
        new_run(&known.deployment, start, at.now)
    }

    fn add_child(
        &mut self,
        run: FlowRun,
        idempotency_key: Option<String>,
        instead_of: Option<RunId>,
    ) {
        self.buffer.progress.children.push(NewRun {
            run,
            idempotency_key,
            instead_of,
            reserved_for: None,
        });
    }

    /// Looks for the run that has the key. What came before is recorded first: it may be that.
    fn look_for_key(&mut self, keyed: Box<Keyed>, logged: bool) -> Step {
        let flow = keyed.known.deployment.name.flow.clone();
        let look = Look::RunByKey(flow, keyed.key.clone());
        self.doing = Doing::Key(keyed);
        if self.is_dirty(logged) {
            return self.record(Next::Continue);
        }
        Step::Look(look)
    }

    /// What is done about the run that has the key.
    fn key_held(
        &mut self,
        mut keyed: Box<Keyed>,
        holder: Option<KeyHolder>,
        at: &mut Moment,
    ) -> Asks {
        keyed.instead_of = None;
        let Some(holder) = holder else {
            return Ok(self.create(keyed, at));
        };
        if self.is_to_be_replaced(&holder) {
            keyed.instead_of = Some(holder.run.id);
            return Ok(self.create(keyed, at));
        }
        if let Err(other) = is_same_request(&holder.parameters, &keyed.parameters) {
            let name = &keyed.known.deployment.name;
            let (key, holder) = (&keyed.key, holder.run.id);
            let message = format!(
                "a run of `{name}` was not started: the idempotency key `{key}` is that of flow run \
                 {holder}, and {other}"
            );
            return Err(self.not_started(keyed.request, FailureKind::Invalid, message, at.now));
        }
        Ok(self.take_up(keyed.request, holder.run, at))
    }

    /// Whether an earlier attempt of this flow has started a run, and it failed: a new attempt
    /// tries anew.
    fn is_to_be_replaced(&self, holder: &KeyHolder) -> bool {
        let is_own = holder.parent == Some(self.run.id);
        is_own && !is_worth_taking(holder.run.state) && !self.runs.contains_key(&holder.run.id)
    }

    /// Records a run with a key. Whether it is the one that gets the key must be known before
    /// the flow is told.
    fn create(&mut self, keyed: Box<Keyed>, at: &mut Moment) -> Step {
        let run = self.child(&keyed.request, &keyed.known, at);
        let snapshot = run.snapshot();
        self.add_child(run, Some(keyed.key.clone()), keyed.instead_of);
        let call = Call::RunDeployment(keyed.request.clone());
        let answer = Answer::Run {
            run: snapshot.clone(),
        };
        let entry = self.journal.next_entry(call, answer, at.now);
        self.doing = Doing::Create(keyed, snapshot, entry.at);
        self.buffer.progress.entries.push(entry);
        self.record(Next::Continue)
    }

    /// Another was faster. What else was to be recorded still is.
    pub(super) fn key_taken(&mut self, progress: Progress, at: &mut Moment) -> Asks {
        let Doing::Create(keyed, ..) = std::mem::replace(&mut self.doing, Doing::Nothing) else {
            unreachable!("nothing else has a key");
        };
        self.buffer.progress = progress;
        self.buffer.progress.entries.pop();
        self.buffer.progress.children.pop();
        Ok(self.look_for_key(keyed, at.logged))
    }

    /// Gives each of these runs a handle.
    pub(super) fn watch(&mut self, mut rest: vec::IntoIter<RunId>, mut handles: Vec<Seq>) -> Asks {
        while let Some(run) = rest.next() {
            if run == self.run.id {
                let message = format!("flow run {run} cannot wait for itself: it would never end");
                return Err(Failure::new(FailureKind::Invalid, message).into());
            }
            // A run that this flow follows already has a handle. Which ones those are follows
            // from the journal, so it is the same on replay.
            if let Some(seq) = self.runs.get(&run) {
                handles.push(*seq);
                continue;
            }
            match self.look_back(&Call::WatchRun { run })? {
                Asked::Answered(seq, Answer::Accepted) => {
                    self.follow(seq, run);
                    handles.push(seq);
                }
                Asked::Answered(seq, _) => return Err(wrong_answer(seq)),
                Asked::New(_) => {
                    self.doing = Doing::Watch { run, rest, handles };
                    return Ok(Step::Look(Look::Run(run)));
                }
            }
        }
        Ok(self.answer(Reply::Handles(handles)))
    }

    pub(super) fn read(&mut self, run: RunId, at: &mut Moment) -> Asks {
        match self.look_back(&Call::GetRun { run })? {
            Asked::Answered(_, Answer::Run { run }) => Ok(Step::Answer(Reply::Run(run))),
            Asked::Answered(seq, _) => Err(wrong_answer(seq)),
            Asked::New(_) => self.look_for_run(run, at.logged),
        }
    }

    /// A replay is told what the flow was told.
    pub(super) fn read_variable(&mut self, name: VariableName) -> Asks {
        let call = Call::GetVariable { name: name.clone() };
        match self.look_back(&call)? {
            Asked::Answered(_, Answer::Value { value }) => {
                Ok(Step::Answer(Reply::Value(Some(value))))
            }
            Asked::Answered(_, Answer::Nothing) => Ok(Step::Answer(Reply::Value(None))),
            Asked::Answered(seq, _) => Err(wrong_answer(seq)),
            Asked::New(_) => {
                self.doing = Doing::Variable(name.clone());
                Ok(Step::Look(Look::Variable(name)))
            }
        }
    }

    /// A replay makes none again.
    pub(super) fn make_artifact(&mut self, new: NewArtifact, at: &mut Moment) -> Asks {
        let call = Call::Artifact {
            key: new.key.clone(),
            kind: new.kind,
            scope: new.scope,
        };
        if let Asked::New(_) = self.look_back(&call)? {
            let run = self.run(new.scope).id;
            let made = artifact(&mut at.ids, new, run, None, at.now);
            self.write(call, Answer::Accepted, at.now);
            self.buffer.add_artifact(made);
        }
        Ok(self.answer(Reply::Done))
    }

    /// It may be a child that is not recorded yet.
    fn look_for_run(&mut self, run: RunId, logged: bool) -> Asks {
        self.doing = Doing::Read(run);
        if self.is_dirty(logged) {
            return Ok(self.record(Next::Continue));
        }
        Ok(Step::Look(Look::Run(run)))
    }

    fn unknown(&mut self, call: Call, run: RunId, now: Timestamp) -> No {
        let message = format!("there is no flow run {run}");
        self.write_refused(call, Failure::new(FailureKind::NotFound, message), now)
    }

    pub(super) fn timer(&mut self, duration_ms: u64, at: &mut Moment) -> Asks {
        let call = Call::Timer { duration_ms };
        let seq = match self.look_back(&call)? {
            Asked::Answered(seq, _) => seq,
            Asked::New(_) => {
                let due = at.now.after(Duration::from_millis(duration_ms));
                self.write(call, Answer::Due { at: due }, at.now)
            }
        };
        self.settles_outside(seq);
        Ok(self.answer(Reply::Handle(seq)))
    }
}

//! A guest that does what its script says, and remembers what it was told.

use std::sync::Arc;
use std::time::Duration;

use super::catalog::limit_of_code;
use super::script::{BRIEF, COMPUTE, Doing, KEPT, Op, Script, Scripts};
use model::{
    Argument, ArtifactKey, ArtifactKind, Ask, Call, DeploymentName, Failure, FailureKind,
    InputRequest, Json, NewArtifact, Outcome, PoolName, Reply, RunId, RunRequest, Seq, Settlement,
    TaskCall, TaskName, TaskOptions,
};
use orchestrator::flow::Flow;

/// What a flow observes of its cancellation.
pub(super) const TOLD_TO_END: &str = "told to end";

/// The tag of a task of which nothing is taken.
const SPARE: &str = "spare";

/// What a guest does next.
pub(super) enum Turn {
    Ask(Box<Ask>),
    Return(Outcome),
}

pub(super) struct Guest {
    pub script: Arc<Script>,
    /// What it was answered, with the time it saw then.
    pub observed: Vec<String>,
    /// Of the calls that settle.
    pub handles: Vec<Seq>,
    ops: Vec<Op>,
    at: usize,
    /// Of a wait for each in turn, what was not told yet. None between waits.
    left: Option<Vec<Seq>>,
    /// The subflow that calls.
    scope: Option<Seq>,
    /// The run that was started last.
    started: Option<RunId>,
    watched: Option<RunId>,
    cleaning_up: bool,
    returns: Option<Outcome>,
}

impl Guest {
    pub fn new(script: Arc<Script>, flow: &Flow) -> Self {
        let watched = flow.run(None).parameters.value()["watch"]
            .as_str()
            .and_then(|run| run.parse().ok());
        let mut new = Self {
            ops: script.ops.clone(),
            script,
            observed: Vec::new(),
            handles: Vec::new(),
            at: 0,
            left: None,
            scope: None,
            started: None,
            watched,
            cleaning_up: false,
            returns: None,
        };
        new.observe("begins", flow);
        new
    }

    /// What it asks now, or how it ends.
    pub fn turn(&mut self, flow: &Flow) -> Turn {
        if let Some(outcome) = self.returns.take() {
            return Turn::Return(outcome);
        }
        let Some(op) = self.ops.get(self.at) else {
            return Turn::Return(self.result(flow));
        };
        let handles = |at: &[usize]| at.iter().map(|at| self.handles[*at]).collect();
        let ask = match op {
            Op::Task(doing, needs) => Ask::Task(self.task(*doing, handles(needs), flow)),
            Op::Spare(doing) => {
                let mut task = self.task(*doing, Vec::new(), flow);
                task.options.tags.push(SPARE.to_owned());
                Ask::Task(task)
            }
            Op::CancelTask(task) => Ask::CancelTask(self.handles[*task]),
            Op::Child(at, key) => Ask::RunDeployment(child(*at, *key, flow)),
            Op::Timer(duration_ms) => Ask::StartTimer {
                duration_ms: *duration_ms,
            },
            Op::Input(timeout_ms) => Ask::RequestInput(InputRequest {
                key: format!("input {}", self.handles.len()),
                description: None,
                schema: Json::trusted(r#"{"type":"object"}"#),
                timeout_ms: *timeout_ms,
                scope: self.scope,
            }),
            Op::Withdraw(input) => Ask::WithdrawInput(self.handles[*input]),
            Op::Watch => match self.watched {
                Some(run) => Ask::WatchRuns(vec![run]),
                None => Ask::StartTimer { duration_ms: 0 },
            },
            Op::Read => match self.started {
                Some(run) => Ask::GetRun(run),
                None => Ask::StartTimer { duration_ms: 0 },
            },
            Op::Artifact => Ask::MakeArtifact(NewArtifact {
                // No other call of this attempt has this one.
                key: ArtifactKey::trusted(format!("{} {}", flow.run(None).attempt, self.at)),
                kind: ArtifactKind::Markdown,
                description: None,
                data: Json::string("made"),
                scope: self.scope,
            }),
            Op::Take(number, slots) => Ask::TakeSlots {
                limit: limit_of_code(pool(flow), Scripts::at(&flow.run(None).flow), *number),
                slots: *slots,
                scope: self.scope,
            },
            Op::GiveBack(taken) => Ask::GiveSlotsBack(self.handles[*taken]),
            Op::Begin => Ask::BeginSubflow {
                flow: Scripts::name(0),
                parameters: Json::empty_object(),
                scope: None,
            },
            Op::End => Ask::EndSubflow {
                subflow: self.scope.expect("it has begun"),
                outcome: Ok(Json::null()),
            },
            Op::All(at) => Ask::WaitAll(handles(at)),
            Op::Any(at) => Ask::WaitAny(handles(at)),
            Op::EachInTurn(at) => Ask::WaitAny(self.left.clone().unwrap_or_else(|| handles(at))),
        };
        Turn::Ask(Box::new(ask))
    }

    fn task(&self, doing: Doing, wait_for: Vec<Seq>, flow: &Flow) -> TaskCall {
        let Doing {
            n,
            fails,
            stumbles,
            delay,
            task,
        } = doing;
        let does = Json::trusted(format!("[{n},{fails},{stumbles}]"));
        let mut arguments = vec![("does".to_owned(), Argument::Value(does))];
        if matches!(task, KEPT | BRIEF) {
            let within = Json::string(pool(flow).as_str());
            arguments.push(("within".to_owned(), Argument::Value(within)));
        }
        TaskCall {
            task: TaskName::trusted(task),
            arguments,
            wait_for,
            options: TaskOptions {
                retries: Some(stumbles),
                retry_delays_ms: vec![delay.as_millis() as u64],
                ..TaskOptions::default()
            },
            scope: self.scope,
        }
    }

    /// What its latest question was answered.
    pub fn told(&mut self, reply: Result<Reply, Failure>, flow: &Flow) {
        match reply {
            Ok(reply) => self.answered(reply, flow),
            Err(failure) if failure.kind == FailureKind::Cancelled => self.told_to_end(flow),
            Err(failure) => {
                self.observe(&format!("refused: {failure}"), flow);
                self.returns = Some(Err(failure));
            }
        }
    }

    fn answered(&mut self, reply: Reply, flow: &Flow) {
        match (self.ops[self.at].clone(), reply) {
            (Op::All(at), Reply::Done) => {
                let handles: Vec<Seq> = at.iter().map(|at| self.handles[*at]).collect();
                self.settled(&handles, Vec::new(), flow);
            }
            (Op::Any(_), Reply::Handles(handles)) => self.settled(&handles, Vec::new(), flow),
            (Op::EachInTurn(at), Reply::Handles(handles)) => {
                let all = || at.iter().map(|at| self.handles[*at]).collect();
                let mut left = self.left.take().unwrap_or_else(all);
                left.retain(|seq| !handles.contains(seq));
                self.settled(&handles, left, flow);
            }
            (Op::Begin, Reply::Started(scope, run)) => {
                self.scope = Some(scope);
                self.went_on(&format!("{scope} is {}", run.id), flow);
            }
            (Op::End, Reply::Done) => {
                self.scope = None;
                self.went_on("ended", flow);
            }
            (Op::Read, Reply::Run(run)) => self.went_on(&format!("reads {run:?}"), flow),
            // A timer stands for it, which nobody waits for.
            (Op::Read, Reply::Handle(seq)) => self.went_on(&format!("{seq}"), flow),
            (Op::Withdraw(_), Reply::Done) => self.went_on("withdrawn", flow),
            (Op::CancelTask(_), Reply::Done) => self.went_on("cancelled", flow),
            (Op::GiveBack(_), Reply::Done) => self.went_on("given back", flow),
            (Op::Artifact, Reply::Done) => self.went_on("made", flow),
            (Op::Child(..), Reply::Started(seq, run)) => {
                self.started = Some(run.id);
                self.gets(seq, flow);
            }
            (Op::Watch, Reply::Handles(handles)) => self.gets(handles[0], flow),
            (_, Reply::Handle(seq)) => self.gets(seq, flow),
            (op, reply) => panic!("{op:?} was answered {reply:?}"),
        }
    }

    fn gets(&mut self, seq: Seq, flow: &Flow) {
        self.handles.push(seq);
        let entry = flow.journal().entry(seq).expect("it was given the handle");
        self.went_on(&format!("{seq} {:?}", entry.answer), flow);
    }

    fn went_on(&mut self, what: &str, flow: &Flow) {
        self.observe(what, flow);
        self.at += 1;
    }

    /// It hears what became of these, and fails if one of them did.
    fn settled(&mut self, handles: &[Seq], left: Vec<Seq>, flow: &Flow) {
        for seq in handles {
            let settlement = flow.told(*seq);
            self.observe(&format!("{seq} {settlement:?}"), flow);
            match settlement.map(Settlement::value) {
                Some(Err(failure)) if counts(flow, *seq) => {
                    let message = format!("call {seq}: {failure}");
                    self.returns = Some(Err(Failure::new(FailureKind::Error, message)));
                    return;
                }
                Some(_) => {}
                None => panic!("a wait told {seq}, which has not settled"),
            }
        }
        if left.is_empty() {
            self.left = None;
            self.at += 1;
        } else {
            self.left = Some(left);
        }
    }

    fn told_to_end(&mut self, flow: &Flow) {
        self.observe(TOLD_TO_END, flow);
        self.left = None;
        self.ops = if self.script.cleans_up {
            let doing = Doing {
                n: 7777,
                fails: 0,
                stumbles: 0,
                delay: Duration::ZERO,
                task: COMPUTE,
            };
            let next = self.handles.len();
            vec![
                Op::Task(doing, Vec::new()),
                Op::Timer(10),
                Op::All(vec![next, next + 1]),
            ]
        } else {
            Vec::new()
        };
        self.at = 0;
        self.cleaning_up = true;
    }

    fn result(&self, flow: &Flow) -> Outcome {
        if self.cleaning_up {
            return Err(Failure::cancelled());
        }
        let own = self.handles.iter().filter(|seq| counts(flow, **seq));
        let told = own.filter_map(|seq| flow.told(*seq));
        let value: u64 = told.map(value_of).sum();
        Ok(Json::trusted(format!(r#"{{"v":{value}}}"#)))
    }

    fn observe(&mut self, what: &str, flow: &Flow) {
        let clock = flow.clock().0;
        self.observed.push(format!("{what} @{clock}"));
    }
}

/// Whether the flow takes something of it. It only watches other runs, and goes on without
/// an input that nobody gives, and without a spare task.
fn counts(flow: &Flow, seq: Seq) -> bool {
    let entry = flow.journal().entry(seq);
    entry.is_some_and(|entry| match &entry.call {
        Call::WatchRun { .. } | Call::Input { .. } => false,
        Call::Task(call) => !call.options.tags.iter().any(|tag| tag == SPARE),
        _ => true,
    })
}

fn value_of(settlement: &Settlement) -> u64 {
    match settlement.value() {
        Ok(value) => value.value()["v"].as_u64().unwrap_or(0),
        Err(_) => 0,
    }
}

/// That of the simulation: a store is shared by many simulations, and a pool is not.
fn pool(flow: &Flow) -> &PoolName {
    flow.run(None).pool.as_ref().expect("it was claimed")
}

fn child(at: usize, key: Option<u64>, caller: &Flow) -> RunRequest {
    let flow = Scripts::name(at);
    let key = key.map(|key| format!("{} {key}", pool(caller)));
    RunRequest {
        deployment: DeploymentName::default_for(&flow).to_string(),
        parameters: Json::empty_object(),
        flow_run_name: None,
        tags: Vec::new(),
        scheduled: None,
        idempotency_key: key,
        work_queue: None,
        as_subflow: true,
        scope: None,
    }
}

//! Everything around a flow machine, in memory: a store that keeps what is recorded, tasks
//! that end, timers, people, other runs. The dice decide what happens when, and whether the
//! worker is lost meanwhile.
//!
//! What a store would refuse is a panic here: the machine never asks for it.

use std::collections::HashMap;
use std::sync::Arc;

use model::{
    Answer, Call, Deployment, DeploymentName, Digest, Entry, FlowName, FlowRun, Grants, Ids, Json,
    Lease, LogLevel, LogLine, LogSource, Manifest, Next, Outcome, PoolName, Progress, Recorded,
    Reply, RunId, RunName, RunSnapshot, Seq, Settled, Settlement, State, StateType, TaskRun,
    TaskRunId, Timestamp, WorkerId,
};
use orchestrator::flow::{
    Await, Effect, Event, Flow, FlowLimits, Found, KeyHolder, Known, Look, Looked, Lookup, Mode,
    Moment, Past, Signal, Step, Stop, TaskEvent, TaskJob,
};
use orchestrator::{Parameters, Start, undeployed_run};
use uuid::Uuid;

use crate::guest::{NAMES, outcome};
use crate::{Dice, texts};

/// No machine's clock shows more: a stored text has four digits for the year.
const TIME_MAX: Timestamp = Timestamp(253_402_207_200_000_000);

/// Events of one input: more than a short flow needs.
const EVENTS_MAX: u32 = 2000;

/// Identities that are counted, so that the dice can meet them.
struct Counted(u128);

impl Ids for Counted {
    fn uuid(&mut self) -> Uuid {
        self.0 += 1;
        Uuid::from_u128(self.0)
    }
    fn run_name(&mut self) -> RunName {
        RunName::trusted("counted")
    }
}

/// How an execution goes on after a call.
#[derive(Debug, PartialEq)]
pub enum Turn {
    Answered(Reply),
    Refused(model::Failure),
    /// The worker is lost, or has left the run. Another one takes it up.
    Left,
    /// The run cannot go on.
    Over(Stop),
}

pub struct World {
    pub run: FlowRun,
    pub entries: Vec<Entry>,
    /// What earlier attempts have finished.
    pub kept: Vec<Entry>,
    manifest: Arc<Manifest>,
    limits: FlowLimits,
    now: Timestamp,
    ids: Counted,
    epoch: u64,
    signal: Signal,
    events: u32,
    runs: HashMap<RunId, RunSnapshot>,
    /// Of those that this flow has started.
    parameters: HashMap<RunId, Json>,
    keys: HashMap<(FlowName, String), RunId>,
    tasks: HashMap<TaskRunId, TaskRun>,
    deployments: HashMap<DeploymentName, Known>,
    /// What the present execution has set going.
    computing: Vec<TaskJob>,
}

impl World {
    pub fn new(manifest: Manifest, dice: &mut Dice) -> Self {
        let now = Timestamp(1_700_000_000_000_000);
        let mut ids = Counted(0);
        let start = Start::now(&mut ids, Json::empty_object(), now);
        let (flow, pool) = (FlowName::trusted("a"), PoolName::trusted("pool"));
        let mut run = undeployed_run(Digest([0; 32]), flow, pool, start, now);
        run.attempt = 1;
        if dice.once_in(2) {
            run.grants = Grants {
                http: vec!["*".to_owned()],
                ..Grants::default()
            };
        }
        let limits = FlowLimits {
            calls_max: if dice.once_in(20) { 3 } else { 1000 },
            journal_bytes_max: if dice.once_in(20) { 2000 } else { 1 << 20 },
            arguments_bytes_max: if dice.once_in(20) { 20 } else { 1 << 20 },
            timeout: dice.once_in(10).then(|| std::time::Duration::from_secs(5)),
        };
        Self {
            run,
            entries: Vec::new(),
            kept: Vec::new(),
            manifest: Arc::new(manifest),
            limits,
            now,
            ids,
            epoch: 0,
            signal: Signal::GoOn,
            events: 0,
            runs: HashMap::new(),
            parameters: HashMap::new(),
            keys: HashMap::new(),
            tasks: HashMap::new(),
            deployments: deployments(dice),
            computing: Vec::new(),
        }
    }

    /// A worker claims the run.
    pub fn claim(&mut self) -> Flow {
        self.computing.clear();
        if self.signal == Signal::Pause {
            self.signal = Signal::GoOn;
        }
        self.epoch += 1;
        let mut run = self.run.clone();
        if self.signal == Signal::Cancel {
            run.state.kind = StateType::Cancelling;
        }
        let open = self.tasks.values().filter(|run| run.ended().is_none());
        let past = Past {
            entries: self.entries.clone(),
            kept: self.kept.clone(),
            tasks: open.cloned().collect(),
            ..Past::default()
        };
        let mode = Mode::Live(self.lease());
        self.flow(run, past, mode)
    }

    /// The same run, no further than its journal.
    pub fn replay(&self) -> Flow {
        let past = Past {
            entries: self.entries.clone(),
            ..Past::default()
        };
        self.flow(self.run.clone(), past, Mode::PastOnly)
    }

    fn flow(&self, run: FlowRun, past: Past, mode: Mode) -> Flow {
        let manifest = Arc::clone(&self.manifest);
        let started = self.run.created;
        Flow::new(run, started, manifest, past, mode, self.limits)
    }

    fn lease(&self) -> Lease {
        Lease {
            run: self.run.id,
            worker: WorkerId(Uuid::from_u128(u128::from(self.epoch) << 64)),
            epoch: self.epoch,
        }
    }

    /// Carries out steps until the guest can go on.
    pub fn drive(
        &mut self,
        flow: &mut Flow,
        dice: &mut Dice,
        begin: impl FnOnce(&mut Flow, Moment) -> Step,
    ) -> Turn {
        flow.tell(self.signal);
        let logged = dice.once_in(10);
        let mut step = begin(flow, self.moment(logged));
        loop {
            self.perform(flow);
            self.events += 1;
            if self.events > EVENTS_MAX || self.now > TIME_MAX || dice.once_in(100) {
                return Turn::Left;
            }
            self.disturb(dice);
            let event = match step {
                Step::Answer(reply) => return Turn::Answered(reply),
                Step::Refuse(failure) => return Turn::Refused(failure),
                Step::Look(look) => Event::Found(self.look(&look, dice)),
                Step::Check(check) => Event::Checked(check.make()),
                Step::Record(progress) => self.record(*progress, dice),
                Step::Await(what) => match self.wait(flow, &what, dice) {
                    Some(event) => event,
                    None => return Turn::Left,
                },
                Step::Stop(Stop::Suspended) => return Turn::Left,
                Step::Stop(stop) => return Turn::Over(stop),
            };
            flow.tell(self.signal);
            let logged = dice.once_in(10);
            step = flow.happened(event, self.moment(logged));
        }
    }

    fn moment(&mut self, logged: bool) -> Moment<'_> {
        Moment {
            now: self.now,
            ids: &mut self.ids,
            logged,
        }
    }

    /// Time passes, and somebody may pause or cancel the run.
    fn disturb(&mut self, dice: &mut Dice) {
        self.now = Timestamp(self.now.0 + dice.below(30_000) as i64);
        if dice.once_in(60) {
            self.signal = self
                .signal
                .max(*dice.pick(&[Signal::Pause, Signal::Cancel]));
        }
        if dice.once_in(10) {
            self.settle_something(dice);
        }
    }

    fn perform(&mut self, flow: &mut Flow) {
        while let Some(effect) = flow.next_effect() {
            match effect {
                Effect::StartTask(job) => {
                    let arguments = flow.arguments(job.seq);
                    Json::parse(arguments.as_str()).expect("arguments are JSON");
                    self.computing.push(*job);
                }
                Effect::LetOut { .. } => unreachable!("nobody calls out"),
                Effect::DropTask { seq } => self.computing.retain(|job| job.seq != seq),
                Effect::DropTasks => self.computing.clear(),
            }
        }
    }

    fn look(&mut self, look: &Look, dice: &mut Dice) -> Found {
        match look {
            Look::Deployment(name) => match self.deployments.get(name) {
                Some(known) => Found::Deployment(known.clone()),
                None => Found::NoDeployment(None),
            },
            Look::Queue(..) if dice.once_in(4) => Found::NoQueue(None),
            Look::Queue(..) => Found::Queue,
            Look::Run(id) if *id == self.run.id => Found::Run(Some(self.run.snapshot())),
            Look::Run(id) => Found::Run(self.runs.get(id).cloned()),
            Look::Variable(_) => Found::Variable(Some(Json::null())),
            Look::RunByKey(flow, key) => {
                let place = (flow.clone(), key.clone());
                if dice.once_in(8) && !self.keys.contains_key(&place) {
                    self.somebody_takes(place.clone());
                }
                let holder = self.keys.get(&place).and_then(|id| self.runs.get(id));
                Found::KeyHolder(holder.map(|run| {
                    KeyHolder {
                        run: run.clone(),
                        parameters: self
                            .parameters
                            .get(&run.id)
                            .cloned()
                            .unwrap_or_else(Json::null),
                        parent: self.parameters.contains_key(&run.id).then_some(self.run.id),
                    }
                }))
            }
            Look::Before(lookups) => {
                let looked = |lookup: &Lookup| Looked {
                    seq: lookup.seq,
                    result: None,
                    limits: lookup.limits.clone(),
                };
                Found::Before(lookups.iter().map(looked).collect())
            }
            Look::Permitted(seqs) => Found::Permitted(seqs.clone()),
            Look::Settled(seqs) => {
                let settled = seqs.iter().filter_map(|seq| {
                    let entry = self.entry(*seq)?;
                    let (at, settlement) = entry.settled.clone()?;
                    Some(Settled {
                        seq: *seq,
                        at,
                        settlement,
                    })
                });
                Found::Settled(settled.collect())
            }
        }
    }

    /// Another flow starts a run with this key.
    fn somebody_takes(&mut self, place: (FlowName, String)) {
        let id = RunId(self.ids.uuid());
        let snapshot = RunSnapshot {
            id,
            flow: place.0.clone(),
            ..self.run.snapshot()
        };
        self.runs.insert(id, snapshot);
        self.keys.insert(place, id);
    }

    fn entry(&self, seq: Seq) -> Option<&Entry> {
        self.entries
            .get(usize::try_from(seq.0.checked_sub(1)?).ok()?)
    }

    fn record(&mut self, progress: Progress, dice: &mut Dice) -> Event {
        assert_eq!(progress.lease, self.lease(), "recorded under its own lease");
        for child in &progress.children {
            let Some(key) = &child.idempotency_key else {
                continue;
            };
            let place = (child.run.flow.clone(), key.clone());
            if dice.once_in(4) && !self.keys.contains_key(&place) {
                self.somebody_takes(place.clone());
            }
            let holder = self.keys.get(&place);
            if holder.is_some_and(|holder| Some(*holder) != child.instead_of) {
                return Event::KeyTaken(Box::new(progress));
            }
            self.keys.insert(place, child.run.id);
        }
        self.keep(&progress);
        Event::Recorded(match (self.signal, &progress.next) {
            (Signal::Cancel, _) => Recorded::Cancelling,
            (Signal::Pause, _) => Recorded::Paused,
            (Signal::GoOn, Next::Wait { awaited, count, .. }) => {
                let is_settled = |seq: &&Seq| {
                    let entry = self.entry(**seq).expect("it waits for what it called");
                    entry.settled.is_some()
                };
                let settled = awaited.iter().filter(is_settled).count();
                if settled >= *count as usize && *count > 0 {
                    Recorded::Ready
                } else {
                    Recorded::Done
                }
            }
            _ => Recorded::Done,
        })
    }

    /// Keeps the rows of a record.
    fn keep(&mut self, progress: &Progress) {
        for child in &progress.children {
            self.runs.insert(child.run.id, child.run.snapshot());
            self.parameters
                .insert(child.run.id, child.run.parameters.clone());
        }
        for entry in &progress.entries {
            let next = Seq(self.entries.len() as u64 + 1);
            assert_eq!(entry.seq, next, "positions are consecutive");
            // As it is stored, so as it is read.
            let text = serde_json::to_string(entry).expect("an entry has a text");
            let read: Entry = serde_json::from_str(&text).expect("an entry reads back");
            assert_eq!(read, *entry, "{text}");
            self.entries.push(read);
        }
        for Settled {
            seq,
            at,
            settlement,
        } in &progress.settled
        {
            assert!(
                self.entry(*seq).is_some(),
                "{seq} settles and was not called"
            );
            self.settle(*seq, *at, settlement.clone());
        }
        for run in &progress.task_runs {
            let before = self.tasks.insert(run.id, run.clone());
            let had_ended = before.is_some_and(|run| run.ended().is_some());
            assert!(
                !had_ended,
                "{}: a task run that has ended changes",
                run.name
            );
        }
        let settled: Vec<RunSnapshot> = self.runs.values().cloned().collect();
        for run in settled.iter().filter(|run| run.state.is_terminal()) {
            self.settle_watchers(run);
        }
    }

    /// A settlement never changes.
    fn settle(&mut self, seq: Seq, at: Timestamp, settlement: Settlement) {
        let place = usize::try_from(seq.0 - 1).expect("it was called");
        let settled = &mut self.entries[place].settled;
        settled.get_or_insert((at, settlement));
    }

    fn settle_watchers(&mut self, run: &RunSnapshot) {
        let watches = |entry: &&Entry| match (&entry.call, &entry.answer) {
            (Call::WatchRun { run: watched }, Answer::Accepted) => *watched == run.id,
            (Call::RunDeployment(_), Answer::Run { run: started }) => started.id == run.id,
            _ => false,
        };
        let seqs: Vec<Seq> = self
            .entries
            .iter()
            .filter(watches)
            .map(|entry| entry.seq)
            .collect();
        for seq in seqs {
            self.settle(seq, self.now, Settlement::Run(run.clone()));
        }
    }

    /// A timer goes off, a person answers, or another run ends. False if nothing can.
    fn settle_something(&mut self, dice: &mut Dice) -> bool {
        let open = |entry: &&Entry| {
            entry.settled.is_none()
                && matches!(
                    (&entry.call, &entry.answer),
                    (Call::Timer { .. }, Answer::Due { .. })
                        | (Call::Input { .. }, Answer::Input { .. })
                        | (Call::WatchRun { .. }, Answer::Accepted)
                        | (Call::RunDeployment(_), Answer::Run { .. })
                )
        };
        let open: Vec<Entry> = self.entries.iter().filter(open).cloned().collect();
        if open.is_empty() {
            return false;
        }
        let entry = dice.pick(&open);
        match (&entry.call, &entry.answer) {
            (Call::Timer { .. }, Answer::Due { at }) => {
                self.settle(entry.seq, *at, Settlement::Timer);
            }
            (Call::Input { .. }, _) => {
                let given = Settlement::Input(outcome(dice));
                self.settle(entry.seq, self.now, given);
            }
            (Call::WatchRun { run }, _) => self.end_run(*run, outcome(dice)),
            (_, Answer::Run { run }) => self.end_run(run.id, outcome(dice)),
            _ => unreachable!("{entry:?} cannot settle"),
        }
        true
    }

    fn end_run(&mut self, id: RunId, outcome: Outcome) {
        let ended = State::ended(&outcome, self.now);
        let watched = RunSnapshot {
            id,
            ..self.run.snapshot()
        };
        let run = self.runs.entry(id).or_insert(watched);
        if !run.state.is_terminal() {
            (run.state, run.state_name) = (ended.kind, ended.name);
            run.outcome = Some(outcome);
        }
        let run = run.clone();
        self.settle_watchers(&run);
    }

    /// What ends a wait. None: the worker leaves the run.
    fn wait(&mut self, flow: &Flow, what: &Await, dice: &mut Dice) -> Option<Event> {
        match what {
            Await::Busy { news, due } => {
                assert!(
                    !self.computing.is_empty() || due.is_some(),
                    "nothing would end this wait"
                );
                Some(self.busy(*news, *due, dice))
            }
            Await::News => self.settle_something(dice).then_some(Event::News),
            Await::Parked => {
                // It is ready again once something of it has settled, or its time has come.
                if dice.once_in(3) {
                    return None;
                }
                if !self.settle_something(dice) || dice.once_in(4) {
                    self.now = Timestamp(self.now.0 + 2_000_000_000);
                }
                self.epoch += 1;
                Some(Event::Resumed {
                    lease: self.lease(),
                    cancelling: self.signal == Signal::Cancel,
                })
            }
            Await::Deadline => {
                assert!(flow.deadline().is_some_and(|at| at <= self.now));
                None
            }
        }
    }

    fn busy(&mut self, news: bool, due: Option<Timestamp>, dice: &mut Dice) -> Event {
        if news && dice.once_in(3) {
            return Event::News;
        }
        if self.signal > Signal::GoOn && dice.once_in(3) {
            return Event::Told(self.signal);
        }
        match due {
            Some(due) if self.computing.is_empty() || dice.once_in(3) => {
                self.now = self.now.max(due);
                Event::Due
            }
            _ => Event::Task(self.task_event(dice)),
        }
    }

    fn task_event(&mut self, dice: &mut Dice) -> TaskEvent {
        let at = dice.below(self.computing.len());
        if dice.once_in(5) {
            let job = &self.computing[at];
            return TaskEvent::Line(LogLine {
                run: job.flow_run,
                source: LogSource::Task(job.id),
                at: self.now,
                level: LogLevel::Info,
                target: String::new(),
                message: texts::text(dice),
            });
        }
        let job = self.computing.swap_remove(at);
        TaskEvent::Ended {
            seq: job.seq,
            outcome: outcome(dice),
            at: self.now,
            chance: dice.fraction(),
        }
    }

    /// The flow has returned. Its end is recorded.
    pub fn end(&mut self, flow: &mut Flow, outcome: Outcome) {
        let progress = flow.end(outcome, self.now);
        assert!(matches!(progress.next, Next::End { .. }));
        self.perform(flow);
        self.keep(&progress);
        let open = self.tasks.values().find(|run| run.ended().is_none());
        // Those that were recorded and not called again end with the run.
        let called_again = |run: &&TaskRun| flow.journal().is_known(run.seq);
        if let Some(run) = open.filter(called_again) {
            panic!("{} goes on after the run", run.name);
        }
    }
}

/// Deployments of the flows that are known, each with a schema that the dice choose.
fn deployments(dice: &mut Dice) -> HashMap<DeploymentName, Known> {
    let mut deployments = HashMap::new();
    for name in &NAMES[..2] {
        let schema = if dice.once_in(3) {
            texts::schema(dice)
        } else {
            Json::trusted("{}")
        };
        let Ok(parameters) = Parameters::new(&schema) else {
            continue;
        };
        let flow = FlowName::trusted(*name);
        let mut deployment = Deployment::plain(&flow, Digest([0; 32]), Timestamp(0));
        deployment.name = format!("{name}/{name}").parse().expect("it is a name");
        let known = Known {
            deployment: Arc::new(deployment),
            parameters: Ok(Arc::new(parameters)),
        };
        deployments.insert(known.deployment.name.clone(), known);
    }
    deployments
}

//! A flow that fails at its end and is tried again repeats nothing that was completed, and
//! every wait takes its time: shown for chosen flows, then for random ones.

use std::collections::{BTreeMap, HashMap};

use proptest::{collection, prelude::*};

use super::*;
use model::{
    Argument, Failure, FailureKind, FlowName, InputId, Json, Outcome, RunId, RunName, RunRequest,
    RunSnapshot, StateName, TaskCall, TaskName, TaskOptions, TaskRunId, Timestamp,
};

/// One step of a flow. Tasks name the earlier steps whose results they take.
#[derive(Clone, Debug)]
enum Op {
    Task(u64, Vec<usize>),
    Child(u64),
    Input(u64),
    Timer(u64),
    Begin(u64),
    End,
}

/// How one attempt differs from the others.
#[derive(Clone, Debug, Default)]
struct Attempt {
    /// One more call, before the step of this number.
    extra: Option<(usize, Op)>,
    /// By step: whether it fails.
    fails: Vec<bool>,
    /// By step: whether a child goes on when the attempt has ended.
    slow: Vec<bool>,
    /// Whether a person has made the children complete that failed in the attempt before.
    mended: bool,
}

/// All attempts of one run, and what they did.
#[derive(Default)]
struct World {
    kept: Vec<Entry>,
    /// How often something was done to the end, by what it was.
    completed: BTreeMap<String, u32>,
    /// The most calls of it that one attempt has made.
    calls: BTreeMap<String, u32>,
    /// How children have ended that had not completed when the flow was told of them.
    ended: HashMap<RunId, RunSnapshot>,
    /// Children that failed in the latest attempt.
    failed: Vec<(RunSnapshot, String)>,
    timers_set: u32,
    effects: u64,
}

/// An attempt while it goes on.
#[derive(Default)]
struct Going {
    kept: Kept,
    journal: Vec<Entry>,
    /// By step that gives something; None if its call was never made. So a step takes what
    /// the same earlier step gave in every attempt.
    handles: Vec<Option<Seq>>,
    scopes: Vec<(Seq, String)>,
    calls: BTreeMap<String, u32>,
}

impl Going {
    fn value(&self, seq: Seq) -> Option<Outcome> {
        let entry = &self.journal[seq.0 as usize - 1];
        entry.settled.as_ref().map(|(_, it)| it.value())
    }

    /// The call of a step, with the values that it takes. None if one of them is missing.
    fn call(&self, op: &Op) -> Option<(Call, Vec<Json>)> {
        let scope = self.scopes.last().map(|(seq, _)| *seq);
        let mut values = Vec::new();
        let call = match op {
            Op::Task(n, takes) => {
                let takes = takes.iter().filter(|_| !self.handles.is_empty());
                let takes: Vec<Seq> = takes
                    .map(|it| self.handles[it % self.handles.len()])
                    .collect::<Option<_>>()?;
                for seq in &takes {
                    values.push(self.value(*seq)?.ok()?);
                }
                let mut arguments = vec![("n".into(), Argument::Value(json(n)))];
                match takes[..] {
                    [] => {}
                    [one] => arguments.push(("of".into(), Argument::ResultOf(one))),
                    _ => arguments.push(("of".into(), Argument::ResultsOf(takes))),
                }
                task(arguments, scope)
            }
            Op::Child(n) => child(*n, self.journal.len() as i64, scope),
            Op::Input(n) => Call::Input {
                key: format!("input {n}"),
                timeout_ms: None,
                scope,
            },
            Op::Timer(duration_ms) => Call::Timer {
                duration_ms: *duration_ms,
            },
            Op::Begin(n) => Call::Subflow {
                flow: FlowName::trusted("part"),
                parameters: json(n),
                scope,
            },
            Op::End => Call::EndSubflow {
                subflow: scope?,
                outcome: Ok(Json::null()),
            },
        };
        Some((call, values))
    }
}

fn json(value: impl serde::Serialize) -> Json {
    Json::of(&serde_json::to_value(value).unwrap())
}

fn task(arguments: Vec<(String, Argument)>, scope: Option<Seq>) -> Call {
    Call::Task(TaskCall {
        task: TaskName::trusted("work"),
        arguments,
        wait_for: Vec::new(),
        options: TaskOptions::default(),
        scope,
    })
}

/// A child to be started at another time in each attempt.
fn child(n: u64, at: i64, scope: Option<Seq>) -> Call {
    Call::RunDeployment(RunRequest {
        deployment: "part/part-deployment".into(),
        parameters: json(n),
        flow_run_name: None,
        tags: Vec::new(),
        scheduled: Some(Timestamp(at)),
        idempotency_key: None,
        work_queue: None,
        as_subflow: true,
        scope,
    })
}

/// What the next attempt is given of a journal besides what is `kept`, each with its
/// identity.
fn worth_keeping(kept: Vec<Entry>, journal: Vec<Entry>) -> Vec<Entry> {
    let called = |entry: &Entry| {
        let settlement = entry.settled.as_ref().map(|(_, settlement)| settlement);
        Called {
            seq: entry.seq,
            call: entry.call.clone(),
            keep: is_worth_keeping(&entry.call, &entry.answer, settlement),
        }
    };
    let identities = identities(kept, journal.iter().map(called).collect());
    let kept = identities.into_iter().map(|(seq, identity)| Entry {
        identity: Some(identity),
        ..journal[seq.0 as usize - 1].clone()
    });
    kept.collect()
}

impl World {
    /// Makes one attempt. Its flow fails at the end.
    fn attempt(&mut self, ops: &[Op], how: &Attempt) -> Result<(), TestCaseError> {
        let mut going = Going {
            kept: Kept::new(self.kept.clone()),
            ..Going::default()
        };
        let failed = std::mem::take(&mut self.failed);
        for (run, what) in failed.into_iter().filter(|_| how.mended) {
            let run = self.over(&run, &what);
            self.ended.insert(run.id, run);
        }
        let before = how.extra.as_ref().map(|(at, _)| at % ops.len());
        for (at, op) in ops.iter().enumerate() {
            if let Some((_, extra)) = how.extra.as_ref().filter(|_| before == Some(at)) {
                self.step(&mut going, extra, false, false)?;
            }
            let is = |flags: &[bool]| flags.get(at).copied().unwrap_or(false);
            let seq = self.step(&mut going, op, is(&how.fails), is(&how.slow))?;
            if !matches!(op, Op::Begin(_) | Op::End) {
                going.handles.push(seq);
            }
        }
        for (what, calls) in &going.calls {
            let most = self.calls.entry(what.clone()).or_default();
            *most = (*most).max(*calls);
        }
        // Who replays the journal takes the same.
        let mut replay = Kept::new(self.kept.clone());
        for entry in &going.journal {
            let mut took = replay.take(entry.seq, &entry.call).map(|took| took.answer);
            if let Answer::Run { run } = &entry.answer {
                let mut candidates = replay.candidates(&entry.call).into_iter();
                let candidate = candidates.find(|candidate| candidate.id == run.id);
                took = took.or(candidate.map(|run| Answer::Run { run }));
                replay.give(run.id);
            }
            let had = self.kept.iter().any(|kept| kept.answer == entry.answer);
            prop_assert_eq!(took.is_some(), had);
            prop_assert!(took.is_none_or(|answer| answer == entry.answer));
        }
        for entry in worth_keeping(self.kept.clone(), going.journal) {
            match self.kept.iter_mut().find(|it| it.answer == entry.answer) {
                Some(kept) => *kept = entry,
                None => self.kept.push(entry),
            }
        }
        Ok(())
    }

    /// Makes one call, unless the flow has failed to get what it needs for it.
    fn step(
        &mut self,
        going: &mut Going,
        op: &Op,
        fails: bool,
        slow: bool,
    ) -> Result<Option<Seq>, TestCaseError> {
        let Some((call, values)) = going.call(op) else {
            return Ok(None);
        };
        let scopes: Vec<&str> = going.scopes.iter().map(|(_, name)| &name[..]).collect();
        let what = format!("{scopes:?} {} of {values:?}", without_time(op));
        *going.calls.entry(what.clone()).or_default() += 1;
        let seq = Seq(going.journal.len() as u64 + 1);
        let taken = going.kept.take(seq, &call);
        let candidates = going.kept.candidates(&call).into_iter();
        let (answer, settlement) = match taken {
            Some(taken) => {
                prop_assert!(!matches!(op, Op::Timer(_)), "a timer was kept");
                let settlement = taken.settled.expect("it was kept with its outcome").1;
                let value = settlement.value().unwrap();
                prop_assert_eq!(made_of(&value), made_of(&made("", &values)));
                (taken.answer, Some(settlement))
            }
            None => match self.first_worth_taking(candidates, &what) {
                Some((run, over)) => (Answer::Run { run }, Some(Settlement::Run(over))),
                None => self.execute(op, &what, &values, fails, slow),
            },
        };
        if let Answer::Run { run } = &answer {
            going.kept.give(run.id);
        }
        going.journal.push(Entry {
            seq,
            call,
            answer,
            at: Timestamp(0),
            settled: settlement.map(|settlement| (Timestamp(1), settlement)),
            identity: None,
        });
        match op {
            // Equal subflows are told apart by their order: they are not the same.
            Op::Begin(n) => {
                let ordinal = going.calls[&what];
                going
                    .scopes
                    .push((seq, format!("part {n}, number {ordinal}")));
            }
            Op::End => drop(going.scopes.pop()),
            _ => return Ok(Some(seq)),
        }
        Ok(None)
    }

    /// The first of these children that has not failed: as it was told of, and at its end.
    fn first_worth_taking(
        &mut self,
        mut candidates: impl Iterator<Item = RunSnapshot>,
        what: &str,
    ) -> Option<(RunSnapshot, RunSnapshot)> {
        candidates.find_map(|run| {
            let over = match self.ended.get(&run.id) {
                Some(ended) => ended.clone(),
                None => self.over(&run, what),
            };
            self.ended.insert(run.id, over.clone());
            is_worth_taking(over.state).then_some((run, over))
        })
    }

    fn execute(
        &mut self,
        op: &Op,
        what: &str,
        values: &[Json],
        fails: bool,
        slow: bool,
    ) -> (Answer, Option<Settlement>) {
        self.effects += 1;
        let run = RunSnapshot {
            id: RunId::generate(),
            name: RunName::trusted("silver-otter"),
            flow: FlowName::trusted("part"),
            deployment: None,
            state: StateType::Running,
            state_name: StateName::RUNNING,
            outcome: None,
        };
        let outcome = if fails {
            Err(Failure::new(FailureKind::Error, "no route"))
        } else {
            Ok(made(&self.effects.to_string(), values))
        };
        if outcome.is_ok() && matches!(op, Op::Task(..) | Op::Input(_)) {
            *self.completed.entry(what.to_owned()).or_default() += 1;
        }
        match op {
            Op::Task(..) => (
                Answer::TaskRun {
                    id: TaskRunId::generate(),
                },
                Some(Settlement::Task(outcome)),
            ),
            Op::Input(_) => {
                let schema = Json::null();
                let answer = Answer::Input {
                    id: InputId::generate(),
                    description: None,
                    schema,
                    until: None,
                };
                (answer, Some(Settlement::Input(outcome)))
            }
            Op::Child(_) => {
                let settlement = match (slow, outcome) {
                    (true, _) => None,
                    (false, Ok(_)) => Some(Settlement::Run(self.over(&run, what))),
                    (false, Err(failure)) => {
                        let failed = RunSnapshot {
                            state: StateType::Failed,
                            outcome: Some(Err(failure)),
                            ..run.clone()
                        };
                        self.ended.insert(run.id, failed.clone());
                        self.failed.push((run.clone(), what.to_owned()));
                        Some(Settlement::Run(failed))
                    }
                };
                (Answer::Run { run }, settlement)
            }
            Op::Timer(_) => {
                self.timers_set += 1;
                let at = Timestamp(self.effects as i64);
                (Answer::Due { at }, Some(Settlement::Timer))
            }
            Op::Begin(_) => (Answer::Run { run }, None),
            Op::End => (Answer::Accepted, None),
        }
    }

    /// A child that has completed.
    fn over(&mut self, run: &RunSnapshot, what: &str) -> RunSnapshot {
        *self.completed.entry(what.to_owned()).or_default() += 1;
        RunSnapshot {
            state: StateType::Completed,
            state_name: StateName::COMPLETED,
            outcome: Some(Ok(made(&run.id.to_string(), &[]))),
            ..run.clone()
        }
    }
}

/// What an effect gives: different each time, and it tells what it was made of.
fn made(effect: &str, of: &[Json]) -> Json {
    let of: Vec<&str> = of.iter().map(Json::as_str).collect();
    json((effect, of))
}

fn made_of(value: &Json) -> serde_json::Value {
    value.value()[1].clone()
}

fn without_time(op: &Op) -> String {
    match op {
        Op::Task(n, _) => format!("task {n}"),
        op => format!("{op:?}"),
    }
}

/// Runs the attempts, and one more that is as the first was meant to be. Gives what was
/// completed, all in all, and how many timers were set.
fn run(ops: &[Op], attempts: &[Attempt]) -> Result<(u32, u32), TestCaseError> {
    let mut world = World::default();
    for attempt in attempts.iter().chain([&Attempt::default()]) {
        world.attempt(ops, attempt)?;
    }
    for (what, completed) in &world.completed {
        let calls = world.calls[what];
        prop_assert!(*completed <= calls, "{what}: {completed} for {calls} calls");
    }
    Ok((world.completed.values().sum(), world.timers_set))
}

#[track_caller]
fn check(ops: &[Op], attempts: &[Attempt], expect: (u32, u32)) {
    assert_eq!(run(ops, attempts).unwrap(), expect);
}

impl Attempt {
    fn with_extra(op: Op) -> Self {
        Self {
            extra: Some((0, op)),
            ..Self::default()
        }
    }
}

#[test]
fn three_extracts_are_joined_and_loaded_once() {
    let load = Op::Task(9, vec![3]);
    let ops = [1, 2, 3].map(|n| Op::Task(n, Vec::new()));
    let ops = [&ops[..], &[Op::Task(8, vec![0, 1, 2]), load]].concat();
    check(&ops, &[Attempt::default(), Attempt::default()], (5, 0));
    // One more call, earlier.
    let extra = Attempt::with_extra(Op::Task(7, Vec::new()));
    check(&ops, &[Attempt::default(), extra], (6, 0));
}

#[test]
fn what_a_subflow_has_done_is_not_repeated() {
    let within = [Op::Task(1, Vec::new()), Op::Child(2), Op::Input(3)];
    let ops = [&[Op::Begin(1)], &within[..], &[Op::End]].concat();
    let extra = Attempt::with_extra(Op::Timer(5));
    check(&ops, &[Attempt::default(), extra], (3, 1));
}

#[test]
fn every_attempt_waits_anew() {
    let timers = [Op::Timer(5), Op::Timer(5), Op::Task(1, vec![0])];
    check(&timers, &[Attempt::default(), Attempt::default()], (1, 6));
}

#[test]
fn what_was_made_of_a_result_stays_with_it() {
    // Of two equal tasks the first fails; the second's result is the first's next time.
    let ops = [
        Op::Task(1, Vec::new()),
        Op::Task(1, Vec::new()),
        Op::Task(2, vec![1]),
        Op::Task(2, vec![0]),
    ];
    let fails = Attempt {
        fails: vec![true],
        ..Attempt::default()
    };
    check(&ops, &[fails, Attempt::default()], (4, 0));
}

fn entry(seq: u64, call: Call, settlement: Settlement) -> Entry {
    Entry {
        seq: Seq(seq),
        call,
        answer: Answer::Accepted,
        at: Timestamp(0),
        settled: Some((Timestamp(1), settlement)),
        identity: None,
    }
}

#[test]
fn what_an_older_build_kept_is_known_by_its_call() {
    let done = || Settlement::Task(Ok(Json::null()));
    let plain = |n: u64| task(vec![("n".into(), Argument::Value(json(n)))], None);
    let needs = task(vec![("n".into(), Argument::ResultOf(Seq(1)))], None);
    let timer = Call::Timer { duration_ms: 5 };
    let mut kept = Kept::new(vec![
        entry(1, plain(1), done()),
        entry(2, plain(2), done()),
        entry(3, plain(1), done()),
        entry(4, needs.clone(), done()),
        entry(5, timer.clone(), Settlement::Timer),
    ]);
    let mut seq = 0;
    let mut take = |call: &Call| {
        seq += 1;
        kept.take(Seq(seq), call).map(|entry| entry.seq.0)
    };
    assert_eq!(take(&plain(1)), Some(1));
    assert_eq!(take(&plain(1)), Some(3));
    assert_eq!(take(&plain(1)), None);
    assert_eq!(take(&plain(2)), Some(2));
    // Its positions are those of a journal that is gone.
    assert_eq!(take(&needs), None);
    assert_eq!(take(&timer), None);
}

#[test]
fn only_success_is_worth_keeping() {
    let call = || task(Vec::new(), None);
    let worth = |settlement| worth_keeping(Vec::new(), vec![entry(1, call(), settlement)]).len();
    let failure = Failure::new(FailureKind::Error, "x");
    assert_eq!(worth(Settlement::Task(Ok(Json::null()))), 1);
    assert_eq!(worth(Settlement::Task(Err(failure))), 0);
    let mut open = entry(1, call(), Settlement::Timer);
    open.settled = None;
    assert_eq!(worth_keeping(Vec::new(), vec![open]), []);
}

#[test]
fn a_child_that_a_person_has_mended_is_taken() {
    let started = |mended| {
        let mut world = World::default();
        for mended in [false, mended] {
            let fails = vec![true];
            let attempt = Attempt {
                fails,
                mended,
                ..Attempt::default()
            };
            world.attempt(&[Op::Child(1)], &attempt).unwrap();
        }
        world.effects
    };
    assert_eq!(started(true), 1);
    // Otherwise each attempt starts one.
    assert_eq!(started(false), 2);
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let n = || 0u64..3;
    let takes = collection::vec(0usize..64, 0..3);
    let op = prop_oneof![
        4 => (n(), takes).prop_map(|(n, takes)| Op::Task(n, takes)),
        1 => n().prop_map(Op::Child),
        1 => n().prop_map(Op::Input),
        1 => n().prop_map(Op::Timer),
        1 => n().prop_map(Op::Begin),
        1 => Just(Op::End),
    ];
    collection::vec(op, 1..12)
}

fn attempts() -> impl Strategy<Value = Vec<Attempt>> {
    let rarely = || collection::vec(prop::bool::weighted(0.2), 12);
    let extra = (0u64..4, any::<bool>()).prop_map(|(n, child)| {
        if child {
            Op::Child(n)
        } else {
            Op::Task(n, Vec::new())
        }
    });
    let extra = prop::option::of((0usize..64, extra));
    let attempt = (extra, rarely(), rarely(), any::<bool>());
    let attempt = attempt.prop_map(|(extra, fails, slow, mended)| Attempt {
        extra,
        fails,
        slow,
        mended,
    });
    collection::vec(attempt, 1..4)
}

proptest! {
    #[test]
    fn nothing_completed_is_repeated(ops in ops(), attempts in attempts()) {
        run(&ops, &attempts)?;
    }
}

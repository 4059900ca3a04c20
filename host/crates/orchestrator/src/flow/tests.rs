//! The machine is told what a guest asks and what happens, and shows what it wants done.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::{Parameters, Start, undeployed_run};
use model::testing::SomeIds;
use model::{
    Argument, Ask, CacheBy, CacheKey, CacheOptions, Deployment, Digest, Entry, Failure,
    FailureKind, FlowDescription, FlowName, FlowOptions, FlowRun, Grants, InputRequest, Json,
    Lease, LimitName, Manifest, Next, Outcome, PoolName, Progress, Recorded, Reply, RunId,
    RunRequest, Schema, Seq, Settled, Settlement, State, Taker, TaskCall, TaskDescription,
    TaskName, TaskOptions, Timestamp, VariableName, WorkerId,
};

/// What is told, and the millisecond in which it is told.
enum Tell {
    Ask(Ask),
    Happened(Event),
}

use Tell::{Ask as Asks, Happened};

fn at(ms: i64) -> Timestamp {
    Timestamp(1_700_000_000_000_000 + ms * 1000)
}

fn lease(epoch: u64) -> Lease {
    let run = RunId::generate();
    Lease {
        run,
        worker: WorkerId(run.0),
        epoch,
    }
}

/// How an execution begins.
struct Setup {
    run: FlowRun,
    past: Past,
    mode: Mode,
    limits: FlowLimits,
}

impl Default for Setup {
    fn default() -> Self {
        let start = Start {
            tags: vec!["own".to_owned()],
            ..Start::now(&mut SomeIds, Json::empty_object(), at(0))
        };
        let flow = FlowName::trusted("etl");
        let pool = PoolName::trusted("pool");
        let mut run = undeployed_run(Digest([0; 32]), flow, pool, start, at(0));
        run.attempt = 2;
        Self {
            run,
            past: Past::default(),
            mode: Mode::Live(lease(1)),
            limits: FlowLimits {
                calls_max: 4,
                journal_bytes_max: 1 << 20,
                arguments_bytes_max: 1 << 20,
                timeout: Some(Duration::from_secs(5)),
            },
        }
    }
}

impl Setup {
    fn flow(self) -> Flow {
        let schema = Schema {
            parameters: Json::trusted("{}"),
            result: Json::trusted("{}"),
        };
        let task = TaskDescription {
            name: TaskName::trusted("load"),
            description: None,
            version: None,
            schema: schema.clone(),
            options: TaskOptions {
                retries: Some(1),
                retry_delays_ms: vec![1000],
                ..TaskOptions::default()
            },
        };
        let flow = FlowDescription {
            name: FlowName::trusted("etl"),
            description: None,
            version: None,
            schema,
            options: FlowOptions::default(),
        };
        let manifest = Arc::new(Manifest {
            flows: vec![flow],
            tasks: vec![task],
        });
        Flow::new(self.run, at(0), manifest, self.past, self.mode, self.limits)
    }
}

fn tell(flow: &mut Flow, ms: i64, tell: Tell) -> Step {
    let moment = Moment {
        now: at(ms),
        ids: &mut SomeIds,
        logged: false,
    };
    match tell {
        Asks(ask) => flow.ask(ask, moment),
        Happened(event) => flow.happened(event, moment),
    }
}

/// Tells the machine one thing after the other, and compares what it wants done each time.
#[track_caller]
fn check(setup: Setup, story: impl IntoIterator<Item = (i64, Tell, &'static str)>) -> Flow {
    check_of(setup.flow(), story)
}

fn show(flow: &mut Flow, step: &Step) -> String {
    let mut text = match step {
        Step::Answer(Reply::Done) => "done".to_owned(),
        Step::Answer(Reply::Handle(seq)) => format!("{seq}"),
        Step::Answer(Reply::Handles(seqs)) => list(seqs),
        Step::Answer(Reply::Started(seq, _)) => format!("{seq} and its run"),
        Step::Answer(Reply::Run(_)) => "a run".to_owned(),
        Step::Refuse(failure) => format!("refused: {failure}"),
        Step::Answer(Reply::Value(Some(value))) => format!("value {value}"),
        Step::Answer(Reply::Value(None)) => "no value".to_owned(),
        Step::Look(Look::Variable(name)) => format!("look for variable {name}"),
        Step::Look(Look::Deployment(name)) => format!("look for {name}"),
        Step::Look(Look::Queue(pool, queue)) => format!("look for queue {queue} of {pool}"),
        Step::Look(Look::Run(_)) => "look for the run".to_owned(),
        Step::Look(Look::RunByKey(flow, key)) => format!("look for {flow} of key {key}"),
        Step::Look(Look::Before(lookups)) => {
            let each = lookups.iter().map(show_lookup);
            format!("look before {}", each.collect::<Vec<_>>().join(", "))
        }
        Step::Look(Look::Permitted(seqs)) => {
            format!("look whether {} may start", list(seqs))
        }
        Step::Look(Look::Settled(seqs)) => format!("look whether {} settled", list(seqs)),
        Step::Check(_) => "check it elsewhere".to_owned(),
        Step::Record(progress) => format!("record {}", show_progress(progress)),
        Step::Await(Await::Busy { news, due }) => {
            let due = due.map_or("-".to_owned(), |due| ms(due).to_string());
            format!("busy, news {news}, due {due}")
        }
        Step::Await(other) => format!("{other:?}"),
        Step::Stop(Stop::Diverged(divergence)) => divergence.to_string(),
        Step::Stop(stop) => format!("{stop:?}"),
    };
    while let Some(effect) = flow.next_effect() {
        match effect {
            Effect::StartTask(job) => {
                write!(text, "; start {} {}", job.name, job.attempt).unwrap();
                let arguments = flow.arguments(job.seq);
                if arguments.as_str() != "{}" {
                    write!(text, " with {arguments}").unwrap();
                }
            }
            Effect::DropTasks => text.push_str("; drop tasks"),
            Effect::DropTask { seq } => write!(text, "; drop {seq}").unwrap(),
            Effect::LetOut { seq, attempt } => {
                write!(text, "; let out {seq} {attempt}").unwrap();
            }
        }
    }
    text
}

fn show_lookup(lookup: &Lookup) -> String {
    let from = match lookup.result.as_ref().map(|key| &key.from) {
        None => String::new(),
        Some(KeyFrom::Known(key)) => format!(" key {key}"),
        Some(KeyFrom::Inputs(arguments)) => format!(" inputs {arguments}"),
        Some(KeyFrom::Task { by, arguments }) => format!(" {by} of {arguments}"),
    };
    let limits = lookup.limits.iter().map(|limit| format!(" {limit}"));
    format!("{}{from}{}", lookup.seq, limits.collect::<String>())
}

fn list(seqs: &[Seq]) -> String {
    let seqs: Vec<String> = seqs.iter().map(ToString::to_string).collect();
    format!("[{}]", seqs.join(" "))
}

fn ms(time: Timestamp) -> i64 {
    (time.0 - at(0).0) / 1000
}

fn show_progress(progress: &Progress) -> String {
    let mut parts = Vec::new();
    for state in &progress.states {
        parts.push(state.name.to_string());
    }
    for entry in &progress.entries {
        let settled = if entry.settled.is_some() { "!" } else { "" };
        parts.push(format!("{}{settled}", entry.seq));
    }
    for settled in &progress.settled {
        parts.push(format!("{} settled", settled.seq));
    }
    for task in &progress.task_runs {
        parts.push(format!("{}: {}", task.name, task.state().name));
    }
    for cached in &progress.cached {
        parts.push(format!("keeps {} of {}", cached.value, cached.key.key));
    }
    if !progress.children.is_empty() {
        parts.push(format!("{} children", progress.children.len()));
    }
    if !progress.subflows.is_empty() {
        parts.push(format!("{} subflows", progress.subflows.len()));
    }
    match &progress.next {
        Next::Continue => {}
        Next::Wait {
            awaited,
            count,
            until,
            waits,
        } => {
            let until = until.map_or("-".to_owned(), |until| ms(until).to_string());
            let calls = list(awaited);
            let waits = match progress.children.len() {
                0 => waits.to_string(),
                // Their names are made up.
                _ => format!("{} runs", waits.count),
            };
            parts.push(format!("wait {count} of {calls} until {until} for {waits}"));
        }
        Next::Release { at, .. } => parts.push(format!("again at {}", ms(*at))),
        Next::End { .. } => parts.push("end".to_owned()),
    }
    parts.join(", ")
}

fn load(arguments: &[(&str, Argument)]) -> Tell {
    let arguments = arguments.iter();
    let arguments = arguments.map(|(name, argument)| ((*name).to_owned(), argument.clone()));
    Asks(Ask::Task(TaskCall {
        task: TaskName::trusted("load"),
        arguments: arguments.collect(),
        wait_for: Vec::new(),
        options: TaskOptions::default(),
        scope: None,
    }))
}

fn sleep(duration_ms: u64) -> Tell {
    Asks(Ask::StartTimer { duration_ms })
}

fn seqs(handles: &[u64]) -> Vec<Seq> {
    handles.iter().copied().map(Seq).collect()
}

fn all(handles: &[u64]) -> Tell {
    Asks(Ask::WaitAll(seqs(handles)))
}

fn any(handles: &[u64]) -> Tell {
    Asks(Ask::WaitAny(seqs(handles)))
}

fn recorded(recorded: Recorded) -> Tell {
    Happened(Event::Recorded(recorded))
}

fn settled(handles: &[u64], ms: i64) -> Tell {
    let settled = handles.iter().map(|seq| Settled {
        seq: Seq(*seq),
        at: at(ms),
        settlement: Settlement::Timer,
    });
    Happened(Event::Found(Found::Settled(settled.collect())))
}

fn ended(seq: u64, ms: i64, outcome: Outcome) -> Tell {
    Happened(Event::Task(TaskEvent::Ended {
        seq: Seq(seq),
        outcome,
        at: at(ms),
        chance: 0.0,
    }))
}

fn calls_out(seq: u64, attempt: u32) -> Tell {
    let seq = Seq(seq);
    Happened(Event::Task(TaskEvent::CallsOut { seq, attempt }))
}

fn lost() -> Outcome {
    Err(Failure::new(FailureKind::Error, "no route"))
}

fn seven() -> Outcome {
    Ok(Json::trusted("7"))
}

fn child(key: Option<&str>) -> Tell {
    Asks(Ask::RunDeployment(RunRequest {
        deployment: "etl/nightly".to_owned(),
        parameters: Json::empty_object(),
        flow_run_name: None,
        tags: Vec::new(),
        scheduled: None,
        idempotency_key: key.map(str::to_owned),
        work_queue: None,
        as_subflow: true,
        scope: None,
    }))
}

fn child_in(queue: &str) -> Tell {
    let Asks(Ask::RunDeployment(request)) = child(None) else {
        unreachable!("it asks for a run")
    };
    Asks(Ask::RunDeployment(RunRequest {
        work_queue: Some(queue.to_owned()),
        ..request
    }))
}

fn deployed() -> Tell {
    deployed_with(Ok("{}"))
}

fn deployed_with(parameters: Result<&str, String>) -> Tell {
    let deployment = Deployment {
        name: "etl/nightly".parse().unwrap(),
        component: Digest([0; 32]),
        pool: PoolName::trusted("pool"),
        work_queue: None,
        priority: None,
        concurrency: None,
        limits: Vec::new(),
        parameters: Json::empty_object(),
        tags: Vec::new(),
        grants: Grants::default(),
        description: None,
        created: at(0),
        updated: at(0),
    };
    Happened(Event::Found(Found::Deployment(Known {
        deployment: Arc::new(deployment),
        parameters: parameters.map(|it| Arc::new(Parameters::new(&Json::trusted(it)).unwrap())),
    })))
}

#[test]
fn a_flow_whose_parameters_cannot_be_checked_is_not_started() {
    check(
        Setup::default(),
        [
            (1, child(None), "look for etl/nightly"),
            (
                2,
                deployed_with(Err("no schema".to_owned())),
                "refused: a run of `etl/nightly` was not started: no schema",
            ),
        ],
    );
}

#[test]
fn a_task_that_may_reach_nothing_runs_ahead_of_the_record() {
    check(
        Setup::default(),
        [
            (1, load(&[]), "1; start load-0 1"),
            (2, all(&[1]), "busy, news false, due 22"),
            (5, Happened(Event::Due), "busy, news false, due 22"),
            (22, Happened(Event::Due), "record 1, load-0: Running"),
            (23, recorded(Recorded::Done), "busy, news false, due -"),
            (30, ended(1, 29, seven()), "done"),
            (
                31,
                load(&[("n", Argument::ResultOf(Seq(1)))]),
                "2; start load-1 1 with {\"n\":7}",
            ),
        ],
    );
}

#[test]
fn a_task_calls_out_after_the_record() {
    check(
        Setup::default(),
        [
            (1, load(&[]), "1; start load-0 1"),
            (2, all(&[1]), "busy, news false, due 22"),
            (3, calls_out(1, 1), "record 1, load-0: Running"),
            (
                4,
                recorded(Recorded::Done),
                "busy, news false, due -; let out 1 1",
            ),
            // It is recorded already.
            (5, calls_out(1, 1), "busy, news false, due -; let out 1 1"),
            // An attempt that is over is let out no more.
            (6, calls_out(1, 2), "busy, news false, due -"),
            (7, ended(1, 7, seven()), "done"),
        ],
    );
}

#[test]
fn a_task_that_will_call_out_is_recorded_when_it_starts() {
    check(
        Setup::default(),
        [
            (1, load(&[]), "1; start load-0 1"),
            (2, all(&[1]), "busy, news false, due 22"),
            (3, calls_out(1, 1), "record 1, load-0: Running"),
            (
                4,
                recorded(Recorded::Done),
                "busy, news false, due -; let out 1 1",
            ),
            (5, ended(1, 5, seven()), "done"),
            // All that start before the flow waits are in one record.
            (6, load(&[]), "2; start load-1 1"),
            (
                6,
                load(&[("n", Argument::ResultOf(Seq(1)))]),
                "3; start load-2 1 with {\"n\":7}",
            ),
            (
                7,
                all(&[2, 3]),
                "record 2, 3, 1 settled, load-0: Completed, load-1: Running, load-2: Running",
            ),
            // Nothing is let out of a run that has been paused by then.
            (8, recorded(Recorded::Paused), "Suspended"),
        ],
    );
}

#[test]
fn a_retry_is_awaited_without_the_slot_and_begins_when_it_is_due() {
    check(
        Setup::default(),
        [
            (1, load(&[]), "1; start load-0 1"),
            (2, all(&[1]), "busy, news false, due 22"),
            (
                9,
                ended(1, 10, lost()),
                "record Waiting, 1, load-0: AwaitingRetry, wait 1 of [1] until 1010 for task `load-0`",
            ),
            (10, recorded(Recorded::Done), "Parked"),
            (
                1010,
                Happened(Event::Resumed {
                    lease: lease(2),
                    cancelling: false,
                }),
                "look whether [1] settled",
            ),
            (
                1011,
                settled(&[], 0),
                "busy, news false, due 1031; start load-0 2",
            ),
            (1012, ended(1, 1012, lost()), "done"),
        ],
    );
}

#[test]
fn a_variable_is_told_as_it_was_and_again_on_replay() {
    let rate = || Asks(Ask::GetVariable(VariableName::trusted("rate")));
    let found = |value: Option<&str>| {
        let value = value.map(Json::trusted);
        Happened(Event::Found(Found::Variable(value)))
    };
    let mut flow = check(
        Setup::default(),
        [
            (1, rate(), "look for variable rate"),
            (2, found(Some("1.50")), "value 1.50"),
            (3, rate(), "look for variable rate"),
            (4, found(None), "no value"),
        ],
    );
    let recorded = flow.end(Ok(Json::null()), at(5)).entries;
    check(
        Setup {
            past: Past {
                entries: recorded,
                ..Past::default()
            },
            ..Setup::default()
        },
        [(11, rate(), "value 1.50"), (12, rate(), "no value")],
    );
}

#[test]
fn a_wait_outside_is_recorded_and_given_up() {
    check(
        Setup::default(),
        [
            (1, sleep(100), "1"),
            (2, sleep(9000), "2"),
            (
                3,
                any(&[1, 2]),
                "record Waiting, 1, 2, wait 1 of [1 2] until 5000 for any of timer of 100ms, timer of 9s",
            ),
            (4, recorded(Recorded::Ready), "look whether [1 2] settled"),
            (5, settled(&[1], 4), "[1]"),
            (
                6,
                all(&[1, 2]),
                "record Waiting, 3, wait 1 of [2] until 5000 for timer of 9s",
            ),
            (7, recorded(Recorded::Done), "Parked"),
            (
                5001,
                Happened(Event::Resumed {
                    lease: lease(2),
                    cancelling: false,
                }),
                "look whether [2] settled",
            ),
            (5002, settled(&[], 0), "Deadline"),
        ],
    );
}

#[test]
fn what_cannot_be_waited_for_is_refused() {
    check(
        Setup::default(),
        [
            (
                1,
                all(&[]),
                "refused: there is nothing to wait for: the list is empty",
            ),
            (1, all(&[1]), "refused: there is no call 1 to wait for"),
            (
                1,
                Asks(Ask::WithdrawInput(Seq(1))),
                "refused: 1 is not an input that was asked for",
            ),
            (
                1,
                load(&[("n", Argument::ResultOf(Seq(1)))]),
                "refused: task `load`: there is no call 1 to wait for",
            ),
        ],
    );
}

#[test]
fn a_cancellation_is_told_once_and_leaves_time_to_clean_up() {
    check(
        Setup::default(),
        [
            (1, load(&[]), "1; start load-0 1"),
            (2, all(&[1]), "busy, news false, due 22"),
            (
                3,
                Happened(Event::Told(Signal::Cancel)),
                "refused: the flow run was cancelled; drop tasks",
            ),
            // It was on its way when its task was dropped.
            (4, sleep(5), "3"),
            (
                4,
                all(&[3]),
                "record Waiting, 1!, 2, 3, load-0: Cancelled, wait 1 of [3] until 5000 for timer of 5ms",
            ),
            (5, recorded(Recorded::Cancelling), "News"),
            (9, Happened(Event::News), "look whether [3] settled"),
            (9, settled(&[3], 9), "done"),
        ],
    );
}

#[test]
fn a_pause_takes_effect_once_no_task_executes() {
    check(
        Setup::default(),
        [
            (1, load(&[]), "1; start load-0 1"),
            (1, load(&[]), "2; start load-1 1"),
            (2, any(&[1, 2]), "busy, news false, due 22"),
            (
                3,
                Happened(Event::Told(Signal::Pause)),
                "busy, news false, due 22",
            ),
            (4, ended(1, 4, seven()), "[1]"),
            (5, all(&[2]), "busy, news false, due 22"),
            (
                6,
                ended(2, 6, seven()),
                "record 1!, 2!, 3, load-0: Completed, load-1: Completed",
            ),
            (7, recorded(Recorded::Paused), "Suspended"),
        ],
    );
}

/// It was taken back in the meantime.
#[test]
fn a_pause_that_is_no_more_is_heeded_once() {
    check(
        Setup::default(),
        [
            (1, sleep(100), "1"),
            (1, load(&[]), "2; start load-0 1"),
            (2, all(&[2]), "busy, news true, due 22"),
            (
                3,
                Happened(Event::Told(Signal::Pause)),
                "busy, news true, due 22",
            ),
            (4, ended(2, 4, lost()), "record 1, 2, load-0: AwaitingRetry"),
            (
                5,
                recorded(Recorded::Done),
                "record Waiting, wait 1 of [2] until 1004 for task `load-0`",
            ),
        ],
    );
}

#[test]
fn a_queue_is_looked_up_once_a_record_and_one_that_is_missing_is_refused() {
    check(
        Setup::default(),
        [
            (1, child_in("fast"), "look for etl/nightly"),
            (2, deployed(), "look for queue fast of pool"),
            (3, Happened(Event::Found(Found::Queue)), "1 and its run"),
            (4, child_in("fast"), "2 and its run"),
            (5, child_in("default"), "3 and its run"),
            (6, child_in("fats"), "look for queue fats of pool"),
            (
                7,
                Happened(Event::Found(Found::NoQueue("fast".parse().ok()))),
                "refused: a run of `etl/nightly` was not started: work pool `pool` has no queue \
                 `fats`: did you mean `fast`?",
            ),
        ],
    );
    check(
        Setup::default(),
        [
            (1, child_in("slow"), "look for etl/nightly"),
            (2, deployed(), "look for queue slow of pool"),
            (
                3,
                Happened(Event::Found(Found::NoQueue(None))),
                "refused: a run of `etl/nightly` was not started: work pool `pool` has no queue \
                 `slow`: `orch-host work-queue create slow --pool pool` makes it",
            ),
            (4, child_in("a/b"), "look for etl/nightly"),
            (
                5,
                deployed(),
                "refused: a run of `etl/nightly` was not started: the work queue name `a/b` \
                 contains '/', which is not allowed",
            ),
        ],
    );
}

#[test]
fn a_fan_out_reads_its_deployment_once_a_record() {
    check(
        Setup::default(),
        [
            (1, child(None), "look for etl/nightly"),
            (2, deployed(), "1 and its run"),
            (3, child(None), "2 and its run"),
            (
                4,
                all(&[1, 2]),
                "record Waiting, 1, 2, 2 children, wait 2 of [1 2] until 5000 for 2 runs",
            ),
            (5, recorded(Recorded::Ready), "look whether [1 2] settled"),
            (6, settled(&[1, 2], 5), "done"),
            (7, child(None), "look for etl/nightly"),
            (
                8,
                Happened(Event::Found(Found::NoDeployment(None))),
                "refused: there is no deployment `etl/nightly`: see `orch-host deployment ls`",
            ),
            (9, child(None), "look for etl/nightly"),
            (
                10,
                Happened(Event::Found(Found::NoDeployment("etl/night".parse().ok()))),
                "refused: there is no deployment `etl/nightly`: did you mean `etl/night`?",
            ),
        ],
    );
}

#[test]
fn a_key_is_looked_for_before_its_run_is_recorded_and_again_when_it_was_taken() {
    let mut flow = check(
        Setup::default(),
        [
            (1, sleep(1), "1"),
            (2, child(Some("k")), "look for etl/nightly"),
            (3, deployed(), "record 1"),
            (4, recorded(Recorded::Done), "look for etl of key k"),
        ],
    );
    let none = || Happened(Event::Found(Found::KeyHolder(None)));
    let Step::Record(progress) = tell(&mut flow, 5, none()) else {
        panic!("it is not recorded");
    };
    assert_eq!(show_progress(&progress), "2, 1 children");
    let again = tell(&mut flow, 6, Happened(Event::KeyTaken(progress)));
    assert_eq!(show(&mut flow, &again), "look for etl of key k");
    let step = tell(&mut flow, 7, none());
    assert_eq!(show(&mut flow, &step), "record 2, 1 children");
    // The record was the last under this lease.
    let step = tell(&mut flow, 8, recorded(Recorded::Paused));
    assert_eq!(show(&mut flow, &step), "Suspended");
}

/// Whatever it has started, with a retry of an hour or not.
#[test]
fn what_a_flow_returns_stands_although_tasks_have_not_ended() {
    let mut flow = check(Setup::default(), [(1, load(&[]), "1; start load-0 1")]);
    let progress = flow.end(seven(), at(4));
    assert_eq!(
        show_progress(&progress),
        "Completed, 1!, load-0: Cancelled, end"
    );
    assert!(matches!(flow.next_effect(), Some(Effect::DropTasks)));
}

#[test]
fn a_task_is_cancelled_with_what_needs_it() {
    let cancel = |task| Asks(Ask::CancelTask(Seq(task)));
    check(
        Setup::default(),
        [
            (1, load(&[]), "1; start load-0 1"),
            (1, load(&[("x", Argument::ResultOf(Seq(1)))]), "2"),
            (2, cancel(1), "done; drop 1"),
            // What has ended stays what it is.
            (4, cancel(2), "done"),
            (5, all(&[1, 2]), "done"),
        ],
    );
    check(
        Setup::default(),
        [
            (1, sleep(9000), "1"),
            (2, cancel(1), "refused: 1 is not a task that was started"),
            (3, cancel(9), "refused: 9 is not a task that was started"),
        ],
    );
}

#[test]
fn a_flow_that_fails_leaves_its_tasks() {
    let mut flow = check(Setup::default(), [(1, load(&[]), "1; start load-0 1")]);
    let failure = Failure::new(FailureKind::Error, "no route");
    let progress = flow.try_again(&failure, Duration::from_secs(1), at(4));
    assert_eq!(
        show_progress(&progress),
        "AwaitingRetry, 1!, load-0: Cancelled, again at 1004"
    );
    assert!(matches!(progress.next, Next::Release { failed: Some(it), .. } if it == failure));
    assert!(matches!(flow.next_effect(), Some(Effect::DropTasks)));
}

#[test]
fn calls_are_limited() {
    let one = |seq| (1, sleep(1), seq);
    check(
        Setup::default(),
        [
            one("1"),
            one("2"),
            one("3"),
            one("4"),
            one("Limit(\"made too many calls; the limit on a flow run is 4\")"),
        ],
    );
}

/// The journal of a subflow that slept and ended, and the run of the subflow.
fn with_subflow() -> (Vec<Entry>, FlowRun) {
    let mut flow = Setup::default().flow();
    let mut entries = Vec::new();
    for (ms, told) in [(100, begin()), (150, sleep(1)), (200, end())] {
        tell(&mut flow, ms, told);
    }
    entries.extend(flow.journal().entries().cloned());
    (entries, flow.run(Some(Seq(1))).clone())
}

fn begin() -> Tell {
    Asks(Ask::BeginSubflow {
        flow: FlowName::trusted("etl"),
        parameters: Json::trusted("{}"),
        scope: None,
    })
}

fn end() -> Tell {
    Asks(Ask::EndSubflow {
        subflow: Seq(1),
        outcome: seven(),
    })
}

/// Guests see its time, its tags, its parent and its attempt.
#[test]
fn a_subflow_is_the_same_whoever_replays_it_and_when() {
    let (entries, first) = with_subflow();
    assert_eq!((first.scheduled, first.attempt), (at(100), 1));
    assert_eq!(first.tags, Vec::<String>::new());
    for mode in [Mode::Live(lease(2)), Mode::PastOnly] {
        let mut setup = Setup::default();
        setup.run.id = first.parent.unwrap();
        setup.past.entries.clone_from(&entries);
        setup.mode = mode;
        let flow = check(setup, [(9000, begin(), "1 and its run")]);
        assert_eq!(
            format!("{:?}", flow.run(Some(Seq(1)))),
            format!("{first:?}")
        );
    }
}

fn past_only(over: bool) -> Setup {
    let (entries, _) = with_subflow();
    let mut setup = Setup::default();
    if over {
        setup.run.state = State::ended(&seven(), at(300));
    }
    setup.past.entries = entries;
    setup.mode = Mode::PastOnly;
    setup
}

#[test]
fn what_is_past_ends_where_the_journal_does() {
    let replayed = |last| {
        [
            (0, begin(), "1 and its run"),
            (0, sleep(1), "2"),
            (0, end(), "done"),
            last,
        ]
    };
    check(past_only(false), replayed((0, sleep(1), "EndOfJournal")));
    check(past_only(false), replayed((0, all(&[2]), "EndOfJournal")));
    check(past_only(false), replayed((0, load(&[]), "EndOfJournal")));
    check(
        past_only(true),
        replayed((
            0,
            sleep(1),
            "replay diverged at call 4: the journal holds nothing more, the flow asked for sleep 1 ms",
        )),
    );
}

/// A call that was refused then left no entry, so it must be refused again.
#[test]
fn what_is_past_refuses_what_was_refused() {
    let mut unknown = load(&[]);
    if let Asks(Ask::Task(call)) = &mut unknown {
        call.task = TaskName::trusted("store");
    }
    let mut twice = load(&[]);
    if let Asks(Ask::Task(call)) = &mut twice {
        let given = || ("x".to_owned(), Argument::Value(Json::null()));
        call.arguments = vec![given(), given()];
    }
    check(
        past_only(true),
        [
            (0, unknown, "refused: the component has no task `store`"),
            (
                0,
                twice,
                "refused: task `load`: argument `x` is given twice",
            ),
            (0, all(&[1]), "refused: there is no call 1 to wait for"),
            (0, begin(), "1 and its run"),
            (0, all(&[1]), "refused: there is no call 1 to wait for"),
            (0, sleep(1), "2"),
            (0, all(&[9, 2]), "refused: there is no call 9 to wait for"),
            (0, end(), "done"),
            (
                0,
                Asks(Ask::WithdrawInput(Seq(2))),
                "refused: 2 is not an input that was asked for",
            ),
        ],
    );
}

#[test]
fn an_input_is_withdrawn_unless_it_was_given() {
    let input = |key: &str| {
        Asks(Ask::RequestInput(InputRequest {
            key: key.to_owned(),
            description: None,
            schema: Json::trusted("{}"),
            timeout_ms: Some(500),
            scope: None,
        }))
    };
    check(
        Setup::default(),
        [
            (1, input(" "), "refused: ` ` is no key of an input"),
            (1, input("ok"), "2"),
            (
                1,
                input("ok"),
                "refused: input `ok` is asked for already, and not given yet",
            ),
            (
                2,
                Asks(Ask::WithdrawInput(Seq(2))),
                "record 1, 2, 3, 4, 2 settled",
            ),
            (3, recorded(Recorded::Done), "look whether [2] settled"),
            // Somebody was faster; or else it is the withdrawal that is found.
            (4, settled(&[2], 1), "done"),
            (2, all(&[2]), "done"),
        ],
    );
}

/// The machine of a component whose task takes a slot of a limit.
fn limited() -> Flow {
    let mut flow = Setup::default().flow();
    let mut manifest = (*flow.manifest).clone();
    manifest.tasks[0].options.limits = vec![LimitName::trusted("db")];
    flow.manifest = Arc::new(manifest);
    flow
}

fn permitted(calls: &[u64]) -> Tell {
    let calls = calls.iter().copied().map(Seq).collect();
    Happened(Event::Found(Found::Permitted(calls)))
}

#[test]
fn a_task_that_takes_slots_asks_with_the_wait_and_starts_once_it_has_them() {
    let mut flow = limited();
    let mut steps = String::new();
    let mut then = |ms: i64, told: Tell| {
        let step = tell(&mut flow, ms, told);
        if let Step::Record(progress) = &step {
            let asked = progress.permits.asked.iter().map(|it| it.by.seq());
            let back = progress.permits.given_back.iter().map(|(by, _)| by.seq());
            let awaited = &progress.permits.awaited;
            steps += &format!(
                "asks {}, gives {}, awaits {}: ",
                list(&asked.collect::<Vec<_>>()),
                list(&back.collect::<Vec<_>>()),
                list(awaited)
            );
        }
        steps += &show(&mut flow, &step);
        steps += "\n";
    };
    then(1, load(&[]));
    then(2, all(&[1]));
    // It had the slot by the time that the wait was recorded.
    then(3, recorded(Recorded::Ready));
    then(4, settled(&[], 4));
    then(5, permitted(&[1]));
    assert_eq!(
        steps,
        "1
asks [1], gives [], awaits [1]: record Waiting, 1, load-0: Pending, wait 1 of [1] until 5000 for task `load-0`
look whether [1] settled
look whether [1] may start
busy, news false, due 25; start load-0 1
"
    );
}

/// The machine of a component whose task is cached.
fn caching(options: CacheOptions) -> Flow {
    let mut flow = Setup::default().flow();
    let mut manifest = (*flow.manifest).clone();
    manifest.tasks[0].options.cache = Some(Box::new(options));
    flow.manifest = Arc::new(manifest);
    flow
}

fn by_inputs() -> CacheOptions {
    CacheOptions {
        by: CacheBy::Inputs,
        expiration_ms: None,
        lock: false,
    }
}

/// Of each of these calls: whether its limits exist, and what is cached of it, or why it has no
/// key.
fn found(calls: &[(u64, Result<Option<u32>, &str>)]) -> Tell {
    let looked = calls.iter().map(|(seq, cached)| {
        let key = CacheKey {
            task: TaskName::trusted("load"),
            scope: "x".to_owned(),
            key: "k".to_owned(),
        };
        let result = match cached {
            Ok(value) => Ok((key, value.map(|value| Json::trusted(value.to_string())))),
            Err(why) => Err(Failure::new(FailureKind::Invalid, *why)),
        };
        Looked {
            seq: Seq(*seq),
            result: Some(result),
            limits: Vec::new(),
        }
    });
    Happened(Event::Found(Found::Before(looked.collect())))
}

/// As `check`, with a machine that is there already.
#[track_caller]
fn check_of(mut flow: Flow, story: impl IntoIterator<Item = (i64, Tell, &'static str)>) -> Flow {
    for (ms, told, expect) in story {
        let step = tell(&mut flow, ms, told);
        assert_eq!(show(&mut flow, &step), expect, "at {ms} ms");
    }
    flow
}

#[test]
fn a_cached_result_ends_a_task_and_one_that_is_computed_is_kept() {
    let mut flow = check_of(
        caching(by_inputs()),
        [
            (1, load(&[("n", Argument::Value(Json::trusted("1")))]), "1"),
            (1, load(&[]), "2"),
            (1, load(&[]), "3"),
            // Those that are to start are looked up together.
            (
                2,
                all(&[1, 2, 3]),
                "look before 1 inputs {\"n\":1}, 2 inputs {}, 3 inputs {}",
            ),
            (
                3,
                found(&[(1, Ok(Some(9))), (2, Ok(None)), (3, Err("no key"))]),
                "busy, news false, due 23; start load-1 1",
            ),
            (4, ended(2, 4, seven()), "done"),
            // A result that is not recorded yet is found as well.
            (5, load(&[]), "4"),
            (5, all(&[4]), "look before 4 inputs {}"),
            (6, found(&[(4, Ok(None))]), "done"),
        ],
    );
    let end = flow.end(seven(), at(7));
    assert_eq!(
        show_progress(&end),
        "Completed, 1!, 2!, 3!, 4!, load-0: Cached, load-2: Failed, load-1: Completed, \
         load-3: Cached, keeps 7 of k, end"
    );
}

#[test]
fn whoever_computes_alone_looks_again_once_it_may() {
    let locked = CacheOptions {
        lock: true,
        ..by_inputs()
    };
    check_of(
        caching(locked),
        [
            (1, load(&[]), "1"),
            (1, all(&[1]), "look before 1 inputs {}"),
            (
                2,
                found(&[(1, Ok(None))]),
                "record Waiting, 1, load-0: Pending, wait 1 of [1] until 5000 for task `load-0`",
            ),
            (3, recorded(Recorded::Ready), "look whether [1] settled"),
            (4, settled(&[], 4), "look whether [1] may start"),
            // Somebody may have computed it meanwhile. The key is known.
            (5, permitted(&[1]), "look before 1 key k"),
            (6, found(&[(1, Ok(Some(9)))]), "done"),
        ],
    );
}

/// Otherwise nobody else computes the result until the run is over.
#[test]
fn what_is_cached_when_another_execution_looks_gives_back_the_slot_that_was_asked_for() {
    let locked = || CacheOptions {
        lock: true,
        ..by_inputs()
    };
    let mut first = caching(locked());
    let _ = tell(&mut first, 1, load(&[]));
    let _ = tell(&mut first, 1, all(&[1]));
    let Step::Record(progress) = tell(&mut first, 2, found(&[(1, Ok(None))])) else {
        panic!("it waits for the slot of its key");
    };
    let past = Past {
        entries: progress.entries,
        tasks: progress.task_runs,
        ..Past::default()
    };
    let Flow {
        run,
        manifest,
        mode,
        limits,
        ..
    } = caching(locked());
    let flow = Flow::new(run, at(0), manifest, past, mode, limits);
    let mut flow = check_of(
        flow,
        [
            (5, load(&[]), "1"),
            (5, all(&[1]), "look before 1 inputs {}"),
            (6, found(&[(1, Ok(Some(9)))]), "done"),
        ],
    );
    let end = flow.take_progress(Next::Continue);
    assert_eq!(end.permits.given_back, [(Taker::Task(Seq(1)), at(6))]);
}

#[test]
fn a_retry_looks_again() {
    check_of(
        caching(by_inputs()),
        [
            (1, load(&[]), "1"),
            (1, all(&[1]), "look before 1 inputs {}"),
            (
                2,
                found(&[(1, Ok(None))]),
                "busy, news false, due 22; start load-0 1",
            ),
            (
                3,
                ended(1, 3, lost()),
                "record Waiting, 1, load-0: AwaitingRetry, wait 1 of [1] until 1003 for \
                 task `load-0`",
            ),
            (4, recorded(Recorded::Done), "Parked"),
            (
                1003,
                Happened(Event::Resumed {
                    lease: lease(2),
                    cancelling: false,
                }),
                "look whether [1] settled",
            ),
            (1004, settled(&[], 0), "look before 1 key k"),
            (
                1005,
                found(&[(1, Ok(None))]),
                "busy, news false, due 1025; start load-0 2",
            ),
        ],
    );
}

fn takes(limit: &str, slots: u32) -> Tell {
    Asks(Ask::TakeSlots {
        limit: LimitName::trusted(limit),
        slots,
        scope: None,
    })
}

/// What is recorded of permits.
fn show_permits(step: &Step) -> String {
    let Step::Record(progress) = step else {
        return "no record".to_owned();
    };
    let permits = &progress.permits;
    let asked = permits.asked.iter().map(|it| it.by);
    let back = permits.given_back.iter().map(|(by, _)| *by);
    format!(
        "asks {:?}, gives {:?}, awaits {}",
        asked.collect::<Vec<_>>(),
        back.collect::<Vec<_>>(),
        list(&permits.awaited)
    )
}

#[test]
fn code_that_takes_slots_has_them_once_they_are_permitted() {
    let mut flow = check(
        Setup::default(),
        [
            (
                1,
                takes("db", 0),
                "refused: no slots are asked of limit `db`: at least 1 is",
            ),
            (1, takes("db", 2), "1"),
        ],
    );
    let step = tell(&mut flow, 2, all(&[1]));
    assert_eq!(
        show_permits(&step),
        "asks [Code(Seq(1))], gives [], awaits [1]"
    );
    assert_eq!(
        show(&mut flow, &step),
        "record Waiting, 1, wait 1 of [1] until 5000 for limit `db`"
    );
    let mut flow = check_of(
        flow,
        [
            (3, recorded(Recorded::Ready), "look whether [1] settled"),
            (4, settled(&[], 4), "look whether [1] may start"),
            (5, permitted(&[1]), "done"),
            (6, Asks(Ask::GiveSlotsBack(Seq(1))), "done"),
            (
                6,
                Asks(Ask::GiveSlotsBack(Seq(2))),
                "refused: 2 has taken no slots",
            ),
            (6, sleep(5), "3"),
        ],
    );
    let step = tell(&mut flow, 7, all(&[3]));
    assert_eq!(
        show_permits(&step),
        "asks [], gives [Code(Seq(1))], awaits []"
    );
}

/// The journal of a flow that has taken slots, and perhaps given them back.
fn that_took(settled: bool, gave_back: bool) -> Setup {
    let taken = Entry {
        seq: Seq(1),
        call: model::Call::TakeSlots {
            limit: LimitName::trusted("db"),
            slots: 2,
            scope: None,
        },
        answer: model::Answer::Accepted,
        at: at(0),
        settled: settled.then(|| (at(1), Settlement::Slots)),
        identity: None,
    };
    let back = Entry {
        seq: Seq(2),
        call: model::Call::GiveSlotsBack { taken: Seq(1) },
        settled: None,
        ..taken.clone()
    };
    let mut entries = vec![taken];
    entries.extend(gave_back.then_some(back));
    Setup {
        past: Past {
            entries,
            ..Past::default()
        },
        ..Setup::default()
    }
}

#[test]
fn who_goes_on_asks_anew_only_for_what_code_still_waits_for() {
    #[track_caller]
    fn check(settled: bool, gave_back: bool, expect: &str) {
        let mut flow = that_took(settled, gave_back).flow();
        tell(&mut flow, 2, takes("db", 2));
        if gave_back {
            tell(&mut flow, 2, Asks(Ask::GiveSlotsBack(Seq(1))));
        }
        tell(&mut flow, 3, sleep(5));
        let timer = if gave_back { 3 } else { 2 };
        let step = tell(&mut flow, 3, all(&[timer]));
        assert_eq!(show_permits(&step), expect);
    }
    check(false, false, "asks [Code(Seq(1))], gives [], awaits [1]");
    // It has them.
    check(true, false, "asks [], gives [], awaits []");
    check(true, true, "asks [], gives [], awaits []");
    // It left the line.
    check(false, true, "asks [], gives [], awaits []");
}

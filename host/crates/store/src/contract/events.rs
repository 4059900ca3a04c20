//! The one stream of events: each change once, in one order.

use std::time::Duration;

use super::cast::*;
use crate::{EventPage, Next, PoolChange, Store, StoreError, SubflowChange, Topic};
use model::{
    Event, EventCursor, LogLevel, LogLine, LogSource, PlacedEvent, PoolName, RunId, Seq, State,
    TaskName, TaskRun, TaskRunId, WorkerUsage,
};
use orchestrator::lifecycle::Why;

/// What came after the cursor, in pages of this size.
pub async fn read<S: Store>(store: &S, from: EventCursor, page: u32) -> Vec<PlacedEvent> {
    let mut all = Vec::new();
    let mut cursor = from;
    loop {
        let EventPage::Events { mut events, next } = store.events(cursor, page).await.unwrap()
        else {
            panic!("the cursor {cursor} is too old");
        };
        assert!(events.len() <= page as usize, "a page is too long");
        let is_last = events.len() < page as usize;
        if let Some(last) = events.last() {
            assert_eq!(last.cursor, next, "the page ends with its last event");
        }
        all.append(&mut events);
        cursor = next;
        if is_last {
            return all;
        }
    }
}

/// What came before the cursor, newest first, in pages of this size.
async fn read_back<S: Store>(store: &S, from: Option<EventCursor>, page: u32) -> Vec<PlacedEvent> {
    let mut all = Vec::new();
    let mut cursor = from;
    loop {
        let read = store.events_before(cursor, page).await.unwrap();
        let EventPage::Events { mut events, next } = read else {
            panic!("the cursor {cursor:?} is too old");
        };
        assert!(events.len() <= page as usize, "a page is too long");
        let is_last = events.len() < page as usize;
        if let Some(last) = events.last() {
            assert_eq!(last.cursor, next, "the page ends with its last event");
        }
        all.append(&mut events);
        cursor = Some(next);
        if is_last {
            return all;
        }
    }
}

/// An event in words, without what differs from story to story.
fn words(placed: &PlacedEvent) -> String {
    match &placed.event {
        Event::FlowRun(it) => {
            let within = if it.within.is_some() { "sub" } else { "" };
            let created = match &it.created {
                Some(facts) => format!(" of {}", facts.flow),
                None => String::new(),
            };
            let (name, line, attempt) = (&it.state.name, it.line, it.attempt);
            format!("{within}flow {name}{created}, line {line}, attempt {attempt}")
        }
        Event::TaskRun(it) => format!("task {} {}", it.name, it.state.name),
        Event::Log(it) => {
            assert_eq!(it.last - it.first + 1, i64::from(it.count), "no gaps");
            format!("{} lines up to {}", it.count, it.level)
        }
        Event::Input(it) => format!("input {} {:?}", it.key, it.what),
        Event::Artifact(it) => format!("{} artifact {}", it.kind, it.key),
        Event::Deployment { name, what } => format!("deployment {name} {what:?}"),
        Event::Pool { name, what } => format!("pool {name} {what:?}"),
        Event::Worker { name, what, .. } => format!("worker {name} {what:?}"),
        Event::RunDeleted { .. } => "flow deleted".to_owned(),
    }
}

async fn told<S: Store>(cast: &Cast<S>, from: EventCursor) -> Vec<String> {
    let events = read(&cast.store, from, 1000).await;
    events.iter().map(words).collect()
}

async fn newest<S: Store>(cast: &Cast<S>) -> EventCursor {
    cast.store.newest_event().await.unwrap()
}

fn line(run: RunId, level: LogLevel) -> LogLine {
    LogLine {
        run,
        source: LogSource::Flow,
        at: at(2),
        level,
        target: "etl".to_owned(),
        message: "hello".to_owned(),
    }
}

fn task_run(run: RunId, seq: u64) -> TaskRun {
    TaskRun {
        id: TaskRunId::generate(),
        flow_run: run,
        journal: run,
        seq: Seq(seq),
        task: TaskName::new("extract").unwrap(),
        name: format!("extract-{seq}"),
        tags: Vec::new(),
        attempt: 1,
        retry_at: None,
        worker: None,
        history: vec![State::running(1, at(2)).into()],
    }
}

pub async fn a_run_is_told_of_from_its_creation_to_its_end<S: Store>(cast: Cast<S>) {
    let from = newest(&cast).await;
    let new = new_run("etl");
    let facts = (new.run.name.clone(), new.run.deployment.clone());
    let id = cast.create(new).await;
    let lease = cast.claim_only(0).await.lease;
    let mut task_run = task_run(id, 1);
    let task_run_id = task_run.id;
    cast.go_on(lease, |progress| {
        progress.states.push(State::running(1, at(1)));
        progress.entries.push(task(1));
        progress.task_runs.push(task_run.clone());
        progress.logs = vec![line(id, LogLevel::Warn), line(id, LogLevel::Info)];
    })
    .await;
    task_run
        .history
        .push(State::ended(&failure(), at(3)).into());
    cast.go_on(lease, |progress| {
        progress.settled.push(settled(1, 3));
        progress.task_runs.push(task_run);
    })
    .await;
    cast.end(lease, failure(), 4).await;
    assert_eq!(
        told(&cast, from).await,
        [
            "flow Scheduled of etl, line 1, attempt 0",
            "flow Pending, line 2, attempt 1",
            "task extract-1 Running",
            "2 lines up to WARN",
            "flow Running, line 3, attempt 1",
            "task extract-1 Failed",
            "flow Failed, line 4, attempt 1",
        ]
    );
    let events = read(&cast.store, from, 1000).await;
    let Event::FlowRun(created) = &events[0].event else {
        panic!("{:?}", events[0]);
    };
    let found = created.created.as_deref().unwrap();
    assert_eq!((found.name.clone(), found.deployment.clone()), facts);
    assert_eq!(
        (found.id, &found.pool),
        (id, &Some(PoolName::default_pool()))
    );
    let stored = cast.store.run_facts(&[RunId::generate(), id]).await;
    assert_eq!(stored, Ok(vec![found.clone()]));
    let Event::TaskRun(ended) = &events[5].event else {
        panic!("{:?}", events[5]);
    };
    assert_eq!(
        (ended.task_run, ended.flow_run, ended.journal),
        (task_run_id, id, id)
    );
    assert_eq!((ended.seq, ended.attempt), (Seq(1), 1));
    assert_eq!(ended.started, Some(at(2)));
    assert_eq!(ended.state.message.as_deref(), Some("it broke"));
    let Event::FlowRun(ended) = &events[6].event else {
        panic!("{:?}", events[6]);
    };
    assert_eq!(ended.state, cast.run(id).await.state);
}

/// Whatever happens to a run is told of as its history has it.
pub async fn each_line_of_history_is_an_event<S: Store>(cast: Cast<S>) {
    let from = newest(&cast).await;
    let mut runs = Vec::new();
    // Paused and resumed, cancelled, cleaned up.
    let lease = cast.running("one").await;
    runs.push(lease.run);
    cast.store.pause(lease.run, at(2)).await.unwrap();
    cast.try_record(lease, |p| p.entries.push(task(1)))
        .await
        .unwrap();
    cast.store.resume(lease.run, at(3)).await.unwrap();
    cast.store.cancel(lease.run, at(4)).await.unwrap();
    let lease = cast.claim_only(4).await.lease;
    cast.end(lease, Ok(json("1")), 5).await;
    // Cancelled before it began.
    let id = cast.create(new_run("two")).await;
    runs.push(id);
    cast.store.cancel(id, at(2)).await.unwrap();
    // Retried by itself and by a person, with a wait in between.
    let lease = cast.running("three").await;
    runs.push(lease.run);
    cast.go_on(lease, |progress| {
        progress.states.push(State::awaiting_retry(at(2)));
        progress.next = Next::Release {
            at: at(2),
            failed: failure().err(),
        };
    })
    .await;
    let lease = cast.claim_only(2).await.lease;
    cast.go_on(lease, |progress| {
        progress.states.push(State::running(2, at(2)));
        progress.entries.push(timer(1, 5));
    })
    .await;
    cast.wait(lease, &[1], 1).await.unwrap();
    cast.store.settle_due(at(5), 9).await.unwrap();
    let lease = cast.claim_only(5).await.lease;
    cast.go_on(lease, |p| p.states.push(State::running(2, at(5))))
        .await;
    cast.end(lease, failure(), 6).await;
    cast.store.retry(lease.run, false, at(7)).await.unwrap();
    // Its workers are lost, and then it is, alone.
    for second in 10..12 {
        let worker = cast.hire("w", 3600).await;
        cast.try_claim(worker, 9, second).await.unwrap();
        cast.store.rescue(&[worker], at(second)).await.unwrap();
    }
    let lease = cast.claim_only(12).await.lease;
    let alone = Why::Alone("its process has ended".to_owned());
    cast.store.give_back(lease, alone, at(13)).await.unwrap();
    let events = read(&cast.store, from, 1000).await;
    for run in runs {
        let history = cast.store.history(run).await.unwrap();
        assert!(
            history.last().unwrap().state.kind.is_terminal(),
            "{history:?}"
        );
        let of_run = events.iter().filter_map(|placed| match &placed.event {
            Event::FlowRun(it) if it.run == run => Some(it),
            _ => None,
        });
        let lines: Vec<_> = of_run.clone().map(|it| it.line).collect();
        assert_eq!(lines, (1..=history.len() as u64).collect::<Vec<_>>());
        let told: Vec<_> = of_run.map(|it| (it.state.clone(), it.attempt)).collect();
        let lines = history.into_iter().map(|line| (line.state, line.attempt));
        assert_eq!(told, lines.collect::<Vec<_>>());
    }
}

pub async fn subflows_and_children_are_told_of<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    let from = newest(&cast).await;
    let part = subflow(lease.run, "part");
    let id = part.id;
    let mut child = new_run("load");
    child.run.parent = Some(lease.run);
    let child_id = child.run.id;
    let mut of_part = task_run(lease.run, 3);
    of_part.flow_run = id;
    cast.go_on(lease, |progress| {
        progress.entries = vec![begun(1, &part), start(2, &child.run)];
        progress.children.push(child);
        progress.subflows.push(SubflowChange::Begin(Box::new(part)));
        progress.task_runs.push(of_part);
        progress.logs = vec![line(id, LogLevel::Info), line(id, LogLevel::Info)];
    })
    .await;
    cast.end(lease, failure(), 5).await;
    assert_eq!(
        told(&cast, from).await,
        [
            "flow Scheduled of load, line 1, attempt 0",
            "subflow Running of part, line 1, attempt 1",
            "task extract-3 Running",
            "2 lines up to INFO",
            "flow Failed, line 4, attempt 1",
            "task extract-3 Failed",
            "subflow Failed, line 2, attempt 1",
        ]
    );
    let events = read(&cast.store, from, 1000).await;
    for placed in &events {
        match &placed.event {
            Event::FlowRun(it) if it.run == id => assert_eq!(it.within, Some(lease.run)),
            Event::FlowRun(it) if it.run == child_id => {
                let facts = it.created.as_deref().unwrap();
                assert_eq!((facts.parent, facts.within), (Some(lease.run), None));
            }
            Event::TaskRun(it) => assert_eq!((it.flow_run, it.journal), (id, lease.run)),
            Event::Log(it) => assert_eq!((it.run, &*it.subflows), (lease.run, &[id][..])),
            _ => {}
        }
    }
}

pub async fn inputs_are_told_of<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    let part = subflow(lease.run, "part");
    let id = part.id;
    let from = newest(&cast).await;
    cast.go_on(lease, |progress| {
        progress.entries = vec![
            begun(1, &part),
            input(2, "given", None),
            input(3, "expired", Some(5)),
            within(1, input(4, "withdrawn", None)),
        ];
        progress.subflows.push(SubflowChange::Begin(Box::new(part)));
    })
    .await;
    let inputs = cast.store.awaited_inputs(lease.run).await.unwrap();
    let (run, given) = (lease.run, inputs[0].id);
    cast.store
        .give_input(run, given, json("true"), at(3))
        .await
        .unwrap();
    cast.store.settle_due(at(5), 9).await.unwrap();
    cast.go_on(lease, |progress| {
        let why = model::Failure::new(model::FailureKind::Cancelled, "not needed");
        progress.settled.push(crate::Settled {
            seq: Seq(4),
            at: at(6),
            settlement: model::Settlement::Input(Err(why)),
        });
    })
    .await;
    assert_eq!(
        told(&cast, from).await,
        [
            "subflow Running of part, line 1, attempt 1",
            "input given Asked",
            "input expired Asked",
            "input withdrawn Asked",
            "input given Given",
            "input expired Expired",
            "input withdrawn Withdrawn",
        ]
    );
    for placed in read(&cast.store, from, 1000).await {
        if let Event::Input(it) = placed.event {
            let asker = if it.key == "withdrawn" { id } else { lease.run };
            assert_eq!((it.run, it.journal), (asker, lease.run));
            let awaited = inputs.iter().find(|input| input.key == it.key);
            assert_eq!(it.input, awaited.unwrap().id);
        }
    }
}

pub async fn what_people_set_up_is_told_of<S: Store>(cast: Cast<S>) {
    let from = newest(&cast).await;
    let mut deployment = deployment("etl/nightly");
    let deploy = async |it| cast.store.deploy(vec![it]).await.unwrap();
    deploy(deployment.clone()).await;
    deploy(deployment.clone()).await;
    deployment.tags.push("new".to_owned());
    deploy(deployment.clone()).await;
    cast.store
        .delete_deployment(&deployment.name)
        .await
        .unwrap();
    cast.store
        .delete_deployment(&deployment.name)
        .await
        .unwrap();
    cast.create_pool("gpu").await;
    let gpu = pool("gpu");
    let change = PoolChange {
        paused: Some(true),
        ..PoolChange::default()
    };
    cast.store.change_pool(&gpu, change).await.unwrap();
    cast.store.delete_pool(&gpu).await.unwrap();
    let w2 = cast.hire("w2", 3600).await;
    let renewed = cast
        .store
        .renew(w2, WorkerUsage::default(), at(1), at(3600));
    renewed.await.unwrap();
    cast.store.sign_off(w2, at(2)).await.unwrap();
    let w3 = cast.hire("w3", 3600).await;
    cast.store.rescue(&[w3], at(3)).await.unwrap();
    assert_eq!(
        told(&cast, from).await,
        [
            "deployment etl/nightly Created",
            "deployment etl/nightly Changed",
            "deployment etl/nightly Deleted",
            "pool gpu Created",
            "pool gpu Changed",
            "pool gpu Deleted",
            "worker w2 Registered",
            "worker w2 SignedOff",
            "worker w3 Registered",
            "worker w3 Lost",
        ]
    );
}

pub async fn what_is_refused_leaves_no_event<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    let from = newest(&cast).await;
    let mut nowhere = new_run("etl");
    nowhere.run.pool = Some(pool("nowhere"));
    let refused = cast.store.create_runs(vec![new_run("etl"), nowhere]).await;
    assert!(refused.is_err());
    let mut stale = lease;
    stale.epoch += 1;
    let refused = cast
        .try_record(stale, |p| p.logs.push(line(stale.run, LogLevel::Info)))
        .await;
    assert!(matches!(refused, Err(StoreError::Stale { .. })));
    // It fails after it has written something.
    let refused = cast
        .try_record(lease, |progress| {
            progress.logs.push(line(lease.run, LogLevel::Info));
            progress.task_runs.push(task_run(lease.run, 1));
            progress.subflows.push(SubflowChange::End {
                run: RunId::generate(),
                state: State::ended(&failure(), at(2)),
                outcome: failure(),
            });
        })
        .await;
    refusal(refused);
    assert_eq!(told(&cast, from).await, [] as [String; 0]);
    assert_eq!(newest(&cast).await, from);
}

pub async fn pages_of_any_size_read_the_same<S: Store>(cast: Cast<S>) {
    let from = newest(&cast).await;
    let runs = (0..5).map(|_| new_run("etl")).collect();
    cast.store.create_runs(runs).await.unwrap();
    for claimed in cast.claim(9, 1).await {
        cast.go_on(claimed.lease, |p| {
            p.states.push(State::running(1, at(1)));
            p.logs.push(line(claimed.run.id, LogLevel::Info));
        })
        .await;
        cast.end(claimed.lease, Ok(json("1")), 2).await;
    }
    let all = read(&cast.store, from, 1000).await;
    assert_eq!(all.len(), 5 * 5);
    for page in [1, 2, 3, 7, 24, 25, 26] {
        assert_eq!(read(&cast.store, from, page).await, all, "pages of {page}");
    }
    // Each event is a place to go on from, in its text form, too.
    for (placed, rest) in all.iter().zip(1..) {
        let cursor = placed.cursor.to_string().parse().unwrap();
        assert_eq!(read(&cast.store, cursor, 1000).await, all[rest..]);
    }
    // Back from the newest, and from each event, it reads the same.
    let whole = read(&cast.store, EventCursor::OLDEST, 1000).await;
    let mut back = whole.clone();
    back.reverse();
    for page in [1, 2, 3, 7, 24, 25, 26, 1000] {
        assert_eq!(read_back(&cast.store, None, page).await, back);
    }
    for (placed, rest) in back.iter().zip(1..) {
        let older = read_back(&cast.store, Some(placed.cursor), 3).await;
        assert_eq!(older, back[rest..]);
    }
    let before_all = read_back(&cast.store, Some(EventCursor::OLDEST), 3).await;
    assert_eq!(before_all, []);
    let places: Vec<_> = all.iter().map(|placed| placed.cursor.place()).collect();
    assert!(places.is_sorted_by(|a, b| a < b), "{places:?}");
    assert_eq!(all.last().unwrap().cursor, newest(&cast).await);
    assert!(
        read(&cast.store, EventCursor::OLDEST, 7)
            .await
            .ends_with(&all)
    );
}

pub async fn a_cursor_that_leads_nowhere_is_too_old<S: Store>(cast: Cast<S>) {
    cast.create(new_run("etl")).await;
    let newest = newest(&cast).await;
    let strange = [
        EventCursor {
            tag: newest.tag ^ 1,
            ..newest
        },
        EventCursor {
            row: newest.row + 1,
            ..newest
        },
        EventCursor {
            row: i64::MAX,
            ..newest
        },
    ];
    for cursor in strange {
        assert_eq!(cast.store.events(cursor, 9).await, Ok(EventPage::TooOld));
        let before = cast.store.events_before(Some(cursor), 9).await;
        assert_eq!(before, Ok(EventPage::TooOld));
    }
}

pub async fn a_long_message_is_cut<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    let from = newest(&cast).await;
    let message = "é".repeat(model::MESSAGE_MAX);
    let outcome = Err(model::Failure::new(model::FailureKind::Error, message));
    cast.end(lease, outcome, 2).await;
    let events = read(&cast.store, from, 9).await;
    let [
        PlacedEvent {
            event: Event::FlowRun(it),
            ..
        },
    ] = &*events
    else {
        panic!("{events:?}");
    };
    let cut = it.state.message.as_deref().unwrap();
    assert!(it.is_cut && cut.len() <= model::MESSAGE_MAX);
    let whole = cast.run(lease.run).await.state.message.unwrap();
    assert!(whole.starts_with(cut) && cut.len() > model::MESSAGE_MAX - 2);
}

/// Whoever waits for the bell before reading misses nothing.
pub async fn a_listener_is_told_of_every_event<S: Store>(cast: Cast<S>) {
    // Far more than it takes: this only keeps a failure from hanging.
    const PATIENCE: Duration = Duration::from_secs(30);
    let deployment = deployment("etl/nightly");
    for turn in 0..4 {
        let mut listener = cast.store.listen(Topic::Change).unwrap();
        match turn {
            0 => drop(cast.store.deploy(vec![deployment.clone()]).await.unwrap()),
            1 => drop(
                cast.store
                    .delete_deployment(&deployment.name)
                    .await
                    .unwrap(),
            ),
            2 => cast.create_pool("gpu").await,
            _ => drop(cast.hire("w2", 3600).await),
        }
        let heard = tokio::time::timeout(PATIENCE, listener.heard());
        heard.await.unwrap();
    }
}

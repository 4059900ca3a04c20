//! Lists, logs and wake-ups.

use std::time::Duration;

use super::cast::*;
use crate::{LogCursor, LogFilter, RunFilter, Store, SubflowChange, TaskRunFilter, Topic};
use model::{
    IdPrefix, LogLevel, LogLine, LogSource, RunId, RunName, Seq, State, StateName, StateType,
    TaskName, TaskRun, TaskRunId,
};

pub async fn a_run_is_found_by_the_beginning_of_its_id_and_by_name<S: Store>(cast: Cast<S>) {
    let mut named = new_run("etl");
    named.run.name = RunName::new("silver-otter").unwrap();
    let named = cast.create(named).await;
    let mut namesake = new_run("etl");
    namesake.run.name = RunName::new("silver-otter").unwrap();
    let namesake = cast.create(namesake).await;
    let find = |text: String, count| {
        let store = &cast.store;
        async move {
            let found = store.find_runs(&IdPrefix(text), count).await.unwrap();
            found.iter().map(|run| run.id).collect::<Vec<_>>()
        }
    };
    assert_eq!(find("silver-otter".to_owned(), 9).await, [namesake, named]);
    assert_eq!(find("silver-otter".to_owned(), 1).await, [namesake]);
    assert_eq!(find(named.to_string(), 9).await, [named]);
    assert_eq!(find(named.0.simple().to_string(), 9).await, [named]);
    // All of these ids begin with the time.
    assert_eq!(
        find(named.to_string()[..2].to_owned(), 9).await,
        [namesake, named]
    );
    assert_eq!(find("gold-otter".to_owned(), 9).await, [] as [RunId; 0]);
}

pub async fn runs_are_listed_newest_first<S: Store>(cast: Cast<S>) {
    let done = cast.running("load").await;
    cast.end(done, Ok(json("1")), 2).await;
    let done = done.run;
    cast.create_pool("gpu").await;
    let mut two = new_run("etl");
    two.run.tags = vec!["red".to_owned(), "blue".to_owned()];
    two.run.pool = Some(pool("gpu"));
    let two = cast.create(two).await;
    let mut three = new_run("etl");
    three.run.parent = Some(done);
    let three = cast.create(three).await;

    let list = |filter: RunFilter| {
        let store = &cast.store;
        async move {
            let runs = store.flow_runs(filter).await.unwrap();
            runs.iter().map(|run| run.id).collect::<Vec<_>>()
        }
    };
    let all = RunFilter::default;
    assert_eq!(list(all()).await, [three, two, done]);
    assert_eq!(list(RunFilter { count: 2, ..all() }).await, [three, two]);
    let states = vec![StateType::Scheduled, StateType::Running];
    assert_eq!(list(RunFilter { states, ..all() }).await, [three, two]);
    let states = vec![StateType::Scheduled, StateType::Completed];
    let both = RunFilter {
        states,
        count: 2,
        ..all()
    };
    assert_eq!(list(both).await, [three, two]);
    let states = vec![StateType::Completed];
    assert_eq!(list(RunFilter { states, ..all() }).await, [done]);
    let etl = Some(flow("etl"));
    assert_eq!(list(RunFilter { flow: etl, ..all() }).await, [three, two]);
    let load = Some("load/load-deployment".parse().unwrap());
    assert_eq!(
        list(RunFilter {
            deployment: load,
            ..all()
        })
        .await,
        [done]
    );
    let gpu = Some(pool("gpu"));
    assert_eq!(
        list(RunFilter {
            pool: gpu.clone(),
            ..all()
        })
        .await,
        [two]
    );
    let parent = Some(done);
    assert_eq!(list(RunFilter { parent, ..all() }).await, [three]);
    let tag = Some("blue".to_owned());
    assert_eq!(
        list(RunFilter {
            tag: tag.clone(),
            ..all()
        })
        .await,
        [two]
    );
    let states = vec![StateType::Scheduled];
    let both = RunFilter {
        tag,
        pool: gpu,
        states,
        ..all()
    };
    assert_eq!(list(both).await, [two]);
}

pub async fn children_are_counted_by_state<S: Store>(cast: Cast<S>) {
    let parent = cast.running("etl").await;
    assert_eq!(cast.store.child_states(parent.run).await, Ok(vec![]));
    for _ in 0..3 {
        let mut child = new_run("load");
        child.run.parent = Some(parent.run);
        cast.create(child).await;
    }
    cast.claim(1, 1).await;
    let expect = vec![(StateType::Scheduled, 2), (StateType::Pending, 1)];
    assert_eq!(cast.store.child_states(parent.run).await, Ok(expect));
}

pub(super) fn task_run(run: RunId, seq: u64) -> TaskRun {
    TaskRun {
        id: TaskRunId::generate(),
        flow_run: run,
        journal: run,
        seq: Seq(seq),
        task: TaskName::new("extract").unwrap(),
        name: format!("extract-{seq}"),
        tags: vec!["io".to_owned()],
        attempt: 1,
        retry_at: None,
        worker: None,
        history: vec![State::running(1, at(2)).into()],
    }
}

pub async fn a_task_that_awaits_its_retry_keeps_its_time<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    let mut task = task_run(lease.run, 1);
    task.history.push(State::awaiting_retry(at(3)).into());
    task.retry_at = Some(at(50));
    cast.go_on(lease, |p| p.task_runs.push(task.clone())).await;
    let found = async || {
        let mut found = cast
            .store
            .task_runs(TaskRunFilter::default())
            .await
            .unwrap();
        found.remove(0)
    };
    let kept = found().await;
    assert_eq!((kept.attempt, kept.retry_at), (1, Some(at(50))));
    assert_eq!(kept.state().name, StateName::AWAITING_RETRY);

    // The run ends without it: then nothing is awaited.
    cast.end(lease, failure(), 4).await;
    let over = found().await;
    assert_eq!((over.attempt, over.retry_at), (1, None));
    assert_eq!(over.state().kind, StateType::Failed);
}

pub async fn task_runs_are_replaced_by_id<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    let inner = subflow(lease.run, "load");
    let mut first = task_run(lease.run, 1);
    let mut second = task_run(lease.run, 2);
    second.flow_run = inner.id;
    let inner_id = inner.id;
    cast.go_on(lease, |progress| {
        progress
            .subflows
            .push(SubflowChange::Begin(Box::new(inner)));
        progress.task_runs = vec![first.clone(), second.clone()];
    })
    .await;
    first.attempt = 2;
    first
        .history
        .push(State::ended(&Ok(json("1")), at(3)).into());
    cast.go_on(lease, |p| p.task_runs.push(first.clone())).await;
    let other = cast.running("other").await;
    let third = task_run(other.run, 1);
    cast.go_on(other, |p| p.task_runs.push(third.clone())).await;

    let check = |filter: TaskRunFilter, expect: Vec<TaskRun>| {
        let store = &cast.store;
        async move {
            let found = store.task_runs(filter).await.unwrap();
            assert_eq!(format!("{found:?}"), format!("{expect:?}"));
        }
    };
    let all = TaskRunFilter::default;
    check(all(), vec![first.clone(), second.clone(), third.clone()]).await;
    check(
        TaskRunFilter { count: 2, ..all() },
        vec![second.clone(), third],
    )
    .await;
    let flow_run = Some(lease.run);
    check(
        TaskRunFilter { flow_run, ..all() },
        vec![first.clone(), second.clone()],
    )
    .await;
    let flow_run = Some(inner_id);
    check(TaskRunFilter { flow_run, ..all() }, vec![second]).await;
    let states = vec![StateType::Completed];
    check(TaskRunFilter { states, ..all() }, vec![first]).await;
    let flow_run = Some(RunId::generate());
    check(TaskRunFilter { flow_run, ..all() }, vec![]).await;
}

fn line(run: RunId, level: LogLevel, message: &str) -> LogLine {
    LogLine {
        run,
        source: LogSource::Flow,
        at: at(2),
        level,
        target: "etl".to_owned(),
        message: message.to_owned(),
    }
}

pub async fn logs_are_read_from_a_cursor_on<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    let other = cast.running("other").await;
    let inner = subflow(lease.run, "load");
    let mut of_task = line(lease.run, LogLevel::Warn, "three");
    of_task.source = LogSource::Task(TaskRunId::generate());
    cast.go_on(lease, |progress| {
        progress.logs = vec![
            line(lease.run, LogLevel::Info, "one"),
            line(inner.id, LogLevel::Debug, "two"),
            of_task.clone(),
        ];
        progress
            .subflows
            .push(SubflowChange::Begin(Box::new(inner)));
    })
    .await;
    cast.go_on(other, |p| {
        p.logs.push(line(other.run, LogLevel::Error, "other"))
    })
    .await;

    let read = |after, level_min, count| {
        let store = &cast.store;
        let filter = LogFilter {
            runs: vec![lease.run],
            after,
            level_min,
            count,
        };
        async move { store.logs(filter).await.unwrap() }
    };
    let messages = |lines: &[(LogCursor, LogLine)]| {
        let messages: Vec<_> = lines.iter().map(|(_, line)| line.message.clone()).collect();
        messages.join(" ")
    };
    let start = LogCursor::default();
    let first = read(start, LogLevel::Trace, 2).await;
    assert_eq!(messages(&first), "one two");
    let rest = read(first[1].0, LogLevel::Trace, 0).await;
    assert_eq!(messages(&rest), "three");
    assert_eq!(format!("{:?}", rest[0].1), format!("{of_task:?}"));
    assert_eq!(messages(&read(start, LogLevel::Info, 0).await), "one three");
    assert!(read(rest[0].0, LogLevel::Trace, 0).await.is_empty());
}

pub async fn a_listener_hears_what_concerns_it<S: Store>(cast: Cast<S>) {
    // Far more than it takes: this only keeps a failure from hanging.
    const PATIENCE: Duration = Duration::from_secs(30);
    let mut ready = cast.store.listen(Topic::Ready).unwrap();
    let mut change = cast.store.listen(Topic::Change).unwrap();
    cast.create(new_run("etl")).await;
    for listener in [&mut ready, &mut change] {
        tokio::time::timeout(PATIENCE, listener.heard())
            .await
            .unwrap();
    }
    let lease = cast.claim_only(0).await.lease;
    cast.go_on(lease, |p| {
        p.logs.push(line(lease.run, LogLevel::Info, "hello"))
    })
    .await;
    tokio::time::timeout(PATIENCE, change.heard())
        .await
        .unwrap();
}

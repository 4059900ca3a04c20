//! Lists, logs and wake-ups.

use std::time::Duration;

use super::cast::*;
use crate::{
    Count, LogFilter, LogPlace, PageRequest, Progress, Store, StoreResult, SubflowChange,
    TaskRunFilter, Topic,
};
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
    // A whole id means its run, whatever others are called.
    let mut pretender = new_run("etl");
    pretender.run.name = RunName::new(named.to_string()).unwrap();
    let pretender = cast.create(pretender).await;
    assert_eq!(find(named.to_string(), 9).await, [named]);
    assert_eq!(find(pretender.to_string(), 9).await, [pretender]);
}

pub async fn a_journal_is_read_in_parts<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    let mut progress = Progress::new(lease);
    progress.entries = (1..=5).map(task).collect();
    cast.store.record(progress).await.unwrap();
    let whole = cast.store.journal(lease.run).await.unwrap();
    assert_eq!(whole.len(), 5);
    let part = async |after: Option<u64>, count| {
        let part = cast.store.journal_part(lease.run, after.map(Seq), count);
        part.await.unwrap()
    };
    assert_eq!(part(None, 9).await, whole);
    assert_eq!(part(None, 2).await, whole[..2]);
    assert_eq!(part(Some(2), 2).await, whole[2..4]);
    assert_eq!(part(Some(4), 2).await, whole[4..]);
    assert_eq!(part(Some(5), 2).await, []);
    let absent = cast.store.journal_part(RunId::generate(), None, 2).await;
    assert_eq!(absent, Ok(vec![]));
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
        let all = TaskRunFilter::default();
        let mut found = cast.store.newest_task_runs(&all, 0).await.unwrap();
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
            let found = store.newest_task_runs(&filter, 0).await.unwrap();
            assert_eq!(shown(&found), shown(&expect));
        }
    };
    let all = TaskRunFilter::default;
    check(all(), vec![first.clone(), second.clone(), third.clone()]).await;
    let flow_run = Some(lease.run);
    check(
        TaskRunFilter { flow_run, ..all() },
        vec![first.clone(), second.clone()],
    )
    .await;
    let flow_run = Some(inner_id);
    check(TaskRunFilter { flow_run, ..all() }, vec![second.clone()]).await;
    let states = vec![StateType::Completed.into()];
    check(TaskRunFilter { states, ..all() }, vec![first.clone()]).await;
    let flow_run = Some(RunId::generate());
    check(TaskRunFilter { flow_run, ..all() }, vec![]).await;

    let newest = cast.store.newest_task_runs(&all(), 2).await.unwrap();
    assert_eq!(shown(&newest), shown(&[second.clone(), third.clone()]));
    let ids = [third.id, TaskRunId::generate(), first.id];
    let found = cast.store.task_runs_by_id(&ids).await.unwrap();
    assert_eq!(shown(&found), shown(&[third, first]));
    let open = async |run| cast.store.open_task_runs(run).await.unwrap();
    assert_eq!(shown(&open(lease.run).await), shown(&[second.clone()]));
    assert_eq!(shown(&open(inner_id).await), shown(&[second]));
    assert_eq!(shown(&open(RunId::generate()).await), "[]");
}

fn shown(tasks: &[TaskRun]) -> String {
    format!("{tasks:?}")
}

pub async fn task_runs_are_listed_page_by_page<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    let other = cast.running("other").await;
    let mut tasks: Vec<TaskRun> = (1..=7).map(|seq| task_run(lease.run, seq)).collect();
    tasks[1].task = TaskName::new("load").unwrap();
    tasks[2].name = "load 50%".to_owned();
    tasks[3].history.push(State::awaiting_retry(at(3)).into());
    let timed_out = Err(model::Failure::new(model::FailureKind::TimedOut, "slow"));
    tasks[4]
        .history
        .push(State::ended(&timed_out, at(3)).into());
    for task in &tasks {
        cast.go_on(lease, |p| p.task_runs.push(task.clone())).await;
        let strange = task_run(other.run, task.seq.0);
        cast.go_on(other, |p| p.task_runs.push(strange)).await;
    }
    let check = |filter: TaskRunFilter, expect: Vec<u64>| {
        let store = &cast.store;
        let filter = TaskRunFilter {
            flow_run: Some(lease.run),
            ..filter
        };
        async move {
            for limit in [1, 2, 3, 9] {
                let newest = PageRequest::newest(limit);
                let mut found = task_pages(store, &filter, newest).await;
                found.reverse();
                assert_eq!(found, expect, "{filter:?}");
                let oldest = PageRequest::oldest(limit);
                assert_eq!(task_pages(store, &filter, oldest).await, expect);
            }
        }
    };
    let all = TaskRunFilter::default;
    let states = |state: &str| TaskRunFilter {
        states: vec![state.parse().unwrap()],
        ..all()
    };
    let text = |text: &str| TaskRunFilter {
        text: Some(text.to_owned()),
        ..all()
    };
    check(all(), vec![1, 2, 3, 4, 5, 6, 7]).await;
    check(states("running"), vec![1, 2, 3, 6, 7]).await;
    check(states("AwaitingRetry"), vec![4]).await;
    check(states("TimedOut"), vec![5]).await;
    check(states("failed"), vec![5]).await;
    check(text("TRACT-6"), vec![6]).await;
    check(text("%"), vec![3]).await;
    check(text(&tasks[5].id.to_string()), vec![6]).await;
    let tasks = vec![TaskName::new("load").unwrap()];
    check(TaskRunFilter { tasks, ..all() }, vec![2]).await;
}

async fn task_pages<S: Store>(
    store: &S,
    filter: &TaskRunFilter,
    mut request: PageRequest,
) -> Vec<u64> {
    let mut found = Vec::new();
    loop {
        let page = store.task_runs(filter, &request).await.unwrap();
        assert!(page.items.len() <= request.limit as usize);
        found.extend(page.items.iter().map(|task| task.seq.0));
        request.from = page.next;
        if request.from.is_none() {
            return found;
        }
    }
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

/// A log with lines of a run, of a subflow within it, of a task, and of another run between.
async fn written<S: Store>(cast: &Cast<S>) -> (RunId, RunId, TaskRunId) {
    let lease = cast.running("etl").await;
    let other = cast.running("other").await;
    let inner = subflow(lease.run, "load");
    let (inner_id, task) = (inner.id, TaskRunId::generate());
    let mut of_task = line(lease.run, LogLevel::Warn, "three");
    of_task.source = LogSource::Task(task);
    of_task.target = "etl::load".to_owned();
    let mut beside = line(lease.run, LogLevel::Error, "five50%");
    beside.target = "etl_more".to_owned();
    cast.go_on(lease, |progress| {
        progress.logs = vec![
            line(lease.run, LogLevel::Info, "one"),
            line(inner_id, LogLevel::Debug, "two"),
            of_task,
        ];
        progress.task_runs.push(TaskRun {
            id: task,
            task: TaskName::new("load").unwrap(),
            ..task_run(lease.run, 1)
        });
        progress
            .subflows
            .push(SubflowChange::Begin(Box::new(inner)));
    })
    .await;
    cast.go_on(other, |p| {
        p.logs.push(line(other.run, LogLevel::Error, "other"))
    })
    .await;
    cast.go_on(lease, |progress| {
        progress.logs = vec![line(inner_id, LogLevel::Info, "Four"), beside];
    })
    .await;
    (lease.run, inner_id, task)
}

/// The messages, page by page.
async fn line_pages<S: Store>(store: &S, filter: &LogFilter, mut request: PageRequest) -> String {
    let mut messages = Vec::new();
    loop {
        let page = store.logs(filter, &request).await.unwrap();
        assert!(page.items.len() <= request.limit as usize);
        messages.extend(page.items.into_iter().map(|(_, line)| line.message));
        request.from = page.next;
        if request.from.is_none() {
            return messages.join(" ");
        }
    }
}

pub async fn a_log_is_read_from_either_end<S: Store>(cast: Cast<S>) {
    let (run, inner, task) = written(&cast).await;
    let all = || LogFilter::of(run);
    let check = |filter: LogFilter, upwards: &'static str| {
        let store = &cast.store;
        async move {
            let mut downwards: Vec<&str> = upwards.split(' ').collect();
            downwards.reverse();
            for limit in [1, 2, 4, 9] {
                let lines = line_pages(store, &filter, PageRequest::oldest(limit)).await;
                assert_eq!(lines, upwards, "{filter:?}");
                let lines = line_pages(store, &filter, PageRequest::newest(limit)).await;
                assert_eq!(lines, downwards.join(" "), "{filter:?}");
            }
            let count = upwards.split(' ').filter(|it| !it.is_empty()).count() as u64;
            let start = LogPlace::default();
            let counted = store.count_logs(&filter, start, 9).await.unwrap();
            assert!(counted.more || counted.count == count, "{filter:?}");
        }
    };
    cast.store
        .logs(&all(), &PageRequest::oldest(9))
        .await
        .unwrap();
    let text = |text: &str| LogFilter {
        text: Some(text.to_owned()),
        ..all()
    };
    check(text("nothing"), "").await;
    check(text("o"), "one two Four").await;
    check(text("four"), "Four").await;
    let targets = |targets: &[&str]| LogFilter {
        targets: targets.iter().map(|it| (*it).to_owned()).collect(),
        ..all()
    };
    check(targets(&["etl"]), "one two three Four").await;
    check(targets(&["etl::load", "none"]), "three").await;
    let level_min = LogLevel::Info;
    check(
        LogFilter {
            level_min,
            ..text("o")
        },
        "one Four",
    )
    .await;
    check(
        LogFilter {
            task_runs: vec![task],
            ..all()
        },
        "three",
    )
    .await;
    let tasks = |tasks: &[&str]| LogFilter {
        tasks: tasks.iter().map(|it| TaskName::new(*it).unwrap()).collect(),
        ..all()
    };
    check(tasks(&["load"]), "three").await;
    check(tasks(&["extract", "load"]), "three").await;
    check(tasks(&["extract"]), "").await;
    check(LogFilter::of(inner), "two Four").await;
    check(LogFilter::of(RunId::generate()), "").await;
    let two = LogFilter {
        runs: vec![inner, run],
        level_min: LogLevel::Warn,
        ..all()
    };
    check(two, "three five50%").await;
    check(text("%"), "five50%").await;
}

pub async fn a_log_goes_on_where_it_ended<S: Store>(cast: Cast<S>) {
    let (run, inner, _) = written(&cast).await;
    let filter = LogFilter::of(run);
    let mut request = PageRequest::oldest(9);
    let mut lines = Vec::new();
    let end = loop {
        let page = cast.store.logs(&filter, &request).await.unwrap();
        lines.extend(page.items);
        request.from = page.next;
        if page.next.is_none() {
            break page.newest;
        }
    };
    let (two, last) = (lines[1].0, lines[4].0);
    assert_eq!(lines[1].1.run, inner);
    assert_eq!(filter.at(last), end);
    // From a line in both directions.
    let request = PageRequest::newer(filter.at(two), 2);
    let after = line_pages(&cast.store, &filter, request).await;
    assert_eq!(after, "three Four five50%");
    let request = PageRequest::older(filter.at(two), 2);
    assert_eq!(line_pages(&cast.store, &filter, request).await, "one");
    let after = |place: LogPlace, max: u64| cast.store.count_logs(&filter, place, max);
    let is = |counted: StoreResult<Count>, expect: Count| {
        let counted = counted.unwrap();
        let gave_up = counted.more && counted.count <= expect.count;
        assert!(counted == expect || gave_up, "{counted:?}");
    };
    is(after(two, 9).await, Count::exactly(3));
    is(after(two, 2).await, Count::up_to(2, 3));
    assert_eq!(after(last, 9).await, Ok(Count::exactly(0)));
    let loud = LogFilter {
        level_min: LogLevel::Error,
        ..filter.clone()
    };
    let strange = cast.store.logs(&loud, &PageRequest::newer(end, 9)).await;
    assert_eq!(strange.unwrap_err(), crate::StoreError::StrangeCursor);

    let more = cast.running("more").await;
    cast.go_on(more, |p| p.logs.push(line(more.run, LogLevel::Info, "x")))
        .await;
    let request = PageRequest::newer(end, 9);
    assert_eq!(line_pages(&cast.store, &filter, request).await, "");
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

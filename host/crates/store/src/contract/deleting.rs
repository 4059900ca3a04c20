//! Deleting runs that are over.

use super::cast::*;
use crate::{
    EventPage, LogFilter, Missing, PageRequest, RunFilter, Store, StoreError, SubflowChange,
    TallyFilter, Tallying, TaskRunFilter,
};
use model::{
    Event, LogLevel, LogLine, LogSource, RunId, Seq, State, StateType, TaskName, TaskRun, TaskRunId,
};

fn line(run: RunId) -> LogLine {
    LogLine {
        run,
        source: LogSource::Flow,
        at: at(2),
        level: LogLevel::Info,
        target: "etl".to_owned(),
        message: "hello".to_owned(),
    }
}

fn task_run(run: RunId) -> TaskRun {
    TaskRun {
        id: TaskRunId::generate(),
        flow_run: run,
        journal: run,
        seq: Seq(1),
        task: TaskName::new("extract").unwrap(),
        name: "extract-0".to_owned(),
        tags: Vec::new(),
        attempt: 1,
        retry_at: None,
        worker: None,
        history: vec![State::running(1, at(2)).into()],
    }
}

/// A run that has failed and had a task, a log, a request, a subflow and a child.
async fn failed<S: Store>(cast: &Cast<S>) -> (RunId, RunId, RunId, TaskRunId) {
    let lease = cast.running("etl").await;
    let inner = subflow(lease.run, "inner");
    let mut child = new_run("load");
    child.run.parent = Some(lease.run);
    let (inner_id, child_id) = (inner.id, child.run.id);
    let task_run = task_run(lease.run);
    let task_id = task_run.id;
    cast.go_on(lease, |progress| {
        progress.entries = vec![
            task(1),
            begun(2, &inner),
            start(3, &child.run),
            input(4, "approval", None),
        ];
        progress.logs = vec![line(lease.run), line(inner.id)];
        let begun = SubflowChange::Begin(Box::new(inner));
        progress.subflows.push(begun);
        progress.children.push(child);
        progress.task_runs.push(task_run);
    })
    .await;
    cast.end(lease, failure(), 5).await;
    (lease.run, inner_id, child_id, task_id)
}

pub async fn a_run_is_deleted_with_all_that_belongs_to_it<S: Store>(cast: Cast<S>) {
    let (run, inner, child, task) = failed(&cast).await;
    let (other, ..) = failed(&cast).await;
    let tallies = || {
        let tallying = Tallying {
            filter: TallyFilter::default(),
            from: at(-3_600),
            to: at(3_600),
            bins: 1,
        };
        let store = &cast.store;
        async move { store.tallies(&tallying).await.unwrap() }
    };
    let counted = tallies().await;
    assert!(!counted.sum().is_empty());
    assert_eq!(cast.store.delete_runs(&[run]).await, Ok(vec![Ok(())]));

    let store = &cast.store;
    for gone in [run, inner] {
        assert!(store.flow_run(gone).await.unwrap().is_none());
        assert!(store.history(gone).await.unwrap().is_empty());
        assert!(store.journal(gone).await.unwrap().is_empty());
        let (lines, page) = (LogFilter::of(gone), PageRequest::oldest(9));
        assert!(store.logs(&lines, &page).await.unwrap().items.is_empty());
        let missing = Err(StoreError::NotFound(Missing::Run(gone)));
        assert_eq!(store.awaited_inputs(gone).await, missing);
    }
    assert!(store.task_runs_by_id(&[task]).await.unwrap().is_empty());
    let listed = store.newest_flow_runs(&RunFilter::default(), 0).await;
    let listed: Vec<_> = listed.unwrap().into_iter().map(|run| run.id).collect();
    assert!(!listed.contains(&run) && !listed.contains(&inner));
    assert_eq!(store.failed_since(at(0), 9).await.unwrap().len(), 1);

    // What belongs to others stays, and whatever it has started.
    assert!(listed.contains(&child) && listed.contains(&other));
    assert_eq!(cast.run(child).await.parent, Some(run));
    assert_eq!(store.journal(other).await.unwrap().len(), 4);
    let tasks = TaskRunFilter::default();
    let tasks = store.newest_task_runs(&tasks, 0).await.unwrap();
    assert!(tasks.iter().all(|task| task.flow_run == other) && !tasks.is_empty());
    assert_eq!(tallies().await, counted);
}

pub async fn only_what_is_over_is_deleted<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    let inner = subflow(lease.run, "inner");
    let inner_id = inner.id;
    cast.go_on(lease, |progress| {
        let begun = SubflowChange::Begin(Box::new(inner));
        progress.subflows.push(begun);
    })
    .await;
    let (over, ..) = failed(&cast).await;
    let strange = RunId::generate();
    let runs = [lease.run, over, inner_id, strange, over];
    let deleted = cast.store.delete_runs(&runs);
    let gone = |run| Err(StoreError::NotFound(Missing::Run(run)));
    let expect = vec![
        Err(StoreError::NotOver {
            run: lease.run,
            state: StateType::Running,
        }),
        Ok(()),
        Err(StoreError::Subflow {
            run: inner_id,
            within: lease.run,
        }),
        gone(strange),
        gone(over),
    ];
    assert_eq!(deleted.await, Ok(expect));
    assert_eq!(cast.state(lease.run).await, StateType::Running);
    assert_eq!(cast.store.delete_runs(&[]).await, Ok(vec![]));
}

pub async fn a_child_lives_on_without_the_run_that_started_it<S: Store>(cast: Cast<S>) {
    let (run, _, child, _) = failed(&cast).await;
    cast.store.delete_runs(&[run]).await.unwrap()[0]
        .clone()
        .unwrap();
    let lease = cast.claim_only(10).await.lease;
    assert_eq!(lease.run, child);
    cast.go_on(lease, |p| p.states.push(State::running(1, at(11))))
        .await;
    cast.end(lease, Ok(json("1")), 12).await;
    assert_eq!(cast.state(child).await, StateType::Completed);
}

pub async fn the_key_of_a_deleted_run_is_free<S: Store>(cast: Cast<S>) {
    let keyed = || {
        let mut new = new_run("etl");
        new.idempotency_key = Some("once".to_owned());
        new
    };
    let first = cast.create(keyed()).await;
    cast.store.cancel(first, at(1)).await.unwrap();
    let again = cast.store.create_runs(vec![keyed()]).await.unwrap();
    assert_eq!(again[0].id, first);
    assert_eq!(cast.store.delete_runs(&[first]).await, Ok(vec![Ok(())]));
    let second = cast.create(keyed()).await;
    assert_ne!(second, first);
}

/// The last run may go, and what comes next is still newer than it.
pub async fn what_comes_after_a_deleted_run_is_newer<S: Store>(cast: Cast<S>) {
    let filter = RunFilter::default();
    let (one, ..) = failed(&cast).await;
    let mut last = Vec::new();
    for _ in 0..3 {
        let id = cast.create(new_run("etl")).await;
        cast.store.cancel(id, at(9)).await.unwrap();
        last.push(id);
    }
    let newest = PageRequest::newest(9);
    let mut seen = cast.store.flow_runs(&filter, &newest).await.unwrap();
    while let Some(next) = seen.next {
        let request = PageRequest::older(next, 9);
        let page = cast.store.flow_runs(&filter, &request).await.unwrap();
        seen.next = page.next;
    }
    let deleted = cast.store.delete_runs(&last).await.unwrap();
    assert!(deleted.iter().all(Result::is_ok));
    assert!(cast.store.flow_runs_by_id(&last).await.unwrap().is_empty());
    let newer = || {
        let request = PageRequest::newer(seen.newest, 9);
        let (store, filter) = (&cast.store, &filter);
        async move {
            let page = store.flow_runs(filter, &request).await.unwrap();
            page.items.iter().map(|run| run.id).collect::<Vec<_>>()
        }
    };
    assert_eq!(newer().await, [] as [RunId; 0]);
    let next = cast.create(new_run("etl")).await;
    assert_eq!(newer().await, [next]);
    cast.store.cancel(next, at(9)).await.unwrap();
    cast.store.delete_runs(&[next, one]).await.unwrap();
    assert_eq!(newer().await, [] as [RunId; 0]);
    let another = cast.create(new_run("etl")).await;
    assert_eq!(newer().await, [another]);
}

pub async fn a_deletion_is_told_of<S: Store>(cast: Cast<S>) {
    let (run, inner, child, _) = failed(&cast).await;
    cast.store.cancel(child, at(6)).await.unwrap();
    let cursor = cast.store.newest_event().await.unwrap();
    let deleted = cast.store.delete_runs(&[child, run]).await.unwrap();
    assert!(deleted.iter().all(Result::is_ok));
    let EventPage::Events { events, .. } = cast.store.events(cursor, 9).await.unwrap() else {
        panic!("the events are known");
    };
    let told: Vec<_> = events.into_iter().map(|placed| placed.event).collect();
    let gone = |run, parent, within| Event::RunDeleted {
        run,
        parent,
        within,
    };
    let expect = [
        gone(child, Some(run), None),
        gone(inner, Some(run), Some(run)),
        gone(run, None, None),
    ];
    assert_eq!(told, expect);
}

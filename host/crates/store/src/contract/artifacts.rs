//! Artifacts: what runs make for people to look at.

use super::cast::*;
use crate::{ArtifactPlace, ArtifactsOf, Store, StoredArtifact, SubflowChange};
use model::{
    Artifact, ArtifactId, ArtifactKey, ArtifactKind, Event, EventCursor, Json, Lease, RunId, Seq,
    State, TaskName, TaskRun, TaskRunId,
};

fn artifact(run: RunId, key: &str, value: &str) -> Artifact {
    Artifact {
        id: ArtifactId::generate(),
        key: ArtifactKey::new(key).unwrap(),
        kind: ArtifactKind::Markdown,
        description: None,
        data: Json::string(value),
        run,
        task_run: None,
        at: at(2),
    }
}

/// `orders: one` for each.
fn words(found: &[StoredArtifact]) -> Vec<String> {
    let word = |it: &StoredArtifact| {
        let data = it.data.as_ref().map_or("…".to_owned(), Json::to_string);
        format!("{}: {data}", it.key)
    };
    found.iter().map(word).collect()
}

async fn make<S: Store>(cast: &Cast<S>, lease: Lease, artifacts: Vec<Artifact>) {
    cast.go_on(lease, |progress| progress.artifacts = artifacts)
        .await;
}

async fn latest<S: Store>(cast: &Cast<S>, after: Option<&str>, count: u32) -> Vec<String> {
    let after = after.map(|key| ArtifactKey::new(key).unwrap());
    let found = cast.store.latest_artifacts(after.as_ref(), count).await;
    words(&found.unwrap())
}

async fn of<S: Store>(cast: &Cast<S>, of: ArtifactsOf) -> Vec<StoredArtifact> {
    cast.store.artifacts(&of, None, 100).await.unwrap()
}

pub async fn artifacts_of_a_key_are_its_versions<S: Store>(cast: Cast<S>) {
    let (one, two) = (cast.running("etl").await, cast.running("load").await);
    make(&cast, one, vec![artifact(one.run, "orders", "1")]).await;
    make(
        &cast,
        two,
        vec![
            artifact(two.run, "orders", "2"),
            artifact(two.run, "Chart", "3"),
            artifact(two.run, "über", "4"),
        ],
    )
    .await;
    make(&cast, one, vec![artifact(one.run, "orders", "5")]).await;

    // By key, whatever the letters; each once.
    let all = [r#"Chart: "3""#, r#"orders: "5""#, r#"über: "4""#];
    assert_eq!(latest(&cast, None, 9).await, all);
    assert_eq!(latest(&cast, None, 2).await, all[..2]);
    assert_eq!(latest(&cast, Some("Chart"), 1).await, all[1..2]);
    assert_eq!(latest(&cast, Some("orders"), 9).await, all[2..]);
    assert_eq!(latest(&cast, Some("über"), 9).await, [""; 0]);

    let key = || ArtifactsOf::Key(ArtifactKey::new("orders").unwrap());
    let versions = of(&cast, key()).await;
    assert_eq!(
        words(&versions),
        [r#"orders: "5""#, r#"orders: "2""#, r#"orders: "1""#]
    );
    let runs: Vec<_> = versions.iter().map(|it| it.flow.as_str()).collect();
    assert_eq!(runs, ["etl", "load", "etl"]);
    let before = Some(versions[0].place);
    let next = cast.store.artifacts(&key(), before, 1).await.unwrap();
    assert_eq!(next, versions[1..2]);
    let first = Some(ArtifactPlace(0));
    assert_eq!(cast.store.artifacts(&key(), first, 9).await, Ok(vec![]));
}

pub async fn an_artifact_reads_back_as_it_was_made<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    let task_run = TaskRun {
        id: TaskRunId::generate(),
        flow_run: lease.run,
        journal: lease.run,
        seq: Seq(1),
        task: TaskName::new("extract").unwrap(),
        name: "extract-0".to_owned(),
        tags: Vec::new(),
        attempt: 1,
        retry_at: None,
        worker: None,
        history: vec![State::running(1, at(2)).into()],
    };
    let made = Artifact {
        kind: ArtifactKind::Table,
        description: Some("of\ttoday".to_owned()),
        data: Json::parse(format!(r#"[{{"n":1.50,"text":"{}"}}]"#, "x".repeat(2000))).unwrap(),
        task_run: Some(task_run.id),
        ..artifact(lease.run, "orders", "")
    };
    let other = artifact(lease.run, "orders", "by the flow");
    let task = task_run.id;
    cast.go_on(lease, |progress| {
        progress.task_runs.push(task_run);
        progress.artifacts = vec![made.clone(), other.clone()];
    })
    .await;
    let found = cast.store.artifact(made.id).await.unwrap().unwrap();
    let run = cast.run(lease.run).await;
    assert_eq!(
        found,
        StoredArtifact {
            place: found.place,
            id: made.id,
            key: made.key,
            kind: made.kind,
            description: made.description,
            size: made.data.as_str().len() as u64,
            data: Some(made.data),
            run: lease.run,
            run_name: run.name,
            flow: run.flow,
            task_run: Some(task),
            at: made.at,
        }
    );
    // A listing leaves out what is large.
    let listed = StoredArtifact {
        data: None,
        ..found
    };
    let of_task = of(&cast, ArtifactsOf::TaskRun(task)).await;
    assert_eq!(of_task, std::slice::from_ref(&listed));
    let all = of(&cast, ArtifactsOf::Run(lease.run)).await;
    assert_eq!(all[1], listed);
    assert_eq!((all.len(), all[0].id), (2, other.id));
    assert_eq!(cast.store.artifact(ArtifactId::generate()).await, Ok(None));
}

pub async fn a_later_value_takes_the_place_of_an_earlier_one<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    let half = Artifact {
        kind: ArtifactKind::Progress,
        data: Json::trusted("50"),
        ..artifact(lease.run, "load", "")
    };
    let whole = Artifact {
        data: Json::trusted("100"),
        description: Some("done".to_owned()),
        at: at(3),
        ..half.clone()
    };
    make(&cast, lease, vec![half.clone()]).await;
    make(&cast, lease, vec![artifact(lease.run, "load", "after it")]).await;
    make(&cast, lease, vec![whole.clone()]).await;
    let found = of(&cast, ArtifactsOf::Run(lease.run)).await;
    assert_eq!(words(&found), [r#"load: "after it""#, "load: 100"]);
    assert_eq!((found[1].id, found[1].at), (half.id, at(3)));
    assert_eq!(found[1].description, whole.description);
}

pub async fn artifacts_go_with_their_run<S: Store>(cast: Cast<S>) {
    let stays = cast.running("load").await;
    make(&cast, stays, vec![artifact(stays.run, "orders", "1")]).await;
    let lease = cast.running("etl").await;
    let inner = subflow(lease.run, "inner");
    let inside = inner.id;
    cast.go_on(lease, |progress| {
        progress.entries = vec![begun(1, &inner)];
        progress.artifacts = vec![
            artifact(lease.run, "orders", "2"),
            artifact(inside, "inner", "3"),
        ];
        progress
            .subflows
            .push(SubflowChange::Begin(Box::new(inner)));
    })
    .await;
    cast.end(lease, failure(), 5).await;
    // Of a run with its subflows, and of the subflow alone.
    let all = of(&cast, ArtifactsOf::Run(lease.run)).await;
    assert_eq!(words(&all), [r#"inner: "3""#, r#"orders: "2""#]);
    let within = of(&cast, ArtifactsOf::Run(inside)).await;
    assert_eq!((within.len(), within[0].run), (1, inside));

    let deleted = cast.store.delete_runs(&[lease.run]).await.unwrap();
    assert_eq!(deleted, [Ok(())]);
    assert_eq!(latest(&cast, None, 9).await, [r#"orders: "1""#]);
    assert_eq!(of(&cast, ArtifactsOf::Run(lease.run)).await, []);
    assert_eq!(cast.store.artifact(all[0].id).await, Ok(None));
}

pub async fn whoever_follows_hears_of_an_artifact<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    let from = cast.store.newest_event().await.unwrap();
    let made = artifact(lease.run, "orders", "1");
    make(&cast, lease, vec![made.clone()]).await;
    let told: Vec<Event> = super::events::read(&cast.store, from, 9)
        .await
        .into_iter()
        .map(|it| it.event)
        .collect();
    let [Event::Artifact(event)] = &told[..] else {
        panic!("{told:?}");
    };
    assert_eq!((event.artifact, event.kind), (made.id, made.kind));
    assert_eq!((event.run, event.journal), (lease.run, lease.run));
    assert_eq!(event.key, made.key);
    assert_ne!(from, EventCursor::OLDEST);
}

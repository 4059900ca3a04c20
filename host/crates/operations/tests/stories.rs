//! Operations on a store of SQLite: what they change, what they refuse, and that a refusal
//! changes nothing.

extern crate orch_host_operations as operations;

use std::sync::Arc;

use model::{
    AwaitedInput, Component, Digest, FlowDescription, FlowOptions, FlowRun, Grants, IdPrefix, Json,
    Lease, LogLevel, LogLine, LogSource, Manifest, PoolName, RunId, Schema, StateType,
};
use operations::control::{self, Cancelled, ControlRefusal};
use operations::deploy::{self, DeployRefusal, Wish};
use operations::follow::{Event, Executes, Follow, Interest, Speaker, States, Stuck};
use operations::inputs::{self, GiveRefusal};
use operations::resolve::{self, ResolveRefusal};
use operations::start::{self, StartRefusal, Startable};
use operations::{FreshIds, inspect};
use orchestrator::Start;
use store::contract::{Cast, cast};
use store::{Deployed, NewRun, PoolChange, Reading as _, Recorded, Runs as _};
use store_sqlite::SqliteStore;
use tempfile::TempDir;

/// A store that lasts as long as its directory.
struct Ground {
    cast: Cast<SqliteStore>,
    store: Arc<SqliteStore>,
    _dir: TempDir,
}

async fn ground() -> Ground {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path().join("orch.db")).unwrap();
    Ground {
        cast: Cast::on(store.clone()).await,
        store: Arc::new(store),
        _dir: dir,
    }
}

impl Ground {
    /// A run that waits for inputs, each a boolean, as calls 1 and up.
    async fn suspended(&self, keys: &[&str]) -> (Lease, FlowRun) {
        let lease = self.cast.running("etl").await;
        let inputs = (1..).zip(keys);
        self.cast
            .go_on(lease, |progress| {
                progress.entries = inputs
                    .map(|(seq, key)| cast::input(seq, key, None))
                    .collect();
            })
            .await;
        let all: Vec<u64> = (1..).take(keys.len()).collect();
        let waits = self.cast.wait(lease, &all, 1).await;
        assert_eq!(waits, Ok(Recorded::Done));
        (lease, self.cast.run(lease.run).await)
    }

    async fn awaited(&self, run: RunId) -> Vec<AwaitedInput> {
        self.store.awaited_inputs(run).await.unwrap()
    }

    /// Deploys `flows` of a component, which take an integer `n`.
    async fn deploy(&self, flows: &[&str], wish: &Wish) -> Result<Vec<Deployed>, DeployRefusal> {
        let component = component(flows);
        let flows = component.manifest.flows.iter();
        let flows: Vec<_> = flows
            .map(|flow| (flow.clone(), Json::empty_object()))
            .collect();
        let bytes = b"another".to_vec();
        let deployed = deploy::deploy(&*self.store, component, bytes, &flows, wish).await?;
        Ok(deployed.into_iter().map(|it| it.outcome).collect())
    }
}

fn component(flows: &[&str]) -> Component {
    let flows = flows.iter().map(|name| FlowDescription {
        name: name.parse().unwrap(),
        description: None,
        version: None,
        schema: Schema {
            parameters: Json::trusted(
                r#"{"type": "object", "additionalProperties": false, "required": ["n"],
                    "properties": {"n": {"type": "integer"}}}"#,
            ),
            result: Json::trusted("true"),
        },
        options: FlowOptions::default(),
    });
    Component {
        digest: Digest::of(b"another"),
        manifest: Manifest {
            flows: flows.collect(),
            tasks: Vec::new(),
        },
        size: 7,
        created: cast::at(0),
    }
}

fn wish(name: Option<&str>) -> Wish {
    Wish {
        name: name.map(str::to_owned),
        pool: PoolName::default_pool(),
        work_queue: None,
        priority: None,
        concurrency: None,
        limits: None,
        tags: Vec::new(),
        grants: Grants::default(),
        description: None,
    }
}

#[tokio::test]
async fn input_that_does_not_fit_changes_nothing() {
    let ground = ground().await;
    let (lease, run) = ground.suspended(&["ok"]).await;
    let store = &*ground.store;
    let input = inputs::choose(store, &run, None).await.unwrap();
    let before = (store.journal(run.id).await, ground.awaited(run.id).await);

    let refused = inputs::give(store, &run, &input, Json::trusted("7")).await;
    assert!(
        matches!(refused, Err(GiveRefusal::Misfit { .. })),
        "{refused:?}"
    );
    let after = (store.journal(run.id).await, ground.awaited(run.id).await);
    assert_eq!(after, before);
    assert_eq!(ground.cast.run(run.id).await.state, run.state);
    assert!(ground.cast.claim(9, i64::MAX / 2_000_000).await.is_empty());

    let given = inputs::give(store, &run, &input, Json::trusted("true")).await;
    assert!(given.is_ok(), "{given:?}");
    assert_eq!(ground.cast.settled(lease.run, &[1]).await, [1]);
    let again = inputs::give(store, &run, &input, Json::trusted("true")).await;
    assert!(
        matches!(again, Err(GiveRefusal::TooLate { .. })),
        "{again:?}"
    );
}

#[tokio::test]
async fn a_run_that_waits_for_input_is_resumed_by_giving_it() {
    let ground = ground().await;
    let (_, run) = ground.suspended(&["first", "second"]).await;
    let refused = control::resume(&*ground.store, &run).await;
    let Err(ControlRefusal::WaitsForInput { awaited, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(awaited.len(), 2);
    assert_eq!(ground.cast.run(run.id).await.state, run.state);

    // A paused one goes on without.
    let paused = control::pause(&*ground.store, &run).await.unwrap();
    assert_eq!(paused.state.kind, StateType::Paused);
    let resumed = control::resume(&*ground.store, &paused).await.unwrap();
    assert_ne!(resumed.state.kind, StateType::Paused);
}

#[tokio::test]
async fn a_run_is_cancelled_once_and_retried_when_it_is_over() {
    let ground = ground().await;
    let id = ground.cast.create(cast::new_run("etl")).await;
    let run = ground.cast.run(id).await;
    let cancelled = control::cancel(&*ground.store, &run).await.unwrap();
    assert_eq!(cancelled, Cancelled::AtOnce);
    let again = control::cancel(&*ground.store, &run).await;
    let Err(ControlRefusal::Over { state, .. }) = again else {
        panic!("{again:?}");
    };
    assert_eq!(state.kind, StateType::Cancelled);
    let retried = control::retry(&*ground.store, &run, false).await.unwrap();
    assert_eq!(retried.state.kind, StateType::Scheduled);
}

#[tokio::test]
async fn a_slip_is_refused_with_what_is_near() {
    let ground = ground().await;
    ground.deploy(&["extract"], &wish(None)).await.unwrap();
    let store = &*ground.store;
    let found = resolve::deployment(store, "extract").await.unwrap();
    assert_eq!(found.name.to_string(), "extract/extract-deployment");

    let refused = resolve::deployment(store, "extract/extract-deploymnt").await;
    let Err(ResolveRefusal::NoDeployment { nearest, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(nearest, Some(found.name.clone()));
    let refused = resolve::deployment(store, "extrct").await;
    let Err(ResolveRefusal::NoDeployedFlow { nearest, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(nearest, Some(found.name.flow.clone()));
    let refused = resolve::deployment(store, "extract-deployment").await;
    let Err(ResolveRefusal::NotAFlow { deployment, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(deployment, found.name);

    ground
        .deploy(&["extract"], &wish(Some("nightly")))
        .await
        .unwrap();
    let refused = resolve::deployment(store, "extract").await;
    let Err(ResolveRefusal::SeveralDeployments { found, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(found.len(), 2);

    let refused = resolve::pool(store, &"default-pol".parse().unwrap()).await;
    let Err(ResolveRefusal::NoPool { nearest, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(nearest, Some(PoolName::default_pool()));
}

#[tokio::test]
async fn a_name_that_several_runs_have_lists_the_newest() {
    let ground = ground().await;
    for _ in 0..12 {
        let mut new = cast::new_run("etl");
        new.run.name = "otter".parse().unwrap();
        ground.cast.create(new).await;
    }
    let refused = resolve::run(&*ground.store, &IdPrefix("otter".to_owned())).await;
    let Err(ResolveRefusal::SeveralRuns { found, more, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!((found.len(), more), (10, true));
    let id = IdPrefix(found[0].id.to_string());
    let run = resolve::run(&*ground.store, &id).await.unwrap();
    assert_eq!(run.id, found[0].id);
}

#[tokio::test]
async fn deploying_is_all_or_none_and_twice_is_once() {
    let ground = ground().await;
    let twice = ground.deploy(&["a", "b"], &wish(None)).await.unwrap();
    assert_eq!(twice, [Deployed::Created, Deployed::Created]);
    let twice = ground.deploy(&["a", "b"], &wish(None)).await.unwrap();
    assert_eq!(twice, [Deployed::Unchanged, Deployed::Unchanged]);

    let refused = ground.deploy(&["c"], &wish(Some("a/b"))).await;
    assert!(
        matches!(refused, Err(DeployRefusal::Name(_))),
        "{refused:?}"
    );
    let refused = resolve::deployment(&*ground.store, "c").await;
    assert!(matches!(
        refused,
        Err(ResolveRefusal::NoDeployedFlow { .. })
    ));
}

#[tokio::test]
async fn a_key_starts_one_run_and_what_does_not_fit_starts_none() {
    let ground = ground().await;
    ground.deploy(&["etl"], &wish(None)).await.unwrap();
    let store = &*ground.store;
    let details = inspect::deployment(store, "etl").await.unwrap();
    assert_eq!(details.flow.name.as_str(), "etl");
    let startable = Startable::of_deployment(store, details.deployment).await;
    let startable = startable.unwrap();
    let run = |parameters: &str| {
        let now = cast::at(5);
        let start = Start::now(&mut FreshIds, Json::trusted(parameters), now);
        startable.run(start, now)
    };
    let refused = run(r#"{"m": 1}"#);
    assert!(matches!(refused, Err(StartRefusal::Parameters { .. })));

    let new = || NewRun {
        run: run(r#"{"n": 1}"#).unwrap(),
        idempotency_key: Some("once".to_owned()),
        instead_of: None,
        reserved_for: None,
    };
    let first = start::create(store, new()).await.unwrap();
    let second = start::create(store, new()).await.unwrap();
    assert_eq!((first.is_new, second.is_new), (true, false));
    assert_eq!(first.run.id, second.run.id);
}

#[tokio::test]
async fn what_is_followed_is_told_in_order() {
    let ground = ground().await;
    let lease = ground.cast.running("etl").await;
    ground
        .cast
        .go_on(lease, |progress| {
            progress.logs.push(LogLine {
                run: lease.run,
                source: LogSource::Flow,
                at: cast::at(2),
                level: LogLevel::Info,
                target: "etl".to_owned(),
                message: "half of it".to_owned(),
            });
        })
        .await;
    ground.cast.end(lease, Ok(Json::null()), 3).await;
    let interest = Interest::All {
        states: States::All,
        executes: Executes::AWorker,
    };
    let store = Arc::clone(&ground.store);
    let mut follow = Follow::new(store, lease.run, LogLevel::Info, interest);
    let name = ground.cast.run(lease.run).await.name.to_string();
    let mut told = Vec::new();
    loop {
        match follow.next().await.unwrap() {
            Event::State { state, .. } => told.push(state.name.to_string()),
            Event::Lines(lines) => {
                assert_eq!(lines[0].speaker, Speaker::Flow(name.clone()));
                told.extend(lines.into_iter().map(|line| line.line.message));
            }
            Event::Ended(run) => {
                told.push(format!("ended {}", run.state.kind));
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(
        told,
        [
            "Scheduled",
            "Pending",
            "Running",
            "half of it",
            "Completed",
            "ended COMPLETED"
        ]
    );
}

#[tokio::test]
async fn a_run_in_a_paused_pool_is_told_of_once() {
    let ground = ground().await;
    let paused = PoolChange {
        paused: Some(true),
        limit: None,
    };
    ground.cast.change_default_pool(paused).await;
    let id = ground.cast.create(cast::new_run("etl")).await;
    let interest = Interest::All {
        states: States::Latest,
        executes: Executes::AWorker,
    };
    let store = Arc::clone(&ground.store);
    let mut follow = Follow::new(store, id, LogLevel::Info, interest);
    assert!(matches!(follow.next().await, Ok(Event::State { .. })));
    let stuck = follow.next().await.unwrap();
    let Event::Stuck(pool, Stuck::Paused) = stuck else {
        panic!("{stuck:?}");
    };
    assert_eq!(pool, PoolName::default_pool());

    let run = ground.cast.run(id).await;
    control::cancel(&*ground.store, &run).await.unwrap();
    assert!(matches!(follow.next().await, Ok(Event::State { .. })));
    assert!(matches!(follow.next().await, Ok(Event::Ended(_))));
    assert!(ground.store.flow_run(id).await.unwrap().is_some());
}

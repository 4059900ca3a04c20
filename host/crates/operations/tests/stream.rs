//! Following the stream of events in one process: each event once and in order, for many, for
//! slow ones, and for those who come back.

extern crate orch_host_operations as operations;

use std::sync::Arc;
use std::time::Duration;

use model::{Event, EventCursor, Lease, LogLevel, LogLine, LogSource, PlacedEvent, RunId, State};
use operations::stream::{Heard, Hub, Scope, Subscription, Told};
use store::contract::cast::{at, json, new_run, subflow};
use store::contract::{Cast, events::read};
use store::{Events as _, PoolChange, Reading as _, SubflowChange};
use store_sqlite::SqliteStore;
use tempfile::TempDir;

/// Far more than it takes: it only keeps a failure from hanging.
const PATIENCE: Duration = Duration::from_secs(60);

struct Ground {
    cast: Arc<Cast<SqliteStore>>,
    hub: Arc<Hub>,
    dir: TempDir,
}

async fn ground() -> Ground {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path().join("orch.db")).unwrap();
    Ground {
        cast: Arc::new(Cast::on(store.clone()).await),
        hub: Hub::new(Arc::new(store)),
        dir,
    }
}

impl Ground {
    async fn newest(&self) -> EventCursor {
        self.cast.store.newest_event().await.unwrap()
    }

    async fn follow(&self, scope: Scope, from: EventCursor) -> Follower {
        let subscription = self.hub.subscribe(scope, from).await.unwrap();
        Follower {
            subscription,
            heard: Vec::new(),
        }
    }

    /// A run that says `count` things, a commit each.
    async fn talk(&self, lease: Lease, count: usize) {
        for _ in 0..count {
            self.cast
                .go_on(lease, |p| p.logs.push(line(lease.run)))
                .await;
        }
    }
}

/// Collects what a subscription hears.
struct Follower {
    subscription: Subscription,
    heard: Vec<Arc<Told>>,
}

impl Follower {
    async fn next(&mut self) -> Heard {
        let next = tokio::time::timeout(PATIENCE, self.subscription.next());
        next.await.expect("something is heard").unwrap()
    }

    /// Until it has heard so many events.
    async fn until(&mut self, count: usize) -> Vec<PlacedEvent> {
        while self.heard.len() < count {
            match self.next().await {
                Heard::Events(events) => self.heard.extend(events.iter().cloned()),
                Heard::Reset => panic!("reset"),
            }
        }
        self.placed()
    }

    fn placed(&self) -> Vec<PlacedEvent> {
        self.heard.iter().map(|told| told.placed.clone()).collect()
    }

    /// Whether nothing is ready to be heard.
    async fn is_quiet(&mut self) -> bool {
        let next = tokio::time::timeout(Duration::from_millis(50), self.subscription.next());
        next.await.is_err()
    }
}

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

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whenever_one_begins_to_follow_there_is_no_gap_and_no_duplicate() {
    let ground = ground().await;
    let from = ground.newest().await;
    let cast = Arc::clone(&ground.cast);
    const RUNS: usize = 100;
    let writing = tokio::spawn(async move {
        for _ in 0..RUNS {
            let id = cast.create(new_run("etl")).await;
            let lease = cast.claim_only(1).await.lease;
            cast.go_on(lease, |progress| {
                progress.states.push(State::running(1, at(1)));
                progress.logs.push(line(id));
            })
            .await;
            cast.end(lease, Ok(json("1")), 2).await;
        }
    });
    let mut following = Vec::new();
    while !writing.is_finished() {
        // Some from the beginning, and some from where the stream is by now.
        let since = [from, ground.newest().await][following.len() % 2];
        let follower = ground.follow(Scope::Everything, since).await;
        following.push((since, follower));
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    writing.await.unwrap();
    let all = read(&ground.cast.store, from, 1000).await;
    assert_eq!(all.len(), RUNS * 5);
    assert!(following.len() > 3, "there were {}", following.len());
    for (since, mut follower) in following {
        let expect = read(&ground.cast.store, since, 1000).await;
        assert_eq!(follower.until(expect.len()).await, expect);
        assert_eq!(follower.subscription.cursor(), ground.newest().await);
        assert!(follower.is_quiet().await);
    }
}

#[tokio::test]
async fn a_run_is_followed_with_its_family() {
    let ground = ground().await;
    let cast = &ground.cast;
    let lease = cast.running("etl").await;
    let other = cast.running("other").await;
    let from = ground.newest().await;
    let part = subflow(lease.run, "part");
    let part_id = part.id;
    // A child of the run, and one of the subflow within it.
    let mut child = new_run("load");
    child.run.parent = Some(lease.run);
    let mut grandchild = new_run("load");
    grandchild.run.parent = Some(part_id);
    let (child_id, grandchild_id) = (child.run.id, grandchild.run.id);
    let mut of_run = ground.follow(Scope::Run(lease.run), from).await;
    let mut of_part = ground.follow(Scope::Run(part_id), from).await;
    let mut of_child = ground.follow(Scope::Run(child_id), from).await;
    let mut with_pools = ground.follow(Scope::RunAndPools(lease.run), from).await;
    cast.go_on(lease, |progress| {
        progress.subflows.push(SubflowChange::Begin(Box::new(part)));
        progress.logs.push(line(lease.run));
        progress.logs.push(line(part_id));
    })
    .await;
    cast.go_on(other, |p| p.logs.push(line(other.run))).await;
    cast.create(child).await;
    cast.create(grandchild).await;
    cast.change_default_pool(PoolChange::default()).await;
    cast.go_on(other, |p| p.logs.push(line(other.run))).await;
    cast.go_on(lease, |p| p.logs.push(line(lease.run))).await;

    let words = |events: Vec<PlacedEvent>| {
        let names = [
            (lease.run, "run"),
            (part_id, "part"),
            (child_id, "child"),
            (grandchild_id, "grandchild"),
        ];
        let name = |run: RunId| names.iter().find(|(id, _)| *id == run).unwrap().1;
        let word = |placed: &PlacedEvent| match &placed.event {
            Event::FlowRun(it) => name(it.run).to_owned(),
            Event::Log(it) => format!("log of {}", name(it.run)),
            Event::Pool { .. } => "pool".to_owned(),
            other => panic!("{other:?}"),
        };
        events.iter().map(word).collect::<Vec<_>>().join(", ")
    };
    let expect = "part, log of run, child, grandchild, log of run";
    assert_eq!(words(of_run.until(5).await), expect);
    let expect = "part, log of run, grandchild";
    assert_eq!(words(of_part.until(3).await), expect);
    assert_eq!(words(of_child.until(1).await), "child");
    let expect = "part, log of run, child, grandchild, pool, log of run";
    assert_eq!(words(with_pools.until(6).await), expect);
    // Whoever reads the same from the store is told the same.
    for scope in [Scope::Run(lease.run), Scope::RunAndPools(lease.run)] {
        let mut late = ground.follow(scope, from).await;
        let live = match scope {
            Scope::Run(_) => &of_run,
            _ => &with_pools,
        };
        assert_eq!(late.until(live.heard.len()).await, live.placed());
        assert!(late.heard.iter().eq(&live.heard));
    }
    for follower in [&mut of_run, &mut of_part, &mut of_child, &mut with_pools] {
        assert!(follower.is_quiet().await);
    }
}

#[tokio::test]
async fn an_event_of_an_old_run_says_which_run_that_is() {
    let ground = ground().await;
    let lease = ground.cast.running("etl").await;
    let name = ground.cast.run(lease.run).await.name;
    let from = ground.newest().await;
    let mut follower = ground.follow(Scope::Everything, from).await;
    ground.cast.end(lease, Ok(json("1")), 2).await;
    follower.until(1).await;
    let run = follower.heard[0].run.as_deref().unwrap();
    assert_eq!(
        (run.id, &run.name, run.flow.as_str()),
        (lease.run, &name, "etl")
    );
}

/// More than a topic holds is read from the store by whoever was too slow for it.
#[tokio::test]
async fn a_slow_follower_misses_nothing() {
    let ground = ground().await;
    let from = ground.newest().await;
    let mut slow = ground.follow(Scope::Everything, from).await;
    let mut quick = ground.follow(Scope::Everything, from).await;
    const RUNS: usize = 10_000;
    let mut ids = Vec::new();
    for _ in 0..RUNS / 500 {
        let runs: Vec<_> = (0..500).map(|_| new_run("etl")).collect();
        ids.extend(runs.iter().map(|new| new.run.id));
        store::Runs::create_runs(&ground.cast.store, runs)
            .await
            .unwrap();
        quick.until(ids.len()).await;
    }
    let created = |events: Vec<PlacedEvent>| {
        let run = |placed: PlacedEvent| match placed.event {
            Event::FlowRun(it) => it.run,
            other => panic!("{other:?}"),
        };
        events.into_iter().map(run).collect::<Vec<_>>()
    };
    assert_eq!(created(quick.until(RUNS).await), ids);
    assert_eq!(created(slow.until(RUNS).await), ids);
    // And it is back among the others.
    assert!(slow.is_quiet().await);
    let lease = ground.cast.claim(1, 1).await[0].lease;
    ground.talk(lease, 1).await;
    assert_eq!(slow.until(RUNS + 2).await, quick.until(RUNS + 2).await);
    assert!(Arc::ptr_eq(&slow.heard[RUNS + 1], &quick.heard[RUNS + 1]));
}

#[tokio::test]
async fn a_cursor_that_is_too_old_is_told_and_the_rest_follows() {
    let ground = ground().await;
    let newest = ground.newest().await;
    let strange = EventCursor {
        tag: newest.tag ^ 1,
        ..newest
    };
    let mut follower = ground.follow(Scope::Everything, strange).await;
    assert!(matches!(follower.next().await, Heard::Reset));
    let id = ground.cast.create(new_run("etl")).await;
    let events = follower.until(1).await;
    assert!(matches!(&events[0].event, Event::FlowRun(it) if it.run == id));
    assert!(follower.is_quiet().await);
}

#[tokio::test]
async fn the_hub_ends_with_its_last_follower_and_begins_with_the_next() {
    let ground = ground().await;
    let mut seen = ground.newest().await;
    for _ in 0..3 {
        let lease = ground.cast.running("etl").await;
        let mut one = ground.follow(Scope::Run(lease.run), seen).await;
        one.until(3).await;
        seen = one.subscription.cursor();
        ground.talk(lease, 1).await;
        one.until(4).await;
        let hub = Arc::downgrade(&ground.hub);
        let members = hub.strong_count();
        drop(one);
        // Its task holds the hub.
        while hub.strong_count() > members - 2 {
            tokio::task::yield_now().await;
        }
        ground.cast.end(lease, Ok(json("1")), 2).await;
    }
    let mut late = ground.follow(Scope::Everything, seen).await;
    assert!(late.until(2).await.len() == 2);
}

#[tokio::test]
async fn what_another_process_does_is_heard() {
    let ground = ground().await;
    let from = ground.newest().await;
    let mut follower = ground.follow(Scope::Everything, from).await;
    let other = SqliteStore::open(ground.dir.path().join("orch.db")).unwrap();
    let ids: Vec<_> = (0..3).map(|_| new_run("etl")).collect();
    store::Runs::create_runs(&other, ids).await.unwrap();
    assert_eq!(follower.until(3).await.len(), 3);
}

/// Whoever follows a quiet run on a busy system goes on from where the system is, not from the
/// last event of the run.
#[tokio::test]
async fn the_cursor_of_a_quiet_run_goes_along() {
    let ground = ground().await;
    let quiet = ground.cast.running("quiet").await;
    let busy = ground.cast.running("busy").await;
    let from = ground.newest().await;
    let mut of_quiet = ground.follow(Scope::Run(quiet.run), from).await;
    let mut of_busy = ground.follow(Scope::Run(busy.run), from).await;
    ground.talk(busy, 20).await;
    of_busy.until(20).await;
    assert!(of_quiet.is_quiet().await);
    let along = of_quiet.subscription.cursor();
    assert_eq!(along, ground.newest().await);
    ground.talk(quiet, 1).await;
    let events = of_quiet.until(1).await;
    let mut again = ground.follow(Scope::Run(quiet.run), along).await;
    assert_eq!(again.until(1).await, events);
}

/// All of them are handed the very same events.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_follow_a_busy_run_and_a_thousand_idle_ones() {
    let ground = ground().await;
    let busy = ground.cast.running("busy").await;
    let idle: Vec<_> = (0..1000).map(|_| new_run("idle")).collect();
    let idle_ids: Vec<_> = idle.iter().map(|new| new.run.id).collect();
    store::Runs::create_runs(&ground.cast.store, idle)
        .await
        .unwrap();
    let from = ground.newest().await;
    let mut followers = Vec::new();
    for _ in 0..1000 {
        followers.push(ground.follow(Scope::Run(busy.run), from).await);
    }
    let mut quiet = Vec::new();
    for id in &idle_ids {
        quiet.push(ground.follow(Scope::Run(*id), from).await);
    }
    const LINES: usize = 200;
    ground.talk(busy, LINES).await;
    let expect = read(&ground.cast.store, from, 1000).await;
    let mut first: Option<Vec<Arc<Told>>> = None;
    for follower in &mut followers {
        assert_eq!(follower.until(LINES).await, expect);
        let heard = follower.heard.clone();
        let first = first.get_or_insert_with(|| heard.clone());
        assert!(first.iter().zip(&heard).all(|(a, b)| Arc::ptr_eq(a, b)));
    }
    let newest = ground.newest().await;
    assert!(
        quiet
            .iter()
            .all(|idle| idle.subscription.cursor() == newest)
    );
    let state = ground.cast.store.flow_run(idle_ids[0]).await.unwrap();
    assert_eq!(state.unwrap().state.kind, model::StateType::Scheduled);
}

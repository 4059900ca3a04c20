//! Following one run while it lives: everything as it came, and nothing of what happens
//! elsewhere.

extern crate orch_host_operations as operations;

use std::sync::Arc;
use std::time::Duration;

use model::{
    Failure, FailureKind, Lease, LogLevel, LogLine, LogSource, MESSAGE_MAX, RunId, State, StateType,
};
use operations::follow::{
    End, Ends, Event, Executes, Follow, FollowRefusal, Interest, States, Stuck,
};
use store::contract::Cast;
use store::contract::cast::{at, input, json, new_run};
use store::{Next, Runs as _, Workers as _};
use store_sqlite::SqliteStore;
use tempfile::TempDir;

/// Far more than it takes: it only keeps a failure from hanging.
const PATIENCE: Duration = Duration::from_secs(60);

struct Ground {
    cast: Cast<SqliteStore>,
    _dir: TempDir,
}

async fn ground() -> Ground {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path().join("orch.db")).unwrap();
    Ground {
        cast: Cast::on(store).await,
        _dir: dir,
    }
}

impl Ground {
    fn follow(&self, run: RunId) -> Told {
        let interest = Interest::All {
            states: States::All,
            executes: Executes::AWorker,
        };
        let store = Arc::new(self.cast.store.clone());
        Told(Follow::new(store, run, LogLevel::Info, interest))
    }

    async fn say(&self, lease: Lease, message: &str) {
        let line = LogLine {
            run: lease.run,
            source: LogSource::Flow,
            at: at(2),
            level: LogLevel::Info,
            target: "etl".to_owned(),
            message: message.to_owned(),
        };
        self.cast.go_on(lease, |p| p.logs.push(line)).await;
    }
}

/// What is told, in words.
struct Told(Follow);

impl Told {
    async fn next(&mut self) -> String {
        match self.event().await.unwrap() {
            Event::State { state, .. } => state.name.to_string(),
            Event::Lines(lines) => {
                let lines: Vec<_> = lines.into_iter().map(|line| line.line.message).collect();
                lines.join(", ")
            }
            Event::Input { input, .. } => format!("asks for {}", input.key),
            Event::Children(states) => format!("{states:?}"),
            Event::Stuck(pool, why) => format!("{pool} {why:?}"),
            Event::Ended(run) => format!("ended {}", run.state.kind),
        }
    }

    async fn event(&mut self) -> Result<Event, FollowRefusal> {
        let next = tokio::time::timeout(PATIENCE, self.0.next());
        next.await.expect("something is told")
    }

    async fn expect(&mut self, expect: &[&str]) {
        for expect in expect {
            assert_eq!(self.next().await, *expect);
        }
    }
}

#[tokio::test]
async fn each_state_is_told_however_short_it_was() {
    let ground = ground().await;
    let cast = &ground.cast;
    let lease = cast.running("etl").await;
    let mut told = ground.follow(lease.run);
    told.expect(&["Scheduled", "Pending", "Running"]).await;
    ground.say(lease, "one").await;
    told.expect(&["one"]).await;
    // It waits, goes on and ends faster than anybody looks.
    cast.go_on(lease, |progress| {
        progress.states.push(State::awaiting_retry(at(2)));
        progress.next = Next::Release {
            at: at(2),
            failed: Some(Failure::new(FailureKind::Error, "it broke")),
        };
    })
    .await;
    let lease = cast.claim_only(2).await.lease;
    cast.go_on(lease, |p| p.states.push(State::running(2, at(3))))
        .await;
    ground.say(lease, "two").await;
    cast.end(lease, Ok(json("7")), 4).await;
    let (mut states, mut lines) = (Vec::new(), Vec::new());
    loop {
        match told.event().await.unwrap() {
            Event::State { run, state } => {
                assert_eq!(run.state, state);
                states.push(format!("{} {}", state.name, run.attempt));
            }
            Event::Lines(page) => lines.extend(page.into_iter().map(|line| line.line.message)),
            Event::Ended(run) => {
                assert_eq!(run.outcome, Some(Ok(json("7"))));
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    let expect = ["AwaitingRetry 1", "Pending 2", "Retrying 2", "Completed 2"];
    assert_eq!(states, expect);
    assert_eq!(lines, ["two"]);
}

#[tokio::test]
async fn a_long_reason_is_told_whole() {
    let ground = ground().await;
    let lease = ground.cast.running("etl").await;
    let mut told = ground.follow(lease.run);
    told.expect(&["Scheduled", "Pending", "Running"]).await;
    let message = "why ".repeat(MESSAGE_MAX);
    let failure = Failure::new(FailureKind::Error, message.clone());
    ground.cast.end(lease, Err(failure), 3).await;
    let Event::State { state, .. } = told.event().await.unwrap() else {
        panic!("a state is told");
    };
    assert_eq!(state.message, Some(message));
    told.expect(&["ended FAILED"]).await;
}

#[tokio::test]
async fn what_is_around_a_run_is_told_as_it_changes() {
    let ground = ground().await;
    let cast = &ground.cast;
    let lease = cast.running("etl").await;
    let mut told = ground.follow(lease.run);
    told.expect(&["Scheduled", "Pending", "Running"]).await;
    cast.go_on(lease, |p| p.entries.push(input(1, "approval", None)))
        .await;
    told.expect(&["asks for approval"]).await;
    let mut child = new_run("load");
    child.run.parent = Some(lease.run);
    let child = cast.create(child).await;
    let scheduled = [(StateType::Scheduled, 1)];
    told.expect(&[&format!("{scheduled:?}")]).await;
    cast.store.cancel(child, at(3)).await.unwrap();
    let cancelled = [(StateType::Cancelled, 1)];
    told.expect(&[&format!("{cancelled:?}")]).await;
    // The only worker goes: a run that is created then waits in vain.
    let mut child = new_run("load");
    child.run.parent = Some(lease.run);
    cast.create(child).await;
    let both = [(StateType::Scheduled, 1), (StateType::Cancelled, 1)];
    told.expect(&[&format!("{both:?}")]).await;
    cast.store.sign_off(cast.w1, at(4)).await.unwrap();
    told.expect(&["Rescued", "default-pool NoWorker"]).await;
}

#[tokio::test]
async fn what_others_do_is_not_told() {
    let ground = ground().await;
    let quiet = ground.cast.running("quiet").await;
    let busy = ground.cast.running("busy").await;
    let mut told = ground.follow(quiet.run);
    told.expect(&["Scheduled", "Pending", "Running"]).await;
    for _ in 0..100 {
        ground.say(busy, "busy").await;
    }
    ground.cast.end(quiet, Ok(json("1")), 3).await;
    told.expect(&["Completed", "ended COMPLETED"]).await;
}

#[tokio::test]
async fn the_ends_of_many_are_waited_for_in_turn() {
    let ground = ground().await;
    let cast = &ground.cast;
    let mut leases = Vec::new();
    for _ in 0..5 {
        leases.push(cast.running("etl").await);
    }
    cast.end(leases[3], failure(), 3).await;
    let ids: Vec<_> = leases.iter().map(|lease| lease.run).collect();
    let mut ends = Ends::new(Arc::new(cast.store.clone()));
    let waiting = async {
        let mut kinds = Vec::new();
        for id in ids {
            match tokio::time::timeout(PATIENCE, ends.of(id)).await.unwrap() {
                Ok(End::Ended(run)) => kinds.push((run.id == id, run.state.kind)),
                other => panic!("{other:?}"),
            }
        }
        kinds
    };
    // The last first, so that the first is waited for the longest.
    let ending = async {
        for at in [4, 2, 1, 0] {
            cast.end(leases[at], Ok(json("1")), 4).await;
        }
    };
    let (kinds, ()) = tokio::join!(waiting, ending);
    let done = (true, StateType::Completed);
    assert_eq!(kinds, [done, done, done, (true, StateType::Failed), done]);

    // A run that nobody executes is told of.
    cast.store.sign_off(cast.w1, at(5)).await.unwrap();
    let id = cast.create(new_run("etl")).await;
    let stuck = ends.of(id).await.unwrap();
    assert!(matches!(stuck, End::Stuck(_, Stuck::NoWorker)), "{stuck:?}");
    cast.store.cancel(id, at(6)).await.unwrap();
    let ended = ends.of(id).await.unwrap();
    assert!(matches!(ended, End::Ended(_)), "{ended:?}");
}

fn failure() -> model::Outcome {
    Err(Failure::new(FailureKind::Error, "it broke"))
}

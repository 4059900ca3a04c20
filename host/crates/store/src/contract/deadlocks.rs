//! Runs that wait for each other's slots.

use std::collections::HashSet;

use orchestrator::lifecycle::{AwaitedCall, Standing, deadlocked, who_may_pass};

use super::cast::*;
use super::limits::{make, taking, used};
use crate::{NewRun, Recorded, Store};
use model::{AskedPermit, Lease, RunId, Seq, State, StateName, StateType, Taker};

/// Those that wait for ever, and who may pass.
async fn found<S: Store>(cast: &Cast<S>) -> (Vec<RunId>, Vec<(RunId, Option<Taker>)>) {
    let standing = cast.store.standing().await.unwrap();
    (deadlocked(&standing), who_may_pass(&standing))
}

const NOBODY: (Vec<RunId>, Vec<(RunId, Option<Taker>)>) = (Vec::new(), Vec::new());

/// A run that takes slots, under way.
async fn holder<S: Store>(cast: &Cast<S>, limits: &[&str]) -> Lease {
    cast.create(taking(limits)).await;
    let lease = cast.claim_only(1).await.lease;
    cast.go_on(lease, |progress| {
        progress.states.push(State::running(1, at(1)));
    })
    .await;
    lease
}

async fn runs_and_ends<S: Store>(cast: &Cast<S>, lease: Lease, second: i64) {
    cast.go_on(lease, |progress| {
        progress.states.push(State::running(1, at(second)));
    })
    .await;
    cast.end(lease, Ok(json("1")), second).await;
}

/// Has the run start a child that takes slots, and wait for it. The child is claimed and finds none.
async fn waits_for_a_child<S: Store>(cast: &Cast<S>, parent: Lease, limits: &[&str]) -> RunId {
    let child = taking(limits);
    let id = child.run.id;
    let children: Vec<NewRun> = vec![child];
    cast.go_on(parent, |progress| {
        progress.entries = vec![start(1, &children[0].run)];
        progress.children = children.clone();
    })
    .await;
    assert_eq!(cast.wait(parent, &[1], 1).await, Ok(Recorded::Done));
    assert!(cast.claim(9, 2).await.is_empty(), "it finds no slot");
    id
}

pub async fn one_passes_who_waits_for_what_its_parent_has<S: Store>(cast: Cast<S>) {
    make(&cast, "api", 1, None).await;
    make(&cast, "db", 1, None).await;
    assert_eq!(cast.store.standing().await.unwrap(), Standing::default());
    let parent = holder(&cast, &["db"]).await;
    let both = cast.create(taking(&["api", "db"])).await;
    assert!(cast.claim(9, 1).await.is_empty());
    assert_eq!(found(&cast).await, NOBODY, "its holder goes on");
    let child = waits_for_a_child(&cast, parent, &["api"]).await;
    assert_eq!(
        cast.run(child).await.state.name,
        StateName::AWAITING_CONCURRENCY_SLOT
    );

    let standing = cast.store.standing().await.unwrap();
    let waits = &standing.suspended[..];
    assert_eq!(waits.len(), 1);
    assert_eq!((waits[0].run, waits[0].needs), (parent.run, 1));
    let call = AwaitedCall {
        seq: Seq(1),
        target: Some(child),
    };
    assert_eq!(waits[0].calls, [call]);
    assert_eq!(deadlocked(&standing), [], "one may pass");
    assert_eq!(who_may_pass(&standing), [(child, None)]);

    // Who may not have all that it asks for passes nobody.
    assert_eq!(cast.store.let_pass(both, None, at(3)).await, Ok(false));
    assert_eq!(cast.store.let_pass(child, None, at(3)).await, Ok(true));
    assert_eq!(cast.store.let_pass(child, None, at(3)).await, Ok(false));
    assert_eq!(found(&cast).await, NOBODY);
    let claimed = cast.claim_only(3).await;
    assert_eq!(claimed.run.id, child);
    assert_eq!(used(&cast, "api").await, (1, 1));
    runs_and_ends(&cast, claimed.lease, 4).await;
    let claimed = cast.claim_only(5).await;
    assert_eq!(claimed.run.id, parent.run);
    runs_and_ends(&cast, claimed.lease, 6).await;
    assert_eq!(cast.claim_only(7).await.run.id, both);
    assert_eq!(cast.store.standing().await.unwrap(), Standing::default());
}

pub async fn a_task_passes_who_waits_for_what_its_run_has<S: Store>(cast: Cast<S>) {
    make(&cast, "api", 1, None).await;
    make(&cast, "db", 1, None).await;
    let run = holder(&cast, &["db"]).await;
    let _both = cast.create(taking(&["api", "db"])).await;
    assert!(cast.claim(9, 1).await.is_empty());
    let by = Taker::Task(Seq(1));
    cast.go_on(run, |progress| {
        progress.entries.push(task(1));
        progress.permits.asked.push(AskedPermit {
            by,
            takes: taking(&["api"]).run.limits,
            at: at(2),
        });
    })
    .await;
    assert_eq!(
        found(&cast).await,
        NOBODY,
        "it is executed, and may do without"
    );
    assert_eq!(cast.wait(run, &[1], 1).await, Ok(Recorded::Done));
    assert_eq!(found(&cast).await.1, [(run.run, Some(by))]);
    assert_eq!(
        cast.store.let_pass(run.run, Some(by), at(3)).await,
        Ok(true)
    );
    let claimed = cast.claim_only(3).await;
    assert_eq!(claimed.run.id, run.run);
    assert_eq!(
        cast.store.permitted(run.run, &[Seq(1)]).await,
        Ok(vec![Seq(1)])
    );
}

pub async fn those_who_have_what_the_other_wants_wait_until_one_is_cancelled<S: Store>(
    cast: Cast<S>,
) {
    make(&cast, "api", 1, None).await;
    make(&cast, "db", 1, None).await;
    let takes = async |lease: Lease, seq: u64, limit: &str, second: i64| {
        cast.go_on(lease, |progress| {
            progress.entries.push(task(seq));
            progress.permits.asked.push(AskedPermit {
                by: Taker::Code(Seq(seq)),
                takes: taking(&[limit]).run.limits,
                at: at(second),
            });
        })
        .await;
    };
    let one = cast.running("one").await;
    takes(one, 1, "db", 1).await;
    let other = cast.running("other").await;
    takes(other, 1, "api", 1).await;
    takes(one, 2, "api", 2).await;
    takes(other, 2, "db", 3).await;
    for lease in [one, other] {
        assert_eq!(found(&cast).await, NOBODY);
        assert_eq!(cast.wait(lease, &[2], 1).await, Ok(Recorded::Done));
    }
    let (runs, passing) = found(&cast).await;
    let both: HashSet<RunId> = [one.run, other.run].into();
    assert_eq!(runs.into_iter().collect::<HashSet<_>>(), both);
    assert_eq!(passing, []);
    cast.store.cancel(one.run, at(4)).await.unwrap();
    let cleaning = cast.claim_only(5).await;
    assert_eq!(cleaning.run.state.kind, StateType::Cancelling);
    assert_eq!(found(&cast).await, NOBODY, "it goes on, and gives back");
    cast.end(cleaning.lease, failure(), 6).await;
    assert_eq!(cast.claim_only(7).await.run.id, other.run);
}

//! Stories about what the executor asks of the host, and which futures it wakes.

use futures::{
    future::{join, join_all, select},
    stream::{FuturesUnordered, StreamExt},
};

use super::*;
use crate::fake::Fake;

fn noop() -> Waker {
    Waker::noop().clone()
}

#[track_caller]
fn check_ask(leaves: &[(Need, &[Handle])], expect: Ask) {
    let mut reactor = Reactor::default();
    for (need, handles) in leaves {
        reactor.register(*need, handles, &noop());
    }
    assert_eq!(reactor.ask(), expect);
}

#[test]
fn a_lone_leaf_that_needs_all_waits_for_all() {
    check_ask(&[(Need::All, &[3, 1, 2])], Ask::WaitAll(vec![1, 2, 3]));
}

#[test]
fn a_lone_leaf_that_needs_any_waits_for_any() {
    check_ask(&[(Need::Any, &[3, 1])], Ask::WaitAny(vec![1, 3]));
}

#[test]
fn two_leaves_wait_for_any_of_all_their_handles_each_once() {
    check_ask(
        &[(Need::All, &[5, 1]), (Need::Any, &[5, 2])],
        Ask::WaitAny(vec![1, 2, 5]),
    );
}

#[test]
fn nothing_is_asked_when_nothing_is_awaited() {
    check_ask(&[], Ask::Nothing);
    check_ask(&[(Need::Any, &[])], Ask::Nothing);
}

#[test]
fn what_has_settled_is_not_waited_for_again() {
    let mut reactor = Reactor::default();
    reactor.register(Need::All, &[1, 2, 3], &noop());
    assert_eq!(reactor.settle(&[2]).len(), 0, "one of three wakes nobody");
    assert_eq!(reactor.ask(), Ask::WaitAll(vec![1, 3]));
    assert_eq!(reactor.settle(&[3, 1]).len(), 1);
    assert!(reactor.is_satisfied(Need::All, &[1, 2, 3]));
}

#[test]
fn a_forgotten_leaf_is_not_waited_for() {
    let mut reactor = Reactor::default();
    let id = reactor.register(Need::Any, &[1], &noop());
    reactor.register(Need::Any, &[2], &noop());
    reactor.forget(id, &[1]);
    assert_eq!(reactor.ask(), Ask::WaitAny(vec![2]));
    assert_eq!(
        reactor.register(Need::Any, &[3], &noop()),
        id,
        "its place is used again"
    );
}

#[test]
fn a_nested_wait_is_for_what_was_registered_inside() {
    let mut reactor = Reactor::default();
    reactor.register(Need::Any, &[1], &noop());
    reactor.depth += 1;
    reactor.register(Need::All, &[2, 3], &noop());
    assert_eq!(reactor.ask(), Ask::WaitAll(vec![2, 3]));
}

#[test]
fn results_come_in_the_order_the_host_returned() {
    let fake = Fake::install();
    fake.returns(&[&[3, 1], &[2]]);
    let order = block_on(async {
        let waits = [1, 2, 3].map(|handle| async move {
            Wait::any(vec![handle]).await;
            handle
        });
        waits
            .into_iter()
            .collect::<FuturesUnordered<_>>()
            .collect::<Vec<_>>()
            .await
    });
    assert_eq!(order.unwrap(), [3, 1, 2]);
    assert_eq!(fake.asked(), ["any [1, 2, 3]", "any [2]"]);
}

#[test]
fn join_all_asks_only_for_what_is_missing() {
    let fake = Fake::install();
    fake.returns(&[&[2], &[1, 3]]);
    block_on(join_all([1, 2, 3].map(|handle| Wait::any(vec![handle])))).unwrap();
    assert_eq!(fake.asked(), ["any [1, 2, 3]", "any [1, 3]"]);
}

#[test]
fn the_loser_of_a_select_is_not_waited_for() {
    let fake = Fake::install();
    fake.returns(&[&[1]]);
    block_on(async {
        select(Wait::any(vec![1]), Wait::any(vec![2])).await;
        Wait::all(vec![3]).await;
    })
    .unwrap();
    assert_eq!(fake.asked(), ["any [1, 2]", "all [3]"]);
}

#[test]
fn a_blocking_wait_inside_wakes_the_others_too() {
    let fake = Fake::install();
    let blocking = async { block_on(Wait::all(vec![1])) };
    let (_, inner) = block_on(join(Wait::any(vec![1]), blocking)).unwrap();
    inner.unwrap();
    assert_eq!(fake.asked(), ["all [1]"], "nobody waits for 1 again");
}

#[test]
fn what_can_never_end_is_an_error() {
    Fake::install();
    let error = block_on(std::future::pending::<()>()).unwrap_err();
    assert!(error.to_string().starts_with("stuck: "), "{error}");
}

#[test]
fn a_run_told_to_stop_fails_as_cancelled() {
    let fake = Fake::install();
    fake.cancel();
    let error = block_on(Wait::all(vec![1])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    let failure = error.context("waiting").into_failure();
    assert_eq!(failure.kind, ErrorKind::Cancelled.into());
}

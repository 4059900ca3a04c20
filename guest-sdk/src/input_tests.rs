//! Stories about what flows ask people for.

use crate::{
    bindings::types::{Failure, FailureKind},
    executor::block_on,
    fake::Fake,
    prelude::*,
};

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Approval {
    approved: bool,
}

fn approval() -> crate::SuspendForInput<Approval> {
    suspend_for_input("approval")
}

/// Asks inside its own scope.
#[flow]
async fn asking() -> Result<bool> {
    Ok(approval().await?.approved)
}

#[test]
fn a_person_is_told_the_key_the_words_and_the_schema() {
    let fake = Fake::install();
    fake.give(0, Ok(r#"{"approved":true}"#));
    let given = approval()
        .description("Release it?")
        .timeout(Duration::from_millis(1500))
        .wait();
    assert_eq!(given.unwrap(), Approval { approved: true });
    assert_eq!(
        fake.asked(),
        [
            "0: input approval (Release it?) within 1500 as Approval",
            "any [0]",
        ]
    );
}

#[test]
fn several_are_asked_for_at_once() {
    let fake = Fake::install();
    fake.give(0, Ok("7"));
    fake.give(1, Ok(r#""fine""#));
    fake.returns(&[&[1], &[0]]);
    let both = async {
        let number = suspend_for_input::<u32>("number").into_future();
        let word = suspend_for_input::<String>("word").into_future();
        try_join!(number, word)
    };
    assert_eq!(block_on(both).unwrap().unwrap(), (7, "fine".to_owned()));
    assert_eq!(
        fake.asked(),
        [
            "0: input number as uint32",
            "1: input word as String",
            "any [0, 1]",
            "any [0]",
        ]
    );
}

#[test]
fn a_subflow_asks_for_itself() {
    let fake = Fake::install();
    fake.give(1, Ok(r#"{"approved":false}"#));
    assert!(!block_on(asking()).unwrap().unwrap());
    assert_eq!(
        fake.asked(),
        [
            "0: begin asking {}",
            "1: input approval as Approval in 0",
            "any [1]",
            "end 0 with false",
        ]
    );
}

#[test]
fn what_is_not_given_in_time_is_an_error_with_the_key() {
    let fake = Fake::install();
    fake.give(
        0,
        Err(Failure {
            kind: FailureKind::TimedOut,
            message: "too late".into(),
        }),
    );
    let error = approval().wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert_eq!(error.to_string(), "input `approval`: too late");
}

#[test]
fn who_stops_waiting_takes_the_request_back() {
    let fake = Fake::install();
    fake.returns(&[&[1]]);
    let either = async {
        let mut input = approval().into_future();
        let mut time = sleep(Duration::from_secs(1));
        select! {
            _ = input => "given",
            _ = time => "late",
        }
    };
    assert_eq!(block_on(either).unwrap(), "late");
    assert_eq!(
        fake.asked(),
        [
            "0: input approval as Approval",
            "1: timer 1000",
            "any [0, 1]",
            "withdraw 0",
        ]
    );
}

#[test]
fn a_cancelled_flow_takes_the_request_back() {
    let fake = Fake::install();
    fake.cancel();
    let error = approval().wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    let asked = fake.asked();
    assert_eq!(asked.last().map(String::as_str), Some("withdraw 0"));
}

#[test]
fn a_task_asks_nobody() {
    let _ = Fake::install();
    crate::current::set_place(crate::current::Place::Task("work"));
    let error = approval().wait().unwrap_err();
    assert_eq!(
        error.to_string(),
        "task `work` cannot wait for input `approval`: only flows do"
    );
}

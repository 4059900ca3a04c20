//! Stories about what flows ask of the host, told with flows and tasks made by the macros.

use crate::{executor::block_on, fake::Fake, prelude::*};

/// A task of the fake host returns its own handle.
#[task(task_run_name = "work-{n}")]
fn work(n: u64) -> u64 {
    n
}

#[task]
fn sum(numbers: Vec<u64>, label: String) -> Result<u64> {
    drop(label);
    Ok(numbers.iter().sum())
}

#[flow]
fn child(n: u64) -> Result<u64> {
    info!("child {n}");
    work(n)
}

#[flow]
async fn later(n: u64) -> Result<u64> {
    let first = work::submit(n).await?;
    work::submit(first).await
}

#[flow]
async fn sleeper() -> Result<()> {
    sleep(Duration::from_millis(1500)).await
}

#[test]
fn literals_and_futures_are_arguments() {
    let fake = Fake::install();
    let one = work::submit(5);
    let many = work::map(1..3);
    assert_eq!(sum(&many, "all").unwrap(), 3);
    assert_eq!(sum([one], "one").unwrap(), 4);
    assert_eq!(sum(vec![7, 8], String::from("values")).unwrap(), 5);
    assert_eq!(
        fake.asked(),
        [
            "0: submit work n=5",
            "1: submit work n=1",
            "2: submit work n=2",
            "3: submit sum numbers=results of [1, 2] label=\"all\"",
            "any [3]",
            "4: submit sum numbers=results of [0] label=\"one\"",
            "any [4]",
            "5: submit sum numbers=[7,8] label=\"values\"",
            "any [5]",
        ]
    );
}

#[test]
fn a_subflow_runs_inside_its_own_scope() {
    let fake = Fake::install();
    let _ = log::set_logger(&crate::logger::LOGGER);
    log::set_max_level(log::LevelFilter::Trace);
    assert_eq!(child(work::submit(9)).unwrap(), 2);
    assert_eq!(work(1).unwrap(), 3, "and the flow is back in its own");
    assert_eq!(
        fake.asked(),
        [
            "0: submit work n=9",
            "any [0]",
            "1: begin child {\"n\":0}",
            "log child 0 in 1",
            "2: submit work n=0 in 1",
            "any [2]",
            "end 1 with 2",
            "3: submit work n=1",
            "any [3]",
        ]
    );
}

#[test]
fn interleaved_subflows_keep_their_scopes() {
    let fake = Fake::install();
    fake.returns(&[&[3], &[1]]);
    let results = block_on(join_all([later(10), later(20)])).unwrap();
    assert_eq!(results.len(), 2);
    assert_eq!(
        fake.asked(),
        [
            "0: begin later {\"n\":10}",
            "1: submit work n=10 in 0",
            "2: begin later {\"n\":20}",
            "3: submit work n=20 in 2",
            "any [1, 3]",
            "4: submit work n=3 in 2",
            "any [1, 4]",
            "5: submit work n=1 in 0",
            "any [4, 5]",
            "end 0 with 5",
            "end 2 with 4",
        ]
    );
}

#[test]
fn an_abandoned_subflow_ends_as_cancelled() {
    let fake = Fake::install();
    fake.returns(&[&[0]]);
    let flow = async {
        let mut first = work::submit(1);
        let mut late = Box::pin(sleeper()).fuse();
        select! {
            _ = late => unreachable!("the host returned the task"),
            result = first => result,
        }
    };
    block_on(flow).unwrap().unwrap();
    assert_eq!(
        fake.asked(),
        [
            "0: submit work n=1",
            "1: begin sleeper {}",
            "2: timer 1500 in 1",
            "any [0, 2]",
            "end 1 with FailureKind::Cancelled: its caller stopped waiting for it",
        ]
    );
}

#[test]
fn a_run_is_waited_for_with_one_timer_at_most() {
    let fake = Fake::install();
    fake.returns(&[&[1]]);
    let child = || run_deployment("child/child-deployment").parameter("n", 1);
    let run = child().timeout(Duration::from_millis(20)).wait().unwrap();
    assert_eq!(run.state, State::Running);
    let run = child().timeout(Duration::ZERO).wait().unwrap();
    assert_eq!(run.state, State::Scheduled);
    let run = child().wait().unwrap();
    assert_eq!(run.result::<u64>().unwrap(), 3);
    assert_eq!(
        fake.asked(),
        [
            "0: run child/child-deployment {\"n\":1}",
            "1: timer 20",
            "any [0, 1]",
            "get run-0",
            "2: run child/child-deployment {\"n\":1}",
            "3: run child/child-deployment {\"n\":1}",
            "any [3]",
        ]
    );
}

#[test]
fn many_runs_are_waited_for_at_once() {
    let fake = Fake::install();
    let runs = run_deployments(["a/a", "b/b"].map(run_deployment))
        .wait()
        .unwrap();
    let again = wait_for_flow_runs(&runs).wait().unwrap();
    assert_eq!(again.len(), 2);
    assert_eq!(
        fake.asked(),
        [
            "0: run a/a {}",
            "1: run b/b {}",
            "all [0, 1]",
            "wait for [\"run-0\", \"run-1\"]",
            "all [2, 3]",
        ]
    );
}

#[test]
fn a_mistake_in_a_parameter_is_told_when_the_run_is_started() {
    let fake = Fake::install();
    let no_object = run_deployment("a/a").parameters([1, 2]).wait();
    assert_eq!(no_object.unwrap_err().kind(), ErrorKind::Invalid);
    assert!(fake.asked().is_empty());
}

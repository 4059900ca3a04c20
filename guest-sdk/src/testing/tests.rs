//! Stories of flows in a harness.

use std::{cell::Cell, rc::Rc, time::SystemTime};

use super::Harness;
use crate::prelude::*;

const DAY: Duration = Duration::from_secs(24 * 3600);

#[task(retries = 2, retry_delay = ["1m", "5m"])]
fn fetch(url: String) -> Result<usize> {
    bail!("{url} cannot be fetched in a test")
}

#[task]
fn total(sizes: Vec<usize>, factor: usize) -> usize {
    sizes.iter().sum::<usize>() * factor
}

#[flow]
fn measure(urls: Vec<String>, #[default = 2] factor: usize) -> Result<usize> {
    let sizes = fetch::map(urls);
    info!("measuring {}", sizes.len());
    total(sizes, factor)
}

#[task(timeout = "10s", retries = 1)]
fn slow(seconds: u64) -> Result<u32> {
    sleep(Duration::from_secs(seconds)).wait()?;
    Ok(context().task()?.attempt)
}

#[task]
async fn slow_too(seconds: u64) -> Result<u64> {
    sleep(Duration::from_secs(seconds)).await?;
    Ok(seconds)
}

#[task]
fn panics(n: u32) -> u32 {
    assert!(n > 3, "{n} is too small");
    n
}

fn urls() -> Vec<String> {
    vec!["a".into(), "bcd".into()]
}

#[test]
fn tasks_run_as_they_are_or_by_a_stand_in() {
    let test = Harness::new();
    test.task("fetch", |arguments| {
        Ok(arguments["url"].as_str().unwrap_or_default().len())
    });
    assert_eq!(test.run(|| measure::call(urls(), 1)).unwrap(), 4);
    let runs = test.task_runs();
    let names: Vec<&str> = runs.iter().map(|run| run.name.as_str()).collect();
    assert_eq!(names, ["fetch-0", "fetch-1", "total-0"]);
    assert_eq!(runs[1].arguments, json!({"url": "bcd"}));
    assert_eq!(runs[2].arguments, json!({"sizes": [1, 3], "factor": 1}));
    assert_eq!(*runs[2].result.as_ref().unwrap(), json!(4));
    assert_eq!(test.elapsed(), Duration::ZERO);
    assert_eq!(test.logs()[0].message, "measuring 2");
}

#[test]
fn a_flow_by_name_takes_json_and_has_its_defaults() {
    let test = Harness::new();
    test.task("fetch", |_| Ok(5));
    let measured = test.run_flow("measure", json!({"urls": ["x", "y"]}));
    assert_eq!(measured.unwrap(), json!(20));
    let strange = test.run_flow("measure", json!({"urls": [], "factr": 3}));
    assert_eq!(
        strange.unwrap_err().to_string(),
        "unknown parameter `factr`: the flow takes `factor`, `urls`"
    );
    let wrong = test.run_flow("measure", json!({"urls": 7})).unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::Invalid);
    assert!(
        wrong.to_string().starts_with("argument `urls`: "),
        "{wrong}"
    );
}

#[test]
#[should_panic(expected = "this crate has no flow `mesure`; it has ")]
fn a_flow_that_is_not_there_is_named() {
    let _ = Harness::new().run_flow("mesure", json!({}));
}

#[test]
#[should_panic(expected = "this crate has no task `fetsh`; it has `add`")]
fn a_task_that_is_not_there_is_named() {
    #[task]
    fn add(n: u32) -> u32 {
        n
    }
    let _ = Harness::new().task("fetsh", |_| Ok(1));
}

#[test]
fn retries_take_the_time_that_they_wait() {
    let test = Harness::new();
    let tried = Rc::new(Cell::new(0));
    let count = Rc::clone(&tried);
    test.task("fetch", move |_| {
        count.set(count.get() + 1);
        ensure!(count.get() == 3, "no answer");
        Ok(1)
    });
    assert_eq!(test.run(|| fetch("a")).unwrap(), 1);
    assert_eq!(test.elapsed(), Duration::from_secs(6 * 60));
    assert_eq!(test.task_runs()[0].attempts, 3);

    test.task("fetch", |_| -> Result<usize> { bail!("no answer") });
    let failed = test.run(|| fetch("a")).unwrap_err();
    assert_eq!(
        failed.to_string(),
        "task `fetch-1` failed after 3 attempts: no answer"
    );
    test.task("fetch", |_| -> Result<usize> {
        Err(Error::permanent("gone"))
    });
    let failed = test.run(|| fetch("a")).unwrap_err();
    assert_eq!(failed.to_string(), "task `fetch-2` failed: gone");
}

#[test]
fn a_task_that_sleeps_for_too_long_has_timed_out() {
    let test = Harness::new();
    assert_eq!(test.run(|| slow(9)).unwrap(), 1);
    assert_eq!(test.elapsed(), Duration::from_secs(9));
    let late = test.run(|| slow(11)).unwrap_err();
    assert_eq!(late.kind(), ErrorKind::TimedOut);
    assert_eq!(test.elapsed(), Duration::from_secs(9 + 10 + 10));
    // So does one whose stand-in takes that long.
    test.task("slow", |_| Ok(1)).takes(DAY);
    let late = test.run(|| slow(0)).unwrap_err();
    assert_eq!(late.kind(), ErrorKind::TimedOut);
}

#[test]
fn tasks_run_beside_each_other() {
    let test = Harness::new();
    let summed = test.run_async(async {
        let both = (slow_too::submit(60), slow_too::submit(40));
        let (one, other) = try_join(both.0, both.1).await?;
        Ok::<_, Error>(one + other)
    });
    assert_eq!(summed.unwrap(), 100);
    assert_eq!(test.elapsed(), Duration::from_secs(60));
    // The first that ends wins, and the other one is cancelled with the flow.
    let first = test.run_async(async {
        let mut fast = slow_too::submit(2);
        let mut late = slow_too::submit(4);
        select! {
            it = fast => it,
            it = late => it,
        }
    });
    assert_eq!(first.unwrap(), 2);
    assert_eq!(test.elapsed(), Duration::from_secs(62));
    let left = test.task_runs().pop().unwrap().result.unwrap_err();
    assert_eq!(left.kind(), ErrorKind::Cancelled);
}

#[test]
fn a_panic_fails_the_task_and_what_needs_it_does_not_run() {
    let test = Harness::new();
    let failed = test.run(|| {
        let small = panics::submit(1);
        let needs = panics::submit(&small);
        assert_eq!(panics(5)?, 5);
        needs.result()
    });
    assert_eq!(
        failed.unwrap_err().to_string(),
        "task `panics` did not run, because what it needs failed: task `panics-0` failed: 1 is \
         too small"
    );
    assert_eq!(
        test.task_runs()[0].result.as_ref().unwrap_err().kind(),
        ErrorKind::Panicked
    );
    assert_eq!(test.task_runs()[1].attempts, 0);
}

#[test]
fn an_async_task_that_panics_leaves_its_flow_in_order() {
    #[task]
    async fn gives_up(n: u32) -> u32 {
        async { panic!("{n} is enough") }.await
    }
    let test = Harness::new();
    let went_on = test.run_async(async {
        let failed = gives_up(1).await.unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::Panicked);
        slow_too(3).await
    });
    assert_eq!(went_on.unwrap(), 3);
}

#[test]
fn a_task_may_be_cancelled_or_let_go() {
    let test = Harness::new();
    test.run(|| {
        let task = slow_too::submit(3);
        task.cancel().unwrap();
        assert_eq!(task.result().unwrap_err().kind(), ErrorKind::Cancelled);
        slow_too::submit(7).detach();
    });
    assert_eq!(test.elapsed(), Duration::from_secs(7), "it was waited for");
    assert_eq!(*test.task_runs()[1].result.as_ref().unwrap(), json!(7));
}

#[flow]
async fn release(version: String) -> Result<String> {
    let asked = suspend_for_input::<bool>("approval").timeout(2 * DAY);
    ensure!(asked.await?, "{version} is not wanted");
    sleep(DAY).await?;
    Ok(version)
}

#[test]
fn people_answer_when_the_test_says() {
    let test = Harness::new();
    test.input("approval", true).takes(DAY);
    test.input("approval", false);
    let run = || test.run_async(release::call("v1".into()));
    let began = test.now();
    assert_eq!(run().unwrap(), "v1");
    assert_eq!(test.now().duration_since(began).unwrap(), 2 * DAY);
    assert_eq!(run().unwrap_err().to_string(), "v1 is not wanted");
    // Nobody answers any more.
    let late = run().unwrap_err();
    assert_eq!(late.kind(), ErrorKind::TimedOut);
    assert_eq!(test.elapsed(), 4 * DAY);
}

#[test]
#[should_panic(
    expected = "nothing in this test will ever let it go on: input `name`, which the test gives \
                with `.input(\"name\", ..)`"
)]
fn a_flow_that_would_wait_for_ever_is_told_of() {
    let _ = Harness::new().run(|| suspend_for_input::<String>("name").wait());
}

#[flow]
fn parent() -> Result<Vec<u64>> {
    let runs = (1..4).map(|n| run_deployment("square/main").parameter("n", n));
    let runs = run_deployments(runs).wait()?;
    runs.iter().map(FlowRun::result).collect()
}

#[test]
fn children_are_what_the_test_gives() {
    let test = Harness::new();
    let square = |parameters: Value| {
        let n = parameters["n"].as_u64().context("no n")?;
        ensure!(n < 10, "{n} is too large");
        Ok(n * n)
    };
    test.deployment("square/main", square).takes(DAY);
    assert_eq!(test.run(parent::call).unwrap(), [1, 4, 9]);
    assert_eq!(test.elapsed(), DAY, "they ran beside each other");
    let runs = test.child_runs();
    assert_eq!(runs[2].parameters, json!({"n": 3}));
    assert_eq!(
        *runs[2].result.as_ref().unwrap().as_ref().unwrap(),
        json!(9)
    );

    let run = test.run(|| run_deployment("square/main").parameter("n", 11).wait());
    let run = run.unwrap();
    assert_eq!(run.state, State::Failed);
    let failed = run.result::<u64>().unwrap_err().to_string();
    assert!(failed.contains("11 is too large"), "{failed}");
    let none = test.run(|| run_deployment("cube/main").wait()).unwrap_err();
    assert_eq!(none.kind(), ErrorKind::NotFound);
}

#[test]
fn a_child_is_waited_for_as_long_as_the_flow_says() {
    let test = Harness::new();
    test.deployment("square/main", |_| Ok(4)).takes(DAY);
    test.run(|| {
        let run = run_deployment("square/main").timeout(Duration::from_secs(60));
        let run = run.wait().unwrap();
        assert_eq!(run.state, State::Running);
        assert_eq!(test.elapsed(), Duration::from_secs(60));
        let ended = wait_for_flow_runs([&run]).wait().unwrap();
        assert_eq!(ended[0].result::<u64>().unwrap(), 4);
        assert_eq!(test.elapsed(), DAY);
        let later = test.now() + DAY;
        let run = run_deployment("square/main").scheduled_time(later).wait();
        assert_eq!(run.unwrap().state, State::Completed);
    });
    assert_eq!(test.child_runs()[1].starts.as_secs(), 2 * DAY.as_secs());
}

#[test]
fn a_key_means_its_run() {
    let test = Harness::new();
    test.deployment("square/main", |_| Ok(4));
    let run = |n: u32| {
        let run = run_deployment("square/main").parameter("n", n);
        test.run(|| run.idempotency_key("k").wait())
    };
    let [one, other] = [run(1).unwrap(), run(1).unwrap()];
    assert_eq!(one.id, other.id);
    assert_eq!(run(2).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(test.child_runs().len(), 1);
}

#[flow]
fn outer(n: u32) -> Result<String> {
    inner(n + 1)
}

#[flow]
fn inner(n: u32) -> Result<String> {
    let run = context();
    ensure!(n < 10, "{n} is too much");
    Ok(format!("{} {}", run.flow, run.parameters))
}

#[test]
fn flows_call_flows() {
    let test = Harness::new();
    assert_eq!(test.run(|| outer::call(1)).unwrap(), r#"inner {"n":2}"#);
    let failed = test.run(|| outer::call(9)).unwrap_err();
    assert_eq!(failed.to_string(), "10 is too much");
}

#[flow]
fn patient() -> Result<()> {
    let waited = sleep(10 * DAY).wait();
    artifact::markdown("state", "is *given up*")?;
    waited
}

#[test]
fn a_cancelled_flow_may_clean_up() {
    let test = Harness::new();
    test.cancel_after(DAY);
    let cancelled = test.run(patient::call).unwrap_err();
    assert_eq!(cancelled.kind(), ErrorKind::Cancelled);
    assert_eq!(test.elapsed(), DAY);
    assert_eq!(test.artifacts()[0].content, json!("is *given up*"));
    test.run(patient::call).unwrap();
    assert_eq!(test.elapsed(), 11 * DAY, "the next run is another one");
}

#[test]
fn variables_and_secrets_are_given() {
    #[task]
    fn sign(text: String) -> Result<String> {
        Ok(format!("{text} by {}", secret("key")?.expose()))
    }
    #[task]
    fn other() -> Result<()> {
        secret("other").map(drop)
    }
    let test = Harness::new();
    test.variable("region", "eu").secret("key", "s3cr3t");
    test.run(|| {
        assert_eq!(
            sign(variable::<String>("region").unwrap()).unwrap(),
            "eu by s3cr3t"
        );
        assert_eq!(variable_or("missing", 3).unwrap(), 3);
        assert_eq!(secret("key").unwrap_err().kind(), ErrorKind::Refused);
        let refused = other().unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Refused);
    });
}

#[test]
fn the_context_is_that_of_the_test() {
    #[task]
    fn tells() -> Result<String> {
        let run = context();
        let task = run.task()?;
        Ok(format!("{} {} {}", run.attempt, task.name, task.attempt))
    }
    let test = Harness::new();
    test.attempt(2);
    assert_eq!(test.run(tells).unwrap(), "2 tells-0 1");
    let scheduled = test.run(|| context().scheduled_time);
    assert!(scheduled <= SystemTime::now());
}

#[test]
#[should_panic(expected = "the flow has made 100000 calls")]
fn a_flow_that_never_ends_is_told_of() {
    Harness::new().run(|| {
        loop {
            sleep(DAY).wait().unwrap();
        }
    })
}

#[test]
fn what_a_harness_did_is_gone_with_it() {
    for _ in 0..3 {
        let test = Harness::new();
        test.task("fetch", |_| Ok(1)).takes(DAY);
        assert_eq!(test.run(|| fetch("a")).unwrap(), 1);
        assert_eq!(test.elapsed(), DAY);
    }
    assert!(crate::host::native::installed().is_none());
}

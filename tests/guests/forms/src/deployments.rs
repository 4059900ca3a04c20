//! Runs of deployments: all of them of `echo/echo-deployment`, of this same component.

use guest_sdk::prelude::*;

use crate::expect;

const ECHO: &str = "echo/echo-deployment";

/// Starts a run and waits for it, in the blocking way.
#[flow]
fn runs_and_waits() -> Result<String> {
    let run = run_deployment(ECHO).parameter("value", "hi").wait()?;
    expect!(run.state, State::Completed);
    expect!(run.flow, "echo");
    expect!(run.deployment.as_deref(), Some(ECHO));
    run.result()
}

/// Starts a run with every option there is.
#[flow]
async fn all_options() -> Result<String> {
    let run = run_deployment(ECHO)
        .parameters(json!({ "value": "replaced" }))
        .parameter("value", "hi")
        .flow_run_name("my-echo")
        .tags(["one", "two"])
        .scheduled_time(SystemTime::now() + Duration::from_millis(50))
        .as_subflow(true)
        .await?;
    expect!(run.name, "my-echo");
    run.result()
}

/// Starts a run that is nobody's child.
#[flow]
async fn not_a_subflow() -> Result<String> {
    let run = run_deployment(ECHO)
        .parameter("value", "free")
        .as_subflow(false);
    run.await?.result()
}

/// Asks twice with one key, and gets one run.
#[flow]
async fn idempotency_key(key: String) -> Result<()> {
    let ask = || {
        run_deployment(ECHO)
            .parameter("value", "once")
            .idempotency_key(&key)
    };
    let (first, second) = (ask().await?, ask().await?);
    expect!(first.id, second.id);
    Ok(())
}

/// Asks for a work queue by name.
#[flow]
async fn work_queue(name: String) -> Result<String> {
    let run = run_deployment(ECHO)
        .parameter("value", "queued")
        .work_queue(name);
    run.await?.result()
}

/// Does not wait at all, waits too short, and waits by id.
#[flow]
async fn timeouts() -> Result<String> {
    let later = || {
        run_deployment(ECHO)
            .parameter("value", "later")
            .scheduled_time(SystemTime::now() + Duration::from_secs(2))
    };
    let at_once = later().timeout(Duration::ZERO).await?;
    expect!(at_once.state, State::Scheduled);
    let error = at_once.result::<String>().err();
    error.context("a run that has not begun has a result")?;

    let too_short = later().timeout(Duration::from_millis(50)).await?;
    ensure!(!too_short.state.is_final(), "it ended before it began");

    let ended = wait_for_flow_runs([&at_once.id, &too_short.id]).await?;
    expect!(ended[1].id, too_short.id);
    ended[0].result()
}

/// Starts many at once.
#[flow]
async fn many() -> Result<Vec<String>> {
    let runs = (0..5).map(|n| run_deployment(ECHO).parameter("value", n.to_string()));
    let runs = run_deployments(runs).await?;
    runs.iter().map(FlowRun::result).collect()
}

/// Joins runs and tasks as futures.
#[flow]
async fn joined() -> Result<String> {
    let runs = ["a", "b"].map(|value| run_deployment(ECHO).parameter("value", value).into_future());
    let runs = try_join_all(runs).await?;
    Ok(runs[0].result::<String>()? + &runs[1].result::<String>()?)
}

/// Waits for all, for any, and not long enough.
#[flow]
fn waits() -> Result<usize> {
    let now = || {
        run_deployment(ECHO)
            .parameter("value", "now")
            .timeout(Duration::ZERO)
    };
    let later = || now().scheduled_time(SystemTime::now() + Duration::from_secs(2));
    let runs = run_deployments([now(), later()]).wait()?;

    let any = wait_for_flow_runs(&runs).any().wait()?;
    expect!(
        any.iter().map(|run| &run.id).collect::<Vec<_>>(),
        vec![&runs[0].id]
    );

    let too_short = wait_for_flow_runs(&runs)
        .timeout(Duration::from_millis(50))
        .wait()?;
    expect!(too_short[0].state, State::Completed);
    ensure!(!too_short[1].state.is_final(), "it ended before it began");
    let none = wait_for_flow_runs([&runs[1]])
        .any()
        .timeout(Duration::from_millis(1))
        .wait()?;
    expect!(none.len(), 0);

    let all = wait_for_flow_runs(&runs).wait()?;
    ensure!(
        all.iter().all(|run| run.state.is_final()),
        "not all have ended"
    );
    expect!(wait_for_flow_runs(Vec::<FlowRunId>::new()).wait()?.len(), 0);
    Ok(all.len())
}

/// Sees that a child failed, and why.
#[flow]
async fn failing_child() -> Result<String> {
    let run = run_deployment(ECHO)
        .parameter("value", "x")
        .parameter("fail", "below")
        .await?;
    expect!(run.state, State::Failed);
    let error = run
        .result::<String>()
        .err()
        .context("a failed run has a result")?;
    expect!(error.kind(), ErrorKind::Error);
    let message = error.to_string();
    ensure!(
        message.contains("below") && message.contains(&run.name),
        "the message is `{message}`"
    );
    Ok(message)
}

/// Asks a child for a result of another type.
#[flow]
async fn wrong_result_type() -> Result<String> {
    let run = run_deployment(ECHO).parameter("value", "text").await?;
    let error = run.result::<u32>().err().context("a text is a number")?;
    expect!(error.kind(), ErrorKind::Invalid);
    Ok(format!("{error:#}"))
}

/// Asks for a deployment that does not exist.
#[flow]
async fn unknown_deployment() -> Result<String> {
    let error = run_deployment("no-such/deployment").await.err();
    let error = error.context("a run of nothing")?;
    expect!(error.kind(), ErrorKind::NotFound);
    Ok(error.to_string())
}

/// Waits for a run that does not exist.
#[flow]
fn unknown_run() -> Result<String> {
    let error = wait_for_flow_runs(["00000000-0000-0000-0000-000000000000"])
        .wait()
        .err();
    let error = error.context("a run that never was")?;
    expect!(error.kind(), ErrorKind::NotFound);
    Ok(error.to_string())
}

/// Gives a child parameters that do not fit.
#[flow]
async fn bad_parameters() -> Result<Vec<String>> {
    let mut messages = Vec::new();
    for parameters in [
        json!({}),
        json!({ "value": 3 }),
        json!({ "value": "x", "more": 1 }),
    ] {
        let error = run_deployment(ECHO).parameters(&parameters).await.err();
        let error = error.with_context(|| format!("{parameters} was accepted"))?;
        expect!(error.kind(), ErrorKind::Invalid);
        messages.push(error.to_string());
    }
    Ok(messages)
}

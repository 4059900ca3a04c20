//! Warns of runs that wait in a pool without workers, and says what to type.

use crate::cli::context::Context;
use model::{PoolName, QueueName};
use operations::problem::ProblemKind;
use operations::view::StuckView;

/// Says what keeps the runs of a pool from being executed.
pub fn warn(cx: &Context, pool: &PoolName, why: StuckView) {
    match why {
        StuckView::Paused => cx.out.warn(
            &format!("work pool `{pool}` is paused"),
            &format!("`orch-host work-pool resume {pool}` lets its workers go on"),
        ),
        StuckView::NoWorker => cx.out.warn(
            &format!("no worker pulls from work pool `{pool}`, so its runs wait"),
            &format!("start one in another terminal: `orch-host worker --pool {pool}`"),
        ),
    }
}

/// Says what keeps new runs from being executed: of their pool, or of their queue.
pub async fn warn_of_queue(
    cx: &Context,
    pool: Option<&PoolName>,
    queue: Option<&QueueName>,
) -> anyhow::Result<()> {
    warn_of_pool(cx, pool).await?;
    let (Some(pool), Some(name)) = (pool, queue) else {
        return Ok(());
    };
    match cx.client.inspect_queue(pool, name).await {
        Ok(queue) if queue.paused => cx.out.warn(
            &format!("queue `{name}` of work pool `{pool}` is paused"),
            &format!("`orch-host work-queue resume {name} --pool {pool}` lets its runs start"),
        ),
        Ok(_) => {}
        // Its runs are as those of `default`.
        Err(problem) if problem.kind == ProblemKind::NotFound => {}
        Err(problem) => return Err(problem.into()),
    }
    Ok(())
}

/// The same of a pool, if there is one and anything does.
pub async fn warn_of_pool(cx: &Context, pool: Option<&PoolName>) -> anyhow::Result<()> {
    let Some(name) = pool else {
        return Ok(());
    };
    match cx.client.inspect_pool(name).await {
        Ok(pool) if pool.paused => warn(cx, name, StuckView::Paused),
        Ok(pool) if pool.workers == 0 => warn(cx, name, StuckView::NoWorker),
        Ok(_) => {}
        // Somebody has deleted it.
        Err(problem) if problem.kind == ProblemKind::NotFound => {}
        Err(problem) => return Err(problem.into()),
    }
    Ok(())
}

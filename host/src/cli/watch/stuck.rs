//! Warns of runs that wait in a pool without workers, and says what to type.

use crate::cli::context::Context;
use model::PoolName;
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

/// The same, if there is a pool and anything does.
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

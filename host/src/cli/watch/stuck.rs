//! Warns of runs that wait in a pool without workers, and says what to type.

use crate::cli::context::Context;
use model::PoolName;
use operations::follow::Stuck;

/// Says what keeps the runs of a pool from being executed.
pub fn warn(cx: &Context, pool: &PoolName, why: Stuck) {
    match why {
        Stuck::Paused => cx.out.warn(
            &format!("work pool `{pool}` is paused"),
            &format!("`orch-host work-pool resume {pool}` lets its workers go on"),
        ),
        Stuck::NoWorker => cx.out.warn(
            &format!("no worker pulls from work pool `{pool}`, so its runs wait"),
            &format!("start one in another terminal: `orch-host worker --pool {pool}`"),
        ),
    }
}

/// The same, if there is a pool and anything does.
pub async fn warn_of_pool(cx: &Context, pool: Option<&PoolName>) -> anyhow::Result<()> {
    if let Some(pool) = pool
        && let Some(why) = Stuck::of(&*cx.store, pool).await?
    {
        warn(cx, pool, why);
    }
    Ok(())
}

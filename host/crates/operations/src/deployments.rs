//! All deployments, and how they do.

use model::Deployment;
use store::{LatestEnd, Store, StoreResult};

/// Runs that are told of each.
const OUTCOMES: u32 = 20;

/// All deployments, and how they do.
#[derive(Clone, Debug)]
pub struct Overview {
    pub deployments: Vec<DeploymentOverview>,
    /// It was looked long enough: a deployment with few outcomes may have more.
    pub may_have_more: bool,
}

/// A deployment, and how its runs have ended lately, the latest created first.
#[derive(Clone, Debug)]
pub struct DeploymentOverview {
    pub deployment: Deployment,
    pub latest: Vec<LatestEnd>,
}

/// In the order of their names.
pub async fn overview(store: &dyn Store) -> StoreResult<Overview> {
    let deployments = store.deployments(None).await?;
    let names: Vec<_> = deployments.iter().map(|it| it.name.clone()).collect();
    let ends = store.latest_ends(&names, OUTCOMES).await?;
    let each = deployments.into_iter().zip(ends.of);
    let each = each.map(|(deployment, latest)| DeploymentOverview { deployment, latest });
    Ok(Overview {
        deployments: each.collect(),
        may_have_more: ends.may_have_more,
    })
}

//! Flows and deployments by number, so that a run's row can say what it is counted under.

use crate::error::Pg;
use crate::sql::{Conn, params};
use crate::tx::Tx;
use model::{DeploymentName, FlowName, FlowRun};
use orchestrator::lifecycle::OriginKey;

/// The number of the run's flow and deployment.
pub(crate) async fn of(tx: &Tx, run: &FlowRun) -> Pg<OriginKey> {
    if let Some(known) = tx.origins().find(run) {
        return Ok(known);
    }
    let names = || params![run.flow, run.deployment];
    const FIND: &str = "SELECT no FROM run_origins
         WHERE flow = $1 AND coalesce(deployment, '') = coalesce($2, '')";
    let found = tx.first(FIND, names(), |row| row.get(0)).await?;
    let (origin, is_added) = match found {
        Some(found) => (found, false),
        None => {
            let added = tx
                .first(
                    "INSERT INTO run_origins (flow, deployment) VALUES ($1, $2)
                     ON CONFLICT DO NOTHING RETURNING no",
                    names(),
                    |row| row.get(0),
                )
                .await?;
            match added {
                Some(added) => (added, true),
                // Another process has added it meanwhile.
                None => (tx.need(FIND, names(), |row| row.get(0)).await?, false),
            }
        }
    };
    tx.origins().remember(run, origin, is_added);
    Ok(origin)
}

/// Those of any of the flows and of any of the deployments; an empty list does not restrict.
pub(crate) async fn among(
    conn: &impl Conn,
    flows: &[FlowName],
    deployments: &[DeploymentName],
) -> Pg<Vec<OriginKey>> {
    let all: Vec<(OriginKey, FlowName, Option<DeploymentName>)> = conn
        .all(
            "SELECT no, flow, deployment FROM run_origins",
            params![],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .await?;
    let is_wanted = |flow: &FlowName, deployment: Option<&DeploymentName>| {
        (flows.is_empty() || flows.contains(flow))
            && (deployments.is_empty() || deployment.is_some_and(|it| deployments.contains(it)))
    };
    let wanted = all.into_iter();
    let wanted = wanted.filter(|(_, flow, deployment)| is_wanted(flow, deployment.as_ref()));
    Ok(wanted.map(|(origin, ..)| origin).collect())
}

//! How runs of deployments have ended lately.

use std::collections::HashMap;

use crate::columns::List;
use crate::error::Pg;
use crate::sql::{Conn, params};
use model::{DeploymentName, State};
use store::{LatestEnd, LatestEnds};

/// Of each deployment, the index gives the newest runs first. With `origin = o.no`, PostgreSQL would
/// look through all runs, newest first, where it thinks that one soon is of that origin; and a
/// deployment that has rarely run has all of them looked at.
pub(crate) async fn latest_ends(
    conn: &impl Conn,
    deployments: &[DeploymentName],
    count: u32,
) -> Pg<LatestEnds> {
    let ends: Vec<(DeploymentName, LatestEnd)> = conn
        .all(
            "SELECT o.deployment, l.id, l.state, l.state_name, l.state_message, l.state_at,
                 l.started
             FROM run_origins o CROSS JOIN LATERAL (
                 SELECT r.no, r.id, r.state, r.state_name, r.state_message, r.state_at, r.started
                 FROM flow_runs r
                 WHERE (r.origin, r.no) >= (o.no, 0) AND (r.origin, r.no) < (o.no + 1, 0)
                   AND r.ended IS NOT NULL
                 ORDER BY r.origin DESC, r.no DESC LIMIT $2
             ) l
             WHERE o.deployment = ANY($1) ORDER BY o.no, l.no DESC",
            params![List(deployments), count],
            |row| {
                let end = LatestEnd {
                    run: row.get(1)?,
                    state: State {
                        kind: row.get(2)?,
                        name: row.get(3)?,
                        message: row.get(4)?,
                        at: row.get(5)?,
                    },
                    started: row.get(6)?,
                };
                Ok((row.get(0)?, end))
            },
        )
        .await?;
    let mut found: HashMap<DeploymentName, Vec<LatestEnd>> = HashMap::new();
    for (name, end) in ends {
        found.entry(name).or_default().push(end);
    }
    let of = deployments
        .iter()
        .map(|name| found.get(name).cloned().unwrap_or_default());
    Ok(LatestEnds {
        of: of.collect(),
        may_have_more: false,
    })
}

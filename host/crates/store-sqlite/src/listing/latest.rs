//! How runs of deployments have ended lately.

use std::collections::HashMap;
use std::time::Instant;

use rusqlite::Connection;

use super::page::{Patience, newest_run};
use super::source::{Source, Which};
use crate::columns::AsJson;
use crate::sql::{Sql, params};
use crate::{blocks, origins};
use model::{DeploymentName, State};
use store::{LatestEnd, LatestEnds, Order, StoreResult};

/// Runs that are looked at by one statement.
const CHUNK: i64 = 1024;

/// Looks through the newest runs for all of the deployments at once, and farther back only
/// through blocks with runs of those that have not enough yet.
pub(crate) fn latest_ends(
    conn: &Connection,
    patience: Patience,
    deployments: &[DeploymentName],
    count: u32,
) -> StoreResult<LatestEnds> {
    let begun = Instant::now();
    let count = count as usize;
    let newest = newest_run(conn)?;
    let mut found: HashMap<&DeploymentName, Vec<LatestEnd>> = HashMap::new();
    let mut open: Vec<&DeploymentName> = deployments.iter().collect();
    let mut place = i64::MAX;
    let mut may_have_more = false;
    while !open.is_empty() && !may_have_more {
        let source = blocks_of(conn, &open, newest)?;
        let enough = open.len();
        loop {
            let chunk = source.chunk(conn, place, Order::NewestFirst, CHUNK)?;
            add(conn, &chunk.which, &open, &mut found)?;
            place = chunk.last;
            open.retain(|name| found.get(name).is_none_or(|ends| ends.len() < count));
            if chunk.is_final {
                open.clear();
            } else {
                may_have_more = begun.elapsed() >= patience.time;
            }
            // Those that are left may be in fewer blocks.
            if open.len() < enough || may_have_more {
                break;
            }
        }
    }
    may_have_more &= !open.is_empty();
    let ends = |name| {
        let mut ends = found.get(name).cloned().unwrap_or_default();
        ends.truncate(count);
        ends
    };
    Ok(LatestEnds {
        of: deployments.iter().map(ends).collect(),
        may_have_more,
    })
}

fn blocks_of(
    conn: &Connection,
    deployments: &[&DeploymentName],
    newest: i64,
) -> StoreResult<Source> {
    let deployments: Vec<_> = deployments.iter().map(|name| (*name).clone()).collect();
    let wanted = blocks::Wanted {
        origins: Some(origins::among(conn, &[], &deployments)?),
        ..blocks::Wanted::default()
    };
    Ok(Source::Ranges(blocks::ranges(conn, &wanted, newest)?))
}

/// Adds the ends among these runs.
fn add<'d>(
    conn: &Connection,
    which: &Which,
    deployments: &[&'d DeploymentName],
    found: &mut HashMap<&'d DeploymentName, Vec<LatestEnd>>,
) -> StoreResult<()> {
    let Which::Range(low, high) = which else {
        return Ok(());
    };
    let names: Vec<String> = deployments.iter().map(ToString::to_string).collect();
    let ends: Vec<(DeploymentName, LatestEnd)> = conn.all(
        "SELECT s.deployment, r.id, r.state, r.state_name, r.state_message, r.state_at, r.started
         FROM flow_run_specs s CROSS JOIN flow_runs r ON r.no = s.no
         WHERE s.no >= ?1 AND s.no <= ?2
           AND s.deployment IN (SELECT value FROM json_each(?3)) AND r.ended IS NOT NULL
         ORDER BY s.no DESC",
        params![*low, *high, AsJson(names)],
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
    )?;
    for (name, end) in ends {
        if let Some(known) = deployments.iter().find(|known| ***known == name) {
            found.entry(known).or_default().push(end);
        }
    }
    Ok(())
}

//! Totals of runs that have ended, by minute, origin and state.
//!
//! A run is counted by the end that it has now: a new attempt takes the earlier end off the totals,
//! and its own end is counted when it comes. A run that is deleted stays counted, for it has run.
//!
//! The rows of an hour become one row a key when the hour has been over for two days: so the bars of
//! a day are exact, and those of a year, and the totals of all time, read few rows.

use std::collections::BTreeMap;

use crate::columns::List;
use crate::error::Pg;
use crate::noted::Ends;
use crate::origins;
use crate::sql::{Conn, Row, params};
use crate::tx::{Bulk, How, Tx};
use model::{DeploymentName, FlowName, StateType, Timestamp};
use orchestrator::lifecycle::{Ended, OriginKey};
use store::{OriginTally, Tallied, Tallies, Tallying};

const MINUTE_US: i64 = 60_000_000;
const HOUR: i64 = 60;

/// For so many minutes there is a row a minute; before that, one an hour.
const MINUTES_KEPT: i64 = 2 * 24 * HOUR;

/// Hours that are summed by one commit, at most.
const HOURS_AT_ONCE: u32 = 4;

/// For the lock under which one process at a time sums hours.
const SUMMING: i64 = 0x6f72_6368_5f73_756d;

static TALLIES: Bulk = Bulk {
    table: "run_tallies",
    columns: &[
        ("minute", "bigint"),
        ("origin", "bigint"),
        ("state", "text"),
        ("shard", "bigint"),
        ("count", "bigint"),
        ("total_ms", "bigint"),
    ],
    keys: 0,
    how: How::Insert {
        conflict: "ON CONFLICT (minute, origin, state, shard) DO UPDATE SET
         count = run_tallies.count + excluded.count,
         total_ms = run_tallies.total_ms + excluded.total_ms",
    },
};

/// Adds what was noted to the totals, in the order of their keys: so two processes that share a shard
/// never wait for each other in a circle.
pub(crate) fn add(tx: &Tx, ends: &Ends, now: Timestamp, shard: i64) {
    let long_past = hour(minute(now) - MINUTES_KEPT);
    let mut sums: BTreeMap<(i64, OriginKey, StateType, i64), (i64, i64)> = BTreeMap::new();
    for (run, sign) in ends.iter() {
        let (minute, shard) = match minute(run.at) {
            past if past < long_past => (hour(past), 0),
            minute => (minute, shard),
        };
        let key = (minute, run.origin, run.state, shard);
        let sum = sums.entry(key).or_default();
        sum.0 += sign;
        sum.1 += sign * took_ms(run);
    }
    for ((minute, origin, state, shard), (count, total_ms)) in sums {
        tx.bulk(
            &TALLIES,
            params![minute, origin, state, shard, count, total_ms],
        );
    }
}

/// Sums hours between `done` and what is long past, the oldest first, but not many at once. Up to
/// where all are summed, by this process or by another.
pub(crate) async fn sum_hours(tx: &Tx, mut done: i64, now: Timestamp) -> Pg<i64> {
    let long_past = hour(minute(now) - MINUTES_KEPT);
    if done >= long_past {
        return Ok(done);
    }
    let is_ours: bool = tx
        .need(
            "SELECT pg_try_advisory_xact_lock($1)",
            params![SUMMING],
            |row| row.get(0),
        )
        .await?;
    if !is_ours {
        return Ok(long_past);
    }
    for _ in 0..HOURS_AT_ONCE {
        let oldest: Option<i64> = tx
            .first(
                "SELECT minute FROM run_tallies WHERE minute >= $1 AND minute < $2
                   AND (minute % 60 <> 0 OR shard <> 0) ORDER BY minute LIMIT 1",
                params![done, long_past],
                |row| row.get(0),
            )
            .await?;
        let Some(oldest) = oldest else {
            return Ok(long_past);
        };
        let begin = hour(oldest);
        done = begin + HOUR;
        tx.run(
            "WITH gone AS (
                 DELETE FROM run_tallies WHERE minute >= $1 AND minute < $2
                   AND (minute % 60 <> 0 OR shard <> 0)
                 RETURNING origin, state, count, total_ms
             )
             INSERT INTO run_tallies (minute, origin, state, shard, count, total_ms)
             SELECT $1, origin, state, 0, sum(count)::bigint, sum(total_ms)::bigint FROM gone
             GROUP BY origin, state
             ON CONFLICT (minute, origin, state, shard) DO UPDATE SET
                 count = run_tallies.count + excluded.count,
                 total_ms = run_tallies.total_ms + excluded.total_ms",
            params![begin, done],
        );
    }
    Ok(done)
}

fn minute(at: Timestamp) -> i64 {
    at.0.div_euclid(MINUTE_US)
}

/// The minute with which its hour begins.
fn hour(minute: i64) -> i64 {
    minute.div_euclid(HOUR) * HOUR
}

fn took_ms(run: &Ended) -> i64 {
    let took = run.started.map_or(0, |started| run.at.0 - started.0);
    took.max(0) / 1000
}

pub(crate) async fn tallies(conn: &impl Conn, tallying: &Tallying) -> Pg<Tallies> {
    let mut tallies = tallying.empty();
    let filter = &tallying.filter;
    let is_restricted = !filter.flows.is_empty() || !filter.deployments.is_empty();
    let among = if is_restricted {
        Some(origins::among(conn, &filter.flows, &filter.deployments).await?)
    } else {
        None
    };
    let (from, end) = (minute(tallies.from), minute(tallies.end()));
    let sums: Vec<(i64, StateType, Tallied)> = conn
        .all(
            "SELECT (minute - $1) / $3, state, sum(count)::bigint, sum(total_ms)::bigint
             FROM run_tallies
             WHERE minute >= $1 AND minute < $2 AND ($4::bigint[] IS NULL OR origin = ANY($4))
             GROUP BY 1, 2",
            params![from, end, tallies.bin_minutes, among.as_deref().map(List)],
            |row| Ok((row.get(0)?, row.get(1)?, tallied(row, 2)?)),
        )
        .await?;
    for (bin, state, tallied) in sums {
        let bin = usize::try_from(bin).ok();
        if let Some(bin) = bin.and_then(|bin| tallies.bins.get_mut(bin)) {
            bin.insert(state, tallied);
        }
    }
    Ok(tallies)
}

pub(crate) async fn by_origin(conn: &impl Conn) -> Pg<Vec<OriginTally>> {
    let sums: Vec<(FlowName, Option<DeploymentName>, StateType, Tallied)> = conn
        .all(
            "SELECT o.flow, o.deployment, t.state, t.count, t.total_ms FROM (
                 SELECT origin, state, sum(count)::bigint AS count,
                     sum(total_ms)::bigint AS total_ms
                 FROM run_tallies GROUP BY origin, state
             ) t JOIN run_origins o ON o.no = t.origin
             WHERE t.count > 0 ORDER BY o.flow, o.deployment NULLS FIRST",
            params![],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, tallied(row, 3)?)),
        )
        .await?;
    let mut found: Vec<OriginTally> = Vec::new();
    for (flow, deployment, state, tallied) in sums {
        match found.last_mut() {
            Some(last) if last.flow == flow && last.deployment == deployment => {
                last.states.insert(state, tallied);
            }
            _ => found.push(OriginTally {
                flow,
                deployment,
                states: [(state, tallied)].into(),
            }),
        }
    }
    Ok(found)
}

/// Reads `count, total_ms` from this column on.
fn tallied(row: &Row, from: usize) -> Pg<Tallied> {
    let [count, total_ms] = [row.get::<i64>(from)?, row.get(from + 1)?];
    Ok(Tallied {
        count: u64::try_from(count).unwrap_or(0),
        total_ms: u64::try_from(total_ms).unwrap_or(0),
    })
}

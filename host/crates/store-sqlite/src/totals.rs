//! Totals of runs that have ended, by minute, origin and state.
//!
//! ```text
//! a run ends, or begins again --noted in memory--> summed by key --one upsert a key--> commit
//! ```
//!
//! A run is counted by the end that it has now: a new attempt takes the earlier end off the
//! totals, and its own end is counted when it comes. A run that is deleted stays counted, for
//! it has run.
//!
//! The rows of an hour become one row a key when the hour has been over for two days: so the
//! bars of a day are exact, and those of a year read few rows.
//!
//! These hours are added to the totals of all time as well, which programs that watch ask for
//! again and again, and which would be summed from more rows each month. So nothing more is
//! written while runs end, and only the last two days are summed for each answer.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::Connection;

use super::columns::AsJson;
use super::origins::{self, Origins};
use super::sql::{Row, Sql, params};
use model::{DeploymentName, FlowName, StateType, Timestamp};
use orchestrator::lifecycle::{Ended, OriginKey};
use store::{Clock, OriginTally, StoreResult, Tallied, Tallies, Tallying};

const MINUTE_US: i64 = 60_000_000;
const HOUR: i64 = 60;

/// For so many minutes there is a row a minute. The migration that made the table knows it,
/// too.
const MINUTES_KEPT: i64 = 2 * 24 * HOUR;

/// Hours that are summed by one commit, at most.
const HOURS_AT_ONCE: u32 = 4;

/// What the writer notes of the runs that end.
pub(crate) struct Totals {
    clock: Arc<dyn Clock>,
    origins: Origins,
    noted: RefCell<Vec<(Ended, i64)>>,
    /// Up to this minute hours are summed, as far as this process knows.
    summed_to: Cell<i64>,
    /// Before this minute all is in the totals of all time, as far as this process knows.
    totals_end: Cell<Option<i64>>,
}

impl Totals {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            origins: Origins::default(),
            noted: RefCell::default(),
            summed_to: Cell::default(),
            totals_end: Cell::default(),
        }
    }

    pub(crate) fn origins(&self) -> &Origins {
        &self.origins
    }

    pub(crate) fn ended(&self, run: Ended) {
        self.noted.borrow_mut().push((run, 1));
    }

    /// It has not ended so any more.
    pub(crate) fn reopened(&self, run: Ended) {
        self.noted.borrow_mut().push((run, -1));
    }

    /// Where it stands, for [`back_to`](Self::back_to).
    pub(crate) fn mark(&self) -> usize {
        self.noted.borrow().len()
    }

    /// Forgets what was noted since: what has noted it is undone.
    pub(crate) fn back_to(&self, mark: usize) {
        self.noted.borrow_mut().truncate(mark);
        self.origins.undone();
    }

    /// The transaction is undone.
    pub(crate) fn undone(&self) {
        self.back_to(0);
    }

    /// The transaction is committed.
    pub(crate) fn committed(&self) {
        self.noted.borrow_mut().clear();
        self.origins.committed();
    }

    /// Adds what was noted to the totals.
    pub(crate) fn add(&self, conn: &Connection) -> StoreResult<()> {
        let noted = self.noted.borrow();
        if noted.is_empty() {
            return Ok(());
        }
        let long_past = hour(minute(self.clock.now()) - MINUTES_KEPT);
        // Another process may have gone on to what is long past. Where it is later than that,
        // the clock was wrong for a while.
        let may_be_in_totals = self.totals_end(conn)?.max(long_past);
        let mut sums: BTreeMap<(i64, OriginKey, StateType), (i64, i64)> = BTreeMap::new();
        for (run, sign) in noted.iter() {
            let minute = match minute(run.at) {
                past if past < long_past => hour(past),
                minute => minute,
            };
            let key = (minute, run.origin, run.state);
            let (count, total_ms) = sums.entry(key).or_default();
            *count += sign;
            *total_ms += sign * took_ms(run);
        }
        for ((minute, origin, state), (count, total_ms)) in sums {
            conn.run(
                "INSERT INTO run_tallies (minute, origin, state, count, total_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (minute, origin, state) DO UPDATE SET
                     count = count + excluded.count, total_ms = total_ms + excluded.total_ms",
                params![minute, origin, state, count, total_ms],
            )?;
            // Rare: a run of long ago is run again, or its end was written late.
            if minute < may_be_in_totals {
                conn.run(
                    "INSERT INTO run_totals (origin, state, count, total_ms)
                     SELECT ?2, ?3, ?4, ?5 FROM run_totals_end WHERE ?1 < minute
                     ON CONFLICT (origin, state) DO UPDATE SET
                         count = count + excluded.count,
                         total_ms = total_ms + excluded.total_ms",
                    params![minute, origin, state, count, total_ms],
                )?;
            }
        }
        // Once an hour, unless all processes were away for long.
        if long_past > self.summed_to.get() {
            let summed_to = sum_hours(conn, self.summed_to.get(), long_past)?;
            add_to_totals(conn, summed_to)?;
            self.summed_to.set(summed_to);
            self.totals_end.set(None);
        }
        Ok(())
    }

    fn totals_end(&self, conn: &Connection) -> StoreResult<i64> {
        if let Some(known) = self.totals_end.get() {
            return Ok(known);
        }
        let end = conn.need("SELECT minute FROM run_totals_end", [], |row| row.get(0))?;
        self.totals_end.set(Some(end));
        Ok(end)
    }
}

/// Sums hours between two that have a row a minute, the oldest first, but not many at once. Up
/// to where all are summed.
fn sum_hours(conn: &Connection, from: i64, to: i64) -> StoreResult<i64> {
    let mut done = from;
    for _ in 0..HOURS_AT_ONCE {
        let oldest: Option<i64> = conn.first(
            "SELECT minute FROM run_tallies WHERE minute >= ?1 AND minute < ?2
                 AND minute % 60 <> 0 ORDER BY minute LIMIT 1",
            params![done, to],
            |row| row.get(0),
        )?;
        let Some(oldest) = oldest else {
            return Ok(to);
        };
        let begin = hour(oldest);
        done = begin + HOUR;
        conn.run(
            "INSERT INTO run_tallies (minute, origin, state, count, total_ms)
             SELECT ?1, origin, state, sum(count), sum(total_ms) FROM run_tallies
             WHERE minute > ?1 AND minute < ?2 GROUP BY origin, state
             ON CONFLICT (minute, origin, state) DO UPDATE SET
                 count = count + excluded.count, total_ms = total_ms + excluded.total_ms",
            params![begin, done],
        )?;
        conn.run(
            "DELETE FROM run_tallies WHERE minute > ?1 AND minute < ?2",
            params![begin, done],
        )?;
    }
    Ok(done)
}

/// Adds the hours before this minute to the totals, unless they were added already.
fn add_to_totals(conn: &Connection, to: i64) -> StoreResult<()> {
    conn.run(
        "INSERT INTO run_totals (origin, state, count, total_ms)
         SELECT origin, state, sum(count), sum(total_ms) FROM run_tallies
         WHERE minute >= (SELECT minute FROM run_totals_end) AND minute < ?1
         GROUP BY origin, state
         ON CONFLICT (origin, state) DO UPDATE SET
             count = count + excluded.count, total_ms = total_ms + excluded.total_ms",
        [to],
    )?;
    conn.run("UPDATE run_totals_end SET minute = max(minute, ?1)", [to])?;
    Ok(())
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

pub(super) fn tallies(conn: &Connection, tallying: &Tallying) -> StoreResult<Tallies> {
    let mut tallies = tallying.empty();
    let filter = &tallying.filter;
    let is_restricted = !filter.flows.is_empty() || !filter.deployments.is_empty();
    let origins = if is_restricted {
        let among = origins::among(conn, &filter.flows, &filter.deployments)?;
        let numbers: Vec<i64> = among.into_iter().map(|origin| origin.0).collect();
        Some(AsJson(numbers))
    } else {
        None
    };
    let (from, end) = (minute(tallies.from), minute(tallies.end()));
    let sums: Vec<(i64, StateType, Tallied)> = conn.all(
        "SELECT (minute - ?1) / ?3, state, sum(count), sum(total_ms) FROM run_tallies
         WHERE minute >= ?1 AND minute < ?2
           AND (?4 IS NULL OR origin IN (SELECT value FROM json_each(?4)))
         GROUP BY 1, 2",
        params![from, end, tallies.bin_minutes, origins],
        |row| Ok((row.get(0)?, row.get(1)?, tallied(row, 2)?)),
    )?;
    for (bin, state, tallied) in sums {
        let bin = usize::try_from(bin).ok();
        if let Some(bin) = bin.and_then(|bin| tallies.bins.get_mut(bin)) {
            bin.insert(state, tallied);
        }
    }
    Ok(tallies)
}

pub(super) fn by_origin(conn: &Connection) -> StoreResult<Vec<OriginTally>> {
    let sums: Vec<(FlowName, Option<DeploymentName>, StateType, Tallied)> = conn.all(
        "SELECT o.flow, o.deployment, t.state, t.count, t.total_ms FROM (
             SELECT origin, state, sum(count) AS count, sum(total_ms) AS total_ms FROM (
                 SELECT origin, state, count, total_ms FROM run_totals
                 UNION ALL
                 SELECT origin, state, count, total_ms FROM run_tallies
                 WHERE minute >= (SELECT minute FROM run_totals_end)
             ) GROUP BY origin, state
         ) t JOIN run_origins o ON o.no = t.origin
         WHERE t.count > 0 ORDER BY o.flow, o.deployment",
        [],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, tallied(row, 3)?)),
    )?;
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

/// Reads `count, total_ms` from this column on. Sums may be below zero for a while, where an
/// end was taken off its hour before that was summed.
fn tallied(row: &Row<'_>, from: usize) -> rusqlite::Result<Tallied> {
    let [count, total_ms] = [row.get::<_, i64>(from)?, row.get(from + 1)?];
    Ok(Tallied {
        count: u64::try_from(count).unwrap_or(0),
        total_ms: u64::try_from(total_ms).unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::contract::cast::SetClock;

    const DAY: i64 = 86_400;

    /// Notes ends of origin 1 at these seconds by the clock of the stories, and commits them.
    fn end(totals: &Totals, conn: &Connection, seconds: &[i64]) {
        for second in seconds {
            totals.ended(ended(*second));
        }
        totals.add(conn).unwrap();
        totals.committed();
    }

    fn ended(second: i64) -> Ended {
        let at = store::contract::cast::at(second);
        Ended {
            origin: OriginKey(1),
            state: StateType::Failed,
            at,
            started: Some(Timestamp(at.0 - 2_000_000)),
        }
    }

    /// `minutes since the story began: count/ms`
    fn rows(conn: &Connection) -> Vec<String> {
        let begin = minute(store::contract::cast::at(0));
        conn.all(
            "SELECT minute, count, total_ms FROM run_tallies ORDER BY minute",
            [],
            |row| {
                let [at, count, ms] = [row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?];
                Ok(format!("{}: {count}/{ms}", at - begin))
            },
        )
        .unwrap()
    }

    /// How many have ever ended, however that is kept.
    fn ever(conn: &Connection) -> u64 {
        let totals = by_origin(conn).unwrap();
        let states = totals.iter().flat_map(|of| of.states.values());
        states.map(|it| it.count).sum()
    }

    fn database() -> Connection {
        let mut conn = Connection::open_in_memory().unwrap();
        crate::schema::migrate(&mut conn, std::path::Path::new("memory")).unwrap();
        conn.run("INSERT INTO run_origins (no, flow) VALUES (1, 'etl')", [])
            .unwrap();
        conn
    }

    #[test]
    fn minutes_become_hours_when_they_are_long_past() {
        let conn = database();
        let clock = Arc::new(SetClock::new(0));
        let totals = Totals::new(clock.clone());
        // 22:13, so the hour began 13 minutes before, and the next one begins 47 after.
        end(&totals, &conn, &[0, 1, 60, 3_600]);
        assert_eq!(rows(&conn), ["0: 2/4000", "1: 1/2000", "60: 1/2000"]);
        assert_eq!(ever(&conn), 4);
        clock.set(2 * DAY);
        end(&totals, &conn, &[2 * DAY]);
        assert_eq!(rows(&conn)[..3], ["0: 2/4000", "1: 1/2000", "60: 1/2000"]);
        clock.set(2 * DAY + 3_600);
        end(&totals, &conn, &[2 * DAY + 3_600]);
        assert_eq!(rows(&conn)[..2], ["-13: 3/6000", "60: 1/2000"]);
        // Of these the first hour is in the totals.
        let in_totals = "SELECT count FROM run_totals";
        let in_totals = || -> Vec<i64> { conn.all(in_totals, [], |row| row.get(0)).unwrap() };
        assert_eq!((in_totals(), ever(&conn)), (vec![3], 6));
        // What comes late joins its hour, and is taken off it.
        end(&totals, &conn, &[120]);
        assert_eq!(rows(&conn)[0], "-13: 4/8000");
        assert_eq!((in_totals(), ever(&conn)), (vec![4], 7));
        totals.reopened(ended(60));
        end(&totals, &conn, &[]);
        assert_eq!(rows(&conn)[0], "-13: 3/6000");
        assert_eq!((in_totals(), ever(&conn)), (vec![3], 6));
        // Another process does not know yet how far the totals go.
        let another = Totals::new(clock.clone());
        end(&another, &conn, &[180]);
        assert_eq!((in_totals(), ever(&conn)), (vec![4], 7));
        // Nor does it matter that the clock was wrong meanwhile.
        clock.set(100 * DAY);
        end(&totals, &conn, &[]);
        end(&totals, &conn, &[100 * DAY]);
        clock.set(3 * DAY);
        end(&totals, &conn, &[3 * DAY]);
        assert_eq!(ever(&conn), 9);
    }

    #[test]
    fn hours_of_a_long_absence_are_summed_a_few_at_a_time() {
        let conn = database();
        let clock = Arc::new(SetClock::new(0));
        let totals = Totals::new(clock.clone());
        let ends: Vec<i64> = (0..10).map(|hour| hour * 3_600).collect();
        end(&totals, &conn, &ends);
        clock.set(10 * DAY);
        let later = Totals::new(clock);
        let summed = |expect: usize| {
            let rows = rows(&conn);
            let hours = rows[..10].iter().filter(|row| {
                let at: i64 = row.split(':').next().unwrap().parse().unwrap();
                (at + 13) % 60 == 0
            });
            assert_eq!(hours.count(), expect, "{rows:?}");
        };
        for (n, expect) in (1..).zip([4, 8, 10, 10]) {
            end(&later, &conn, &[10 * DAY]);
            summed(expect);
            assert_eq!(ever(&conn), 10 + n);
        }
    }

    #[test]
    fn what_is_undone_is_not_counted() {
        let conn = database();
        let totals = Totals::new(Arc::new(SetClock::new(0)));
        totals.ended(ended(0));
        let mark = totals.mark();
        totals.ended(ended(1));
        totals.back_to(mark);
        totals.add(&conn).unwrap();
        totals.committed();
        assert_eq!(rows(&conn), ["0: 1/2000"]);
        totals.ended(ended(0));
        totals.undone();
        totals.add(&conn).unwrap();
        assert_eq!(rows(&conn), ["0: 1/2000"]);
    }
}

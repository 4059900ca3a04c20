//! Slots of limits: who has them, and who waits for them.
//!
//! A row of `permits` is what a run takes of one limit. It waits while `granted` is null. The slots
//! of a rate limit are taken by rows of `limit_uses`, for as long as it says, whatever becomes of
//! the run.

use std::collections::{HashMap, VecDeque};

use rusqlite::Connection;

use super::columns::AsJson;
use super::rows::unsigned;
use super::runs;
use super::sql::{Row, Sql, params};
use super::writer::Tx;
use model::{Answer, AskedPermit, Limit, LimitName, RunId, Seq, Taker, Taking, Timestamp, micros};
use orchestrator::lifecycle::{GivenBack, LimitNeed, RunKey, may_have};
use store::{LimitUse, Permit, StoreResult, TaskRunName, Unnamed};

/// A line of a limit.
pub(super) type Line = (LimitName, String);

/// What a run takes for itself, rather than for one of its calls.
const WHOLE: i64 = GivenBack::WHOLE;

/// Asks for what a run takes, unless it has done so before.
pub(super) fn ask(tx: &Tx<'_>, run: RunKey, takes: &[Taking], now: Timestamp) -> StoreResult<()> {
    put_rows(tx, run, WHOLE, takes, now)
}

/// The same of what one of its calls takes. From then on the run is one that takes slots.
pub(super) fn ask_for(tx: &Tx<'_>, run: RunKey, asked: &AskedPermit) -> StoreResult<()> {
    tx.run(
        "UPDATE flow_runs SET limited = 1 WHERE no = ?1 AND NOT limited",
        [run],
    )?;
    put_rows(tx, run, GivenBack::number(asked.by), &asked.takes, asked.at)
}

fn put_rows(
    tx: &Tx<'_>,
    run: RunKey,
    by: i64,
    takes: &[Taking],
    now: Timestamp,
) -> StoreResult<()> {
    let mut asked = 0;
    for taking in takes {
        asked += tx.run(
            "INSERT INTO permits (run, seq, limit_name, line, slots, asked)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
            params![run, by, taking.limit, taking.line, taking.slots, now],
        )?;
    }
    if asked > 0 {
        let lines = takes.iter().map(|it| (it.limit.clone(), it.line.clone()));
        serve_for(tx, lines.collect(), now, Some(run))?;
    }
    Ok(())
}

/// The lines in which a run finds no slot. None: it has all that it takes.
pub(super) fn lacking(conn: &Connection, run: RunKey, now: Timestamp) -> StoreResult<Vec<Line>> {
    let waiting = Waiting {
        run,
        seq: WHOLE,
        asked: now,
    };
    let mut asked = asked_by(conn, &waiting, now)?;
    asked.retain(|(_, need)| !may_have(&[*need]));
    Ok(asked.into_iter().map(|(line, _)| line).collect())
}

/// Who is in the way of a run that waits: those that wait as well, and of those that have slots the
/// earliest, as many as have to go. Whoever is being cancelled goes already.
pub(super) fn in_the_way(conn: &Connection, run: RunKey, of: &Taking) -> StoreResult<Vec<RunId>> {
    let mut found: Vec<RunId> = conn.all(
        "SELECT r.id FROM permits p JOIN flow_runs r ON r.no = p.run
         WHERE p.limit_name = ?1 AND p.line = ?2 AND p.granted IS NULL AND p.run <> ?3
         ORDER BY p.asked, p.run",
        params![of.limit, of.line, run],
        |row| row.get(0),
    )?;
    found.append(&mut conn.all(
        "SELECT r.id FROM permits p JOIN flow_runs r ON r.no = p.run
         WHERE p.limit_name = ?1 AND p.line = ?2 AND p.granted IS NOT NULL
           AND r.state <> 'CANCELLING'
         ORDER BY p.granted, p.run
         LIMIT max(0, (
             SELECT coalesce(sum(h.slots), 0) + ?3 - coalesce((
                 SELECT slots FROM limits WHERE name = ?1
             ), 0)
             FROM permits h JOIN flow_runs r ON r.no = h.run
             WHERE h.limit_name = ?1 AND h.line = ?2 AND h.granted IS NOT NULL
               AND r.state <> 'CANCELLING'
         ))",
        params![of.limit, of.line, of.slots],
        |row| row.get(0),
    )?);
    Ok(found)
}

pub(super) fn give_back(
    tx: &Tx<'_>,
    run: RunKey,
    what: GivenBack,
    at: Timestamp,
) -> StoreResult<()> {
    let (from, to) = what.numbers();
    let lines: Vec<Line> = tx.all(
        "DELETE FROM permits WHERE run = ?1 AND seq BETWEEN ?2 AND ?3 RETURNING limit_name, line",
        params![run, from, to],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    serve(tx, lines, at)
}

/// Those of these calls that have what they have asked for.
pub(super) fn permitted(conn: &Connection, run: RunKey, calls: &[Seq]) -> StoreResult<Vec<Seq>> {
    let mut granted: Vec<Seq> = conn.all(
        "SELECT DISTINCT abs(seq) FROM permits
         WHERE run = ?1 AND seq <> 0 AND granted IS NOT NULL",
        [run],
        |row| row.get(0),
    )?;
    granted.retain(|seq| calls.contains(seq));
    Ok(granted)
}

/// Gives what is free to those who wait for it, in their order.
pub(super) fn serve(tx: &Tx<'_>, lines: Vec<Line>, now: Timestamp) -> StoreResult<()> {
    serve_for(tx, lines, now, None)
}

/// `claimed`: the run that is being claimed, which is ready in any case.
fn serve_for(
    tx: &Tx<'_>,
    lines: Vec<Line>,
    now: Timestamp,
    claimed: Option<RunKey>,
) -> StoreResult<()> {
    let mut lines = VecDeque::from(lines);
    while let Some(line) = lines.pop_front() {
        while let Some(first) = first_of(tx, &line)? {
            let asked = asked_by(tx, &first, now)?;
            let needs: Vec<LimitNeed> = asked.iter().map(|(_, need)| *need).collect();
            if !may_have(&needs) {
                break;
            }
            hand_over(tx, &first, now, claimed)?;
            // It stands no longer in the way of others there.
            lines.extend(
                asked
                    .into_iter()
                    .map(|(line, _)| line)
                    .filter(|it| *it != line),
            );
        }
    }
    Ok(())
}

/// Somebody gets its slots whoever stands before it, if all of them are free.
pub(super) fn let_pass(
    tx: &Tx<'_>,
    run: RunKey,
    taker: Option<Taker>,
    now: Timestamp,
) -> StoreResult<bool> {
    let found = tx.first(
        "SELECT run, seq, asked FROM permits
         WHERE run = ?1 AND seq = ?2 AND granted IS NULL LIMIT 1",
        params![run, taker.map_or(WHOLE, GivenBack::number)],
        waiting,
    )?;
    let Some(waiting) = found else {
        return Ok(false);
    };
    let asked = asked_by(tx, &waiting, now)?;
    let passes = |(_, need): &(Line, LimitNeed)| LimitNeed {
        is_first: true,
        ..*need
    };
    if !may_have(&asked.iter().map(passes).collect::<Vec<_>>()) {
        return Ok(false);
    }
    hand_over(tx, &waiting, now, None)?;
    // It may have been the first of another line.
    serve(tx, asked.into_iter().map(|(line, _)| line).collect(), now)?;
    Ok(true)
}

/// Somebody has what it has waited for.
fn hand_over(
    tx: &Tx<'_>,
    waiting: &Waiting,
    now: Timestamp,
    claimed: Option<RunKey>,
) -> StoreResult<()> {
    grant(tx, waiting, now)?;
    if waiting.seq != WHOLE {
        // A worker that executes it must hear of it, too.
        runs::wake_waiting(tx, waiting.run, now)?;
        tx.tell_ready();
    } else if claimed != Some(waiting.run) {
        // It keeps its place among the runs that are ready.
        runs::wake(tx, waiting.run, waiting.asked)?;
        tx.tell_ready();
    }
    Ok(())
}

/// Who waits for slots.
struct Waiting {
    run: RunKey,
    seq: i64,
    asked: Timestamp,
}

fn first_of(conn: &Connection, (limit, line): &Line) -> StoreResult<Option<Waiting>> {
    conn.first(
        "SELECT run, seq, asked FROM permits
         WHERE limit_name = ?1 AND line = ?2 AND granted IS NULL
         ORDER BY asked, run, seq LIMIT 1",
        params![limit, line],
        waiting,
    )
}

fn waiting(row: &Row<'_>) -> rusqlite::Result<Waiting> {
    Ok(Waiting {
        run: row.get(0)?,
        seq: row.get(1)?,
        asked: row.get(2)?,
    })
}

/// All that somebody waits for.
fn asked_by(
    conn: &Connection,
    waiting: &Waiting,
    now: Timestamp,
) -> StoreResult<Vec<(Line, LimitNeed)>> {
    conn.all(
        "SELECT p.limit_name, p.line, p.slots, l.slots,
             CASE WHEN l.per IS NULL THEN (
                 SELECT coalesce(sum(h.slots), 0) FROM permits h
                 WHERE h.limit_name = p.limit_name AND h.line = p.line
                   AND h.granted IS NOT NULL
             ) ELSE (
                 SELECT coalesce(sum(u.slots), 0) FROM limit_uses u
                 WHERE u.limit_name = p.limit_name AND u.line = p.line AND u.until > ?3
             ) END,
             NOT EXISTS (
                 SELECT 1 FROM permits e
                 WHERE e.limit_name = p.limit_name AND e.line = p.line AND e.granted IS NULL
                   AND (e.asked, e.run, e.seq) < (p.asked, p.run, p.seq)
             )
         FROM permits p LEFT JOIN limits l ON l.name = p.limit_name
         WHERE p.run = ?1 AND p.seq = ?2 AND p.granted IS NULL",
        params![waiting.run, waiting.seq, now],
        |row| {
            let (limit, made): (LimitName, Option<u32>) = (row.get(0)?, row.get(3)?);
            let need = LimitNeed {
                slots: row.get(2)?,
                of: made.or_else(|| limit.built_in_slots()),
                taken: unsigned(row, 4)?,
                is_first: row.get(5)?,
            };
            Ok(((limit, row.get(1)?), need))
        },
    )
}

fn grant(tx: &Tx<'_>, waiting: &Waiting, now: Timestamp) -> StoreResult<()> {
    tx.run(
        "DELETE FROM limit_uses WHERE until <= ?3 AND (limit_name, line) IN (
             SELECT limit_name, line FROM permits WHERE run = ?1 AND seq = ?2
         )",
        params![waiting.run, waiting.seq, now],
    )?;
    tx.run(
        "INSERT INTO limit_uses (limit_name, line, slots, until)
         SELECT p.limit_name, p.line, p.slots, ?3 + l.per
         FROM permits p JOIN limits l ON l.name = p.limit_name
         WHERE p.run = ?1 AND p.seq = ?2 AND p.granted IS NULL AND l.per IS NOT NULL",
        params![waiting.run, waiting.seq, now],
    )?;
    tx.run(
        "UPDATE permits SET granted = ?3 WHERE run = ?1 AND seq = ?2 AND granted IS NULL",
        params![waiting.run, waiting.seq, now],
    )?;
    Ok(())
}

/// Slots of rate limits whose time has passed are free. How many there were.
pub(super) fn lapse(tx: &Tx<'_>, now: Timestamp) -> StoreResult<u32> {
    let lines: Vec<Line> = tx.all(
        "DELETE FROM limit_uses WHERE until <= ?1 RETURNING limit_name, line",
        [now],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let count = lines.len() as u32;
    serve(tx, lines, now)?;
    Ok(count)
}

/// When the next slot of a rate limit is free that somebody waits for.
pub(super) fn next_lapse(conn: &Connection) -> StoreResult<Option<Timestamp>> {
    conn.need(
        "SELECT min(u.until) FROM limit_uses u WHERE EXISTS (
             SELECT 1 FROM permits p WHERE p.limit_name = u.limit_name AND p.line = u.line
                 AND p.granted IS NULL
         )",
        [],
        |row| row.get(0),
    )
}

/// A limit is another one, or there is none any more.
pub(super) fn changed(tx: &Tx<'_>, limit: &LimitName, now: Timestamp) -> StoreResult<()> {
    // For the case that something was not given back.
    tx.run(
        "DELETE FROM permits WHERE limit_name = ?1 AND EXISTS (
             SELECT 1 FROM flow_runs r WHERE r.no = permits.run AND r.ended IS NOT NULL
         )",
        [limit],
    )?;
    let lines: Vec<Line> = tx.all(
        "SELECT DISTINCT limit_name, line FROM permits WHERE limit_name = ?1 AND granted IS NULL",
        [limit],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    serve(tx, lines, now)
}

/// Makes a limit, or changes it.
pub(super) fn put(tx: &Tx<'_>, limit: &Limit, now: Timestamp) -> StoreResult<()> {
    tx.run(
        "INSERT INTO limits (name, slots, per, created) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (name) DO UPDATE SET slots = excluded.slots, per = excluded.per",
        params![
            limit.name,
            limit.slots,
            limit.per.map(micros),
            limit.created
        ],
    )?;
    changed(tx, &limit.name, now)
}

/// Whether there was one.
pub(super) fn remove(tx: &Tx<'_>, limit: &LimitName, now: Timestamp) -> StoreResult<bool> {
    let removed = tx.run("DELETE FROM limits WHERE name = ?1", [limit])?;
    tx.run("DELETE FROM limit_uses WHERE limit_name = ?1", [limit])?;
    changed(tx, limit, now)?;
    Ok(removed > 0)
}

pub(super) fn get(conn: &Connection, name: &LimitName) -> StoreResult<Option<Limit>> {
    conn.first(
        "SELECT name, slots, per, created FROM limits WHERE name = ?1",
        [name],
        limit,
    )
}

pub(super) fn list(conn: &Connection, now: Timestamp) -> StoreResult<Vec<LimitUse>> {
    conn.all(
        "SELECT name, slots, per, created,
             CASE WHEN per IS NULL THEN (
                 SELECT coalesce(sum(p.slots), 0) FROM permits p
                 WHERE p.limit_name = l.name AND p.granted IS NOT NULL
             ) ELSE (
                 SELECT coalesce(sum(u.slots), 0) FROM limit_uses u
                 WHERE u.limit_name = l.name AND u.until > ?1
             ) END,
             (SELECT count(*) FROM permits p WHERE p.limit_name = l.name AND p.granted IS NULL)
         FROM limits l ORDER BY name",
        [now],
        |row| {
            Ok(LimitUse {
                limit: limit(row)?,
                taken: unsigned(row, 4)?,
                waiting: unsigned(row, 5)?,
            })
        },
    )
}

pub(super) fn of_limit(
    conn: &Connection,
    limit: &LimitName,
    count: u32,
) -> StoreResult<Vec<Permit>> {
    let permits: Vec<(RunKey, Permit)> = conn.all(
        "SELECT r.id, s.name, p.line, p.slots, p.asked, p.granted, p.run, p.seq
         FROM permits p JOIN flow_runs r ON r.no = p.run JOIN flow_run_specs s ON s.no = p.run
         WHERE p.limit_name = ?1
         ORDER BY p.granted IS NULL, p.granted, p.asked, p.run, p.seq LIMIT ?2",
        params![limit, count],
        |row| {
            let permit = Permit {
                run: row.get(0)?,
                name: row.get(1)?,
                taker: GivenBack::taker(row.get(7)?),
                task_run: None,
                line: row.get(2)?,
                slots: row.get(3)?,
                asked: row.get(4)?,
                granted: row.get(5)?,
            };
            Ok((row.get(6)?, permit))
        },
    )?;
    let permits = Unnamed(permits);
    let mut names = HashMap::new();
    for (run, seq) in permits.calls() {
        let answer: Option<AsJson<Answer>> = conn.first(
            "SELECT answer FROM journal WHERE run = ?1 AND seq = ?2",
            params![run, seq],
            |row| row.get(0),
        )?;
        let Some(AsJson(Answer::TaskRun { id })) = answer else {
            continue;
        };
        let name = "SELECT name FROM task_runs WHERE id = ?1";
        if let Some(name) = conn.first(name, [id], |row| row.get(0))? {
            names.insert((run, seq), TaskRunName { id, name });
        }
    }
    Ok(permits.named(&names))
}

fn limit(row: &Row<'_>) -> rusqlite::Result<Limit> {
    let per: Option<i64> = row.get(2)?;
    Ok(Limit {
        name: row.get(0)?,
        slots: row.get(1)?,
        per: per.map(|per| std::time::Duration::from_micros(per.cast_unsigned())),
        created: row.get(3)?,
    })
}

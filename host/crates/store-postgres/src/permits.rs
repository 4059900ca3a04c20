//! Slots of limits: who has them, and who waits for them.
//!
//! A row of `permits` is what a run takes of one limit. It waits while `granted` is null. The slots
//! of a rate limit are taken by rows of `limit_uses`, for as long as it says, whatever becomes of
//! the run.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::runs;
use super::sql::{Conn, Row, params};
use crate::columns::{AsJson, List};
use crate::error::Pg;
use crate::tx::Tx;
use model::{
    Answer, AskedPermit, Limit, LimitName, RunId, Seq, Taker, Taking, TaskRunId, Timestamp, micros,
};
use orchestrator::lifecycle::{GivenBack, LimitNeed, News, RunKey, may_have};
use store::{LimitUse, Permit, TaskRunName, Unnamed};

/// A line of a limit.
pub(crate) type Line = (LimitName, String);

/// What a run takes for itself, rather than for one of its calls.
const WHOLE: i64 = GivenBack::WHOLE;

/// Asks for what a run takes, unless it has done so before.
pub(crate) async fn ask(tx: &Tx, run: RunKey, takes: &[Taking], now: Timestamp) -> Pg<()> {
    put_rows(tx, run, WHOLE, takes, now).await
}

/// The same of what one of its calls takes. From then on the run is one that takes slots.
pub(crate) async fn ask_for(tx: &Tx, run: RunKey, asked: &AskedPermit) -> Pg<()> {
    tx.run(
        "UPDATE flow_runs SET limited = true WHERE no = $1 AND NOT limited",
        params![run],
    );
    put_rows(tx, run, GivenBack::number(asked.by), &asked.takes, asked.at).await
}

async fn put_rows(tx: &Tx, run: RunKey, by: i64, takes: &[Taking], now: Timestamp) -> Pg<()> {
    let mut asked = 0;
    for taking in takes {
        asked += tx
            .query(
                "INSERT INTO permits (run, seq, limit_name, line, slots, asked)
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING 1",
                params![run, by, taking.limit, taking.line, taking.slots, now],
            )
            .await?
            .len();
    }
    if asked > 0 {
        let lines = takes.iter().map(|it| (it.limit.clone(), it.line.clone()));
        serve_for(tx, lines.collect(), now, Some(run)).await?;
    }
    Ok(())
}

/// The lines in which a run finds no slot. None: it has all that it takes.
pub(crate) async fn lacking(conn: &impl Conn, run: RunKey, now: Timestamp) -> Pg<Vec<Line>> {
    let waiting = Waiting {
        run,
        seq: WHOLE,
        asked: now,
    };
    let mut asked = asked_by(conn, &waiting, now).await?;
    asked.retain(|(_, need)| !may_have(&[*need]));
    Ok(asked.into_iter().map(|(line, _)| line).collect())
}

/// Who is in the way of a run that waits: those that wait as well, and of those that have slots the
/// earliest, as many as have to go. Whoever is being cancelled goes already.
pub(crate) async fn in_the_way(conn: &impl Conn, run: RunKey, of: &Taking) -> Pg<Vec<RunId>> {
    let mut found: Vec<RunId> = conn
        .all(
            "SELECT r.id FROM permits p JOIN flow_runs r ON r.no = p.run
         WHERE p.limit_name = $1 AND p.line = $2 AND p.granted IS NULL AND p.run <> $3
         ORDER BY p.asked, p.run",
            params![of.limit, of.line, run],
            |row| row.get(0),
        )
        .await?;
    found.append(
        &mut conn
            .all(
                "SELECT r.id FROM permits p JOIN flow_runs r ON r.no = p.run
         WHERE p.limit_name = $1 AND p.line = $2 AND p.granted IS NOT NULL
           AND r.state <> 'CANCELLING'
         ORDER BY p.granted, p.run
         LIMIT greatest(0, (
             SELECT coalesce(sum(h.slots), 0)::bigint + $3 - coalesce((
                 SELECT slots FROM limits WHERE name = $1
             ), 0)
             FROM permits h JOIN flow_runs r ON r.no = h.run
             WHERE h.limit_name = $1 AND h.line = $2 AND h.granted IS NOT NULL
               AND r.state <> 'CANCELLING'
         ))",
                params![of.limit, of.line, of.slots],
                |row| row.get(0),
            )
            .await?,
    );
    Ok(found)
}

pub(crate) async fn give_back(tx: &Tx, run: RunKey, what: GivenBack, at: Timestamp) -> Pg<()> {
    let (from, to) = what.numbers();
    let lines: Vec<Line> = tx
        .all(
            "DELETE FROM permits WHERE run = $1 AND seq BETWEEN $2 AND $3
             RETURNING limit_name, line",
            params![run, from, to],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .await?;
    serve(tx, lines, at).await
}

/// Those of these calls that have what they have asked for.
pub(crate) async fn permitted(conn: &impl Conn, run: RunKey, calls: &[Seq]) -> Pg<Vec<Seq>> {
    let mut granted: Vec<Seq> = conn
        .all(
            "SELECT DISTINCT abs(seq) FROM permits
             WHERE run = $1 AND seq <> 0 AND granted IS NOT NULL",
            params![run],
            |row| row.get(0),
        )
        .await?;
    granted.retain(|seq| calls.contains(seq));
    Ok(granted)
}

/// Those of these limits that exist.
pub(crate) async fn known(conn: &impl Conn, limits: &[LimitName]) -> Pg<Vec<LimitName>> {
    conn.all(
        "SELECT name FROM limits WHERE name = ANY($1)",
        params![List(limits)],
        |row| row.get(0),
    )
    .await
}

/// Gives what is free to those who wait for it, in their order.
pub(crate) async fn serve(tx: &Tx, lines: Vec<Line>, now: Timestamp) -> Pg<()> {
    serve_for(tx, lines, now, None).await
}

/// `claimed`: the run that is being claimed, which is ready in any case.
async fn serve_for(tx: &Tx, lines: Vec<Line>, now: Timestamp, claimed: Option<RunKey>) -> Pg<()> {
    lock(tx, &lines).await?;
    let mut lines = VecDeque::from(lines);
    while let Some(line) = lines.pop_front() {
        while let Some(first) = first_of(tx, &line).await? {
            let asked = asked_by(tx, &first, now).await?;
            let others: Vec<Line> = asked.iter().map(|(it, _)| it.clone()).collect();
            if others.len() > 1 {
                lock(tx, &others).await?;
            }
            let needs: Vec<LimitNeed> = asked.iter().map(|(_, need)| *need).collect();
            if !may_have(&needs) {
                break;
            }
            hand_over(tx, &first, now, claimed);
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
pub(crate) async fn let_pass(
    tx: &Tx,
    run: RunKey,
    taker: Option<Taker>,
    now: Timestamp,
) -> Pg<bool> {
    let seq = taker.map_or(WHOLE, GivenBack::number);
    let lines: Vec<Line> = tx
        .all(
            "SELECT limit_name, line FROM permits WHERE run = $1 AND seq = $2",
            params![run, seq],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .await?;
    lock(tx, &lines).await?;
    let found = tx.first(
        "SELECT run, seq, asked FROM permits
         WHERE run = $1 AND seq = $2 AND granted IS NULL LIMIT 1",
        params![run, seq],
        waiting,
    );
    let Some(waiting) = found.await? else {
        return Ok(false);
    };
    let asked = asked_by(tx, &waiting, now).await?;
    let passes = |(_, need): &(Line, LimitNeed)| LimitNeed {
        is_first: true,
        ..*need
    };
    if !may_have(&asked.iter().map(passes).collect::<Vec<_>>()) {
        return Ok(false);
    }
    hand_over(tx, &waiting, now, None);
    // It may have been the first of another line.
    serve(tx, asked.into_iter().map(|(line, _)| line).collect(), now).await?;
    Ok(true)
}

/// Somebody has what it has waited for.
fn hand_over(tx: &Tx, waiting: &Waiting, now: Timestamp, claimed: Option<RunKey>) {
    grant(tx, waiting, now);
    if waiting.seq != WHOLE {
        // A worker that executes it must hear of it, too.
        runs::wake_waiting(tx, waiting.run, now);
        tx.tell(News::READY);
    } else if claimed != Some(waiting.run) {
        // It keeps its place among the runs that are ready.
        runs::wake(tx, waiting.run, waiting.asked);
        tx.tell(News::READY);
    }
}

/// Nobody else gives slots of these limits away before the transaction ends.
async fn lock(tx: &Tx, lines: &[Line]) -> Pg<()> {
    let names: Vec<LimitName> = lines.iter().map(|(limit, _)| limit.clone()).collect();
    tx.query(
        "SELECT 1 FROM limits WHERE name = ANY($1) ORDER BY name FOR NO KEY UPDATE",
        params![List(&names)],
    )
    .await?;
    Ok(())
}

/// Who waits for slots.
struct Waiting {
    run: RunKey,
    seq: i64,
    asked: Timestamp,
}

async fn first_of(conn: &impl Conn, (limit, line): &Line) -> Pg<Option<Waiting>> {
    conn.first(
        "SELECT run, seq, asked FROM permits
         WHERE limit_name = $1 AND line = $2 AND granted IS NULL
         ORDER BY asked, run, seq LIMIT 1",
        params![limit, line],
        waiting,
    )
    .await
}

fn waiting(row: &Row) -> Pg<Waiting> {
    Ok(Waiting {
        run: row.get(0)?,
        seq: row.get(1)?,
        asked: row.get(2)?,
    })
}

/// All that somebody waits for.
async fn asked_by(
    conn: &impl Conn,
    waiting: &Waiting,
    now: Timestamp,
) -> Pg<Vec<(Line, LimitNeed)>> {
    conn.all(
        "SELECT p.limit_name, p.line, p.slots, l.slots,
             CASE WHEN l.per IS NULL THEN (
                 SELECT coalesce(sum(h.slots), 0)::bigint FROM permits h
                 WHERE h.limit_name = p.limit_name AND h.line = p.line
                   AND h.granted IS NOT NULL
             ) ELSE (
                 SELECT coalesce(sum(u.slots), 0)::bigint FROM limit_uses u
                 WHERE u.limit_name = p.limit_name AND u.line = p.line AND u.until > $3
             ) END,
             NOT EXISTS (
                 SELECT 1 FROM permits e
                 WHERE e.limit_name = p.limit_name AND e.line = p.line AND e.granted IS NULL
                   AND (e.asked, e.run, e.seq) < (p.asked, p.run, p.seq)
             )
         FROM permits p LEFT JOIN limits l ON l.name = p.limit_name
         WHERE p.run = $1 AND p.seq = $2 AND p.granted IS NULL",
        params![waiting.run, waiting.seq, now],
        |row| {
            let (limit, made): (LimitName, Option<u32>) = (row.get(0)?, row.get(3)?);
            let need = LimitNeed {
                slots: row.get(2)?,
                of: made.or_else(|| limit.built_in_slots()),
                taken: row.get(4)?,
                is_first: row.get(5)?,
            };
            Ok(((limit, row.get(1)?), need))
        },
    )
    .await
}

fn grant(tx: &Tx, waiting: &Waiting, now: Timestamp) {
    tx.run(
        "DELETE FROM limit_uses WHERE until <= $3 AND (limit_name, line) IN (
             SELECT limit_name, line FROM permits WHERE run = $1 AND seq = $2
         )",
        params![waiting.run, waiting.seq, now],
    );
    tx.run(
        "INSERT INTO limit_uses (limit_name, line, slots, until)
         SELECT p.limit_name, p.line, p.slots, $3 + l.per
         FROM permits p JOIN limits l ON l.name = p.limit_name
         WHERE p.run = $1 AND p.seq = $2 AND p.granted IS NULL AND l.per IS NOT NULL",
        params![waiting.run, waiting.seq, now],
    );
    tx.run(
        "UPDATE permits SET granted = $3 WHERE run = $1 AND seq = $2 AND granted IS NULL",
        params![waiting.run, waiting.seq, now],
    );
}

/// Slots of rate limits whose time has passed are free. How many there were.
pub(crate) async fn lapse(tx: &Tx, now: Timestamp) -> Pg<u32> {
    let lines: Vec<Line> = tx
        .all(
            "DELETE FROM limit_uses WHERE until <= $1 RETURNING limit_name, line",
            params![now],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .await?;
    let count = lines.len() as u32;
    serve(tx, lines, now).await?;
    Ok(count)
}

/// A limit is another one, or there is none any more.
pub(crate) async fn changed(tx: &Tx, limit: &LimitName, now: Timestamp) -> Pg<()> {
    // A program of the version before gives nothing back.
    tx.run(
        "DELETE FROM permits WHERE limit_name = $1 AND EXISTS (
             SELECT 1 FROM flow_runs r WHERE r.no = permits.run AND r.ended IS NOT NULL
         )",
        params![limit],
    );
    let lines: Vec<Line> = tx.all(
        "SELECT DISTINCT limit_name, line FROM permits WHERE limit_name = $1 AND granted IS NULL",
        params![limit],
        |row| Ok((row.get(0)?, row.get(1)?)),
    ).await?;
    serve(tx, lines, now).await
}

/// Makes a limit, or changes it.
pub(crate) async fn put(tx: &Tx, limit: &Limit, now: Timestamp) -> Pg<()> {
    tx.query(
        "INSERT INTO limits (name, slots, per, created) VALUES ($1, $2, $3, $4)
         ON CONFLICT (name) DO UPDATE SET slots = excluded.slots, per = excluded.per",
        params![
            limit.name,
            limit.slots,
            limit.per.map(micros),
            limit.created
        ],
    )
    .await?;
    changed(tx, &limit.name, now).await
}

/// Whether there was one.
pub(crate) async fn remove(tx: &Tx, limit: &LimitName, now: Timestamp) -> Pg<bool> {
    let removed = tx
        .any(
            "DELETE FROM limits WHERE name = $1 RETURNING 1",
            params![limit],
        )
        .await?;
    tx.run(
        "DELETE FROM limit_uses WHERE limit_name = $1",
        params![limit],
    );
    changed(tx, limit, now).await?;
    Ok(removed)
}

pub(crate) async fn get(conn: &impl Conn, name: &LimitName) -> Pg<Option<Limit>> {
    conn.first(
        "SELECT name, slots, per, created FROM limits WHERE name = $1",
        params![name],
        limit,
    )
    .await
}

pub(crate) async fn list(conn: &impl Conn, now: Timestamp) -> Pg<Vec<LimitUse>> {
    conn.all(
        "SELECT name, slots, per, created,
             CASE WHEN per IS NULL THEN (
                 SELECT coalesce(sum(p.slots), 0)::bigint FROM permits p
                 WHERE p.limit_name = l.name AND p.granted IS NOT NULL
             ) ELSE (
                 SELECT coalesce(sum(u.slots), 0)::bigint FROM limit_uses u
                 WHERE u.limit_name = l.name AND u.until > $1
             ) END,
             (SELECT count(*) FROM permits p WHERE p.limit_name = l.name AND p.granted IS NULL)
         FROM limits l ORDER BY name",
        params![now],
        |row| {
            Ok(LimitUse {
                limit: limit(row)?,
                taken: row.get(4)?,
                waiting: row.get(5)?,
            })
        },
    )
    .await
}

pub(crate) async fn of_limit(conn: &impl Conn, limit: &LimitName, count: u32) -> Pg<Vec<Permit>> {
    let permits = conn.all(
        "SELECT r.id, s.name, p.line, p.slots, p.asked, p.granted, p.run, p.seq
         FROM permits p JOIN flow_runs r ON r.no = p.run JOIN flow_run_specs s ON s.no = p.run
         WHERE p.limit_name = $1
         ORDER BY p.granted IS NULL, p.granted, p.asked, p.run, p.seq LIMIT $2",
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
    );
    let permits: Vec<(RunKey, Permit)> = permits.await?;
    let permits = Unnamed(permits);
    let (runs, seqs): (Vec<RunKey>, Vec<Seq>) = permits.calls().into_iter().unzip();
    let answers = conn.all(
        "SELECT j.run, j.seq, j.answer
         FROM unnest($1::bigint[], $2::bigint[]) c(run, seq) JOIN journal j USING (run, seq)",
        params![List(&runs), List(&seqs)],
        |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)),
    );
    let answers: Vec<((RunKey, Seq), AsJson<Answer>)> = answers.await?;
    let id = |(call, AsJson(answer))| match answer {
        Answer::TaskRun { id } => Some((id, call)),
        _ => None,
    };
    let calls: HashMap<TaskRunId, (RunKey, Seq)> = answers.into_iter().filter_map(id).collect();
    let ids: Vec<TaskRunId> = calls.keys().copied().collect();
    let found = conn.all(
        "SELECT id, name FROM task_runs WHERE id = ANY($1)",
        params![List(&ids)],
        |row| {
            let (id, name) = (row.get(0)?, row.get(1)?);
            Ok(TaskRunName { id, name })
        },
    );
    let found = found.await?.into_iter();
    let names = found.filter_map(|it| Some((*calls.get(&it.id)?, it)));
    Ok(permits.named(&names.collect()))
}

fn limit(row: &Row) -> Pg<Limit> {
    let per: Option<u64> = row.get(2)?;
    Ok(Limit {
        name: row.get(0)?,
        slots: row.get(1)?,
        per: per.map(Duration::from_micros),
        created: row.get(3)?,
    })
}

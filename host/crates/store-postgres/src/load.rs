//! Reads heads: what the decisions about a run need to know of it. Whoever decides has the row of
//! the run to itself until its transaction ends.

use std::collections::HashSet;

use super::columns::List;
use super::rows::{flow_run, select_flow_run};
use super::sql::{Conn, Row, params};
use super::texts;
use crate::error::{Fault, Pg};
use crate::tx::Tx;
use model::{FlowName, FlowRun, RunId, Seq, State};
use orchestrator::lifecycle::{
    Head, Losses, OpenCall, Reached, RunKey, Subject, Tally, Waiter, Watcher, Watchers,
};
use store::{Missing, StoreError};

/// Selects what [`head`] reads, and more columns after that, up to the `WHERE`.
macro_rules! select_head {
    ($rest:literal) => {
        $crate::load::select_head!("", $rest)
    };
    ($more:literal, $rest:literal) => {
        concat!(
            "SELECT r.no, r.id, r.state, r.state_at, r.attempt, r.epoch, r.crashes, r.worker, \
             r.pool, r.origin, r.states, r.started, r.journal_len, r.logged, \
             r.lost_attempt, r.lost_steps, r.limited",
            $more,
            " FROM flow_runs r ",
            $rest
        )
    };
}
pub(crate) use select_head;

pub(crate) fn head(row: &Row) -> Pg<Head> {
    Ok(Head {
        key: row.get(0)?,
        id: row.get(1)?,
        state: row.get(2)?,
        since: row.get(3)?,
        attempt: row.get(4)?,
        epoch: row.get(5)?,
        losses: Losses {
            count: row.get(6)?,
            at: Reached {
                attempt: row.get(14)?,
                steps: row.get(15)?,
            },
        },
        worker: row.get(7)?,
        pool: row.get(8)?,
        origin: row.get(9)?,
        is_limited: row.get(16)?,
        tally: Tally {
            states: row.get(10)?,
            started: row.get(11)?,
            journal_len: row.get(12)?,
            logged: row.get(13)?,
        },
    })
}

pub(crate) async fn head_of(tx: &Tx, id: RunId) -> Pg<Option<Head>> {
    if let Some(head) = tx.known(|known| known.take_head(id)) {
        return Ok(Some(head));
    }
    let of_run = Ahead {
        run: id,
        ends: false,
        settles: Vec::new(),
    };
    learn(tx, &[of_run]).await?;
    Ok(tx.known(|known| known.take_head(id)))
}

/// What a write is about to do, as far as it says so.
#[derive(Clone, Debug)]
pub(crate) struct Ahead {
    /// Records this run.
    pub run: RunId,
    /// Ends it, perhaps.
    pub ends: bool,
    /// Settles these calls of it.
    pub settles: Vec<Seq>,
}

/// Locks runs and those that watch them, in the order of their numbers.
macro_rules! lock_with_watchers {
    ($runs:literal) => {
        concat!(
            "SELECT no FROM flow_runs WHERE no IN (",
            $runs,
            " UNION SELECT w.run FROM watches w WHERE w.target IN (",
            $runs,
            ")) ORDER BY no FOR UPDATE"
        )
    };
}

/// Reads who watches runs, of which there is a list `t`.
macro_rules! select_watchers {
    ($runs:literal) => {
        concat!(
            "SELECT t.no, w.run, w.seq, j.run, j.keep, j.awaited, r.state, r.epoch, r.wake_after,
                 s.name, s.flow, s.deployment
             FROM (",
            $runs,
            ") t LEFT JOIN (watches w JOIN flow_runs r ON r.no = w.run) ON w.target = t.no
             LEFT JOIN flow_run_specs s ON s.no = w.target
             LEFT JOIN journal j ON j.run = w.run AND j.seq = w.seq AND j.settled_at IS NULL
             ORDER BY t.no, w.run, w.seq"
        )
    };
}

/// Locks runs, and reads what decisions about most of them need. It is read after the lock: what
/// another transaction has changed that was waited for counts.
pub(crate) async fn learn(tx: &Tx, ahead: &[Ahead]) -> Pg<()> {
    let ids: Vec<RunId> = ahead.iter().map(|it| it.run).collect();
    let ending: Vec<RunId> = ahead.iter().filter(|it| it.ends).map(|it| it.run).collect();
    let calls = ahead
        .iter()
        .flat_map(|it| it.settles.iter().map(|seq| (it.run, *seq)));
    let (of_runs, seqs): (Vec<RunId>, Vec<Seq>) = calls.unzip();
    let mut questions = Vec::with_capacity(4);
    questions.push(if ending.is_empty() {
        (
            "SELECT no FROM flow_runs WHERE id = ANY($1) ORDER BY no FOR UPDATE",
            params![List(&ids)],
        )
    } else {
        (
            "SELECT no FROM flow_runs WHERE no IN (
                 SELECT no FROM flow_runs WHERE id = ANY($1)
                 UNION SELECT w.run FROM flow_runs r JOIN watches w ON w.target = r.no
                 WHERE r.id = ANY($2)
             ) ORDER BY no FOR UPDATE",
            params![List(&ids), List(&ending)],
        )
    });
    questions.push((
        select_head!(
            // Not as a join, which might begin with all runs that have not ended.
            ", EXISTS (SELECT 1 FROM flow_run_specs s WHERE s.within = r.id
                 AND (SELECT i.ended IS NULL FROM flow_runs i WHERE i.no = s.no)),
             EXISTS (SELECT 1 FROM pools p WHERE p.name = r.pool AND p.run_limit IS NOT NULL)
             OR EXISTS (
                 SELECT 1 FROM work_queues q WHERE q.pool = r.pool AND q.run_limit IS NOT NULL
             )",
            "WHERE r.id = ANY($1)"
        ),
        params![List(&ids)],
    ));
    if !ending.is_empty() {
        questions.push((
            select_watchers!("SELECT no FROM flow_runs WHERE id = ANY($1)"),
            params![List(&ending)],
        ));
    }
    if !seqs.is_empty() {
        questions.push((
            "SELECT j.run, j.seq, j.keep, j.awaited, r.state, r.epoch, r.wake_after
             FROM unnest($1::uuid[], $2::bigint[]) c (id, seq) JOIN flow_runs r ON r.id = c.id
             JOIN journal j ON j.run = r.no AND j.seq = c.seq AND j.settled_at IS NULL",
            params![List(&of_runs), List(&seqs)],
        ));
    }
    let mut answers = tx.questions(questions).await?.into_iter();
    let mut rows = || answers.next().unwrap_or_default();
    let (locked, heads) = (rows(), rows());
    let watched = if ending.is_empty() {
        Vec::new()
    } else {
        rows()
    };
    // None, if no call was asked for.
    let open = rows();
    for row in &heads {
        let head = head(row)?;
        let (has_open_subflows, is_limited) = (row.get(17)?, row.get(18)?);
        let key = ending.contains(&head.id).then_some(head.key);
        tx.known(|known| {
            known.learn(head, has_open_subflows, is_limited);
            key.map(|key| known.ends(key))
        });
    }
    learn_watchers(tx, &locked, &watched)?;
    for row in &open {
        let (run, seq, call) = (row.get(0)?, row.get(1)?, read_open_call(row, 2)?);
        tx.known(|known| known.learn_call(run, seq, call));
    }
    Ok(())
}

/// Who watches a run that ends. All that are about to end with it are asked for at once.
pub(crate) async fn watchers(tx: &Tx, run: RunKey) -> Pg<Option<Watchers>> {
    if let Some(known) = tx.known(|known| known.take_watchers(run)) {
        return Ok(known);
    }
    let runs = tx.known(|known| known.unknown_ends(run));
    let mut is_known = None;
    // Whoever watches a run from now on has to lock it first. So it is looked again at most once.
    for _ in 0..2 {
        let questions = vec![
            (
                lock_with_watchers!("SELECT unnest($1::bigint[])"),
                params![List(&runs)],
            ),
            (
                select_watchers!("SELECT unnest($1::bigint[]) AS no"),
                params![List(&runs)],
            ),
        ];
        let mut answers = tx.questions(questions).await?.into_iter();
        let mut rows = || answers.next().unwrap_or_default();
        learn_watchers(tx, &rows(), &rows())?;
        is_known = tx.known(|known| known.take_watchers(run));
        if is_known.is_some() {
            break;
        }
    }
    is_known.ok_or_else(|| Fault::Again("a run is being watched".to_owned()))
}

/// Learns who watches runs, if all who do are locked.
fn learn_watchers(tx: &Tx, locked: &[Row], watched: &[Row]) -> Pg<()> {
    let locked: Pg<HashSet<RunKey>> = locked.iter().map(|row| row.get(0)).collect();
    let locked = locked?;
    let mut found: Vec<(RunKey, Option<Watchers>)> = Vec::new();
    for row in watched {
        let target = row.get(0)?;
        if found.last().is_none_or(|(last, _)| *last != target) {
            found.push((target, None));
        }
        let Some(run) = row.get::<Option<RunKey>>(1)? else {
            continue;
        };
        let is_open = row.get::<Option<RunKey>>(3)?.is_some();
        let watcher = Watcher {
            run,
            seq: row.get(2)?,
            call: if is_open {
                Some(read_open_call(row, 4)?)
            } else {
                None
            },
        };
        let Some((_, watchers)) = found.last_mut() else {
            continue;
        };
        match watchers {
            Some(watchers) => watchers.calls.push(watcher),
            None => {
                *watchers = Some(Watchers {
                    name: row.get(9)?,
                    flow: row.get(10)?,
                    deployment: row.get(11)?,
                    calls: vec![watcher],
                });
            }
        }
    }
    for (target, watchers) in found {
        let mut calls = watchers.iter().flat_map(|it| &it.calls);
        if calls.all(|call| locked.contains(&call.run)) {
            tx.known(|known| known.learn_watchers(target, watchers));
        }
    }
    Ok(())
}

/// Reads `keep, awaited, state, epoch, wake_after` from this column on.
pub(crate) fn read_open_call(row: &Row, from: usize) -> Pg<OpenCall> {
    let awaited: Option<u64> = row.get(from + 1)?;
    let waiter = match awaited {
        Some(_) => Some(Waiter {
            state: row.get(from + 2)?,
            epoch: row.get(from + 3)?,
            missing: row.get(from + 4)?,
        }),
        None => None,
    };
    Ok(OpenCall {
        keep: row.get(from)?,
        awaited,
        waiter,
    })
}

/// A subflow within that run.
pub(crate) async fn subflow(tx: &Tx, id: RunId, within: RunId) -> Pg<Option<Head>> {
    tx.first(
        select_head!(
            "JOIN flow_run_specs s ON s.no = r.no
             WHERE r.id = $1 AND s.within = $2 FOR UPDATE OF r"
        ),
        params![id, within],
        head,
    )
    .await
}

/// Selects a [`subject`], up to what comes after the id.
macro_rules! select_subject {
    ($rest:literal) => {
        select_head!(
            ", r.state_name, r.state_message, s.within, s.scheduled",
            $rest
        )
    };
}

fn read_subject(row: &Row) -> Pg<Subject> {
    let head = head(row)?;
    Ok(Subject {
        state: State {
            kind: head.state,
            name: row.get(17)?,
            message: row.get(18)?,
            at: head.since,
        },
        head,
        within: row.get(19)?,
        scheduled: row.get(20)?,
    })
}

/// To be changed. Errs if the run does not exist.
pub(crate) async fn subject(tx: &Tx, id: RunId) -> Pg<Subject> {
    let found = tx
        .first(
            select_subject!("JOIN flow_run_specs s ON s.no = r.no WHERE r.id = $1 FOR UPDATE OF r"),
            params![id],
            read_subject,
        )
        .await?;
    found.ok_or_else(|| StoreError::NotFound(Missing::Run(id)).into())
}

/// To be looked at. Errs if the run does not exist.
pub(crate) async fn seen(conn: &impl Conn, id: RunId) -> Pg<Subject> {
    let found = conn
        .first(
            select_subject!("JOIN flow_run_specs s ON s.no = r.no WHERE r.id = $1"),
            params![id],
            read_subject,
        )
        .await?;
    found.ok_or_else(|| StoreError::NotFound(Missing::Run(id)).into())
}

/// The run of the flow that has this idempotency key.
pub(crate) async fn by_key(conn: &impl Conn, flow: &FlowName, key: &str) -> Pg<Option<FlowRun>> {
    texts::first(
        conn,
        select_flow_run!("WHERE s.flow = $1 AND s.idempotency_key = $2"),
        params![flow, key],
        flow_run,
    )
    .await
}

//! What a run under lease has done: the write that every step of every run goes through.
//!
//! Everything that can be refused is looked at first, so a refused record has written
//! nothing. Then, in this order, since later ones refer to earlier ones: children and
//! subflows, entries of the journal, settlements, ends of subflows, task runs, log lines,
//! and where the run goes next.

use std::collections::HashMap;

use super::attempts;
use super::columns::{AsJson, list};
use super::ending::{Gain, end, settle};
use super::inputs;
use super::rows::{RunNo, need_run_no, run_by_no, unsigned};
use super::runs::{self, add_state, check_transition};
use super::sql::{Sql, params};
use super::writer::Tx;
use model::{
    Answer, Call, Entry, Failure, LogLine, LogSource, Outcome, PoolName, RunId, Seq, Settlement,
    State, StateType, TaskRun, Timestamp, WorkerId,
};
use store::{NewRun, Next, Progress, Recorded, StoreError, StoreResult, SubflowChange};

pub(super) fn record(tx: &Tx<'_>, progress: &Progress) -> StoreResult<Recorded> {
    let run = Leased::get(tx, progress)?;
    if run.state == StateType::Cancelling {
        let ends = matches!(progress.next, Next::End { .. } | Next::Release { .. });
        let recorded = record_leased(tx, &run, &of_cancelled(progress))?;
        note_start(tx, &run, progress)?;
        return Ok(if ends { recorded } else { Recorded::Cancelling });
    }
    if run.state == StateType::Paused {
        return record_paused(tx, run, progress);
    }
    record_leased(tx, &run, progress)
}

/// A paused run keeps what it has done, and is left. Only one that is over is over.
fn record_paused(tx: &Tx<'_>, mut run: Leased, progress: &Progress) -> StoreResult<Recorded> {
    run.state = StateType::Running;
    let mut progress = progress.clone();
    if let Next::End { .. } = progress.next {
        progress.states.retain(|state| state.kind.is_terminal());
        return record_leased(tx, &run, &progress);
    }
    progress.states.clear();
    progress.next = Next::Continue;
    record_leased(tx, &run, &progress)?;
    tx.run("UPDATE flow_runs SET worker = NULL WHERE no = ?1", [run.no])?;
    Ok(Recorded::Paused)
}

/// What there is to record of a run that was told to end: all that it did, but not where
/// it wanted to go.
fn of_cancelled(progress: &Progress) -> Progress {
    let mut progress = progress.clone();
    let at = progress.states.last().map(|state| state.at);
    progress.states.clear();
    progress.next = match (progress.next, at) {
        (Next::End { .. } | Next::Release { .. }, Some(at)) => {
            let outcome = Err(Failure::cancelled());
            progress.states.push(State::ended(&outcome, at));
            Next::End { outcome }
        }
        _ => Next::Continue,
    };
    progress
}

/// A run that was told to end before it said that it is running has begun all the same, and
/// whoever replays it must begin at the same time.
fn note_start(tx: &Tx<'_>, run: &Leased, progress: &Progress) -> StoreResult<()> {
    if let Some(started) = started(&progress.states) {
        tx.run(
            "UPDATE flow_runs SET started = coalesce(started, ?2) WHERE no = ?1",
            params![run.no, started],
        )?;
    }
    Ok(())
}

fn started(states: &[State]) -> Option<Timestamp> {
    let running = states.iter().find(|state| state.kind == StateType::Running);
    running.map(|state| state.at)
}

fn record_leased(tx: &Tx<'_>, run: &Leased, progress: &Progress) -> StoreResult<Recorded> {
    check(tx, run, progress)?;
    let mut children = HashMap::with_capacity(progress.children.len());
    for child in &progress.children {
        children.insert(child.run.id, runs::insert_new(tx, child)?);
    }
    for change in &progress.subflows {
        if let SubflowChange::Begin(subflow) = change {
            runs::insert(tx, subflow, None, None, None)?;
        }
    }
    for entry in &progress.entries {
        add_entry(tx, run.no, entry, &children)?;
    }
    for settled in &progress.settled {
        settle(tx, run.no, settled.seq, settled.at, &settled.settlement)?;
    }
    for change in &progress.subflows {
        if let SubflowChange::End {
            run: subflow,
            state,
            outcome,
        } = change
        {
            end_subflow(tx, run.id, *subflow, state, outcome)?;
        }
    }
    for task_run in &progress.task_runs {
        put_task_run(tx, run, task_run)?;
    }
    add_logs(tx, run, &progress.logs)?;
    if !progress.is_empty() {
        tx.tell_change();
    }
    go_on(tx, run, progress)
}

/// What is needed of the run's row.
struct Leased {
    no: RunNo,
    id: RunId,
    state: StateType,
    states: i64,
    journal_len: u64,
    epoch: u64,
    pool: Option<PoolName>,
}

impl Leased {
    /// Errs if the lease is not the run's any more.
    fn get(tx: &Tx<'_>, progress: &Progress) -> StoreResult<Self> {
        let lease = progress.lease;
        let found = tx.first(
            "SELECT no, state, states, journal_len, epoch, pool, worker FROM flow_runs
             WHERE id = ?1",
            [lease.run],
            |row| {
                let run = Self {
                    no: row.get(0)?,
                    id: lease.run,
                    state: row.get(1)?,
                    states: row.get(2)?,
                    journal_len: unsigned(row, 3)?,
                    epoch: unsigned(row, 4)?,
                    pool: row.get(5)?,
                };
                Ok((run, row.get::<_, Option<WorkerId>>(6)?))
            },
        )?;
        match found {
            Some((run, Some(worker))) if worker == lease.worker && run.epoch == lease.epoch => {
                Ok(run)
            }
            _ => Err(StoreError::Stale {
                run: lease.run,
                epoch: lease.epoch,
            }),
        }
    }
}

fn check(tx: &Tx<'_>, run: &Leased, progress: &Progress) -> StoreResult<()> {
    let mut at = run.state;
    for state in &progress.states {
        check_transition(run.id, at, state.kind)?;
        at = state.kind;
    }
    check_next(run, at, progress)?;
    for (entry, seq) in progress.entries.iter().zip(run.journal_len + 1..) {
        if entry.seq != Seq(seq) {
            return refuse(run, format_args!("entry {} where {seq} is next", entry.seq));
        }
    }
    runs::check_all(tx, &progress.children)?;
    for child in &progress.children {
        check_key(tx, child)?;
    }
    for change in &progress.subflows {
        if let SubflowChange::Begin(subflow) = change
            && (subflow.within != Some(run.id) || subflow.state.kind != StateType::Running)
        {
            return refuse(run, format_args!("subflow {} is not of it", subflow.id));
        }
    }
    Ok(())
}

fn check_next(run: &Leased, last: StateType, progress: &Progress) -> StoreResult<()> {
    let journal_len = run.journal_len + progress.entries.len() as u64;
    let (fits, what) = match &progress.next {
        Next::Continue => (last.holds_slot(), "go on"),
        Next::Wait { awaited, count, .. } => {
            if *count as usize > awaited.len() {
                return refuse(run, format_args!("it waits for more calls than it names"));
            }
            if let Some(seq) = awaited
                .iter()
                .find(|seq| !(1..=journal_len).contains(&seq.0))
            {
                return refuse(
                    run,
                    format_args!("it waits for {seq}, which it never called"),
                );
            }
            (last == StateType::Waiting, "wait")
        }
        Next::Release { .. } => (last == StateType::Scheduled, "be released"),
        Next::End { outcome } => (
            last.is_terminal() && (last == StateType::Completed) == outcome.is_ok(),
            "end with this outcome",
        ),
    };
    match fits && (progress.states.is_empty() <= matches!(progress.next, Next::Continue)) {
        true => Ok(()),
        false => refuse(run, format_args!("in state {last} it cannot {what}")),
    }
}

fn check_key(tx: &Tx<'_>, child: &NewRun) -> StoreResult<()> {
    if let Some(key) = &child.idempotency_key
        && let Some(earlier) = runs::by_key(tx, &child.run.flow, key)?
    {
        return Err(StoreError::KeyTaken {
            key: key.clone(),
            run: earlier.id,
        });
    }
    Ok(())
}

fn refuse<T>(run: &Leased, reason: std::fmt::Arguments<'_>) -> StoreResult<T> {
    Err(StoreError::Refused(format!(
        "flow run {}: {reason}",
        run.id
    )))
}

/// `children` are the runs that the same record has made.
fn add_entry(
    tx: &Tx<'_>,
    run: RunNo,
    entry: &Entry,
    children: &HashMap<RunId, RunNo>,
) -> StoreResult<()> {
    let settled = match (&entry.settled, target(entry)) {
        (Some(settled), _) => Some(settled.clone()),
        (None, Some(target)) => match children.get(&target) {
            Some(child) => add_watch(tx, run, entry.seq, *child).map(|()| None)?,
            None => watch(tx, run, entry.seq, target)?,
        },
        (None, None) => None,
    };
    let due = match entry.answer {
        Answer::Due { at } if settled.is_none() => Some(at),
        Answer::Input { until, .. } if settled.is_none() => until,
        _ => None,
    };
    tx.run(
        "INSERT INTO journal (run, seq, at, due_at, settled_at, call, answer, settlement)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            run,
            entry.seq,
            entry.at,
            due,
            settled.as_ref().map(|(at, _)| *at),
            AsJson(&entry.call),
            AsJson(&entry.answer),
            settled.map(|(_, settlement)| AsJson(settlement))
        ],
    )?;
    if matches!(entry.answer, Answer::Input { .. }) {
        inputs::add(tx, run, entry.seq)?;
    }
    if due.is_some() {
        tx.tell_ready();
    }
    Ok(())
}

/// The run whose end settles the entry.
fn target(entry: &Entry) -> Option<RunId> {
    match (&entry.call, &entry.answer) {
        (_, Answer::Refused { .. }) => None,
        (Call::RunDeployment(_), Answer::Run { run }) => Some(run.id),
        (Call::WatchRun { run }, _) => Some(*run),
        _ => None,
    }
}

/// Watches a run; if it is terminal already, that is the settlement.
fn watch(
    tx: &Tx<'_>,
    run: RunNo,
    seq: Seq,
    target: RunId,
) -> StoreResult<Option<(Timestamp, Settlement)>> {
    let no = need_run_no(tx, target)?;
    let ended: Option<Timestamp> =
        tx.need("SELECT ended FROM flow_runs WHERE no = ?1", [no], |row| {
            row.get(0)
        })?;
    if let Some(ended) = ended {
        let snapshot = run_by_no(tx, no)?.snapshot();
        return Ok(Some((ended, Settlement::Run(snapshot))));
    }
    add_watch(tx, run, seq, no)?;
    Ok(None)
}

fn add_watch(tx: &Tx<'_>, run: RunNo, seq: Seq, target: RunNo) -> StoreResult<()> {
    tx.run(
        "INSERT INTO watches (target, run, seq) VALUES (?1, ?2, ?3)",
        params![target, run, seq],
    )?;
    Ok(())
}

fn end_subflow(
    tx: &Tx<'_>,
    within: RunId,
    subflow: RunId,
    state: &State,
    outcome: &Outcome,
) -> StoreResult<()> {
    let found: Option<(RunNo, StateType)> = tx.first(
        "SELECT r.no, r.state FROM flow_runs r JOIN flow_run_specs s ON s.no = r.no
         WHERE r.id = ?1 AND s.within = ?2",
        params![subflow, within],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let Some((no, from)) = found else {
        return Err(StoreError::Refused(format!(
            "flow run {subflow} is not a subflow within {within}"
        )));
    };
    check_transition(subflow, from, state.kind)?;
    end(tx, no, subflow, Gain::default(), state, outcome)
}

fn put_task_run(tx: &Tx<'_>, run: &Leased, task_run: &TaskRun) -> StoreResult<()> {
    if task_run.journal != run.id || task_run.history.is_empty() {
        return refuse(run, format_args!("task run {} is not of it", task_run.id));
    }
    tx.run(
        "INSERT INTO task_runs (id, flow_run, journal, seq, task, name, tags, attempt, state,
             history, retry_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, attempt = excluded.attempt,
             state = excluded.state, history = excluded.history,
             retry_at = excluded.retry_at",
        params![
            task_run.id,
            task_run.flow_run,
            run.no,
            task_run.seq,
            task_run.task,
            task_run.name,
            list(&task_run.tags),
            task_run.attempt,
            task_run.state().kind,
            AsJson(&task_run.history),
            task_run.retry_at
        ],
    )?;
    Ok(())
}

fn add_logs(tx: &Tx<'_>, run: &Leased, lines: &[LogLine]) -> StoreResult<()> {
    // Most lines are of the run itself, and those of a subflow come together.
    let mut last = (run.id, run.no);
    for line in lines {
        if line.run == run.id {
            last = (run.id, run.no);
        } else if line.run != last.0 {
            last = (line.run, need_run_no(tx, line.run)?);
        }
        let (source, task_run) = match line.source {
            LogSource::Flow => (0, None),
            LogSource::Task(id) => (1, Some(id)),
            LogSource::Host => (2, None),
        };
        tx.run(
            "INSERT INTO logs (run, at, level, source, task_run, target, message)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                last.1,
                line.at,
                line.level,
                source,
                task_run,
                line.target,
                line.message
            ],
        )?;
    }
    Ok(())
}

fn go_on(tx: &Tx<'_>, run: &Leased, progress: &Progress) -> StoreResult<Recorded> {
    match &progress.next {
        Next::Continue => {
            advance(tx, run, progress, &progress.states)?;
            return Ok(Recorded::Done);
        }
        Next::Wait {
            awaited,
            count,
            until,
        } => {
            let (state, passed) = last(&progress.states);
            let unsettled = unsettled(tx, run, awaited)?;
            let settled = awaited.len() - unsettled.len();
            let Some(missing) = (*count as usize).checked_sub(settled).filter(|n| *n > 0) else {
                advance(tx, run, progress, passed)?;
                return Ok(Recorded::Ready);
            };
            let gain = pass(tx, run, progress, passed)?;
            mark_awaited(tx, run, &unsettled)?;
            leave(tx, run, gain, state, *until, Some(missing as i64), 0)?;
            if until.is_some() {
                // Whoever sleeps until something is due may have to sleep less.
                tx.tell_ready();
            }
        }
        Next::Release { at, next_attempt } => {
            let (state, passed) = last(&progress.states);
            let gain = pass(tx, run, progress, passed)?;
            release(tx, run, gain, state, *at, *next_attempt)?;
            tx.tell_ready();
        }
        Next::End { outcome } => {
            let (state, passed) = last(&progress.states);
            let gain = pass(tx, run, progress, passed)?;
            end(tx, run.no, run.id, gain, state, outcome)?;
        }
    }
    tell_of_free_slot(tx, run)?;
    Ok(Recorded::Done)
}

/// The state the run is in afterwards, and those that it passed through. [`check_next`] has
/// seen to it that there is one.
fn last(states: &[State]) -> (&State, &[State]) {
    states.split_last().expect("a run that stops names a state")
}

/// Adds states to the history that are followed by another one in the same record.
fn pass(tx: &Tx<'_>, run: &Leased, progress: &Progress, passed: &[State]) -> StoreResult<Gain> {
    for (state, n) in passed.iter().zip(run.states + 1..) {
        add_state(tx, run.no, n, state)?;
    }
    Ok(Gain {
        states: passed.len() as i64,
        started: started(passed),
        entries: progress.entries.len() as i64,
        logged: progress.logged.cast_signed(),
    })
}

/// Stays leased. Leaves alone what the indexes hold.
fn advance(tx: &Tx<'_>, run: &Leased, progress: &Progress, states: &[State]) -> StoreResult<()> {
    let gain = pass(tx, run, progress, states)?;
    if gain == Gain::default() {
        return Ok(());
    }
    match states.last() {
        Some(state) => tx.run(
            "UPDATE flow_runs SET state = ?2, state_name = ?3, state_message = ?4,
                 state_at = ?5, states = states + ?6, started = coalesce(started, ?7),
                 journal_len = journal_len + ?8, logged = logged + ?9
             WHERE no = ?1",
            params![
                run.no,
                state.kind,
                state.name,
                state.message,
                state.at,
                gain.states,
                gain.started,
                gain.entries,
                gain.logged
            ],
        )?,
        None => tx.run(
            "UPDATE flow_runs SET journal_len = journal_len + ?2, logged = logged + ?3
             WHERE no = ?1",
            params![run.no, gain.entries, gain.logged],
        )?,
    };
    Ok(())
}

fn unsettled(tx: &Tx<'_>, run: &Leased, awaited: &[Seq]) -> StoreResult<Vec<Seq>> {
    let mut unsettled = Vec::with_capacity(awaited.len());
    for seq in awaited {
        if tx.any(
            "SELECT 1 FROM journal WHERE run = ?1 AND seq = ?2 AND settled_at IS NULL",
            params![run.no, seq],
        )? {
            unsettled.push(*seq);
        }
    }
    Ok(unsettled)
}

/// The run is to be woken when these settle.
fn mark_awaited(tx: &Tx<'_>, run: &Leased, unsettled: &[Seq]) -> StoreResult<()> {
    for seq in unsettled {
        tx.run(
            "UPDATE journal SET awaited = ?3 WHERE run = ?1 AND seq = ?2",
            params![run.no, seq, run.epoch.cast_signed()],
        )?;
    }
    Ok(())
}

fn release(
    tx: &Tx<'_>,
    run: &Leased,
    gain: Gain,
    state: &State,
    at: Timestamp,
    next_attempt: bool,
) -> StoreResult<()> {
    let attempts = i64::from(next_attempt);
    leave(tx, run, gain, state, Some(at), None, attempts)?;
    match next_attempt {
        true => attempts::begin_next(tx, run.no, run.id, true),
        false => Ok(()),
    }
}

/// Gives the lease up. The epoch stays, so that it can be told what the run waits for.
fn leave(
    tx: &Tx<'_>,
    run: &Leased,
    gain: Gain,
    state: &State,
    ready_at: Option<Timestamp>,
    wake_after: Option<i64>,
    attempts: i64,
) -> StoreResult<()> {
    tx.run(
        "UPDATE flow_runs SET state = ?2, state_name = ?3, state_message = ?4, state_at = ?5,
             states = states + 1 + ?6, started = coalesce(started, ?7),
             journal_len = journal_len + ?8, logged = logged + ?9,
             ready_at = ?10, wake_after = ?11, attempt = attempt + ?12, worker = NULL
         WHERE no = ?1",
        params![
            run.no,
            state.kind,
            state.name,
            state.message,
            state.at,
            gain.states,
            gain.started,
            gain.entries,
            gain.logged,
            ready_at,
            wake_after,
            attempts
        ],
    )?;
    add_state(tx, run.no, run.states + 1 + gain.states, state)
}

/// In a pool with a limit, another worker may have waited for the slot.
fn tell_of_free_slot(tx: &Tx<'_>, run: &Leased) -> StoreResult<()> {
    if let Some(pool) = &run.pool
        && tx.any(
            "SELECT 1 FROM pools WHERE name = ?1 AND run_limit IS NOT NULL",
            [pool],
        )?
    {
        tx.tell_ready();
    }
    Ok(())
}

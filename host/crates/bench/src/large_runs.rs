//! Runs that have very much: tasks, or lines of a log.

use std::time::Duration;

use model::{
    Answer, Call, Entry, Failure, FailureKind, Json, LogLevel, LogLine, LogSource, Outcome, RunId,
    Seq, Settled, Settlement, State, TaskCall, TaskName, TaskOptions, TaskRun, TaskRunId,
};
use operations::FreshIds;
use store::Progress;

use crate::filling::Filling;

/// Tasks and lines that one record has.
const PART: usize = 1000;

/// A run that waits for the last of very many tasks.
pub async fn with_tasks(filling: &Filling<'_>, tasks: usize) -> anyhow::Result<RunId> {
    let lease = filling.begun().await?;
    for begin in (0..tasks).step_by(PART) {
        let part = begin..tasks.min(begin + PART);
        let mut progress = Progress::new(lease);
        for n in part {
            let (entry, settled, task_run) = task(filling, lease.run, n)?;
            progress.entries.push(entry);
            progress.settled.push(settled);
            progress.task_runs.push(task_run);
        }
        filling.store().record(progress).await?;
    }
    Ok(lease.run)
}

pub fn task(
    filling: &Filling<'_>,
    run: RunId,
    n: usize,
) -> anyhow::Result<(Entry, Settled, TaskRun)> {
    let name: TaskName = ["extract", "load", "check"][n % 3].parse()?;
    let seq = Seq(n as u64 + 1);
    let call = TaskCall {
        task: name.clone(),
        arguments: Vec::new(),
        wait_for: Vec::new(),
        options: TaskOptions::default(),
        scope: None,
    };
    let ended = filling.now.after(Duration::from_millis(n as u64));
    let outcome: Outcome = match n % 500 {
        499 => Err(Failure::new(FailureKind::Error, "the host did not answer")),
        _ => Ok(Json::parse("4711")?),
    };
    let entry = Entry {
        seq,
        call: Call::Task(call),
        answer: Answer::Accepted,
        at: filling.now,
        settled: None,
        identity: None,
    };
    let task_run = TaskRun {
        id: TaskRunId::new(&mut FreshIds),
        flow_run: run,
        journal: run,
        seq,
        name: format!("{name}-{n}"),
        task: name,
        tags: Vec::new(),
        attempt: 1,
        retry_at: None,
        worker: None,
        history: vec![
            State::running(1, filling.now).into(),
            State::ended(&outcome, ended).into(),
        ],
    };
    let settled = Settled {
        seq,
        at: ended,
        settlement: Settlement::Task(outcome),
    };
    Ok((entry, settled, task_run))
}

pub async fn with_lines(filling: &Filling<'_>, lines: usize) -> anyhow::Result<RunId> {
    let lease = filling.begun().await?;
    let line = |n: usize| LogLine {
        run: lease.run,
        source: LogSource::Flow,
        at: filling.now.after(Duration::from_millis(n as u64)),
        level: match n % 100 {
            0 => LogLevel::Warn,
            1..40 => LogLevel::Debug,
            _ => LogLevel::Info,
        },
        target: "etl::load".to_owned(),
        message: format!("loaded part {n} of the orders of yesterday, 17 rows were skipped"),
    };
    for begin in (0..lines).step_by(PART) {
        let part = begin..lines.min(begin + PART);
        let mut progress = Progress::new(lease);
        progress.logged = part.len() as u64;
        progress.logs = part.map(line).collect();
        filling.store().record(progress).await?;
    }
    Ok(lease.run)
}

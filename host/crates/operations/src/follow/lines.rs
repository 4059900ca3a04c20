//! Lines of a run's log, each with the name of the run that said it.

use std::collections::HashMap;

use model::{LogLevel, LogLine, LogSource, RunId, TaskRunId};
use store::{LogCursor, LogFilter, Reading, StoreResult, TaskRunFilter};

/// Lines read at once.
const PAGE: u32 = 1000;

/// A line, and who said it.
#[derive(Clone, Debug)]
pub struct Line {
    pub line: LogLine,
    pub speaker: Speaker,
}

/// The run that said something, by its name where it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Speaker {
    Flow(String),
    Task(String),
    Unknown(RunId),
}

/// Reads a run's log from its beginning, and later what was added.
pub struct Lines {
    run: RunId,
    level: LogLevel,
    cursor: LogCursor,
    runs: HashMap<RunId, String>,
    tasks: HashMap<TaskRunId, String>,
}

impl Lines {
    /// Of this level and above, of the run, its tasks and its subflows.
    pub fn new(run: RunId, level: LogLevel) -> Self {
        Self {
            run,
            level,
            cursor: LogCursor::default(),
            runs: HashMap::new(),
            tasks: HashMap::new(),
        }
    }

    /// What was added since the last time, at most a page; empty: nothing more so far.
    pub async fn next(&mut self, store: &dyn Reading) -> StoreResult<Vec<Line>> {
        let filter = LogFilter {
            runs: vec![self.run],
            after: self.cursor,
            level_min: self.level,
            count: PAGE,
        };
        let lines = store.logs(filter).await?;
        if let Some((cursor, _)) = lines.last() {
            self.cursor = *cursor;
        }
        let lines: Vec<LogLine> = lines.into_iter().map(|(_, line)| line).collect();
        self.learn_names(store, &lines).await?;
        let lines = lines.into_iter().map(|line| Line {
            speaker: self.speaker(&line),
            line,
        });
        Ok(lines.collect())
    }

    fn speaker(&self, line: &LogLine) -> Speaker {
        let task = match line.source {
            LogSource::Task(task) => self.tasks.get(&task),
            LogSource::Flow | LogSource::Host => None,
        };
        match (task, self.runs.get(&line.run)) {
            (Some(name), _) => Speaker::Task(name.clone()),
            (None, Some(name)) => Speaker::Flow(name.clone()),
            (None, None) => Speaker::Unknown(line.run),
        }
    }

    async fn learn_names(&mut self, store: &dyn Reading, lines: &[LogLine]) -> StoreResult<()> {
        let unknown_task = |line: &LogLine| match line.source {
            LogSource::Task(task) => !self.tasks.contains_key(&task),
            LogSource::Flow | LogSource::Host => false,
        };
        if lines.iter().any(unknown_task) {
            let filter = TaskRunFilter {
                flow_run: Some(self.run),
                ..TaskRunFilter::default()
            };
            let tasks = store.task_runs(filter).await?;
            self.tasks
                .extend(tasks.into_iter().map(|task| (task.id, task.name)));
        }
        for line in lines {
            if !self.runs.contains_key(&line.run)
                && let Some(run) = store.flow_run(line.run).await?
            {
                self.runs.insert(run.id, run.name.to_string());
            }
        }
        Ok(())
    }
}

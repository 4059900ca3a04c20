//! Lines of a run's log, each with the name of the run that said it.

use std::collections::HashMap;

use model::{LogLevel, LogLine, LogSource, RunId, TaskRunId};
use store::{Cursor, LogFilter, LogPlace, PageRequest, Reading, StoreResult};

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
    filter: LogFilter,
    /// Behind the last line that was looked at.
    from: Option<Cursor>,
    runs: HashMap<RunId, String>,
    tasks: HashMap<TaskRunId, String>,
}

impl Lines {
    /// Of this level and above, of the run, its tasks and its subflows.
    pub fn new(run: RunId, level: LogLevel) -> Self {
        Self::that_fit(LogFilter {
            level_min: level,
            ..LogFilter::of(run)
        })
    }

    /// Those that the filter lets through.
    pub fn that_fit(filter: LogFilter) -> Self {
        Self {
            filter,
            from: None,
            runs: HashMap::new(),
            tasks: HashMap::new(),
        }
    }

    /// Behind this place, which another has come to.
    #[must_use]
    pub fn from(mut self, place: Option<Cursor>) -> Self {
        self.from = place;
        self
    }

    /// Behind the last line that was looked at.
    pub fn place(&self) -> Option<Cursor> {
        self.from
    }

    /// What was added since the last time, at most a page; empty: nothing more so far.
    pub async fn next(&mut self, store: &dyn Reading) -> StoreResult<Vec<Line>> {
        loop {
            let request = PageRequest {
                from: self.from,
                ..PageRequest::oldest(PAGE)
            };
            let page = store.logs(&self.filter, &request).await?;
            self.from = page.next.or(Some(page.newest));
            // A page may be empty although others follow.
            if !page.items.is_empty() || page.next.is_none() {
                return self.named(store, page.items).await;
            }
        }
    }

    /// The last `count` lines, oldest first. What is added later comes [next](Self::next).
    pub async fn last(&mut self, store: &dyn Reading, count: u32) -> StoreResult<Vec<Line>> {
        let mut found = Vec::new();
        let mut request = PageRequest::newest(count);
        loop {
            let page = store.logs(&self.filter, &request).await?;
            if request.from.is_none() {
                self.from = Some(page.newest);
            }
            found.extend(page.items);
            request.from = page.next;
            request.limit = count.saturating_sub(found.len() as u32);
            if request.from.is_none() || request.limit == 0 {
                break;
            }
        }
        found.reverse();
        self.named(store, found).await
    }

    async fn named(
        &mut self,
        store: &dyn Reading,
        lines: Vec<(LogPlace, LogLine)>,
    ) -> StoreResult<Vec<Line>> {
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
            LogSource::Task(task) if !self.tasks.contains_key(&task) => Some(task),
            LogSource::Task(_) | LogSource::Flow | LogSource::Host => None,
        };
        let mut unknown: Vec<TaskRunId> = lines.iter().filter_map(unknown_task).collect();
        unknown.sort_unstable();
        unknown.dedup();
        if !unknown.is_empty() {
            let tasks = store.task_runs_by_id(&unknown).await?;
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

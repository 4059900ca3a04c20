//! Lines of a run's log, each with the name of the run that said it.

use std::collections::HashMap;

use clap::builder::styling::{AnsiColor, Style};

use crate::cli::context::Context;
use crate::cli::output::{Format, Stream};
use crate::cli::text::harmless;
use crate::cli::time::{clock, local};
use model::{LogLevel, LogLine, LogSource, RunId, TaskRunId};
use operations::view::LogView;
use store::{LogCursor, LogFilter, TaskRunFilter};

/// Lines read at once.
const LINES: u32 = 1000;

/// Prints a run's log from its beginning, and later what was added.
pub struct LogPrinter<'a> {
    cx: &'a Context,
    run: RunId,
    level: LogLevel,
    stream: Stream,
    /// With the day, for logs that may be old.
    dated: bool,
    cursor: LogCursor,
    runs: HashMap<RunId, String>,
    tasks: HashMap<TaskRunId, String>,
}

impl<'a> LogPrinter<'a> {
    /// For a log that is being written, with the time of day.
    pub fn live(cx: &'a Context, run: RunId, level: LogLevel, stream: Stream) -> Self {
        Self {
            cx,
            run,
            level,
            stream,
            dated: false,
            cursor: LogCursor::default(),
            runs: HashMap::new(),
            tasks: HashMap::new(),
        }
    }

    /// With the day too.
    pub fn dated(mut self) -> Self {
        self.dated = true;
        self
    }

    /// Prints what was added since the last time. On stdout, JSON is a line each.
    pub async fn print_new(&mut self) -> anyhow::Result<()> {
        loop {
            let lines = self.next().await?;
            let full = lines.len() == LINES as usize;
            self.learn_names(&lines).await?;
            for line in &lines {
                self.print(line)?;
            }
            if !full {
                return Ok(());
            }
        }
    }

    /// All lines there are, for one JSON list.
    pub async fn read_all(&mut self) -> anyhow::Result<Vec<LogLine>> {
        let mut all = Vec::new();
        loop {
            let lines = self.next().await?;
            let full = lines.len() == LINES as usize;
            all.extend(lines);
            if !full {
                return Ok(all);
            }
        }
    }

    async fn next(&mut self) -> anyhow::Result<Vec<LogLine>> {
        let filter = LogFilter {
            runs: vec![self.run],
            after: self.cursor,
            level_min: self.level,
            count: LINES,
        };
        let lines = self.cx.store.logs(filter).await?;
        if let Some((cursor, _)) = lines.last() {
            self.cursor = *cursor;
        }
        Ok(lines.into_iter().map(|(_, line)| line).collect())
    }

    fn print(&self, line: &LogLine) -> anyhow::Result<()> {
        let out = &self.cx.out;
        if self.stream == Stream::Stdout && out.format == Format::Json {
            return out.json_line(&LogView::from(line.clone()));
        }
        let at = match self.dated {
            true => local(line.at),
            false => clock(line.at),
        };
        let level = format!("{:<5}", line.level);
        let level = out.paint(self.stream, &level, color(line.level));
        let who = self.who(line);
        let message = harmless(line.message.trim_end());
        out.line(self.stream, &format!("{at} | {level} | {who} - {message}"))
    }

    fn who(&self, line: &LogLine) -> String {
        let name = match line.source {
            LogSource::Task(task) => self
                .tasks
                .get(&task)
                .map(|name| format!("Task run '{name}'")),
            LogSource::Flow | LogSource::Host => None,
        };
        name.unwrap_or_else(|| match self.runs.get(&line.run) {
            Some(name) => format!("Flow run '{name}'"),
            None => format!("Flow run {}", line.run),
        })
    }

    async fn learn_names(&mut self, lines: &[LogLine]) -> anyhow::Result<()> {
        let unknown_task = |line: &LogLine| match line.source {
            LogSource::Task(task) => !self.tasks.contains_key(&task),
            LogSource::Flow | LogSource::Host => false,
        };
        if lines.iter().any(unknown_task) {
            let filter = TaskRunFilter {
                flow_run: Some(self.run),
                ..TaskRunFilter::default()
            };
            let tasks = self.cx.store.task_runs(filter).await?;
            self.tasks
                .extend(tasks.into_iter().map(|task| (task.id, task.name)));
        }
        for line in lines {
            if !self.runs.contains_key(&line.run)
                && let Some(run) = self.cx.store.flow_run(line.run).await?
            {
                self.runs.insert(run.id, run.name.to_string());
            }
        }
        Ok(())
    }
}

fn color(level: LogLevel) -> Style {
    match level {
        LogLevel::Trace | LogLevel::Debug => Style::new().dimmed(),
        LogLevel::Info => AnsiColor::Green.on_default(),
        LogLevel::Warn => AnsiColor::Yellow.on_default(),
        LogLevel::Error => AnsiColor::Red.on_default().bold(),
    }
}

//! Lines of logs.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::View;
use model::{LogLine, LogSource, RunId, TaskRunId, Timestamp};

/// A line of a run's log.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LogView {
    pub at: Timestamp,
    /// `TRACE`, `DEBUG`, `INFO`, `WARN` or `ERROR`.
    #[schema(value_type = model::LogLevel)]
    pub level: Cow<'static, str>,
    pub flow_run: RunId,
    /// For a line of a task.
    pub task_run: Option<TaskRunId>,
    /// `flow`, `task` or `host`: who said it.
    pub source: Cow<'static, str>,
    /// The module that logged, or `stdout` and `stderr`.
    pub target: String,
    pub message: String,
}

impl View for LogView {}

impl From<LogLine> for LogView {
    fn from(line: LogLine) -> Self {
        let (source, task_run) = match line.source {
            LogSource::Flow => ("flow", None),
            LogSource::Task(task) => ("task", Some(task)),
            LogSource::Host => ("host", None),
        };
        Self {
            at: line.at,
            level: line.level.as_str().into(),
            flow_run: line.run,
            task_run,
            source: source.into(),
            target: line.target,
            message: line.message,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::testing::{AT, RUN, TASK, shown, uuid};
    use model::LogLevel;

    #[test]
    fn the_shape_of_a_line() {
        let line = |source| LogLine {
            run: RunId(uuid(RUN)),
            source,
            at: AT,
            level: LogLevel::Warn,
            target: "etl::load".to_owned(),
            message: "slow".to_owned(),
        };
        let task = LogSource::Task(TaskRunId(uuid(TASK)));
        insta::assert_snapshot!(shown(&LogView::from(line(task))), @r#"
        {
          "at": "2023-11-14T22:13:20.123456Z",
          "level": "WARN",
          "flow_run": "01920000-0000-7000-8000-000000000001",
          "task_run": "01920000-0000-7000-8000-000000000003",
          "source": "task",
          "target": "etl::load",
          "message": "slow"
        }
        "#);
        let sources = [LogSource::Flow, LogSource::Host]
            .map(line)
            .map(LogView::from);
        assert_eq!(
            sources.each_ref().map(|line| &*line.source),
            ["flow", "host"]
        );
        assert_eq!(sources.map(|line| line.task_run), [None, None]);
    }
}

//! What is asked of logs, and of runs that are watched.

use model::{LogLevel, RunId, TaskName, TaskRunId};
use serde::{Deserialize, Serialize};
use store::LogFilter;
use utoipa::{IntoParams, ToSchema};

use super::ListOrder;

/// Which lines of a run's log to read.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LogQuery {
    /// Only lines of this level and above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<LogLevel>,
    /// Only lines of this task run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub task_run: Vec<TaskRunId>,
    /// Only lines of runs of this task.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub task: Vec<TaskName>,
    /// Only lines of this target, and of those below it: `etl` has `etl::load`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub target: Vec<String>,
    /// Only lines with this in their message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// `oldest-first` unless it is said.
    #[param(inline)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<ListOrder>,
    /// At most so many.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The `next` of the part before, with the same filters; or its `newest`, for what was
    /// said since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

impl LogQuery {
    /// The lines of the run that are asked for.
    pub fn filter(&self, run: RunId) -> LogFilter {
        LogFilter {
            level_min: self.level.unwrap_or(LogLevel::Trace),
            task_runs: self.task_run.clone(),
            tasks: self.task.clone(),
            targets: self.target.clone(),
            text: self.text.clone(),
            ..LogFilter::of(run)
        }
    }
}

/// What to tell of a run that is watched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WatchWhat {
    /// Its log, its states from the first, what it waits for, its children, until it ends.
    #[default]
    All,
    /// The same, but of its states up to now only the latest.
    Latest,
    /// Its log and its end.
    Lines,
    /// Its log up to now.
    Log,
    /// Its end, and what keeps it from being executed.
    End,
}

/// How to watch a run.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WatchQuery {
    /// `all` unless it is said.
    #[param(inline)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub what: Option<WatchWhat>,
    /// Only lines of this level and above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<LogLevel>,
    /// Only lines of runs of this task.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub task: Vec<TaskName>,
    /// Only lines of this target, and of those below it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub target: Vec<String>,
    /// Only lines with this in their message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// With `log`, only so many of the last lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tail: Option<u32>,
    /// After the event with this id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

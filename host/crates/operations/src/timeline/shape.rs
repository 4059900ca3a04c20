//! What a timeline is drawn from, how it is to be drawn, and what its rows are.

use model::{CallMade, FlowRun, HistoryLine, Relative, RunId, TaskRun, TaskRunId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Calls of one name in one scope form a group from this many on.
pub const GROUP_MIN: usize = 8;
/// So many members of a group are shown at a time.
pub const GROUP_PAGE: usize = 100;
/// So many rows are drawn at a time.
pub const ROWS_MAX: usize = 200;
/// So many segments are drawn at a time, which keeps a page under 3,000 nodes.
pub const SEGMENTS_MAX: usize = 900;

/// What is known of a flow run.
#[derive(Clone, Debug)]
pub struct Story {
    pub run: FlowRun,
    /// All of it, oldest first.
    pub history: Vec<HistoryLine>,
    /// The calls of the attempt that is to be drawn, and whether these are all.
    pub calls: Vec<CallMade>,
    pub has_journal: bool,
    /// The task runs of all attempts.
    pub task_runs: Vec<TaskRun>,
    /// Subflows and child runs, of all attempts, oldest first.
    pub relatives: Vec<Relative>,
    /// The histories of some of the child runs.
    pub histories: Vec<(RunId, Vec<HistoryLine>)>,
    pub now: Timestamp,
}

/// How a timeline is to be drawn.
#[derive(Clone, Debug)]
pub struct Wish {
    /// None: the last one.
    pub attempt: Option<u32>,
    /// The part of the span to zoom to.
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
    pub show: Show,
    /// Whether gaps in which nothing is executed are folded.
    pub fold: bool,
    /// The groups that are open, by their keys, and how many members of each are shown.
    pub opened: Vec<(u64, usize)>,
    /// Leave so many rows out.
    pub skip: usize,
    /// In pixels, or whatever the places are to be in.
    pub width: f64,
}

impl Default for Wish {
    fn default() -> Self {
        Self {
            attempt: None,
            from: None,
            to: None,
            show: Show::All,
            fold: true,
            opened: Vec::new(),
            skip: 0,
            width: 1000.0,
        }
    }
}

/// Which rows are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Show {
    #[default]
    All,
    /// What failed, and the scopes that it failed in.
    Failed,
    /// What the run's time went to.
    Critical,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RowKind {
    Run,
    Subflow,
    Task,
    Child,
    Timer,
    Input,
    /// Slots of a limit.
    Limit,
    /// So many members of a group are left out here.
    More {
        left: usize,
    },
}

impl RowKind {
    /// What people call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Run => "flow run",
            Self::Subflow => "subflow",
            Self::Task => "task run",
            Self::Child => "child run",
            Self::Timer => "timer",
            Self::Input => "input",
            Self::Limit => "limit",
            Self::More { .. } => "more",
        }
    }
}

/// What a row leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    FlowRun(RunId),
    TaskRun(TaskRunId),
}

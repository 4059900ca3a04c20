//! Lists that a filter restricts, page by page.

mod latest;
mod logs;
mod query;
mod runs;
mod task_runs;
mod walk;

pub(crate) use latest::latest_ends;
pub(crate) use logs::{count_lines, lines};
pub(crate) use runs::{count_failed, count_runs, failed, flow_runs};
pub(crate) use task_runs::{open_task_runs, task_runs, task_runs_by_id};

//! Pages of runs, task runs and log lines, and bounded counts.
//!
//! ```text
//! filter --> source: the index that has least to look at, or all numbers
//!               |
//!               v  candidates, in chunks
//! page   --> rows of a chunk that fit the filter --> enough, or no more, or long enough --> page
//! ```
//!
//! A place in a listing is a row's number. Numbers are given in the order of the commits, so
//! nothing is ever added behind a place that a reader has passed. An index that is walked has
//! the number as its last column, so candidates come in order and nothing is sorted.

mod filter;
mod latest;
mod logs;
mod page;
mod runs;
mod source;
mod task_runs;

pub(super) use self::latest::latest_ends;
pub(super) use self::logs::{count_lines, lines};
pub(super) use self::page::Patience;
pub(super) use self::runs::{count_failed, count_runs, failed, flow_runs};
pub(super) use self::task_runs::{open_task_runs, task_runs, task_runs_by_id};

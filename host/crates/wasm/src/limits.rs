//! The limits of one instance. Whatever a guest does ends at one of them.

use std::time::Duration;

/// The limits of one instance, flow or task.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Linear memory, in bytes.
    pub memory_max: usize,
    /// Wasm stack, in bytes. It limits recursion.
    pub stack_max: usize,
    /// Time on the processor of one flow between two waits. A flow decides; work is for
    /// tasks.
    pub flow_compute_max: Duration,
    /// Time on the processor of one attempt of a task.
    pub task_compute_max: Duration,
    /// A result, an argument list or any other JSON text, in bytes.
    pub payload_max: usize,
    /// Log lines of one execution of a run or one attempt of a task.
    pub log_lines_max: u64,
    /// Log text of one execution of a run or one attempt of a task, in bytes.
    pub log_bytes_max: usize,
    /// Calls in one flow run's journal.
    pub calls_max: u64,
}

impl Limits {
    /// What a guest may hand over in one call, in bytes: more than any field may have, so that
    /// a value which is too large is refused by name. What is still larger ends the instance
    /// before it is copied.
    pub(super) fn call_bytes(&self) -> usize {
        2 * self.payload_max + (1 << 20)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_max: 256 << 20,
            stack_max: 512 << 10,
            flow_compute_max: Duration::from_secs(10),
            task_compute_max: Duration::from_secs(3600),
            payload_max: 4 << 20,
            log_lines_max: 100_000,
            log_bytes_max: 16 << 20,
            calls_max: 100_000,
        }
    }
}

/// The limits of a component that describes itself. A person waits for that at `deploy`, so
/// they are tighter than those of a run. They are a type of their own, so that a change of
/// the limits for runs does not change them.
#[derive(Clone, Debug, PartialEq)]
pub struct DescribeLimits {
    /// Time on the processor. A component made from Rust takes less than a millisecond; an
    /// interpreted language starts its interpreter first, and loads the author's modules.
    pub compute_max: Duration,
    /// Linear memory, in bytes. An interpreter takes tens of megabytes before it has read a
    /// line.
    pub memory_max: usize,
}

impl Default for DescribeLimits {
    fn default() -> Self {
        Self {
            compute_max: Duration::from_secs(2),
            memory_max: 256 << 20,
        }
    }
}

/// The longest log line, in bytes; the rest is cut off.
pub const LOG_LINE_MAX: usize = 64 << 10;

/// The longest target of a log line, in bytes; the rest is cut off. It is a module's path.
pub const LOG_TARGET_MAX: usize = 200;

/// The longest message of a failure, in bytes; the rest is cut off. A message is stored
/// several times, in the run, in its state and in its caller's journal, and people read it.
pub const FAILURE_MESSAGE_MAX: usize = 16 << 10;

/// At most `max` bytes of a text, cut between characters.
pub(super) fn cut(mut text: String, max: usize) -> String {
    if text.len() > max {
        text.truncate(text.floor_char_boundary(max));
        text.push('…');
    }
    text
}

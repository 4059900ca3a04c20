//! The limits of one instance, and of a component before it has any. Whatever a guest does
//! ends at one of them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::HttpLimits;

/// The limits of one instance, flow or task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// All linear memories and tables of the instance together, in bytes.
    pub memory_max: usize,
    /// Wasm stack, in bytes. It limits recursion.
    pub stack_max: usize,
    /// Time on the processor of one flow between two waits. A flow decides; work is for
    /// tasks.
    pub flow_compute_max: Duration,
    /// Time on the processor of one attempt of a task.
    pub task_compute_max: Duration,
    /// A result, an argument list or any other JSON text, in bytes: at most [`PAYLOAD_MOST`].
    pub payload_max: usize,
    /// Log lines of one execution of a run or one attempt of a task.
    pub log_lines_max: u64,
    /// Log text of one execution of a run or one attempt of a task, in bytes.
    pub log_bytes_max: usize,
    /// Calls in one flow run's journal.
    pub calls_max: u64,
    /// What one flow run's journal may hold, in bytes. It is in memory while the flow is.
    pub journal_max: usize,
    /// One blob, in bytes.
    pub blob_max: u64,
    /// What one attempt of a task writes into its `/tmp`, in bytes, whatever it removes of that.
    pub tmp_max: u64,
    /// Of each request that a task sends.
    pub http: HttpLimits,
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
            payload_max: 32 << 20,
            log_lines_max: 100_000,
            log_bytes_max: 16 << 20,
            calls_max: 100_000,
            journal_max: 256 << 20,
            blob_max: 4 << 30,
            tmp_max: 4 << 30,
            http: HttpLimits::default(),
        }
    }
}

/// The most that [`Limits::payload_max`] can be, in bytes: what fits into a message of PostgreSQL and
/// into a row of SQLite several times, and what the memory of a guest has at most.
pub const PAYLOAD_MOST: usize = 256 << 20;

/// Entries of a directory that a task lists: the host holds all of them at once.
pub(super) const ENTRIES_MAX: usize = 100_000;

/// The limits of a component that describes itself. A person waits for that at `deploy`, so
/// they are tighter than those of a run. They are a type of their own, so that a change of
/// the limits for runs does not change them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DescribeLimits {
    /// Time on the processor. A component made from Rust takes less than a millisecond; an
    /// interpreted language starts its interpreter first, and loads the author's modules.
    pub compute_max: Duration,
    /// Time by the clock: a description that sleeps ends, too.
    pub time_max: Duration,
    /// Linear memory, in bytes. An interpreter takes tens of megabytes before it has read a
    /// line.
    pub memory_max: usize,
}

impl Default for DescribeLimits {
    fn default() -> Self {
        Self {
            compute_max: Duration::from_secs(2),
            time_max: Duration::from_secs(20),
            memory_max: 256 << 20,
        }
    }
}

/// What a component may consist of. It is checked when the component is deployed, so that
/// every instance takes what was planned for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComponentLimits {
    /// The file, in bytes. A Python component has 20 MB.
    pub file_max: usize,
    /// The body of one function, in bytes. Compiling takes more than twice the time for a
    /// function of twice the size; an interpreter's main loop has some 100 KB.
    pub function_max: usize,
    /// Core modules in the file. A component from Rust has three or four, a Python one has one
    /// for each shared library.
    pub core_modules_max: u32,
    /// Components within the component: one for each exported interface, or what it was
    /// composed of.
    pub components_max: u32,
    /// Core instances of one instance of the component.
    pub core_instances_max: u32,
    /// Linear memories of one instance, which has room for as many instances with one memory.
    /// Only composed components have more than one.
    pub memories_max: u32,
    /// Tables of one instance. Four of them take as much room as one memory.
    pub tables_max: u32,
    /// Elements of one table.
    pub table_elements_max: usize,
}

impl Default for ComponentLimits {
    fn default() -> Self {
        Self {
            file_max: 64 << 20,
            function_max: 1 << 20,
            core_modules_max: 128,
            components_max: 256,
            core_instances_max: 128,
            memories_max: 8,
            tables_max: 32,
            table_elements_max: 20_000,
        }
    }
}

impl ComponentLimits {
    /// How many shares of the engine's pools one instance takes at most. One share is a memory
    /// and [`TABLES_PER_SHARE`] tables.
    pub(super) fn shares_max(&self) -> u32 {
        let by_tables = self.tables_max.div_ceil(TABLES_PER_SHARE);
        self.memories_max.max(by_tables).max(1)
    }
}

/// Tables in one share of the engine's pools: more than a component with one memory has.
pub(super) const TABLES_PER_SHARE: u32 = 4;

/// What compiling one component may take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CompileLimits {
    /// Time on the processors, all of them together. A Python component takes some 10 s.
    pub compute_max: Duration,
    /// Time by the clock, on a machine that is busy with other things.
    pub time_max: Duration,
    /// Memory of the process that compiles, in bytes.
    pub memory_max: usize,
    /// The compiled code, in bytes.
    pub code_max: usize,
}

impl CompileLimits {
    /// So much processor time, which a machine that is busy with other things gives in a few
    /// times as long.
    pub fn for_compute(compute_max: Duration) -> Self {
        Self {
            compute_max,
            time_max: compute_max
                .saturating_mul(4)
                .saturating_add(Duration::from_secs(60)),
            memory_max: 2 << 30,
            code_max: 512 << 20,
        }
    }
}

impl Default for CompileLimits {
    fn default() -> Self {
        Self::for_compute(Duration::from_secs(60))
    }
}

/// Sockets, streams and whatever else of the host one instance holds at once.
pub const RESOURCES_MAX: usize = 1000;

/// Artifacts of one execution of a flow, or of one attempt of a task.
pub(super) const ARTIFACTS_MAX: usize = 10_000;

/// What these have together, in bytes.
pub(super) const ARTIFACT_BYTES_MAX: usize = 64 << 20;

/// What of a blob is handed over at once, in bytes.
pub(super) const BLOB_CHUNK_MAX: usize = 1 << 20;

/// The headers of a request or an answer together, as the host keeps them, in bytes.
pub(super) const HEADERS_MAX: usize = 64 << 10;

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

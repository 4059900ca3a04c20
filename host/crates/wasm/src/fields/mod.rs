//! A limit on every field that a guest hands over: one table, which the host enforces before it
//! does anything with a value.
//!
//! ```text
//! guest --call--> wasmtime copies (at most Limits::call_bytes) --> Field::check --> convert
//! guest --describe--> the same, at most MANIFEST_BYTES_MAX     --> Field::check --> convert
//! ```
//!
//! A text or list that is too large is refused with a message that names the field, its size
//! and the limit, or cut where people read it. The table is printed in `host/docs/limits.md`,
//! and a test compares it with `wit/`: a field that is not here is a field without a limit.

use std::fmt::Display;

use super::halt::bytes;
use super::limits::{BLOB_CHUNK_MAX, FAILURE_MESSAGE_MAX, LOG_LINE_MAX, LOG_TARGET_MAX};
use model::{Failure, FailureKind, NAME_MAX};

/// Everything that a component says of itself, in bytes.
pub const MANIFEST_BYTES_MAX: usize = 8 << 20;

/// Spans of time: a hundred years, in milliseconds.
pub(crate) const DURATION_MS_MAX: u64 = 100 * 365 * 24 * 60 * 60 * 1000;

/// Points in time, in milliseconds of Unix time: the last one that a stored text can hold, a day
/// before the year 10,000. A later one would read back as another time.
const TIME_MS_MAX: u64 = 253_402_207_200_000;

/// Handles in one list: as many as a run may have by default.
const HANDLES_MAX: usize = 100_000;

/// What one artifact shows, in bytes: people read it, on a page.
const ARTIFACT_MAX: usize = 1 << 20;

/// The address of a page or an image, in bytes. Browsers take no longer ones everywhere.
const ADDRESS_MAX: usize = 2 << 10;

/// A field of the contract, and its limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Field {
    /// Where it stands in `wit/`, such as `tasks.task-call.task`. `[]` are the items of a
    /// list, `.0` is the first part of a tuple.
    pub path: &'static str,
    /// The field in words, as a refusal names it: `the name of a task`.
    pub name: &'static str,
    pub limit: FieldLimit,
}

/// What a field may hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FieldLimit {
    /// A text of at most so many bytes.
    Bytes(usize),
    /// A text of which so many bytes are kept.
    Cut(usize),
    /// JSON of at most [`Limits::payload_max`](super::Limits::payload_max) bytes.
    Payload,
    /// A list of at most so many items.
    Items(usize),
    /// A whole number from 0 to this.
    Number(u64),
    /// A number from 0 to this.
    Fraction(f64),
}

impl Display for FieldLimit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bytes(max) => write!(f, "{max} bytes"),
            Self::Cut(max) => write!(f, "cut after {max} bytes"),
            Self::Payload => f.write_str("the limit on a JSON text"),
            Self::Items(max) => write!(f, "{max} items"),
            Self::Number(max) => write!(f, "0 to {max}"),
            Self::Fraction(max) => write!(f, "0 to {max}, finite"),
        }
    }
}

impl Field {
    const fn new(path: &'static str, name: &'static str, limit: FieldLimit) -> Self {
        Self { path, name, limit }
    }

    /// Errs with kind `Limit` if a text or list is too large. `size` counts bytes or items.
    pub(super) fn check(&self, size: usize) -> Result<(), Failure> {
        let name = self.name;
        let message = match self.limit {
            FieldLimit::Bytes(max) if size > max => {
                let (is, max) = in_words(size, max);
                format!("{name} is {is}; the limit is {max}")
            }
            FieldLimit::Items(max) if size > max => {
                format!("{name} has {size} items; the limit is {max}")
            }
            _ => return Ok(()),
        };
        Err(Failure::new(FailureKind::Limit, message))
    }

    /// The same of a text that may be absent.
    pub(super) fn check_text(&self, text: Option<&String>) -> Result<(), Failure> {
        text.map_or(Ok(()), |text| self.check(text.len()))
    }

    /// The same of a list of texts, of which `item` is one.
    pub(super) fn check_texts(&self, item: &Self, texts: &[String]) -> Result<(), Failure> {
        self.check(texts.len())?;
        texts.iter().try_for_each(|text| item.check(text.len()))
    }

    /// Errs with kind `Invalid` if a number is out of its range.
    pub(super) fn check_number(&self, number: Option<u64>) -> Result<(), Failure> {
        match (self.limit, number) {
            (FieldLimit::Number(max), Some(number)) if number > max => {
                Err(self.out_of_range(number, max))
            }
            _ => Ok(()),
        }
    }

    /// Errs with kind `Invalid` if a fraction is none, or out of its range.
    pub(super) fn check_fraction(&self, fraction: Option<f64>) -> Result<(), Failure> {
        match (self.limit, fraction) {
            (FieldLimit::Fraction(max), Some(fraction)) if !(0.0..=max).contains(&fraction) => {
                Err(self.out_of_range(fraction, max))
            }
            _ => Ok(()),
        }
    }

    fn out_of_range(&self, is: impl Display, max: impl Display) -> Failure {
        let message = format!("{} is {is}; it must be from 0 to {max}", self.name);
        Failure::new(FailureKind::Invalid, message)
    }
}

/// A size and its limit in words that differ: in bytes where the units would make them equal.
pub(super) fn in_words(size: usize, max: usize) -> (String, String) {
    const SHORT: usize = 10_000;
    let exact = |bytes: usize| format!("{bytes} bytes");
    let words = |count: usize| {
        if count < SHORT {
            exact(count)
        } else {
            bytes(count)
        }
    };
    match (words(size), words(max)) {
        (is, limit) if is == limit => (exact(size), exact(max)),
        words => words,
    }
}

use FieldLimit::{Bytes, Cut, Fraction, Items, Number, Payload};

/// Declares the fields as constants, and the table of all of them.
macro_rules! fields {
    ($($field:ident $path:literal $name:literal $limit:expr;)*) => {
        $(pub(super) const $field: Field = Field::new($path, $name, $limit);)*

        /// Every field that a guest hands over, in the order of `wit/`.
        pub const FIELDS: &[Field] = &[$($field),*];
    };
}

fields! {
    FAILURE_MESSAGE "types.failure.message" "the message of a failure" Cut(FAILURE_MESSAGE_MAX);

    TASK "tasks.task-call.task" "the name of a task" Bytes(NAME_MAX);
    ARGUMENTS "tasks.task-call.arguments" "the arguments of a task" Items(256);
    ARGUMENT_NAME "tasks.task-call.arguments[].0" "the name of an argument" Bytes(NAME_MAX);
    ARGUMENT "tasks.argument.value" "the arguments of a task, together" Payload;
    RESULTS_OF "tasks.argument.results-of" "the list of results in an argument" Items(HANDLES_MAX);
    WAIT_FOR "tasks.task-call.wait-for" "the list of what a task waits for" Items(HANDLES_MAX);
    RETRY_DELAYS "tasks.task-options.retry-delays" "the list of retry delays" Items(100);
    RETRY_DELAY "tasks.task-options.retry-delays[]" "a retry delay in milliseconds" Number(DURATION_MS_MAX);
    RETRY_JITTER "tasks.task-options.retry-jitter" "the retry jitter" Fraction(100.0);
    TASK_TIMEOUT "tasks.task-options.timeout" "the timeout of a task in milliseconds" Number(DURATION_MS_MAX);
    TASK_RUN_NAME "tasks.task-options.task-run-name" "the name of a task run" Bytes(NAME_MAX);
    TASK_TAGS "tasks.task-options.tags" "the tags of a task" Items(100);
    TASK_TAG "tasks.task-options.tags[]" "a tag" Bytes(NAME_MAX);

    DEPLOYMENT "deployments.run-request.deployment" "the name of a deployment" Bytes(2 * NAME_MAX + 1);
    RUN_PARAMETERS "deployments.run-request.parameters" "the parameters of a run" Payload;
    RUN_NAME "deployments.run-request.flow-run-name" "the name of a flow run" Bytes(NAME_MAX);
    RUN_TAGS "deployments.run-request.tags" "the tags of a flow run" Items(100);
    RUN_TAG "deployments.run-request.tags[]" "a tag" Bytes(NAME_MAX);
    SCHEDULED "deployments.run-request.scheduled-time" "the scheduled time in milliseconds" Number(TIME_MS_MAX);
    RUN_KEY "deployments.run-request.idempotency-key" "an idempotency key" Bytes(500);
    WORK_QUEUE "deployments.run-request.work-queue" "the name of a work queue" Bytes(NAME_MAX);
    RUNS "deployments.wait-for-runs.runs" "the list of runs to wait for" Items(HANDLES_MAX);
    WAITED_RUN "deployments.wait-for-runs.runs[]" "the id of a flow run" Bytes(NAME_MAX);
    READ_RUN "deployments.get-run.run" "the id of a flow run" Bytes(NAME_MAX);

    SUBFLOW "subflows.begin.flow" "the name of a flow" Bytes(NAME_MAX);
    SUBFLOW_PARAMETERS "subflows.begin.parameters" "the parameters of a subflow" Payload;
    SUBFLOW_OUTCOME "subflows.end.outcome" "the result of a subflow" Payload;

    TIMER "timers.start.duration" "the time to sleep in milliseconds" Number(DURATION_MS_MAX);

    INPUT_KEY "inputs.input-request.key" "the key of an input" Bytes(100);
    INPUT_DESCRIPTION "inputs.input-request.description" "the description of an input" Bytes(64 << 10);
    INPUT_SCHEMA "inputs.input-request.schema" "the schema of an input" Bytes(64 << 10);
    INPUT_TIMEOUT "inputs.input-request.timeout" "the timeout of an input in milliseconds" Number(DURATION_MS_MAX);

    LIMIT "limits.take.limit" "the name of a limit" Bytes(NAME_MAX);
    VARIABLE "variables.get.name" "the name of a variable" Bytes(NAME_MAX);
    SECRET "secrets.get.name" "the name of a secret" Bytes(NAME_MAX);

    ARTIFACT_MARKDOWN "artifacts.content.markdown" "the text of an artifact" Bytes(ARTIFACT_MAX);
    ARTIFACT_TABLE "artifacts.content.table" "the table of an artifact" Bytes(ARTIFACT_MAX);
    ARTIFACT_LINK "artifacts.content.link" "the link of an artifact" Bytes(ADDRESS_MAX);
    ARTIFACT_PROGRESS "artifacts.content.progress" "the progress of an artifact in percent" Fraction(100.0);
    ARTIFACT_IMAGE "artifacts.content.image" "the address of an image" Bytes(ADDRESS_MAX);
    ARTIFACT_KEY "artifacts.artifact.key" "the key of an artifact" Bytes(NAME_MAX);
    ARTIFACT_DESCRIPTION "artifacts.artifact.description" "the description of an artifact" Bytes(4 << 10);

    BLOB_BYTES "blobs.writer.write.bytes" "a part of a blob" Items(BLOB_CHUNK_MAX);
    BLOB_DIGEST "blobs.blob.digest" "the digest of a blob" Bytes(NAME_MAX);

    WAIT_ANY "waiting.wait-any.handles" "the list of handles to wait for" Items(HANDLES_MAX);
    WAIT_ALL "waiting.wait-all.handles" "the list of handles to wait for" Items(HANDLES_MAX);

    LOG_TARGET "logging.log.target" "the target of a log line" Cut(LOG_TARGET_MAX);
    LOG_MESSAGE "logging.log.message" "a log line" Cut(LOG_LINE_MAX);
    PANIC_MESSAGE "logging.panicked.message" "the message of a panic" Cut(FAILURE_MESSAGE_MAX);
    PANIC_LOCATION "logging.panicked.location" "the place of a panic" Cut(FAILURE_MESSAGE_MAX);

    PARAMETER_SCHEMA "guest.parameter-schema.parameters" "its parameter schema" Bytes(256 << 10);
    RESULT_SCHEMA "guest.parameter-schema.result" "its result schema" Bytes(256 << 10);
    FLOW_RETRY_DELAYS "guest.flow-options.retry-delays" "its list of retry delays" Items(100);
    FLOW_RETRY_DELAY "guest.flow-options.retry-delays[]" "a retry delay in milliseconds" Number(DURATION_MS_MAX);
    FLOW_RETRY_JITTER "guest.flow-options.retry-jitter" "its retry jitter" Fraction(100.0);
    FLOW_TIMEOUT "guest.flow-options.timeout" "its timeout in milliseconds" Number(DURATION_MS_MAX);
    FLOW_NAME "guest.flow-description.name" "its name" Bytes(NAME_MAX);
    FLOW_DESCRIPTION "guest.flow-description.description" "its description" Bytes(64 << 10);
    FLOW_VERSION "guest.flow-description.version" "its version" Bytes(NAME_MAX);
    TASK_NAME "guest.task-description.name" "its name" Bytes(NAME_MAX);
    TASK_DESCRIPTION "guest.task-description.description" "its description" Bytes(64 << 10);
    TASK_VERSION "guest.task-description.version" "its version" Bytes(NAME_MAX);
    FLOWS "guest.manifest.flows" "the list of flows" Items(1000);
    TASKS "guest.manifest.tasks" "the list of tasks" Items(1000);
    FLOW_RESULT "guest.run-flow" "the flow's result" Payload;
    TASK_RESULT "guest.run-task" "the task's result" Payload;
}

#[cfg(test)]
mod tests;

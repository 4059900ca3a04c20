//! What is new since the last record, and when it is recorded at the latest.
//!
//! Nothing is lost if it never is: what has not reached the outside is made again by replay.

use std::time::Duration;

use crate::add_artifact;
use model::{Artifact, Lease, Progress, Seq, Settled, Settlement, Timestamp};

/// How long something new may stay in memory while the flow waits for its own tasks. Others
/// see it after this time.
pub(super) const FLUSH_DELAY: Duration = Duration::from_millis(20);
/// Entries that are recorded at once, so that a flow that starts very much keeps little in
/// memory.
const ENTRIES_MAX: usize = 500;
/// The same of what artifacts have, in bytes.
const ARTIFACT_BYTES_MAX: usize = 4 << 20;

pub(super) struct Buffer {
    pub progress: Progress,
    /// When it is recorded at the latest; set while the flow waits and there is anything.
    pub record_by: Option<Timestamp>,
    /// What the artifacts among it have.
    artifact_bytes: usize,
}

impl Buffer {
    pub fn new(lease: Lease) -> Self {
        Self {
            progress: Progress::new(lease),
            record_by: None,
            artifact_bytes: 0,
        }
    }

    pub fn lease(&self) -> Lease {
        self.progress.lease
    }

    pub fn is_full(&self) -> bool {
        self.progress.entries.len() >= ENTRIES_MAX || self.artifact_bytes >= ARTIFACT_BYTES_MAX
    }

    pub fn add_artifact(&mut self, artifact: Artifact) {
        self.artifact_bytes += artifact.bytes();
        add_artifact(&mut self.progress.artifacts, artifact);
    }

    /// Adds a settlement to the entry of its call where that is still to be recorded: one row
    /// instead of two.
    pub fn settle(&mut self, seq: Seq, at: Timestamp, settlement: Settlement) {
        let Progress {
            entries, settled, ..
        } = &mut self.progress;
        let first = entries.first().map(|entry| entry.seq);
        let place = first.and_then(|first| usize::try_from(seq.0.checked_sub(first.0)?).ok());
        match place.and_then(|place| entries.get_mut(place)) {
            Some(entry) => entry.settled = Some((at, settlement)),
            None => settled.push(Settled {
                seq,
                at,
                settlement,
            }),
        }
    }
}

//! What all rows have in common.

use std::path::PathBuf;
use std::time::Duration;

/// How everything is measured.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The databases are in a directory of their own in here, which decides on the disk.
    pub directory: PathBuf,
    /// Beside which database of a server new ones are made, in place of files in the directory.
    pub database: Option<String>,
    /// The file with the measured flows.
    pub component: PathBuf,
    /// The file with the flows whose tasks call the outside.
    pub outside: PathBuf,
    /// How long a round of a row takes, where that can be chosen.
    pub round: Duration,
    /// How many finished runs the longer history has.
    pub finished: usize,
}

//! What an instance has met outside, in words for its failure: codes of WASI have no room for
//! them, and its libraries make numbers of codes.

use model::{Failure, FailureKind};

/// What of the outside was refused to an instance, or failed.
#[derive(Clone, Debug, Default)]
pub(super) struct Outside {
    /// What was refused last, and what would grant it.
    pub refused: Option<String>,
    /// What could not be opened or changed last: `opening /data/x`.
    pub path: Option<String>,
    /// Where it tried to connect to last: `connecting to db:5432`.
    pub address: Option<String>,
    pub is_task: bool,
}

impl Outside {
    /// The same failure, with what is known of its cause.
    pub fn explain(self, failure: Failure) -> Failure {
        let of_author = matches!(
            failure.kind,
            FailureKind::Error | FailureKind::Permanent | FailureKind::Panicked
        );
        match &self.refused {
            // The guest knew, and has said so in words of its own.
            Some(refused) if failure.kind == FailureKind::Refused => {
                Failure::new(FailureKind::Refused, refused.clone())
            }
            _ if !of_author => failure,
            // Its own error can be no more than a number of WASI: if it fails with that, to try
            // again would not help.
            Some(refused) if says_refused(&failure.message) => {
                let message = format!("{refused} (it failed with: {})", failure.message);
                Failure::new(FailureKind::Refused, message)
            }
            // It may have gone on without.
            Some(refused) => {
                let message = format!("{} (before that, {refused})", failure.message);
                Failure::new(failure.kind, message)
            }
            None => self.in_words(failure),
        }
    }

    /// Words in the place of the number of a system that is not there.
    fn in_words(self, failure: Failure) -> Failure {
        let Failure { kind, message } = failure;
        if self.is_task && message.contains(NO_TEMP_DIR) {
            let message = format!(
                "{message} (a task has `/tmp` if it is deployed with `--tmp`; `temp_dir()` does not know that)"
            );
            return Failure::new(kind, message);
        }
        let Some((before, number, after)) = os_error(&message) else {
            return Failure::new(kind, message);
        };
        if self.is_task && self.path.is_none() && number == NOT_THERE {
            let message = format!(
                "no directory that the task was granted has such a path; `--dir HOST:GUEST` grants \
                 one, and `--tmp` an empty one at `/tmp` (it failed with: {before}{after})"
            );
            return Failure::new(FailureKind::Refused, message);
        }
        let is_network = CONNECTING.iter().any(|words| before.contains(words));
        let tried = if is_network { self.address } else { self.path };
        let message = match tried {
            Some(tried) => format!("{before} ({tried}){after}"),
            None => format!("{before}{after}"),
        };
        Failure::new(kind, message)
    }
}

/// What the standard library of Rust says where it knows of no directory for such files.
const NO_TEMP_DIR: &str = "no filesystem on wasm";

/// `ENOENT` of WASI: what its libc says of a path below no directory that it has.
const NOT_THERE: &str = "44";

/// What is said of connections.
const CONNECTING: [&str; 6] = [
    "Connection refused",
    "Connection reset",
    "Connection aborted",
    "Host is unreachable",
    "Network unreachable",
    "timed out",
];

/// The parts of a message around ` (os error N)`, and the number.
fn os_error(message: &str) -> Option<(&str, &str, &str)> {
    const BEGIN: &str = " (os error ";
    let at = message.find(BEGIN)?;
    let (number, after) = message[at + BEGIN.len()..].split_once(')')?;
    Some((&message[..at], number, after))
}

/// Whether an error of a guest is that of a refusal: what the libraries of languages make of
/// `access-denied`, for a connection, a name and a file.
fn says_refused(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    [
        "permission denied",
        "access-denied",
        "access denied",
        "lookup address",
        "read-only file system",
        "read only file system",
    ]
    .iter()
    .any(|words| message.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(outside: &Outside, message: &str, kind: FailureKind, expect: &str) {
        let explained = outside
            .clone()
            .explain(Failure::new(FailureKind::Error, message));
        assert_eq!((explained.kind, explained.message.as_str()), (kind, expect));
    }

    #[test]
    fn a_number_becomes_what_was_tried() {
        let outside = Outside {
            path: Some("opening `/data/x`".to_owned()),
            address: Some("connecting to `db:5432`".to_owned()),
            is_task: true,
            ..Outside::default()
        };
        check(
            &outside,
            "reading: No such file or directory (os error 44)",
            FailureKind::Error,
            "reading: No such file or directory (opening `/data/x`)",
        );
        check(
            &outside,
            "Connection refused (os error 14): at start",
            FailureKind::Error,
            "Connection refused (connecting to `db:5432`): at start",
        );
        check(&outside, "no number", FailureKind::Error, "no number");
    }

    #[test]
    fn a_path_below_no_directory_is_refused() {
        let outside = Outside {
            is_task: true,
            ..Outside::default()
        };
        check(
            &outside,
            "No such file or directory (os error 44)",
            FailureKind::Refused,
            "no directory that the task was granted has such a path; `--dir HOST:GUEST` grants one, \
             and `--tmp` an empty one at `/tmp` (it failed with: No such file or directory)",
        );
    }

    #[test]
    fn a_refusal_is_the_cause_or_came_before() {
        let outside = Outside {
            refused: Some("`/data/x` was not changed".to_owned()),
            ..Outside::default()
        };
        check(
            &outside,
            "Read-only file system (os error 69)",
            FailureKind::Refused,
            "`/data/x` was not changed (it failed with: Read-only file system (os error 69))",
        );
        check(
            &outside,
            "no more",
            FailureKind::Error,
            "no more (before that, `/data/x` was not changed)",
        );
        let knew = Failure::new(FailureKind::Refused, "refused");
        assert_eq!(outside.explain(knew).message, "`/data/x` was not changed");
    }
}

//! The worker's side: starts the process of a run, and finds out how it ends.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::MissedTickBehavior;
use tracing::{error, info, warn};

use super::MEMORY_PARTS;
use super::process::{Heard, Process, Program};
use super::word::Word;
use crate::execution::Stop;
use crate::shared::Shared;
use model::Lease;
use orchestrator::lifecycle::Why;
use store::{Claimed, StoreError};

/// How long a worker that has seen the process of a run end waits until it says that it is alive
/// itself. Whoever ends a container, or a machine, ends both, one a moment after the other.
const IN_COMPANY: Duration = Duration::from_secs(1);

/// How long a worker that cannot start a process waits until it gives the run back.
const UNABLE_DELAY: Duration = Duration::from_secs(1);

/// Executes a run in a process of its own until it ends or leaves memory. Dropping this kills the
/// process.
pub(crate) async fn execute(
    shared: Arc<Shared>,
    program: Program,
    claimed: Claimed,
    slot: OwnedSemaphorePermit,
) -> Stop {
    let lease = claimed.lease;
    let memory = shared.runtime.memory();
    let set_aside = match memory.reserve(memory.max() / MEMORY_PARTS).await {
        Ok(set_aside) => set_aside,
        Err(err) => return give_back(&shared, lease, Why::Unable(err.to_string())).await,
    };
    let process = match Process::start(program, lease).await {
        Ok(process) => process,
        Err(err) => {
            warn!(run = %lease.run, %err, "a process for a run could not be started");
            tokio::time::sleep(UNABLE_DELAY).await;
            let why = Why::Unable(format!("a process of its own could not be started: {err}"));
            return give_back(&shared, lease, why).await;
        }
    };
    info!(run = %lease.run, name = %claimed.run.name, pid = process.pid, "executing alone");
    let stop = match watch(&shared, process).await {
        Ok(stop) => stop,
        Err(Lost { seen, has_begun }) => {
            error!(run = %lease.run, seen, has_begun, "a run was lost while it was executed alone");
            tokio::time::sleep(IN_COMPANY).await;
            // What has not begun has done nothing.
            let why = if has_begun {
                Why::Alone(seen)
            } else {
                Why::Unable(seen)
            };
            give_back(&shared, lease, why).await
        }
    };
    drop((slot, set_aside));
    stop
}

/// A process has ended, or was silent, without having said how its run has.
struct Lost {
    seen: String,
    /// Whether it has been heard of.
    has_begun: bool,
}

async fn watch(shared: &Shared, mut process: Process) -> Result<Stop, Lost> {
    let config = &shared.config;
    // Counted in beats of this worker, so that time in which both stood still does not count.
    let mut beat = tokio::time::interval(config.heartbeat);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let patience = config.lease.div_duration_f32(config.heartbeat).ceil();
    let (mut silent, mut has_begun) = (0.0, false);
    let seen = loop {
        tokio::select! {
            biased;
            heard = process.heard.recv() => match heard {
                Some(Heard::Word(Word::Beat)) => (silent, has_begun) = (0.0, true),
                Some(Heard::Word(Word::Ended)) => return Ok(Stop::Ended),
                Some(Heard::Word(Word::Left)) => return Ok(Stop::Left),
                Some(Heard::Word(Word::Failed(why))) => {
                    return Ok(Stop::Failed(StoreError::Unavailable(why)));
                }
                Some(Heard::Ended(status)) => break seen(status),
                None => break "its process has ended".to_owned(),
            },
            _ = beat.tick() => {
                silent += 1.0;
                if silent > patience {
                    let lease = config.lease;
                    break format!("its process was silent for {lease:?} and was killed");
                }
            }
        }
    };
    Err(Lost { seen, has_begun })
}

async fn give_back(shared: &Shared, lease: Lease, why: Why) -> Stop {
    match shared.store.give_back(lease, why, shared.now()).await {
        Ok(true) | Err(StoreError::Stale { .. }) => Stop::Left,
        Ok(false) => Stop::Ended,
        Err(err) => Stop::Failed(err),
    }
}

/// How a process has ended.
fn seen(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(signal), _) => match name_of(signal) {
            Some(name) => format!("its process was ended by signal {signal} ({name})"),
            None => format!("its process was ended by signal {signal}"),
        },
        (None, Some(code)) => format!("its process has ended by itself, with exit code {code},"),
        (None, None) => "its process has ended".to_owned(),
    }
}

/// The signals that end processes.
fn name_of(signal: i32) -> Option<&'static str> {
    Some(match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        31 => "SIGSYS",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_process_is_said_in_words() {
        let by_signal = |signal| seen(ExitStatus::from_raw(signal));
        let said = "its process was ended by signal 11 (SIGSEGV)";
        assert_eq!(by_signal(11), said);
        assert_eq!(by_signal(40), "its process was ended by signal 40");
        let code = seen(ExitStatus::from_raw(70 << 8));
        assert_eq!(code, "its process has ended by itself, with exit code 70,");
    }
}

//! Watches from a thread of its own whether the runtime still takes turns.
//!
//! ```text
//! guardian --task that does nothing--> runtime --ran--> guardian
//!              `- does not run for long: every thread is held. Said; and whoever tells the
//!                 process to stop is obeyed after a while, although nothing else can
//! ```
//!
//! The work of one call of a guest is bounded, so this means a fault of the host. One thread
//! that is held hinders nobody else but is told of; if all are, the lease ends after a while, and
//! others take the runs up (`heartbeat`).

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};
use tokio::runtime::Handle;

/// How often the runtime is asked for a turn.
const ASK_EVERY: Duration = Duration::from_millis(500);

/// A runtime that takes no turn for so long is told of.
const STUCK: Duration = Duration::from_secs(2);

/// How long a process that was told to stop may go on without a turn.
const GRACE: Duration = Duration::from_secs(10);

/// The exit code of a process that was told to stop and could not do it in order.
pub const STUCK_EXIT: i32 = 75;

/// Watches the runtime until this is dropped.
pub struct Guardian {
    is_over: Arc<AtomicBool>,
}

impl Guardian {
    /// Begins to watch.
    pub fn start(runtime: Handle) -> io::Result<Self> {
        let told_to_stop = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&told_to_stop))?;
        }
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        thread::Builder::new()
            .name("guardian".to_owned())
            .spawn(move || watch(&runtime, &told_to_stop, &over))?;
        Ok(Self { is_over })
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

fn watch(runtime: &Handle, told_to_stop: &AtomicBool, is_over: &AtomicBool) {
    while !is_over.load(Ordering::Relaxed) {
        thread::sleep(ASK_EVERY);
        let (ran, answer) = mpsc::channel();
        let asked = Instant::now();
        runtime.spawn(async move {
            // The receiver waits, or the guardian is over.
            let _ = ran.send(());
        });
        let mut told_at = STUCK;
        while let Err(RecvTimeoutError::Timeout) = answer.recv_timeout(ASK_EVERY) {
            let held_for = asked.elapsed();
            if held_for >= told_at {
                told_at *= 2;
                tracing::error!(
                    ?held_for,
                    "no thread of this process is free: its runs stand still"
                );
            }
            if held_for >= GRACE && told_to_stop.load(Ordering::Relaxed) {
                // Its runs go back to their pool as soon as it is gone.
                tracing::error!(
                    "told to stop, but no thread is free to do so in order: it exits at once"
                );
                std::process::exit(STUCK_EXIT);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// Tells this program that it is to play the stuck process.
    const PLAY: &str = "ORCH_TEST_PLAY_STUCK";

    #[test]
    fn a_process_whose_threads_are_all_held_still_obeys() {
        if std::env::var_os(PLAY).is_some() {
            return play_stuck();
        }
        let played = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "guardian::tests::a_process_whose_threads_are_all_held_still_obeys",
            ])
            .env(PLAY, "1")
            .output()
            .unwrap();
        assert_eq!(played.status.code(), Some(STUCK_EXIT), "{played:?}");
    }

    fn play_stuck() {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .build()
            .unwrap();
        let _guardian = Guardian::start(runtime.handle().clone()).unwrap();
        runtime.spawn(async { thread::sleep(Duration::from_secs(60)) });
        let own = rustix::process::getpid();
        rustix::process::kill_process(own, rustix::process::Signal::TERM).unwrap();
        thread::sleep(Duration::from_secs(60));
        unreachable!("it has ended");
    }
}

//! The time of leases, which no jump of the machine's clock ends.
//!
//! ```text
//! clock of the machine  ----------+                      +------ set by a person, by NTP
//!                                 +-- an hour back ------+
//! time of leases        -----------------------------------------  counted since the machine began
//! ```
//!
//! A lease is a promise to be heard of again within a span, so it must be measured by a clock that
//! never jumps: the one that counts since the machine was started. All processes of the machine see
//! the same. What the clock showed when that count began is kept in a file beside the database, once
//! for each start of the machine, so that times of leases look like all others, and those from
//! before a restart have ended in time.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use model::Timestamp;
use rustix::time::{ClockId, clock_gettime};
use store::Clock;

/// What the clocks may differ by, in microseconds. No clock is read twice at the same moment.
const EQUAL: i64 = 250_000;

#[derive(Debug)]
pub(crate) struct LeaseClock {
    /// Where what belongs to the running processes is kept.
    dir: PathBuf,
    clock: Arc<dyn Clock>,
    /// What the clock showed when the machine was started. None: it could not be kept, so leases
    /// follow the clock.
    started: OnceLock<Option<i64>>,
}

impl LeaseClock {
    pub fn new(dir: PathBuf, clock: Arc<dyn Clock>) -> Self {
        Self {
            dir,
            clock,
            started: OnceLock::new(),
        }
    }

    /// For somebody who only looks: nothing is kept that is not there.
    pub fn as_it_is(dir: PathBuf, clock: Arc<dyn Clock>) -> Self {
        let leases = Self::new(dir, clock);
        let kept = path(&leases.dir).and_then(|path| kept(&path));
        let _ = leases.started.set(kept.ok().flatten());
        leases
    }

    /// What the time of leases is when the machine's clock shows `now`.
    pub fn at(&self, now: Timestamp) -> Timestamp {
        Timestamp(now.0 + self.ahead())
    }

    /// What the machine's clock shows at that time of leases.
    pub fn shown(&self, lease: Timestamp) -> Timestamp {
        Timestamp(lease.0 - self.ahead())
    }

    /// How far the time of leases is ahead of the clock.
    fn ahead(&self) -> i64 {
        let started = self.started.get_or_init(|| {
            self.keep().unwrap_or_else(|err| {
                tracing::debug!(%err, "a jump of the clock may end leases");
                None
            })
        });
        let Some(started) = started else { return 0 };
        let ahead = started + since_start() - self.clock.now().0;
        if ahead.abs() < EQUAL { 0 } else { ahead }
    }

    /// Reads what the first process since the start of the machine has kept, or is that one.
    fn keep(&self) -> io::Result<Option<i64>> {
        let path = path(&self.dir)?;
        if !path.exists() {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&self.dir)?;
            self.forget_earlier()?;
            let mut own = tempfile(&self.dir)?;
            write!(own.1, "{}", self.clock.now().0 - since_start())?;
            own.1.sync_all()?;
            // It is there as a whole, or not at all; one of several processes is the first.
            let linked = fs::hard_link(&own.0, &path);
            fs::remove_file(&own.0)?;
            match linked {
                Err(err) if err.kind() != io::ErrorKind::AlreadyExists => return Err(err),
                _ => {}
            }
        }
        kept(&path)
    }

    /// Those of earlier starts are of no use any more.
    fn forget_earlier(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.dir)?.flatten() {
            if entry.file_name().to_string_lossy().starts_with("clock-") {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}

/// Where it is kept for this start of the machine.
fn path(dir: &Path) -> io::Result<PathBuf> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    Ok(dir.join(format!("clock-{}", boot.trim())))
}

fn kept(path: &Path) -> io::Result<Option<i64>> {
    Ok(fs::read_to_string(path)?.trim().parse().ok())
}

fn tempfile(dir: &Path) -> io::Result<(PathBuf, fs::File)> {
    let path = dir.join(format!("new-clock.{}", std::process::id()));
    Ok((path.clone(), fs::File::create(path)?))
}

/// Microseconds since the machine was started, those in which it was suspended included.
fn since_start() -> i64 {
    let time = clock_gettime(ClockId::Boottime);
    time.tv_sec * 1_000_000 + time.tv_nsec / 1000
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicI64, Ordering};

    #[derive(Debug, Default)]
    struct Jumping(AtomicI64);

    impl Clock for Jumping {
        fn now(&self) -> Timestamp {
            let right = crate::clock::MachineClock.now();
            Timestamp(right.0 + self.0.load(Ordering::Relaxed))
        }
    }

    const HOUR: i64 = 3_600_000_000;

    #[test]
    fn the_time_of_leases_does_not_jump() {
        let home = tempfile::tempdir().unwrap();
        let clock = Arc::new(Jumping::default());
        let here = LeaseClock::new(home.path().to_owned(), Arc::clone(&clock) as _);
        // As long as nothing has jumped, they are the same.
        assert_eq!(here.at(Timestamp(7)), Timestamp(7));
        let begin = here.at(clock.now());
        for jump in [5 * HOUR, -9 * HOUR] {
            clock.0.store(jump, Ordering::Relaxed);
            // Another process, which begins after the jump, agrees.
            let there = LeaseClock::new(home.path().to_owned(), Arc::clone(&clock) as _);
            for leases in [&here, &there] {
                let passed = leases.at(clock.now()).0 - begin.0;
                assert!((-EQUAL..60_000_000).contains(&passed), "{jump}: {passed}");
                let shown = leases.shown(leases.at(clock.now())).0 - clock.now().0;
                assert!(shown.abs() < 1_000_000, "{shown}");
            }
        }
    }
}

//! Measures how long an instance holds a thread: its own computing, and what the host does for
//! it within its calls.
//!
//! ```text
//! poll --begin--> guest, host call, guest, .. --end--> spent += time of this poll
//!                   `- each tick: spent + time since begin > the limit? --> the instance ends
//! ```
//!
//! What an instance waits for costs it nothing, since nobody polls it meanwhile. A guest that
//! computes yields at each tick, so a poll is short; one that is not is a call of the host
//! that takes long. [`held_threads`] tells of those.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use model::RunId;

/// How often a guest that computes is interrupted: to let others have a turn, and to count.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// A poll that takes longer is followed by one that is measured in processor time: the clock
/// of the processor costs more to read, and most polls are short.
const LONG: u64 = 1_000_000;

/// What one poll counts for at most that is measured by the clock on the wall, in nanoseconds.
/// The thread may not have had a processor for most of it.
const WALL_MAX: u64 = 2 * TICK.as_nanos() as u64;

/// The time that one instance has held a thread, since its last real wait.
#[derive(Debug, Default)]
pub(super) struct Meter {
    /// In nanoseconds, without the poll that goes on.
    spent: AtomicU64,
    /// When the poll that goes on has begun; 0: there is none.
    since: AtomicU64,
    /// The processor time of the thread at that moment; 0: it is not measured.
    processor_since: AtomicU64,
    /// Whether the last poll was a long one.
    was_long: AtomicBool,
}

impl Meter {
    /// The time that it has held a thread until now.
    pub fn used(&self) -> Duration {
        let spent = self.spent.load(Ordering::Relaxed);
        Duration::from_nanos(spent + self.going_on(now()))
    }

    /// Begins to count anew.
    pub fn reset(&self) {
        self.spent.store(0, Ordering::Relaxed);
        if self.since.load(Ordering::Relaxed) != 0 {
            self.begin(now());
        }
    }

    /// Adds what others have worked for the instance.
    pub fn add(&self, worked: Duration) {
        let nanos = u64::try_from(worked.as_nanos()).unwrap_or(u64::MAX);
        self.spent.fetch_add(nanos, Ordering::Relaxed);
    }

    fn begin(&self, at: u64) {
        let processor = if self.was_long.load(Ordering::Relaxed) {
            processor_time()
        } else {
            0
        };
        self.processor_since.store(processor, Ordering::Relaxed);
        self.since.store(at, Ordering::Relaxed);
    }

    fn end(&self) {
        let now = now();
        let more = self.going_on(now);
        let since = self.since.swap(0, Ordering::Relaxed);
        self.was_long
            .store(now.saturating_sub(since) > LONG, Ordering::Relaxed);
        self.spent.fetch_add(more, Ordering::Relaxed);
    }

    /// What the poll that goes on counts for. Called on the thread that polls.
    fn going_on(&self, now: u64) -> u64 {
        let since = self.since.load(Ordering::Relaxed);
        match (since, self.processor_since.load(Ordering::Relaxed)) {
            (0, _) => 0,
            (since, 0) => now.saturating_sub(since).min(WALL_MAX),
            (_, processor_since) => processor_time().saturating_sub(processor_since),
        }
    }
}

/// The time that this thread has had a processor, in nanoseconds; never 0.
fn processor_time() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanos = u64::try_from(time.tv_nsec).unwrap_or_default();
    seconds * 1_000_000_000 + nanos + 1
}

/// Measures a future that polls an instance of this run.
pub(super) async fn metered<F: Future>(
    run: Option<RunId>,
    meter: Arc<Meter>,
    held: F,
) -> F::Output {
    let held = std::pin::pin!(held);
    Metered { run, meter, held }.await
}

struct Metered<'a, F> {
    run: Option<RunId>,
    meter: Arc<Meter>,
    held: Pin<&'a mut F>,
}

impl<F: Future> Future for Metered<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let at = now();
        self.meter.begin(at);
        let _held = THREAD.with(|thread| thread.hold(self.run, at));
        let polled = self.held.as_mut().poll(cx);
        self.meter.end();
        polled
    }
}

/// A thread that one instance has held for long without a break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HeldThread {
    /// None: an instance that describes its component.
    pub run: Option<RunId>,
    pub held_for: Duration,
    /// Tells one poll from the next.
    pub since: u64,
}

/// The threads that have been held for at least so long.
pub(super) fn held_threads(at_least: Duration) -> Vec<HeldThread> {
    let now = now();
    let held = threads().clone();
    let held = held.iter().filter_map(|thread| {
        let since = thread.since.load(Ordering::Acquire);
        let held_for = Duration::from_nanos(now.saturating_sub(since));
        (since != 0 && held_for >= at_least).then(|| HeldThread {
            run: thread.run(),
            held_for,
            since,
        })
    });
    held.collect()
}

/// What one thread is held by. Written by that thread, read by whoever watches.
#[derive(Debug, Default)]
struct Thread {
    /// When; 0: by nothing.
    since: AtomicU64,
    /// The two halves of the run's id; 0: no run.
    run: [AtomicU64; 2],
}

impl Thread {
    fn hold(self: &Arc<Self>, run: Option<RunId>, since: u64) -> Hold {
        let (high, low) = run.map_or((0, 0), |run| run.0.as_u64_pair());
        self.run[0].store(high, Ordering::Relaxed);
        self.run[1].store(low, Ordering::Relaxed);
        self.since.store(since, Ordering::Release);
        Hold(Arc::clone(self))
    }

    fn run(&self) -> Option<RunId> {
        let [high, low] = &self.run;
        let pair = (high.load(Ordering::Relaxed), low.load(Ordering::Relaxed));
        let id = uuid::Uuid::from_u64_pair(pair.0, pair.1);
        (!id.is_nil()).then_some(RunId(id))
    }
}

/// A thread is held, until this is dropped: also by a panic.
struct Hold(Arc<Thread>);

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.since.store(0, Ordering::Release);
    }
}

thread_local! {
    static THREAD: Arc<Thread> = {
        let thread = Arc::default();
        threads().push(Arc::clone(&thread));
        thread
    };
}

/// Every thread that has polled an instance.
fn threads() -> MutexGuard<'static, Vec<Arc<Thread>>> {
    static THREADS: Mutex<Vec<Arc<Thread>>> = Mutex::new(Vec::new());
    let mut threads = THREADS.lock().unwrap_or_else(|err| err.into_inner());
    // Those that have ended are held by nobody else.
    threads.retain(|thread| Arc::strong_count(thread) > 1);
    threads
}

/// Nanoseconds of a clock that never jumps; never 0.
fn now() -> u64 {
    static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(BEGIN.elapsed().as_nanos()).unwrap_or(u64::MAX) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keeps the thread for a while, as a call of the host that takes long.
    fn hold(ms: u64) {
        std::thread::sleep(Duration::from_millis(ms));
    }

    /// Computes for so long.
    fn compute(ms: u64) {
        let end = processor_time() + ms * 1_000_000;
        while processor_time() < end {}
    }

    #[tokio::test]
    async fn computing_counts_and_waiting_does_not() {
        let meter = Arc::new(Meter::default());
        let work = async {
            for _ in 0..10 {
                compute(10);
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        metered(None, Arc::clone(&meter), work).await;
        let used = meter.used();
        assert!(used >= Duration::from_millis(95), "{used:?}");
        assert!(used < Duration::from_millis(140), "{used:?}");
        meter.reset();
        assert_eq!(meter.used(), Duration::ZERO);
    }

    /// As on a machine where others have the processors.
    #[tokio::test]
    async fn a_thread_without_a_processor_costs_little() {
        let meter = Arc::new(Meter::default());
        let work = async {
            for _ in 0..5 {
                hold(100);
                tokio::task::yield_now().await;
            }
        };
        metered(None, Arc::clone(&meter), work).await;
        let used = meter.used();
        assert!(used < Duration::from_millis(60), "{used:?}");
    }

    #[test]
    fn a_thread_that_is_held_names_its_run() {
        let run = RunId::generate();
        let (begun, began) = std::sync::mpsc::channel();
        let (let_go, end) = std::sync::mpsc::channel::<()>();
        let work = async move {
            begun.send(()).unwrap();
            let _ = end.recv();
        };
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            runtime
                .unwrap()
                .block_on(metered(Some(run), Arc::default(), work));
        });
        began.recv().unwrap();
        hold(5);
        let held = |at_least| {
            let held = held_threads(Duration::from_millis(at_least));
            held.iter().any(|thread| thread.run == Some(run))
        };
        assert!(held(5));
        assert!(!held(60_000));
        let_go.send(()).unwrap();
        thread.join().unwrap();
        assert!(!held(0));
    }
}

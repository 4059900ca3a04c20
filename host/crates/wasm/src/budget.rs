//! The memory that all guests of a worker have together.
//!
//! ```text
//! a task: reserve what it will need --waits--> instance --grows beyond--> free? -- yes --> goes on
//!            ^                                                 |- nobody waits: it waits
//!            |                                                 `- somebody waits: it gives all back
//!            `-- waits to start again, for what it needed, and -------------------+
//! a flow: reserves as well, waits for a while when it grows, and its journal counts as its own
//! ```
//!
//! Who would not fit waits before it starts, holding nothing. What an instance needs is known
//! from those before it, so it hardly ever grows beyond its reserve. If it does when nothing is
//! free, at most one waits while it holds memory; others begin again. So the memory that the
//! one waits for becomes free, and nobody fails because of what others hold.
//!
//! Flows have at most half of it, and one guest has at most half of it. So there always comes a
//! time when a task can start, and flows that wait for their tasks do not wait for ever.
//!
//! Requests are served in the order in which they came: a large one does not starve.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use super::halt::bytes;

/// The unit of the count: a page of the machine.
const PAGE: usize = 4 << 10;

/// How often the worker is asked to free memory while somebody waits for it.
const RELIEF_EVERY: Duration = Duration::from_millis(50);

/// The memory of all guests.
pub struct MemoryBudget {
    max: usize,
    free: Arc<Semaphore>,
    /// What flows may still have of it.
    free_for_flows: Arc<Semaphore>,
    /// The right to wait for memory while holding some.
    turn: Semaphore,
    /// Frees what waiting flows hold.
    relief: Mutex<Option<Relief>>,
    /// The most that was used at once, in pages.
    peak: AtomicUsize,
}

/// Frees memory, if it can.
type Relief = Arc<dyn Fn() + Send + Sync>;

/// Nothing is free, and somebody else waits already; or there never can be so much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no memory is free, and all guests of the worker together have no more")]
pub struct NothingFree;

/// A guest needs more than one guest may have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "needs {needed} of memory; the limit on one guest is {max}, half of what all guests of the worker have together ({all})"
)]
pub struct OverBudget {
    needed: String,
    max: String,
    all: String,
}

impl MemoryBudget {
    /// A budget of so many bytes.
    pub(super) fn new(max: usize) -> Arc<Self> {
        let pages = (max / PAGE).min(Semaphore::MAX_PERMITS);
        Arc::new(Self {
            max,
            free: Arc::new(Semaphore::new(pages)),
            free_for_flows: Arc::new(Semaphore::new(pages / 2)),
            turn: Semaphore::new(1),
            relief: Mutex::new(None),
            peak: AtomicUsize::new(0),
        })
    }

    /// The bytes that guests may have together.
    pub fn max(&self) -> usize {
        self.max
    }

    /// The bytes that they have.
    pub fn used(&self) -> usize {
        let pages = self.max / PAGE;
        pages.saturating_sub(self.free.available_permits()) * PAGE
    }

    /// The most bytes that they have had at once.
    pub fn peak(&self) -> usize {
        self.peak.load(Ordering::Relaxed) * PAGE
    }

    /// Calls this, and no longer what was given before, when somebody waits for memory: it may
    /// free some.
    pub fn relieve_by(&self, relief: impl Fn() + Send + Sync + 'static) {
        *self.relief.lock().expect("no panic while it is set") = Some(Arc::new(relief));
    }

    /// Waits until so much is free for a task. Errs if it never can be.
    pub async fn reserve(self: &Arc<Self>, bytes: usize) -> Result<Held, OverBudget> {
        let permit = self.take(&self.free, self.pages_of(bytes)?).await;
        Ok(self.held(permit, None))
    }

    /// The same for a flow, or for what a flow makes the host hold.
    pub async fn reserve_for_flow(self: &Arc<Self>, bytes: usize) -> Result<Held, OverBudget> {
        let pages = self.pages_of(bytes)?;
        let of_flows = self.take(&self.free_for_flows, pages).await;
        let permit = self.take(&self.free, pages).await;
        Ok(self.held(permit, Some(of_flows)))
    }

    fn held(self: &Arc<Self>, permit: OwnedSemaphorePermit, of_flows: OfFlows) -> Held {
        self.note_peak();
        Held {
            budget: Arc::clone(self),
            permit,
            of_flows,
            used: 0,
        }
    }

    /// The most that one guest may have, in bytes.
    pub(super) fn max_of_one(&self) -> usize {
        self.max / 2
    }

    fn pages_of(&self, needed: usize) -> Result<u32, OverBudget> {
        let over = || OverBudget {
            needed: bytes(needed),
            max: bytes(self.max_of_one()),
            all: bytes(self.max),
        };
        if needed > self.max_of_one() {
            return Err(over());
        }
        u32::try_from(needed.div_ceil(PAGE)).map_err(|_| over())
    }

    async fn take(&self, free: &Arc<Semaphore>, pages: u32) -> OwnedSemaphorePermit {
        if let Ok(permit) = Arc::clone(free).try_acquire_many_owned(pages) {
            return permit;
        }
        let mut permit = std::pin::pin!(Arc::clone(free).acquire_many_owned(pages));
        loop {
            self.relieve();
            tokio::select! {
                permit = &mut permit => return permit.expect("the semaphore is never closed"),
                () = tokio::time::sleep(RELIEF_EVERY) => {}
            }
        }
    }

    fn relieve(&self) {
        let relief = self.relief.lock().expect("as above").clone();
        if let Some(relief) = relief {
            relief();
        }
    }

    /// The right to wait while holding memory, if nobody has it.
    fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.turn.try_acquire().ok()
    }

    fn note_peak(&self) {
        self.peak.fetch_max(self.used() / PAGE, Ordering::Relaxed);
    }
}

/// Of a flow: its part of what flows may have.
type OfFlows = Option<OwnedSemaphorePermit>;

/// What one guest holds. It is free again when this is dropped.
pub struct Held {
    budget: Arc<MemoryBudget>,
    permit: OwnedSemaphorePermit,
    of_flows: OfFlows,
    /// The bytes of the reserve that are used.
    used: usize,
}

/// How long a flow waits for more memory, at most. It cannot begin again at once, so it waits
/// beside others who wait, and they might wait for each other.
const PATIENCE: Duration = Duration::from_secs(60);

impl Held {
    /// What it uses of its reserve, in bytes.
    pub fn used(&self) -> usize {
        self.used
    }

    /// Uses more, beyond the reserve if there is more free. Waits if there is not: a flow for
    /// a while, a task if no other task waits that holds something. Errs if it does not wait,
    /// or has waited in vain, or if it is more than one guest may have.
    pub async fn grow(&mut self, bytes: usize) -> Result<(), NothingFree> {
        let used = self.used + bytes;
        if used > self.budget.max_of_one() {
            return Err(NothingFree);
        }
        let more = used
            .div_ceil(PAGE)
            .saturating_sub(self.permit.num_permits());
        if more > 0 {
            let more = u32::try_from(more).map_err(|_| NothingFree)?;
            self.take(more).await?;
            self.budget.note_peak();
        }
        self.used = used;
        Ok(())
    }

    async fn take(&mut self, pages: u32) -> Result<(), NothingFree> {
        let budget = &*self.budget;
        if let Some(of_flows) = &mut self.of_flows {
            let taken = async {
                let flows = budget.take(&budget.free_for_flows, pages).await;
                (flows, budget.take(&budget.free, pages).await)
            };
            let taken = tokio::time::timeout(PATIENCE, taken).await;
            let (flows, permit) = taken.map_err(|_| NothingFree)?;
            of_flows.merge(flows);
            self.permit.merge(permit);
            return Ok(());
        }
        let permit = match Arc::clone(&budget.free).try_acquire_many_owned(pages) {
            Ok(permit) => permit,
            Err(_) => {
                let _turn = budget.turn().ok_or(NothingFree)?;
                budget.take(&budget.free, pages).await
            }
        };
        self.permit.merge(permit);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    fn now<T>(future: impl Future<Output = T>) -> Option<T> {
        future.now_or_never()
    }

    #[tokio::test]
    async fn who_would_not_fit_waits_to_start() {
        let budget = MemoryBudget::new(10 * PAGE);
        let first = budget.reserve(5 * PAGE).await.unwrap();
        let _second = budget.reserve(PAGE).await.unwrap();
        assert!(now(budget.reserve(5 * PAGE)).is_none());
        assert_eq!(budget.used(), 6 * PAGE);
        let third = tokio::spawn({
            let budget = Arc::clone(&budget);
            async move { budget.reserve(5 * PAGE).await.map(drop) }
        });
        tokio::task::yield_now().await;
        drop(first);
        third.await.unwrap().unwrap();
        assert_eq!((budget.used(), budget.peak()), (PAGE, 6 * PAGE));
    }

    #[tokio::test]
    async fn what_is_more_than_one_may_have_is_refused() {
        let budget = MemoryBudget::new(10 * PAGE);
        let refused = budget.reserve(6 * PAGE).await.map(drop).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "needs 24.00 KiB of memory; the limit on one guest is 20.00 KiB, half of what all \
             guests of the worker have together (40.00 KiB)"
        );
        let mut held = budget.reserve(PAGE).await.unwrap();
        assert_eq!(held.grow(6 * PAGE).await, Err(NothingFree));
    }

    #[tokio::test]
    async fn one_waits_while_it_holds_memory_and_others_begin_again() {
        let budget = MemoryBudget::new(10 * PAGE);
        let mut held = Vec::new();
        for _ in 0..3 {
            held.push(budget.reserve(3 * PAGE).await.unwrap());
        }
        let [mut a, mut b, mut c] = <[Held; 3]>::try_from(held).ok().unwrap();
        assert_eq!(a.grow(4 * PAGE).await, Ok(()), "the last page is free");
        let mut waits = Box::pin(b.grow(5 * PAGE));
        assert!(now(&mut waits).is_none());
        assert_eq!(c.grow(4 * PAGE).await, Err(NothingFree));
        drop(c);
        assert_eq!(waits.await, Ok(()));
        assert_eq!(b.used(), 5 * PAGE);
    }

    /// Else they would wait for tasks that never start.
    #[tokio::test]
    async fn flows_leave_half_to_tasks() {
        let budget = MemoryBudget::new(10 * PAGE);
        let flow = budget.reserve_for_flow(5 * PAGE).await.unwrap();
        assert!(now(budget.reserve_for_flow(PAGE)).is_none());
        let _task = budget.reserve(5 * PAGE).await.unwrap();
        drop(flow);
        assert!(now(budget.reserve_for_flow(PAGE)).is_some());
    }

    #[tokio::test]
    async fn who_waits_asks_for_relief() {
        let budget = MemoryBudget::new(10 * PAGE);
        let parked = budget.reserve_for_flow(5 * PAGE).await.unwrap();
        let parked = Arc::new(Mutex::new(Some(parked)));
        budget.relieve_by(move || drop(parked.lock().unwrap().take()));
        budget.reserve_for_flow(5 * PAGE).await.unwrap();
    }
}

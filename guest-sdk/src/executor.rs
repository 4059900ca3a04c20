//! Runs a flow's futures on the one thread there is.
//!
//! ```text
//! poll the flow --pending--> decide what to wait for --> wait-any | wait-all
//!      ^                                                        |
//!      +-------- wake who awaits the handles, in order ---------+
//! ```
//!
//! Leaf futures register the handles they need. Only when nothing is ready does the executor
//! ask the host, and it wakes in the order the host returned: so the same answers always
//! give the same calls, whatever `join_all`, `select!` or `FuturesUnordered` do in between.
//!
//! `block_on` may be nested (a blocking call inside an async flow): then only what was
//! registered inside is waited for, and whoever else awaits the same handles is woken too.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use crate::{
    Error, ErrorKind, Result,
    host::{Handle, host},
};

/// How many of its handles a leaf needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    Any,
    All,
}

/// What the executor asks of the host when nothing is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Handles in ascending order, each once.
    WaitAny(Vec<Handle>),
    WaitAll(Vec<Handle>),
    /// Nothing is awaited that could ever settle.
    Nothing,
}

type LeafId = u64;

struct Leaf {
    depth: u32,
    need: Need,
    /// Those of its handles that have not settled.
    missing: BTreeSet<Handle>,
    waker: Waker,
}

/// Who awaits what. Pure: it calls nobody but wakers.
#[derive(Default)]
pub struct Reactor {
    /// Handles that a wait has returned.
    settled: BTreeSet<Handle>,
    leaves: BTreeMap<LeafId, Leaf>,
    by_handle: BTreeSet<(Handle, LeafId)>,
    /// How many `block_on` are nested.
    depth: u32,
    next_leaf: LeafId,
}

impl Reactor {
    fn is_satisfied(&self, need: Need, handles: &[Handle]) -> bool {
        let mut settled = handles.iter().map(|handle| self.settled.contains(handle));
        match need {
            Need::Any => settled.any(|yes| yes),
            Need::All => settled.all(|yes| yes),
        }
    }

    fn register(&mut self, need: Need, handles: &[Handle], waker: &Waker) -> LeafId {
        let id = self.next_leaf;
        self.next_leaf += 1;
        let missing: BTreeSet<_> = handles
            .iter()
            .copied()
            .filter(|handle| !self.settled.contains(handle))
            .collect();
        self.by_handle
            .extend(missing.iter().map(|handle| (*handle, id)));
        let leaf = Leaf {
            depth: self.depth,
            need,
            missing,
            waker: waker.clone(),
        };
        self.leaves.insert(id, leaf);
        id
    }

    fn forget(&mut self, id: LeafId) {
        if let Some(leaf) = self.leaves.remove(&id) {
            for handle in leaf.missing {
                self.by_handle.remove(&(handle, id));
            }
        }
    }

    /// What to wait for. Only a lone leaf that needs all its handles allows `wait-all`:
    /// anything else might have something to do earlier.
    pub fn ask(&self) -> Ask {
        let mut here = self
            .leaves
            .values()
            .filter(|leaf| leaf.depth == self.depth && !leaf.missing.is_empty());
        let Some(first) = here.next() else {
            return Ask::Nothing;
        };
        let Some(second) = here.next() else {
            let handles = first.missing.iter().copied().collect();
            return match first.need {
                Need::All => Ask::WaitAll(handles),
                Need::Any => Ask::WaitAny(handles),
            };
        };
        let handles: BTreeSet<_> = [first, second]
            .into_iter()
            .chain(here)
            .flat_map(|leaf| leaf.missing.iter().copied())
            .collect();
        Ask::WaitAny(handles.into_iter().collect())
    }

    /// Notes that handles have settled, in this order, and gives the wakers to call.
    fn settle(&mut self, handles: &[Handle]) -> Vec<Waker> {
        let mut wakers = Vec::new();
        for &handle in handles {
            self.settled.insert(handle);
            let ids: Vec<_> = self
                .by_handle
                .range((handle, 0)..=(handle, LeafId::MAX))
                .map(|(_, id)| *id)
                .collect();
            for id in ids {
                self.by_handle.remove(&(handle, id));
                let Some(leaf) = self.leaves.get_mut(&id) else {
                    continue;
                };
                leaf.missing.remove(&handle);
                if leaf.need == Need::Any || leaf.missing.is_empty() {
                    wakers.push(leaf.waker.clone());
                }
            }
        }
        wakers
    }
}

thread_local! {
    static REACTOR: RefCell<Reactor> = RefCell::default();
}

fn with<R>(f: impl FnOnce(&mut Reactor) -> R) -> R {
    REACTOR.with_borrow_mut(f)
}

/// Whether a wait has returned the handle, so that the host will say what became of it.
pub fn has_settled(handle: Handle) -> bool {
    with(|reactor| reactor.settled.contains(&handle))
}

/// The leaf of every future: done when enough of the handles have settled.
pub struct Wait {
    need: Need,
    handles: Vec<Handle>,
    leaf: Option<LeafId>,
}

impl Wait {
    pub fn any(handles: Vec<Handle>) -> Self {
        Self {
            need: Need::Any,
            handles,
            leaf: None,
        }
    }

    pub fn all(handles: Vec<Handle>) -> Self {
        Self {
            need: Need::All,
            handles,
            leaf: None,
        }
    }
}

impl Future for Wait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        with(|reactor| {
            if let Some(id) = self.leaf.take() {
                reactor.forget(id);
            }
            if reactor.is_satisfied(self.need, &self.handles) {
                return Poll::Ready(());
            }
            self.leaf = Some(reactor.register(self.need, &self.handles, cx.waker()));
            Poll::Pending
        })
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Some(id) = self.leaf {
            with(|reactor| reactor.forget(id));
        }
    }
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs a future to its end, blocking in the host when nothing is ready.
///
/// Errs when the host refuses to wait, which it does with `cancelled` when the run is told
/// to stop, and when the future can never end.
pub fn block_on<F: Future>(future: F) -> Result<F::Output> {
    with(|reactor| reactor.depth += 1);
    let output = run(pin!(future));
    with(|reactor| reactor.depth -= 1);
    output
}

fn run<F: Future>(mut future: Pin<&mut F>) -> Result<F::Output> {
    let flag = Arc::new(Flag(AtomicBool::new(true)));
    let waker = Waker::from(flag.clone());
    let mut cx = Context::from_waker(&waker);
    loop {
        while flag.0.swap(false, Ordering::Relaxed) {
            if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                return Ok(output);
            }
        }
        wait(with(|reactor| reactor.ask()))?;
    }
}

fn wait(ask: Ask) -> Result<()> {
    let settled = match ask {
        Ask::WaitAny(handles) => host().wait_any(&handles).map_err(Error::from_wait)?,
        Ask::WaitAll(handles) => {
            host().wait_all(&handles).map_err(Error::from_wait)?;
            handles
        }
        Ask::Nothing => return Err(stuck()),
    };
    // Outside of `with`: a waker may drop futures, which come back to the reactor.
    for waker in with(|reactor| reactor.settle(&settled)) {
        waker.wake();
    }
    Ok(())
}

fn stuck() -> Error {
    Error::of_kind(
        ErrorKind::Permanent,
        "stuck: the code awaits something that nothing can ever complete; only task runs, flow \
         runs, `sleep` and what is built on them can be awaited here",
    )
}

#[cfg(test)]
#[path = "executor_tests.rs"]
mod tests;

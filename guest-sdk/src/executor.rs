//! Runs a flow's futures on the one thread there is.
//!
//! ```text
//! poll the flow --pending--> decide what to wait for --> wait-any | wait-all
//!      ^                                                        |
//!      +------- wake the leaves of the handles, in order -------+
//! ```
//!
//! Leaf futures register the handles they need. Only when nothing is ready does the executor
//! ask the host, and it wakes in the order the host returned: so the same answers always
//! give the same calls, whatever `join_all`, `select!` or `FuturesUnordered` do in between.
//!
//! `block_on` may be nested (a blocking call inside an async flow): then only what was
//! registered inside is waited for; a future outside that awaits one of these handles is woken
//! as well.

use std::{
    cell::RefCell,
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

type LeafId = usize;

struct Leaf {
    depth: u32,
    need: Need,
    /// How many of its handles have not settled.
    missing: usize,
    waker: Waker,
}

/// Which leaf awaits which handles. It does no I/O, and calls nothing but wakers.
///
/// Plain vectors instead of maps: handles come mostly in ascending order, a wait passes them
/// all anyway, and every map type would cost a guest some ten kilobytes.
#[derive(Default)]
pub struct Reactor {
    /// Handles that a wait has returned, in ascending order.
    settled: Vec<Handle>,
    /// The leaves by id. The place of a leaf that was dropped is used again.
    leaves: Vec<Option<Leaf>>,
    vacant: Vec<LeafId>,
    /// Every handle that has not settled with every leaf that needs it, in ascending order.
    awaited: Vec<(Handle, LeafId)>,
    /// How many `block_on` are nested.
    depth: u32,
}

impl Reactor {
    fn has_settled(&self, handle: Handle) -> bool {
        self.settled.binary_search(&handle).is_ok()
    }

    fn is_satisfied(&self, need: Need, handles: &[Handle]) -> bool {
        let mut settled = handles.iter().map(|handle| self.has_settled(*handle));
        match need {
            Need::Any => settled.any(|yes| yes),
            Need::All => settled.all(|yes| yes),
        }
    }

    fn register(&mut self, need: Need, handles: &[Handle], waker: &Waker) -> LeafId {
        let id = self.vacant.pop().unwrap_or_else(|| {
            self.leaves.push(None);
            self.leaves.len() - 1
        });
        let mut missing = 0;
        for &handle in handles {
            let Err(at) = self.awaited.binary_search(&(handle, id)) else {
                continue; // named twice
            };
            if !self.has_settled(handle) {
                self.awaited.insert(at, (handle, id));
                missing += 1;
            }
        }
        self.leaves[id] = Some(Leaf {
            depth: self.depth,
            need,
            missing,
            waker: waker.clone(),
        });
        id
    }

    /// The leaf was polled again, perhaps by another task: keeps its newest waker.
    fn wake_instead(&mut self, id: LeafId, waker: &Waker) {
        if let Some(leaf) = &mut self.leaves[id] {
            leaf.waker.clone_from(waker);
        }
    }

    fn forget(&mut self, id: LeafId, handles: &[Handle]) {
        let leaf = self.leaves[id].take();
        self.vacant.push(id);
        if leaf.is_none_or(|leaf| leaf.missing == 0) {
            return;
        }
        for &handle in handles {
            if let Ok(at) = self.awaited.binary_search(&(handle, id)) {
                self.awaited.remove(at);
            }
        }
    }

    /// What to wait for. Only a lone leaf that needs all its handles allows `wait-all`:
    /// anything else might have something to do earlier.
    pub fn ask(&self) -> Ask {
        let mut handles = Vec::new();
        let mut lone = None;
        let mut need = Need::All;
        for &(handle, id) in &self.awaited {
            let Some(leaf) = self.leaves[id].as_ref().filter(|l| l.depth == self.depth) else {
                continue;
            };
            if leaf.need == Need::Any || *lone.get_or_insert(id) != id {
                need = Need::Any;
            }
            if handles.last() != Some(&handle) {
                handles.push(handle);
            }
        }
        match need {
            _ if handles.is_empty() => Ask::Nothing,
            Need::All => Ask::WaitAll(handles),
            Need::Any => Ask::WaitAny(handles),
        }
    }

    /// Notes that handles have settled, in this order, and returns the wakers to call.
    fn settle(&mut self, handles: &[Handle]) -> Vec<Waker> {
        let mut wakers = Vec::new();
        for &handle in handles {
            let Err(at) = self.settled.binary_search(&handle) else {
                continue;
            };
            self.settled.insert(at, handle);
            let first = self.awaited.partition_point(|(other, _)| *other < handle);
            let waiting = self.awaited[first..].iter();
            for (_, id) in waiting.take_while(|(other, _)| *other == handle) {
                let Some(leaf) = &mut self.leaves[*id] else {
                    continue;
                };
                leaf.missing -= 1;
                if leaf.need == Need::Any || leaf.missing == 0 {
                    wakers.push(leaf.waker.clone());
                }
            }
        }
        let settled = &self.settled;
        self.awaited
            .retain(|(handle, _)| settled.binary_search(handle).is_err());
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
    with(|reactor| reactor.has_settled(handle))
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
            if reactor.is_satisfied(self.need, &self.handles) {
                return Poll::Ready(());
            }
            match self.leaf {
                Some(id) => reactor.wake_instead(id, cx.waker()),
                None => self.leaf = Some(reactor.register(self.need, &self.handles, cx.waker())),
            }
            Poll::Pending
        })
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Some(id) = self.leaf {
            with(|reactor| reactor.forget(id, &self.handles));
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
    let _deeper = Deeper::begin();
    run(pin!(future))
}

/// One more `block_on` is nested, until it ends, be it with a panic that a test catches.
struct Deeper;

impl Deeper {
    fn begin() -> Self {
        with(|reactor| reactor.depth += 1);
        Self
    }
}

impl Drop for Deeper {
    fn drop(&mut self) {
        with(|reactor| reactor.depth -= 1);
    }
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
        Ask::Nothing if wait_outside() => return Ok(()),
        Ask::Nothing => return Err(stuck()),
    };
    if settled.is_empty() {
        // Asking again would repeat for ever.
        let message = "the host ended a wait for any of some handles, and returned none";
        return Err(Error::of_kind(ErrorKind::Crashed, message));
    }
    // Outside of `with`: a waker may drop futures, which come back to the reactor.
    for waker in with(|reactor| reactor.settle(&settled)) {
        waker.wake();
    }
    Ok(())
}

/// Waits for what a task awaits of the outside. `false`: nothing.
fn wait_outside() -> bool {
    #[cfg(target_arch = "wasm32")]
    return crate::pollables::wait();
    #[cfg(not(target_arch = "wasm32"))]
    false
}

fn stuck() -> Error {
    Error::of_kind(
        ErrorKind::Permanent,
        "stuck: the code awaits something that nothing can ever complete; only task runs, flow \
         runs, `sleep`, requests of a task and what is built on them can be awaited here",
    )
}

#[cfg(test)]
#[path = "executor_tests.rs"]
mod tests;

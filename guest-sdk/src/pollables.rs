//! What a task of the outside waits for: the pollables of WASI, beside the handles of a flow.

use std::{
    cell::{Cell, RefCell},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use wasip2::{
    clocks::monotonic_clock,
    io::poll::{Pollable, poll},
};

use crate::places;

thread_local! {
    static AWAITED: RefCell<Vec<Awaited>> = const { RefCell::new(Vec::new()) };
}

/// A pollable that somebody awaits.
struct Awaited {
    pollable: Rc<Pollable>,
    /// Of the future that awaits it.
    is_ready: Rc<Cell<bool>>,
    waker: Waker,
}

/// Completes when one of the pollables is ready. They are looked at all together, when nothing
/// else is to be done: each look at one of them is a call of the host.
pub struct Ready {
    pollables: Vec<Rc<Pollable>>,
    is_ready: Rc<Cell<bool>>,
}

impl Ready {
    pub fn any(pollables: impl IntoIterator<Item = Rc<Pollable>>) -> Self {
        Self {
            pollables: pollables.into_iter().collect(),
            is_ready: Rc::default(),
        }
    }

    fn forget(&self, awaited: &mut Vec<Awaited>) {
        awaited.retain(|it| !Rc::ptr_eq(&it.is_ready, &self.is_ready));
    }
}

impl Future for Ready {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_ready.get() {
            return Poll::Ready(());
        }
        AWAITED.with_borrow_mut(|awaited| {
            self.forget(awaited);
            awaited.extend(self.pollables.iter().map(|pollable| Awaited {
                pollable: Rc::clone(pollable),
                is_ready: Rc::clone(&self.is_ready),
                waker: cx.waker().clone(),
            }));
        });
        Poll::Pending
    }
}

impl Drop for Ready {
    fn drop(&mut self) {
        AWAITED.with_borrow_mut(|awaited| self.forget(awaited));
    }
}

/// Ready after this time.
pub fn timer(duration: Duration) -> Rc<Pollable> {
    let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    Rc::new(monotonic_clock::subscribe_duration(nanos))
}

/// Blocks until something that is awaited is ready, and wakes whoever awaits it. `false`: there
/// is nothing.
pub fn wait() -> bool {
    // Outside of the borrow: whoever is woken may drop what it awaits.
    let ready = AWAITED.with_borrow_mut(|awaited| {
        if awaited.is_empty() {
            return None;
        }
        let pollables: Vec<&Pollable> = awaited.iter().map(|it| &*it.pollable).collect();
        let ready = poll(&pollables);
        Some(places::take(awaited, ready))
    });
    let Some(ready) = ready else {
        return false;
    };
    for Awaited {
        is_ready, waker, ..
    } in ready
    {
        is_ready.set(true);
        waker.wake();
    }
    true
}

//! What a task of the outside waits for: the pollables of WASI, beside the handles of a flow.

use std::{
    cell::RefCell,
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
    static AWAITED: RefCell<Vec<(Rc<Pollable>, Waker)>> = const { RefCell::new(Vec::new()) };
}

/// Completes when one of the pollables is ready.
pub struct Ready(Vec<Rc<Pollable>>);

impl Ready {
    pub fn any(pollables: impl IntoIterator<Item = Rc<Pollable>>) -> Self {
        Self(pollables.into_iter().collect())
    }
}

impl Future for Ready {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0.iter().any(|it| it.ready()) {
            return Poll::Ready(());
        }
        AWAITED.with_borrow_mut(|awaited| {
            for pollable in &self.0 {
                awaited.retain(|(other, _)| !Rc::ptr_eq(other, pollable));
                awaited.push((Rc::clone(pollable), cx.waker().clone()));
            }
        });
        Poll::Pending
    }
}

impl Drop for Ready {
    fn drop(&mut self) {
        AWAITED.with_borrow_mut(|awaited| {
            awaited.retain(|(other, _)| !self.0.iter().any(|it| Rc::ptr_eq(other, it)));
        });
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
        let pollables: Vec<&Pollable> = awaited.iter().map(|(it, _)| &**it).collect();
        let ready = poll(&pollables);
        Some(places::take(awaited, ready))
    });
    let Some(wakers) = ready else {
        return false;
    };
    for (_, waker) in wakers {
        waker.wake();
    }
    true
}

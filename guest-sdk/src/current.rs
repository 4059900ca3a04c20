//! Where the running code is: in a flow, in one of its subflows, in a task, or in a native
//! test. An instance is single-threaded, so this is state of the thread.

use std::{
    cell::Cell,
    pin::Pin,
    task::{Context, Poll},
};

use crate::host::Handle;

/// The part of the component that this instance was started to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Nothing: a native unit test, or `describe`.
    Outside,
    Flow,
    /// The name of the task.
    Task(&'static str),
}

thread_local! {
    static PLACE: Cell<Place> = const { Cell::new(Place::Outside) };
    static SCOPE: Cell<Option<Handle>> = const { Cell::new(None) };
}

pub fn place() -> Place {
    PLACE.get()
}

pub fn set_place(place: Place) {
    PLACE.set(place);
}

/// The subflow that calls are made from, unless it is the flow itself.
pub fn scope() -> Option<Handle> {
    SCOPE.get()
}

/// Runs `f` inside the subflow `scope`.
pub fn within<R>(scope: Handle, f: impl FnOnce() -> R) -> R {
    let outer = SCOPE.replace(Some(scope));
    let result = f();
    SCOPE.set(outer);
    result
}

/// Where the code was before, to be restored when this is dropped.
#[cfg(not(target_arch = "wasm32"))]
pub struct Apart(Place, Option<Handle>);

/// From now on the code of this thread is elsewhere, and in no subflow.
#[cfg(not(target_arch = "wasm32"))]
pub fn apart(place: Place) -> Apart {
    Apart(PLACE.replace(place), SCOPE.replace(None))
}

#[cfg(not(target_arch = "wasm32"))]
impl Drop for Apart {
    fn drop(&mut self) {
        PLACE.set(self.0);
        SCOPE.set(self.1);
    }
}

/// A future that is always polled inside its subflow, however it is interleaved with others.
pub struct Within<F> {
    pub scope: Handle,
    pub future: F,
}

impl<F: Future + Unpin> Future for Within<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        within(this.scope, || Pin::new(&mut this.future).poll(cx))
    }
}

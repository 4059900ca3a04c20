//! `sleep`: a durable timer in a flow, a plain sleep in a task.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures::future::FusedFuture;

use crate::{
    Error, Result,
    current::{self, Place},
    executor::{self, Wait},
    host::{Handle, host},
};

/// A span in whole milliseconds, as the host takes it. Rounded up, so that it is never shorter.
pub fn millis(duration: Duration) -> u64 {
    duration.as_nanos().div_ceil(1_000_000).min(u64::MAX.into()) as u64
}

/// Waits for `duration`.
///
/// In a flow this is a durable timer: the flow holds no slot meanwhile, and after a restart
/// the timer does not begin anew. In a task it simply sleeps. An `async` flow awaits it,
/// others call [`wait`](Sleep::wait). The timer begins when it is first awaited.
///
/// ```no_run
/// use guest_sdk::prelude::*;
///
/// #[flow]
/// fn patient() -> Result<()> {
///     sleep(Duration::from_secs(3600)).wait()
/// }
///
/// #[flow]
/// async fn patient_too() -> Result<()> {
///     sleep(Duration::from_secs(3600)).await
/// }
/// ```
pub fn sleep(duration: Duration) -> Sleep {
    Sleep {
        duration,
        waiting: None,
        done: false,
    }
}

/// See [`sleep`].
#[must_use = "this sleeps only when it is awaited, or by `.wait()`"]
pub struct Sleep {
    duration: Duration,
    waiting: Option<Wait>,
    done: bool,
}

impl Sleep {
    /// Sleeps, blocking. Errs when the run is told to stop meanwhile.
    pub fn wait(self) -> Result<()> {
        executor::block_on(self)?
    }

    fn begin(&self) -> Result<Option<Wait>> {
        if current::place() != Place::Flow {
            sleep_here(self.duration);
            return Ok(None);
        }
        Ok(Some(Wait::any(vec![start(self.duration)?])))
    }
}

/// A task sleeps, or a plain function in a unit test.
fn sleep_here(duration: Duration) {
    #[cfg(not(target_arch = "wasm32"))]
    if crate::host::native::installed().is_none() {
        return std::thread::sleep(duration);
    }
    host().sleep(duration);
}

/// Starts a timer.
pub fn start(duration: Duration) -> Result<Handle> {
    host()
        .start_timer(millis(duration), current::scope())
        .map_err(|failure| Error::from_host(&failure))
}

impl Future for Sleep {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if self.waiting.is_none() {
            match self.begin() {
                Ok(Some(wait)) => self.waiting = Some(wait),
                done => {
                    self.done = true;
                    return Poll::Ready(done.map(drop));
                }
            }
        }
        let polled = match &mut self.waiting {
            Some(wait) => Pin::new(wait).poll(cx),
            None => Poll::Ready(()),
        };
        polled.map(|()| {
            self.done = true;
            Ok(())
        })
    }
}

impl FusedFuture for Sleep {
    fn is_terminated(&self) -> bool {
        self.done
    }
}

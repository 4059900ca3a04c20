//! A request that is under way, and its answer.

use std::task::{Context, Poll, Waker};

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use hyper::Response;
use wasmtime_wasi::p2::Pollable;
use wasmtime_wasi_http::{Error, WasiBody};

/// What becomes of a request.
pub(crate) type Answered = Result<Response<WasiBody>, Error>;

/// A request that is under way. It goes on while its instance waits for it: whoever waits drives
/// it, and no other thread has to be woken for that.
pub(crate) enum Exchange {
    /// A set of one, which is polled only after it was woken: an instance that waits for many
    /// looks at all of them whenever one of them goes on.
    UnderWay(FuturesUnordered<BoxFuture<'static, Answered>>),
    Over(Answered),
    Taken,
}

impl Exchange {
    /// Sends as much as is sent without waiting.
    pub fn begin(answered: BoxFuture<'static, Answered>) -> Self {
        let mut this = Self::UnderWay(FuturesUnordered::from_iter([answered]));
        // Whoever waits will be woken; until then nobody needs to be.
        let _ = this.poll(&mut Context::from_waker(Waker::noop()));
        this
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Self::UnderWay(set) = self {
            match set.poll_next_unpin(cx) {
                Poll::Ready(Some(answered)) => *self = Self::Over(answered),
                Poll::Ready(None) => unreachable!("there is one until it is over"),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(())
    }

    /// What became of it. None: nothing yet.
    pub fn take(&mut self) -> Option<Result<Answered, Taken>> {
        match std::mem::replace(self, Self::Taken) {
            Self::Over(answered) => Some(Ok(answered)),
            Self::Taken => Some(Err(Taken)),
            under_way @ Self::UnderWay(_) => {
                *self = under_way;
                None
            }
        }
    }
}

/// The answer was taken before.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Taken;

#[wasmtime_wasi::async_trait]
impl Pollable for Exchange {
    async fn ready(&mut self) {
        std::future::poll_fn(|cx| self.poll(cx)).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn it_goes_on_when_it_was_woken_and_is_taken_once() {
        let polls = Arc::new(AtomicUsize::new(0));
        let (wake, woken) = tokio::sync::oneshot::channel::<()>();
        let counted = Arc::clone(&polls);
        let mut woken = Box::pin(woken);
        let answered = std::future::poll_fn(move |cx| {
            counted.fetch_add(1, Ordering::Relaxed);
            woken
                .as_mut()
                .poll(cx)
                .map(|_| Err(Error::ConnectionRefused))
        });
        let mut exchange = Exchange::begin(answered.boxed());
        assert_eq!(polls.load(Ordering::Relaxed), 1, "it begins at once");
        for _ in 0..3 {
            assert!(exchange.ready().now_or_never().is_none());
        }
        assert_eq!(polls.load(Ordering::Relaxed), 1, "nothing has woken it");
        assert!(exchange.take().is_none());

        wake.send(()).unwrap();
        exchange.ready().await;
        assert_eq!(polls.load(Ordering::Relaxed), 2);
        let taken = exchange.take().unwrap().unwrap();
        assert!(matches!(taken, Err(Error::ConnectionRefused)));
        assert_eq!(exchange.take().unwrap().err(), Some(Taken));
    }
}

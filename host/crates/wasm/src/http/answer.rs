//! The body of an answer, as it comes.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep};
use wasmtime_wasi_http::Error;

use super::error::of_hyper;
use crate::budget::Held;

/// The body of an answer, which is no more than its limit and comes within its time.
pub(super) struct Answer {
    body: Incoming,
    left: u64,
    max: u64,
    between_bytes_max: Duration,
    /// Runs while the next part is waited for.
    timer: Option<Pin<Box<Sleep>>>,
    _held: Held,
}

impl Answer {
    pub fn new(body: Incoming, max: u64, between_bytes_max: Duration, held: Held) -> Self {
        Self {
            body,
            left: max,
            max,
            between_bytes_max,
            timer: None,
            _held: held,
        }
    }

    fn take(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, Error> {
        let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
        let left = self.left.checked_sub(bytes);
        self.left = left.ok_or(Error::HttpResponseBodySize(Some(self.max)))?;
        Ok(frame)
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Ready(Some(Ok(frame))) => {
                self.timer = None;
                Poll::Ready(Some(self.take(frame)))
            }
            Poll::Ready(Some(Err(err))) => Poll::Ready(Some(Err(of_hyper(&err)))),
            Poll::Pending => {
                let max = self.between_bytes_max;
                let timer = self.timer.get_or_insert_with(|| {
                    Box::pin(tokio::time::sleep_until(Instant::now() + max))
                });
                match timer.as_mut().poll(cx) {
                    Poll::Ready(()) => Poll::Ready(Some(Err(Error::ConnectionReadTimeout))),
                    Poll::Pending => Poll::Pending,
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

//! How much of the server one token may take.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use model::TokenId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::web::{Refused, WebProblem};

/// Requests at once of one token.
const REQUESTS_MAX: usize = 32;
/// Streams at once of one token.
const STREAMS_MAX: usize = 16;
/// Requests at once of all.
const ALL_MAX: usize = 512;

/// Counts what is going on. A token that does nothing is forgotten.
pub struct Limits {
    all: Arc<Semaphore>,
    tokens: Mutex<HashMap<TokenId, Arc<OfToken>>>,
}

struct OfToken {
    requests: Arc<Semaphore>,
    streams: Arc<Semaphore>,
}

/// The right to go on. It ends when it is dropped.
#[derive(Debug)]
pub struct Slot {
    _token: OwnedSemaphorePermit,
    _all: Option<OwnedSemaphorePermit>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            all: Arc::new(Semaphore::new(ALL_MAX)),
            tokens: Mutex::default(),
        }
    }
}

impl Limits {
    /// A slot for a request.
    pub fn request(&self, token: TokenId) -> Result<Slot, Refused> {
        let of_token = Arc::clone(&self.of(token).requests).try_acquire_owned();
        let of_token = of_token.map_err(|_| too_many(REQUESTS_MAX, "requests"))?;
        let all = Arc::clone(&self.all).try_acquire_owned().map_err(|_| {
            let detail = format!("{ALL_MAX} requests are being answered");
            Refused::new(WebProblem::Overloaded, detail).retry_after(1)
        })?;
        Ok(Slot {
            _token: of_token,
            _all: Some(all),
        })
    }

    /// A slot for a stream, which may last.
    pub fn stream(&self, token: TokenId) -> Result<Slot, Refused> {
        let of_token = Arc::clone(&self.of(token).streams).try_acquire_owned();
        let of_token = of_token.map_err(|_| too_many(STREAMS_MAX, "streams"))?;
        Ok(Slot {
            _token: of_token,
            _all: None,
        })
    }

    fn of(&self, token: TokenId) -> Arc<OfToken> {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.retain(|id, of_token| *id == token || of_token.is_busy());
        let of_token = tokens.entry(token).or_insert_with(|| {
            Arc::new(OfToken {
                requests: Arc::new(Semaphore::new(REQUESTS_MAX)),
                streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            })
        });
        Arc::clone(of_token)
    }
}

impl OfToken {
    fn is_busy(&self) -> bool {
        self.requests.available_permits() < REQUESTS_MAX
            || self.streams.available_permits() < STREAMS_MAX
    }
}

fn too_many(max: usize, what: &str) -> Refused {
    let detail = format!("this token has {max} {what} already");
    Refused::new(WebProblem::TooManyRequests, detail)
        .hint("wait until one has ended")
        .retry_after(1)
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use uuid::Uuid;

    use super::*;

    fn token(number: u128) -> TokenId {
        TokenId(Uuid::from_u128(number))
    }

    #[test]
    fn a_token_has_so_many_requests_and_streams() {
        let limits = Limits::default();
        let mut held: Vec<_> = (0..REQUESTS_MAX)
            .map(|_| limits.request(token(1)).unwrap())
            .collect();
        let refused = limits.request(token(1)).unwrap_err();
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
        assert!(limits.request(token(2)).is_ok());
        assert!(limits.stream(token(1)).is_ok());
        held.pop();
        assert!(limits.request(token(1)).is_ok());

        let streams: Vec<_> = (0..STREAMS_MAX)
            .map(|_| limits.stream(token(2)).unwrap())
            .collect();
        assert!(limits.stream(token(2)).is_err());
        drop(streams);
        assert!(limits.stream(token(2)).is_ok());
    }

    #[test]
    fn all_together_have_a_limit() {
        let limits = Limits::default();
        let tokens = 0..(ALL_MAX / REQUESTS_MAX) as u128;
        let held: Vec<_> = tokens
            .flat_map(|number| (0..REQUESTS_MAX).map(move |_| number))
            .map(|number| limits.request(token(number)).unwrap())
            .collect();
        let refused = limits.request(token(999)).unwrap_err();
        assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
        drop(held);
        assert!(limits.request(token(999)).is_ok());
    }

    #[test]
    fn a_token_that_does_nothing_is_forgotten() {
        let limits = Limits::default();
        for number in 0..1000 {
            drop(limits.request(token(number)).unwrap());
        }
        assert!(limits.tokens.lock().unwrap().len() <= 1);
    }
}

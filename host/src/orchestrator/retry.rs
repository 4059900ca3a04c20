//! What follows an attempt.

use std::time::Duration;

use crate::model::{Outcome, RetryPolicy};

/// What to do after an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The outcome stands.
    End,
    /// Try again after this time.
    RetryAfter(Duration),
}

/// Decides after attempt `attempt` (from 1). `chance` is a random number in 0..1.
pub fn after_attempt(
    policy: &RetryPolicy,
    attempt: u32,
    outcome: &Outcome,
    chance: f64,
) -> Decision {
    match outcome {
        Err(failure) if failure.kind.is_retriable() => match policy.delay_after(attempt, chance) {
            Some(delay) => Decision::RetryAfter(delay),
            None => Decision::End,
        },
        _ => Decision::End,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Failure, FailureKind, Json};

    #[test]
    fn only_what_may_end_otherwise_is_tried_again() {
        let policy = RetryPolicy {
            retries: 1,
            delays_ms: vec![10],
            jitter: None,
        };
        let retry = Decision::RetryAfter(Duration::from_millis(10));
        let failed = |kind| Err(Failure::new(kind, "x"));
        let decide = |attempt, outcome| after_attempt(&policy, attempt, &outcome, 0.0);
        assert_eq!(decide(1, Ok(Json::null())), Decision::End);
        assert_eq!(decide(1, failed(FailureKind::Error)), retry);
        assert_eq!(decide(1, failed(FailureKind::TimedOut)), retry);
        assert_eq!(decide(2, failed(FailureKind::Error)), Decision::End);
        assert_eq!(decide(1, failed(FailureKind::Permanent)), Decision::End);
        assert_eq!(decide(1, failed(FailureKind::Cancelled)), Decision::End);
    }
}

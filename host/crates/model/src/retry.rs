//! When to try again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How often a run loses its worker without getting any further until it is tried alone. The
/// second time it may still be in bad company.
pub const LOSSES_BEFORE_ALONE: u32 = 2;

/// How often a run is tried again, and after how long.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// Attempts beyond the first.
    pub retries: u32,
    /// The wait before each retry, in milliseconds; the last one repeats. Empty: none.
    /// Fixed, listed and exponential delays are all of this form.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub delays_ms: Vec<u64>,
    /// Each wait is made longer by up to this fraction of itself, so that runs which failed
    /// at the same time are not all tried again at the same time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter: Option<f64>,
}

impl RetryPolicy {
    /// How long to wait after attempt `attempt` (from 1) failed, or `None` to give up.
    /// `chance` is a random number in 0..1 that decides the jitter.
    pub fn delay_after(&self, attempt: u32, chance: f64) -> Option<Duration> {
        if attempt > self.retries {
            return None;
        }
        let at = (attempt.saturating_sub(1) as usize).min(self.delays_ms.len().saturating_sub(1));
        let delay = Duration::from_millis(self.delays_ms.get(at).copied().unwrap_or(0));
        let jitter = self.jitter.unwrap_or(0.0).clamp(0.0, 100.0) * chance.clamp(0.0, 1.0);
        // What is not a number lengthens nothing.
        let jitter = if jitter.is_nan() { 0.0 } else { jitter };
        Some(delay.saturating_add(delay.mul_f64(jitter).min(delay.saturating_mul(100))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(delays_ms: &[u64], retries: u32, expect: &[u64]) {
        let policy = RetryPolicy {
            retries,
            delays_ms: delays_ms.to_vec(),
            jitter: None,
        };
        let delays: Vec<u64> = (1..)
            .map_while(|attempt| policy.delay_after(attempt, 0.5))
            .map(|delay| delay.as_millis() as u64)
            .collect();
        assert_eq!(delays, expect);
    }

    #[test]
    fn the_last_delay_repeats() {
        check(&[], 2, &[0, 0]);
        check(&[5], 3, &[5, 5, 5]);
        check(&[1, 2], 4, &[1, 2, 2, 2]);
        check(&[1, 2, 3], 1, &[1]);
        check(&[1], 0, &[]);
    }

    #[test]
    fn no_jitter_is_too_odd() {
        for jitter in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, f64::MAX] {
            let policy = RetryPolicy {
                retries: 1,
                delays_ms: vec![u64::MAX],
                jitter: Some(jitter),
            };
            for chance in [0.0, 0.5, 1.0, f64::NAN] {
                let delay = policy.delay_after(1, chance).unwrap();
                assert!(
                    delay >= Duration::from_millis(u64::MAX),
                    "{jitter} {chance}"
                );
            }
        }
    }

    #[test]
    fn jitter_only_lengthens() {
        let policy = RetryPolicy {
            retries: 1,
            delays_ms: vec![1000],
            jitter: Some(0.5),
        };
        assert_eq!(
            policy.delay_after(1, 0.0),
            Some(Duration::from_millis(1000))
        );
        assert_eq!(
            policy.delay_after(1, 1.0),
            Some(Duration::from_millis(1500))
        );
    }
}

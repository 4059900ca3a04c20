//! What this process counts itself.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

type Label = (&'static str, String);

/// Seconds, from what nobody notices to what nobody waits for.
const SECONDS: [f64; 10] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 10.0,
];

/// Requests, by operation or page.
#[derive(Clone, Debug)]
pub struct Metrics {
    requests: Family<[Label; 2], Counter>,
    seconds: Family<[Label; 1], Histogram, fn() -> Histogram>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            requests: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(SECONDS)),
        }
    }
}

impl Metrics {
    /// A request was answered. `operation` is one of a fixed set.
    pub fn answered(&self, operation: &str, status: u16, took: Duration) {
        let operation = ("operation", operation.to_owned());
        let status = ("status", status.to_string());
        self.requests
            .get_or_create(&[operation.clone(), status])
            .inc();
        self.seconds
            .get_or_create(&[operation])
            .observe(took.as_secs_f64());
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "http_requests",
            "Requests that were answered, by operation and status",
            self.requests.clone(),
        );
        registry.register(
            "http_request_seconds",
            "Time until the answer began, by operation",
            self.seconds.clone(),
        );
    }
}

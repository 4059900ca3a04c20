//! What one instance may use, as typed.

use super::time::SpanArg;
use wasm::Limits;

#[derive(Clone, Debug, clap::Args)]
pub struct LimitArgs {
    /// Processor time of a flow between two waits, and of one attempt of a task [default: 10s
    /// and 1h]
    #[arg(long, value_name = "DURATION")]
    compute_limit: Option<SpanArg>,
    /// Calls of one flow run: tasks, runs and timers that it starts [default: 1000000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    calls_limit: Option<u64>,
}

impl LimitArgs {
    pub fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        if let Some(SpanArg(max)) = self.compute_limit {
            limits.flow_compute_max = max;
            limits.task_compute_max = max;
        }
        if let Some(max) = self.calls_limit {
            limits.calls_max = max;
        }
        limits
    }
}

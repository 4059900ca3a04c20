//! What one instance may use, as typed.

use super::error::UserError;
use super::http::HttpArgs;
use super::size::{JsonLimitArg, SizeArg};
use super::time::TimeLimitArg;
use wasm::{HttpConfig, Limits};

#[derive(Clone, Debug, clap::Args)]
pub struct LimitArgs {
    /// Processor time of a flow between two waits, and of one attempt of a task [default: 10s
    /// and 1h]
    #[arg(long, value_name = "DURATION")]
    compute_limit: Option<TimeLimitArg>,
    /// Calls of one flow run: tasks, runs and timers that it starts [default: 100000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    calls_limit: Option<u64>,
    /// What the journal of one flow run may hold: arguments, results and everything else that
    /// its calls hand over and are given [default: 256MiB]
    #[arg(long, value_name = "SIZE")]
    journal_limit: Option<SizeArg>,
    /// One JSON text: the parameters or the result of a flow run or a task, the arguments of one
    /// task together [default: 32MiB]
    #[arg(long, value_name = "SIZE")]
    json_limit: Option<JsonLimitArg>,
    /// The memory of all flows and tasks together, with what they make the host hold. What
    /// would not fit waits before it starts [default: 70 % of the memory of the machine or of
    /// the control group]
    #[arg(long, value_name = "SIZE")]
    memory: Option<SizeArg>,
    /// One blob [default: 4GiB]
    #[arg(long, value_name = "SIZE")]
    blob_limit: Option<SizeArg>,
    /// What one attempt of a task writes into its `/tmp` [default: 4GiB]
    #[arg(long, value_name = "SIZE")]
    tmp_limit: Option<SizeArg>,
    #[command(flatten)]
    http: HttpArgs,
}

impl LimitArgs {
    pub fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        if let Some(TimeLimitArg(max)) = self.compute_limit {
            limits.flow_compute_max = max;
            limits.task_compute_max = max;
        }
        if let Some(max) = self.calls_limit {
            limits.calls_max = max;
        }
        if let Some(SizeArg(max)) = self.journal_limit {
            limits.journal_max = max;
        }
        if let Some(JsonLimitArg(max)) = self.json_limit {
            limits.payload_max = max;
        }
        if let Some(SizeArg(max)) = self.blob_limit {
            limits.blob_max = max as u64;
        }
        if let Some(SizeArg(max)) = self.tmp_limit {
            limits.tmp_max = max as u64;
        }
        limits.http = self.http.limits();
        limits
    }

    /// How tasks send requests.
    pub fn http(&self) -> Result<HttpConfig, UserError> {
        self.http.config()
    }

    /// The memory of all guests, if it was typed.
    pub fn memory(&self) -> Option<SizeArg> {
        self.memory
    }
}

//! `subflows`: flows that run inside the sandbox of the flow that calls them.

use crate::bindings::{subflows, types};
use crate::convert;
use crate::guest::Guest;
use crate::port::CallResult;
use model::{Ask, Seq};

impl subflows::Host for Guest {
    async fn begin(
        &mut self,
        flow: String,
        parameters: String,
        scope: Option<u64>,
    ) -> CallResult<subflows::BegunSubflow> {
        let flow = convert::flow_name(flow)?;
        let what = || format!("the parameters of subflow `{flow}`");
        let parameters = convert::bounded_json(&self.limits, &what, parameters)?;
        let scope = convert::scope(scope);
        let ask = Ask::BeginSubflow {
            flow,
            parameters,
            scope,
        };
        let (handle, run) = self.flow()?.ask_start(ask).await?;
        Ok(subflows::BegunSubflow {
            handle: handle.0,
            run: convert::wit_run(run),
        })
    }

    async fn end(
        &mut self,
        subflow: u64,
        outcome: Result<String, types::Failure>,
    ) -> CallResult<String> {
        // A result that cannot be kept fails the subflow, not the call.
        let what = || "the result of a subflow".to_owned();
        let outcome = match outcome {
            Ok(text) => convert::bounded_json(&self.limits, &what, text),
            Err(failure) => Err(convert::failure(failure)),
        };
        let subflow = Seq(subflow);
        let outcome = self.subflow_outcome(subflow, outcome).await;
        let ask = Ask::EndSubflow {
            subflow,
            outcome: outcome.clone(),
        };
        self.flow()?.ask_done(ask).await?;
        Ok(outcome?.to_string())
    }
}

//! `subflows`: flows that run inside the sandbox of the flow that calls them.

use crate::bindings::{subflows, types};
use crate::convert;
use crate::guest::Guest;
use crate::port::{CallError, CallResult};
use model::{Ask, Seq};

impl subflows::Host for Guest {
    async fn begin(
        &mut self,
        flow: String,
        parameters: String,
        scope: Option<u64>,
    ) -> CallResult<subflows::BegunSubflow> {
        let what = format!("the parameters of subflow `{flow}`");
        self.check_payload(&what, &parameters)?;
        let parameters = convert::json(&what, parameters)?;
        let flow = convert::flow_name(flow)?;
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
        let outcome = match outcome {
            Ok(text) => match self.check_payload("the result of a subflow", &text) {
                Ok(()) => convert::outcome(Ok(text))?,
                Err(CallError::Failure(failure)) => Err(failure),
                Err(err) => return Err(err),
            },
            err => convert::outcome(err)?,
        };
        let ask = Ask::EndSubflow {
            subflow: Seq(subflow),
            outcome: outcome.clone(),
        };
        self.flow()?.ask_done(ask).await?;
        Ok(outcome?.to_string())
    }
}

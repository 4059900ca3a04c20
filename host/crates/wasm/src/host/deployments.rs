//! `deployments`: starting runs of deployments, and reading runs.

use crate::bindings::{deployments, types};
use crate::convert;
use crate::fields;
use crate::guest::Guest;
use crate::port::CallResult;
use model::Ask;

impl deployments::Host for Guest {
    async fn run_deployment(
        &mut self,
        request: deployments::RunRequest,
    ) -> CallResult<deployments::StartedRun> {
        let request = convert::run_request(request, &self.limits)?;
        let started = self.flow()?.ask_start(Ask::RunDeployment(request)).await;
        self.charge_for_work();
        let (handle, run) = started?;
        Ok(deployments::StartedRun {
            handle: handle.0,
            run: convert::wit_run(run),
        })
    }

    async fn wait_for_runs(&mut self, runs: Vec<String>) -> CallResult<Vec<u64>> {
        let runs = convert::run_ids(&fields::RUNS, &fields::WAITED_RUN, &runs)?;
        Ok(convert::raw(
            self.flow()?.ask_handles(Ask::WatchRuns(runs)).await?,
        ))
    }

    async fn get_run(&mut self, run: String) -> CallResult<types::FlowRun> {
        let run = convert::run_id(&fields::READ_RUN, &run)?;
        Ok(convert::wit_run(
            self.flow()?.ask_run(Ask::GetRun(run)).await?,
        ))
    }
}

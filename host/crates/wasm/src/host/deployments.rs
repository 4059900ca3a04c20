//! `deployments`: starting runs of deployments, and reading runs.

use crate::bindings::{deployments, types};
use crate::convert;
use crate::guest::Guest;
use crate::port::CallResult;
use model::{Ask, Failure, FailureKind, RunId};

impl deployments::Host for Guest {
    async fn run_deployment(
        &mut self,
        request: deployments::RunRequest,
    ) -> CallResult<deployments::StartedRun> {
        let what = format!("the parameters of a run of `{}`", request.deployment);
        self.check_payload(&what, &request.parameters)?;
        let request = convert::run_request(request)?;
        let (handle, run) = self.flow()?.ask_start(Ask::RunDeployment(request)).await?;
        Ok(deployments::StartedRun {
            handle: handle.0,
            run: convert::wit_run(run),
        })
    }

    async fn wait_for_runs(&mut self, runs: Vec<String>) -> CallResult<Vec<u64>> {
        let runs: Vec<RunId> = runs
            .iter()
            .map(|run| run_id(run))
            .collect::<Result<_, _>>()?;
        Ok(convert::raw(
            self.flow()?.ask_handles(Ask::WatchRuns(runs)).await?,
        ))
    }

    async fn get_run(&mut self, run: String) -> CallResult<types::FlowRun> {
        let run = run_id(&run)?;
        Ok(convert::wit_run(
            self.flow()?.ask_run(Ask::GetRun(run)).await?,
        ))
    }
}

fn run_id(text: &str) -> Result<RunId, Failure> {
    text.parse().map_err(|_| {
        let message = format!("`{text}` is not the id of a flow run");
        Failure::new(FailureKind::Invalid, message)
    })
}

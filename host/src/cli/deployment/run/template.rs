//! What the runs of one command have in common.

use model::{FlowDescription, Json, Priority, QueueName, RunName, Timestamp};
use operations::client::StartRun;
use operations::start::{StartRefusal, checker_of};
use operations::view::{DeploymentDetailsView, DeploymentView};
use orchestrator::Parameters;

pub struct Template {
    /// What they are runs of.
    pub deployment: DeploymentView,
    pub flow: FlowDescription,
    /// Of the flow's parameters.
    pub checker: Parameters,
    /// The parameters that were typed.
    pub base: Json,
    pub name: Option<RunName>,
    pub tags: Vec<String>,
    /// None: as soon as possible.
    pub scheduled: Option<Timestamp>,
    pub work_queue: Option<QueueName>,
    pub priority: Option<Priority>,
}

impl Template {
    /// Runs of a deployment, so far with nothing of their own.
    pub fn of(details: DeploymentDetailsView) -> Result<Self, StartRefusal> {
        let flow: FlowDescription = details.flow.into();
        Ok(Self {
            deployment: details.deployment,
            checker: checker_of(&flow)?,
            flow,
            base: Json::empty_object(),
            name: None,
            tags: Vec::new(),
            scheduled: None,
            work_queue: None,
            priority: None,
        })
    }

    /// A run with these parameters, which fit. Nothing is written.
    pub fn start(&self, parameters: Json, key: Option<String>) -> Result<StartRun, StartRefusal> {
        let all = self.deployment.parameters.overlaid(&parameters);
        self.checker
            .check(&all)
            .map_err(|misfit| StartRefusal::Parameters {
                flow: Box::new(self.flow.clone()),
                misfit,
            })?;
        Ok(StartRun {
            parameters: Some(parameters),
            name: self.name.clone(),
            tags: self.tags.clone(),
            scheduled: self.scheduled,
            idempotency_key: key,
            work_queue: self.work_queue.clone(),
            priority: self.priority,
        })
    }

    /// What they are runs of, for people.
    pub fn what(&self) -> String {
        self.deployment.name.to_string()
    }
}

//! What the runs of one command have in common.

use model::{FlowRun, Ids as _, Json, RunName, Timestamp};
use operations::FreshIds;
use operations::start::{StartRefusal, Startable};
use orchestrator::Start;

pub struct Template {
    /// What they are runs of.
    pub startable: Startable,
    /// The parameters that were typed.
    pub base: Json,
    pub name: Option<RunName>,
    pub tags: Vec<String>,
    /// None: as soon as possible.
    pub scheduled: Option<Timestamp>,
    pub work_queue: Option<String>,
}

impl Template {
    /// A run with these parameters, which fit. Nothing is written.
    pub fn run(&self, parameters: Json, now: Timestamp) -> Result<FlowRun, StartRefusal> {
        let start = Start {
            name: self.name.clone().unwrap_or_else(|| FreshIds.run_name()),
            tags: self.tags.clone(),
            scheduled: self.scheduled.unwrap_or(now),
            work_queue: self.work_queue.clone(),
            ..Start::now(&mut FreshIds, parameters, now)
        };
        self.startable.run(start, now)
    }

    /// What they are runs of, for people.
    pub fn what(&self) -> String {
        match &self.startable.deployment {
            Some(deployment) => deployment.name.to_string(),
            None => self.startable.flow.name.to_string(),
        }
    }
}

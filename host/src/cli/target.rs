//! What is to be run: a flow of a component, with or without a deployment.

use std::path::Path;

use super::artifact::{self, Artifact};
use super::error::UserError;
use super::params::{misfit, schema_of};
use super::resolve;
use model::{Component, Deployment, FlowDescription, FlowRun, PoolName, Timestamp};
use orchestrator::{Parameters, Start, new_run, undeployed_run};
use store::Store;
use wasm::Runtime;

pub struct Target {
    pub component: Component,
    pub flow: FlowDescription,
    pub deployment: Option<Deployment>,
    /// Of a file that the store may not have yet.
    bytes: Option<Vec<u8>>,
    schema: Parameters,
}

impl Target {
    pub async fn of_deployment(store: &dyn Store, deployment: Deployment) -> anyhow::Result<Self> {
        let component = store.component(deployment.component).await?;
        let component = component.ok_or_else(|| {
            anyhow::anyhow!(
                "component {} of deployment `{}` is not in the database",
                deployment.component,
                deployment.name
            )
        })?;
        let flow = artifact::flow(&component, deployment.name.flow.as_str())?.clone();
        Ok(Self {
            schema: schema_of(&flow)?,
            component,
            flow,
            deployment: Some(deployment),
            bytes: None,
        })
    }

    /// A flow of a file: its only one, unless it is named.
    pub async fn of_file(
        path: &Path,
        flow: Option<&str>,
        runtime: &Runtime,
        now: Timestamp,
    ) -> anyhow::Result<Self> {
        let Artifact { component, bytes } = Artifact::read(path, runtime, now).await?;
        let flow = match (flow, component.manifest.flows.as_slice()) {
            (Some(name), _) => artifact::flow(&component, name)?,
            (None, [only]) => only,
            (None, flows) => {
                let names: Vec<&str> = flows.iter().map(|flow| flow.name.as_str()).collect();
                return Err(UserError::new(format!(
                    "`{}` has {} flows: `{}`",
                    path.display(),
                    names.len(),
                    names.join("`, `")
                ))
                .hint(format!("choose one with `--flow {}`", names[0]))
                .into());
            }
        };
        let flow = flow.clone();
        Ok(Self {
            schema: schema_of(&flow)?,
            component,
            flow,
            deployment: None,
            bytes: Some(bytes),
        })
    }

    /// `flow`, `flow/deployment` or a path to a `.wasm`.
    pub async fn find(
        text: &str,
        flow: Option<&str>,
        store: &dyn Store,
        runtime: &Runtime,
    ) -> anyhow::Result<Self> {
        if is_path(text) {
            return Self::of_file(Path::new(text), flow, runtime, store.clock().now()).await;
        }
        let deployment = resolve::deployment(store, text).await?;
        if let Some(flow) = flow.filter(|flow| *flow != deployment.name.flow.as_str()) {
            return Err(UserError::new(format!(
                "`{}` is a deployment of flow `{}`, not of `{flow}`",
                deployment.name, deployment.name.flow
            ))
            .hint("`--flow` chooses a flow of a `.wasm` file; leave it out here")
            .into());
        }
        Self::of_deployment(store, deployment).await
    }

    /// A run of it whose parameters fit. Nothing is written.
    pub fn new_run(&self, start: Start, now: Timestamp) -> Result<FlowRun, UserError> {
        let run = match &self.deployment {
            Some(deployment) => new_run(deployment, start, now),
            None => undeployed_run(
                self.component.digest,
                self.flow.name.clone(),
                PoolName::default_pool(),
                start,
                now,
            ),
        };
        match self.schema.check(&run.parameters) {
            Ok(()) => Ok(run),
            Err(err) => Err(misfit(&self.flow, &err)),
        }
    }

    /// Sees to it that the store has the component.
    pub async fn keep_component(&mut self, store: &dyn Store) -> anyhow::Result<()> {
        if let Some(bytes) = self.bytes.take() {
            store.put_component(self.component.clone(), bytes).await?;
        }
        Ok(())
    }
}

/// Whether a target is a file rather than a name. `a/b` is a deployment.
fn is_path(text: &str) -> bool {
    text.ends_with(".wasm")
        || ["./", "../", "/"]
            .iter()
            .any(|start| text.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_told_from_a_name() {
        assert!(is_path("flow.wasm"));
        assert!(is_path("target/wasm32-wasip2/release/flow.wasm"));
        assert!(is_path("./flow"));
        assert!(!is_path("etl/nightly"));
        assert!(!is_path("etl"));
    }
}

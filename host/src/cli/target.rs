//! What is to be run: a flow of a component, with or without a deployment.

use std::path::Path;

use super::error::UserError;
use super::wasm_file::WasmFile;
use model::Timestamp;
use operations::resolve;
use operations::start::Startable;
use store::{Catalog, StoreResult};
use wasm::Runtime;

pub struct Target {
    pub startable: Startable,
    /// Of a file that the store may not have yet.
    bytes: Option<Vec<u8>>,
}

impl Target {
    /// `flow`, `flow/deployment` or a path to a `.wasm`. `now` is when a component that the
    /// store does not have yet was made known.
    pub async fn find(
        text: &str,
        flow: Option<&str>,
        store: &dyn Catalog,
        runtime: &Runtime,
        now: Timestamp,
    ) -> anyhow::Result<Self> {
        if is_path(text) {
            return Self::of_file(Path::new(text), flow, runtime, now).await;
        }
        let deployment = match resolve::deployment(store, text).await {
            // A file of this name was meant: it tells what is wrong with it.
            Err(_) if Path::new(text).is_file() => {
                return Self::of_file(Path::new(text), flow, runtime, now).await;
            }
            found => found?,
        };
        if let Some(flow) = flow.filter(|flow| *flow != deployment.name.flow.as_str()) {
            return Err(UserError::new(format!(
                "`{}` is a deployment of flow `{}`, not of `{flow}`",
                deployment.name, deployment.name.flow
            ))
            .hint("`--flow` chooses a flow of a `.wasm` file; leave it out here")
            .into());
        }
        Ok(Self {
            startable: Startable::of_deployment(store, deployment).await?,
            bytes: None,
        })
    }

    /// A flow of a file: its only one, unless it is named.
    async fn of_file(
        path: &Path,
        flow: Option<&str>,
        runtime: &Runtime,
        now: Timestamp,
    ) -> anyhow::Result<Self> {
        let WasmFile { component, bytes } = WasmFile::read(path, runtime, now).await?;
        let flow = match (flow, component.manifest.flows.as_slice()) {
            (Some(name), _) => resolve::flow(&component, name)?,
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
            startable: Startable::of_component(component, flow)?,
            bytes: Some(bytes),
        })
    }

    /// Makes sure that the store has the component.
    pub async fn keep_component(&mut self, store: &dyn Catalog) -> StoreResult<()> {
        if let Some(bytes) = self.bytes.take() {
            let component = self.startable.component.clone();
            store.put_component(component, bytes).await?;
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
